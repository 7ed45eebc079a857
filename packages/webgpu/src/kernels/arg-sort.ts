/**
 * Stable sorting permutation over n; NaN is the largest value, -0 equals 0. Dense operands: the
 * merge sort of sort-steps.ts. args: O N I. Buffers: x, out (i32), workspace.
 */
import type { SortSpec } from '@tenon/core';
import { type Gpu, GpuKernel } from '../kernel.ts';
import { Sorter } from './sort-steps.ts';

export function prepareArgSort(spec: SortSpec, gpu: Gpu): GpuKernel {
  const sorter = new Sorter(gpu, spec);
  sorter.prepare('places');
  return new GpuKernel(
    spec,
    (recorder, buffers, args) => {
      const n = args[1]!;
      const i = args[2]!;
      const total = args[0]! * i;
      if (total * n === 0) return;
      const [x, out] = buffers;
      const together = sorter.together(total, n);
      for (let row = 0; row < total; row += together) {
        const range = { row, rows: Math.min(together, total - row), n, i };
        // Without a workspace nothing uses it.
        sorter.encode(recorder, { x: x!, work: buffers[2] ?? x!, out: out! }, range);
      }
    },
    (args) => {
      const rows = args[0]! * args[2]!;
      return rows * args[1]! === 0 ? 0 : sorter.workspace(rows, args[1]!, 'places');
    },
  );
}
