/** What both test files of regions share: steps, exact data, both executors against the oracle. */
import type { DType, ReduceName, Step } from '@tenon/core';
import { CpuJsBackend } from './backend.ts';
import { expectRegion, runRegion, type TestRegion } from './test-support.ts';

export const generated: CpuJsBackend = new CpuJsBackend({});
export const interpreted: CpuJsBackend = new CpuJsBackend({ codegen: false });

export const load = (index: number, dtype: DType = 'f32'): Step => ({ op: 'load', index, dtype });
export const reduce = (reducer: ReduceName, arg: number, dtype: DType = 'f32'): Step => ({
  op: 'reduce',
  reducer,
  args: [arg],
  dtype,
});
export const constant = (index: number, dtype: DType = 'f32'): Step => ({
  op: 'const',
  index,
  dtype,
});

/** Small dyadic numbers: sums of them are exact in any order. */
export function numbers(count: number, seed = 1): number[] {
  let state = seed;
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return ((state >>> 16) % 33) / 4 - 4;
  });
}

/** What both executors give and what the oracle says, for every element of every output. */
export function outcomes(region: TestRegion): { got: number[]; wanted: number[] }[] {
  const oracle = expectRegion(region);
  // -0 and 0 are not told apart here: single ops test that.
  const plain = (values: readonly number[]): number[] => values.map((v) => v + 0);
  return [generated, interpreted].flatMap((backend) =>
    runRegion(backend, region).map((data, o) => {
      const wanted = oracle[o] ?? [];
      return { got: plain(Array.from(data).slice(0, wanted.length)), wanted: plain(wanted) };
    }),
  );
}
