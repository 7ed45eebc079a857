/** Public names of @tenon/webgpu. */
import type { WebGpuBackend } from './backend.ts';
import { createBackend } from './create.ts';
import type { WebGpuOptions } from './options.ts';

export type { RecoverOptions, WebGpuBackend } from './backend.ts';
export type { Counters } from './counters.ts';
export type { Variant } from './device.ts';
export type { WebGpuOptions } from './options.ts';

/**
 * The WebGPU backend: f32, i32, u32, bool, and f16 where the device has it. Launches are recorded
 * and submitted together, so a training step is one submit; results can only be awaited. In Node
 * import the same name from '@tenon/webgpu/node'.
 *
 * @throws ValueError for a bad option
 * @throws BackendError where there is no WebGPU, no adapter, or not the limits asked for
 * @example
 * ```ts
 * import { setDefaultBackend, tensor } from '@tenon/core';
 * import { webgpu } from '@tenon/webgpu/node'; // in a browser: '@tenon/webgpu'
 *
 * const backend = await webgpu();
 * setDefaultBackend(backend);
 * await tensor([1, 2, 3]).mul(2).data(); // Float32Array [2, 4, 6]
 * backend.capabilities.notes; // which adapter, which variant and why, f16 or why not
 * backend.dispose();
 * ```
 */
export function webgpu(options: WebGpuOptions = {}): Promise<WebGpuBackend> {
  return createBackend(options);
}
