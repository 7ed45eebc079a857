/** What both test files of regions share: steps, exact data, both executors against the oracle. */
import type { DType, ReduceName, Step } from '@tenon/core';
import { expect } from 'vitest';
import type { CpuJsBackend } from './backend.ts';
import { cpuJs } from './index.ts';
import { expectRegion, runRegion, type TestRegion } from './test-support.ts';

export const generated: CpuJsBackend = cpuJs();
export const interpreted: CpuJsBackend = cpuJs({ codegen: false });

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

/** Both executors against the oracle, every element of every output buffer. */
export function check(region: TestRegion): void {
  const wanted = expectRegion(region);
  for (const backend of [generated, interpreted]) {
    runRegion(backend, region).forEach((data, o) => {
      const length = wanted[o]?.length ?? 0;
      const got = Array.from(data).slice(0, length);
      // -0 and 0 are not told apart here: single ops test that.
      expect(got.map((v) => v + 0)).toEqual((wanted[o] ?? []).map((v) => v + 0));
    });
  }
}
