import { describe, expect, it } from 'vitest';
import { measureWorkload } from './runner.ts';
import { findSystem } from './systems/index.ts';
import type { System } from './systems/types.ts';
import { findWorkload } from './workloads/index.ts';

const options = {
  effort: { rounds: 2, budget: 4, cap: 100, slowestSeconds: 10 },
  jsPeak: 10,
  onProgress: () => undefined,
};

describe('measureWorkload', () => {
  it('times a correct system in its own process', async () => {
    const system = findSystem('tenon-cpu-js');
    const [row] = await measureWorkload(findWorkload('dispatch-16'), [system], options);
    expect(row).toMatchObject({ workload: 'dispatch-16', system: 'tenon', correct: true });
    expect(row?.median_ms).toBeGreaterThan(0);
    expect(row?.peak_bytes).toBeGreaterThan(1e6);
  });

  it('reports a process that fails as missing, with the reason', async () => {
    const system: System = { ...findSystem('tenon-cpu-js'), id: 'nobody' };
    const [row] = await measureWorkload(findWorkload('dispatch-16'), [system], options);
    expect(row).toMatchObject({ correct: null, median_ms: null, peak_bytes: null });
    expect(row?.note).toBe(`findSystem: expected an id that --list shows, got 'nobody'`);
  });

  it('starts no process for what cannot run or would take too long', async () => {
    const systems = [findSystem('ort-web-wasm'), findSystem('tfjs-cpu')];
    const rows = await measureWorkload(findWorkload('train-cnn'), systems, options);
    expect(rows.map((r) => [r.correct, r.median_ms, r.note])).toEqual([
      [null, null, 'onnxruntime-web is for inference only'],
      [null, null, 'left out: about 70 s a run (--full measures it)'],
    ]);
  });
});
