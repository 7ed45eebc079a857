/** Public names of @tenon/cpu-js. */
import { CpuJsBackend, type CpuJsOptions } from './backend.ts';

export type { CpuJsOptions } from './backend.ts';

/**
 * The embedded backend: plain JavaScript, no dependency, runs wherever JavaScript does. f32, i32,
 * u32, bool and f64; synchronous reads; one thread. Buffers are ordinary ArrayBuffers, so dropped
 * tensors are collected.
 *
 * @example
 * ```ts
 * import { setDefaultBackend, tensor } from '@tenon/core';
 * import { cpuJs } from '@tenon/cpu-js';
 *
 * setDefaultBackend(cpuJs());
 * tensor([1, 2, 3]).mul(2).dataSync(); // Float32Array [2, 4, 6]
 * ```
 */
export function cpuJs(options: CpuJsOptions = {}): CpuJsBackend {
  return new CpuJsBackend(options);
}
