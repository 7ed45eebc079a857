/** Public names of @tenon/cpu-wasm. */
import type { WasmBackend } from './backend.ts';
import { createBackend } from './create.ts';
import type { WasmOptions } from './options.ts';

export type { WasmBackend } from './backend.ts';
export type { Feature, Features } from './features.ts';
export { detectFeatures } from './features.ts';
export type { WasmOptions } from './options.ts';
export type { Variant } from './variant.ts';

/**
 * The WebAssembly backend: SIMD, threads, f32, i32, u32, bool and f64, synchronous reads. Works
 * without configuration in Node and with every bundler: modules and worker are inside the package.
 * Tensors live in one wasm memory of up to 4 GiB; nothing has to be disposed.
 *
 * @throws ValueError for a bad option
 * @throws BackendError where WebAssembly, or the variant asked for, cannot run
 * @example
 * ```ts
 * import { setDefaultBackend, tensor } from '@tenon/core';
 * import { wasm } from '@tenon/cpu-wasm';
 *
 * const backend = await wasm();
 * setDefaultBackend(backend);
 * tensor([1, 2, 3]).mul(2).dataSync(); // Float32Array [2, 4, 6]
 * backend.capabilities.notes; // which variant runs, threads on or off, and why
 * ```
 */
export function wasm(options: WasmOptions = {}): Promise<WasmBackend> {
  return createBackend(options);
}
