import { expect, it } from 'vitest';
import { formatSweep, type Gpu, sweepRows } from './gpu.ts';
import type { GpuRow } from './gpu-protocol.ts';

const row = (change: Partial<GpuRow>): GpuRow => ({
  ...{ variant: 'subgroup', name: 'matmul-4096', flops: 1.2e12, bytes: null },
  ...{ median: 40, min: 39, spread: 0.02, wrong: null },
  ...change,
});

const gpu: Gpu = {
  ...{ type: 'gpu', adapter: 'a card', isCpu: false, gflops: 50_000, gbPerS: 2000 },
  rows: [
    row({}),
    row({ name: 'add-64m', flops: null, bytes: 8e8, median: 0.5, variant: 'workgroup' }),
    row({ name: 'softmax-64m', flops: null, median: null, min: null, wrong: 'element 3: …' }),
  ],
};

it('shows rates, and shares of what was measured', () => {
  expect(formatSweep(gpu)).toMatchInlineSnapshot(`
    "a card
    measured: multiply-add 50000 GFLOP/s, copy 2000 GB/s

    work           variant    time           rate              share
    matmul-4096   subgroup   40 ms  30000 GFLOP/s       60 % of peak
    add-64m      workgroup  0.5 ms      1600 GB/s  80 % of bandwidth
    softmax-64m   subgroup   wrong                      element 3: …"
  `);
});

it('gives rows of a report: products with their share, maps with a note', () => {
  const rows = sweepRows(gpu).map((r) => [r.workload, r.variant, r.gflops, r.percent_of_peak]);
  expect(rows).toEqual([
    ['matmul-4096', 'subgroup', 30_000, 60],
    ['add-64m', 'workgroup', null, null],
    ['softmax-64m', 'subgroup', null, null],
  ]);
  const [, add, softmax] = sweepRows(gpu);
  expect(add).toMatchObject({ correct: true, note: '1600 GB/s, 80.0 % of bandwidth' });
  expect(softmax).toMatchObject({ correct: false, median_ms: null, note: 'element 3: …' });
});
