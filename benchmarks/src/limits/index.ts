// All ceilings of the machine that this suite can measure, in the form of a report's `limits`.
import { askGpu } from '../gpu.ts';
import type { Limits } from '../rows.ts';
import { measureJsScalarPeak } from './js.ts';
import { measureCopyBandwidth, measureWasmPeak } from './wasm.ts';

/** Measures every limit; takes about three seconds, with those of the GPU some more. */
export async function measureLimits(withGpu: boolean): Promise<Limits> {
  const gpu = withGpu ? await askGpu('limits') : null;
  const { gflops, gbPerS } = gpu?.type === 'gpu' ? gpu : { gflops: null, gbPerS: null };
  return {
    js_scalar_gflops: measureJsScalarPeak(),
    wasm_scalar_gflops: await measureWasmPeak('scalar'),
    wasm_simd_gflops: await measureWasmPeak('simd'),
    wasm_relaxed_gflops: await measureWasmPeak('relaxed'),
    memory_gb_per_s: await measureCopyBandwidth(),
    webgpu_gflops: gflops,
    webgpu_gb_per_s: gbPerS,
  };
}

/** The larger of each limit: noise only ever lowers a measured peak. */
export function largest(a: Limits, b: Limits): Limits {
  const pick = (key: keyof Limits): number | null => {
    const [x, y] = [a[key], b[key]];
    return x === null || y === null ? (x ?? y) : Math.max(x, y);
  };
  return {
    js_scalar_gflops: pick('js_scalar_gflops'),
    wasm_scalar_gflops: pick('wasm_scalar_gflops'),
    wasm_simd_gflops: pick('wasm_simd_gflops'),
    wasm_relaxed_gflops: pick('wasm_relaxed_gflops'),
    memory_gb_per_s: pick('memory_gb_per_s'),
    webgpu_gflops: pick('webgpu_gflops'),
    webgpu_gb_per_s: pick('webgpu_gb_per_s'),
  };
}
