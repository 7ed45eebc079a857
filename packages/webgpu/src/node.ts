/** Public names of @tenon/webgpu/node: the same backend, with Dawn where Node has no WebGPU. */
import type { WebGpuBackend } from './backend.ts';
import { createBackend } from './create.ts';
import { bringGpu, NODE_HINT } from './dawn.ts';
import { checkOptions, type WebGpuOptions } from './options.ts';

export type { RecoverOptions, WebGpuBackend } from './backend.ts';
export type { Counters } from './counters.ts';
export type { Variant } from './device.ts';
export type { WebGpuOptions } from './options.ts';

/**
 * The WebGPU backend in Node, over the optional peer package `webgpu` (Dawn), which must be
 * installed beside this one. Defines `navigator.gpu` if there is none.
 *
 * @throws ValueError for a bad option
 * @throws BackendError naming what to install where the package, or a GPU driver, is missing
 * @example
 * ```ts
 * import { setDefaultBackend, tensor } from '@tenon/core';
 * import { webgpu } from '@tenon/webgpu/node';
 *
 * const backend = await webgpu();
 * setDefaultBackend(backend);
 * await tensor([1, 2, 3]).sum().item(); // 6
 * backend.dispose();
 * ```
 */
export async function webgpu(options: WebGpuOptions = {}): Promise<WebGpuBackend> {
  checkOptions(options);
  if (options.device !== undefined || options.gpu !== undefined) {
    return createBackend(options, NODE_HINT);
  }
  const gpu = await bringGpu(() => import('webgpu'));
  return createBackend({ ...options, gpu }, NODE_HINT);
}
