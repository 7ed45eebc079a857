import { describe, expect, it } from 'vitest';
import type { Limits, Row } from './rows.ts';
import { measure, withShare } from './runner.ts';
import { findSystem } from './systems/index.ts';
import type { System } from './systems/types.ts';
import { findWorkload } from './workloads/index.ts';

const options = {
  effort: { rounds: 2, budget: 4, cap: 100, slowestSeconds: 10 },
  onProgress: () => undefined,
};

describe('measure', () => {
  it('times a correct system in its own process', async () => {
    const system = findSystem('tenon-cpu-js');
    const workload = findWorkload('dispatch-16');
    const [row] = await measure([{ workload, system }], options);
    expect(row).toMatchObject({ workload: 'dispatch-16', system: 'tenon', correct: true });
    expect(row?.median_ms).toBeGreaterThan(0);
    expect(row?.peak_bytes).toBeGreaterThan(1e6);
  });

  it('reports a process that fails as missing, with the reason', async () => {
    const system: System = { ...findSystem('tenon-cpu-js'), id: 'nobody' };
    const workload = findWorkload('dispatch-16');
    const [row] = await measure([{ workload, system }], options);
    expect(row).toMatchObject({ correct: null, median_ms: null, peak_bytes: null });
    expect(row?.note).toBe(`findSystem: expected an id that --list shows, got 'nobody'`);
  });

  it('starts no process for what cannot run or would take too long', async () => {
    const systems = [findSystem('ort-web-wasm'), findSystem('tfjs-cpu')];
    const workload = findWorkload('train-cnn');
    const rows = await measure(
      systems.map((system) => ({ workload, system })),
      options,
    );
    expect(rows.map((r) => [r.correct, r.median_ms, r.note])).toEqual([
      [null, null, 'onnxruntime-web is for inference only'],
      [null, null, 'left out: about 70 s a run (--full measures it)'],
    ]);
  });
});

describe('withShare', () => {
  const limits: Limits = {
    js_scalar_gflops: 10,
    wasm_scalar_gflops: null,
    wasm_simd_gflops: 40,
    wasm_relaxed_gflops: 50,
    memory_gb_per_s: null,
    webgpu_gflops: null,
    webgpu_gb_per_s: null,
  };
  const row = { gflops: 20, percent_of_peak: null } as Row;
  const shareOf = (id: string): number | null =>
    withShare(row, findSystem(id), limits).percent_of_peak;

  it('takes the peak of the own arithmetic, once for each thread', () => {
    expect(shareOf('tenon-cpu-wasm-relaxed')).toBe(40);
    expect(shareOf('tenon-cpu-wasm-relaxed-2t')).toBe(20);
    expect(shareOf('tenon-cpu-wasm-simd')).toBe(50);
    expect(shareOf('tfjs-wasm')).toBe(50);
    expect(shareOf('tfjs-cpu')).toBe(200);
  });

  it('gives none where the peak is not known or nothing was measured', () => {
    expect(shareOf('tenon-cpu-wasm-scalar')).toBeNull();
    expect(shareOf('jax-js-wasm')).toBeNull();
    const untimed = { ...row, gflops: null };
    expect(withShare(untimed, findSystem('tfjs-cpu'), limits)).toBe(untimed);
  });
});
