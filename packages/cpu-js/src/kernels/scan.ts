/**
 * Inclusive running sum or maximum over n, dense operands. Sums run in double and are rounded where
 * they are stored; double sums carry their rounding error. NaN stays. args: O N I. Buffers: x, out.
 */
import type { ScanSpec } from '@tenon/core';
import { CpuKernel } from '../kernel.ts';
import { compensated, twoSumError } from '../reduce.ts';
import { type CpuBuffer, type View, viewOf } from '../storage.ts';

type Combine = (x: View, out: View, first: number, n: number, i: number) => void;

function sumFloat(x: View, out: View, first: number, n: number, i: number): void {
  let sum = 0;
  let lost = 0;
  let at = first;
  for (let p = 0; p < n; p++, at += i) {
    const value = x[at]!;
    lost += twoSumError(sum, value);
    sum += value;
    out[at] = compensated(sum, lost);
  }
}

function sumInteger(x: View, out: View, first: number, n: number, i: number): void {
  let sum = 0;
  let at = first;
  for (let p = 0; p < n; p++, at += i) {
    sum = (sum + x[at]!) | 0;
    out[at] = sum;
  }
}

function maximum(x: View, out: View, first: number, n: number, i: number): void {
  let best = x[first]!;
  let at = first;
  for (let p = 0; p < n; p++, at += i) {
    best = Math.max(best, x[at]!);
    out[at] = best;
  }
}

function combineOf(spec: ScanSpec): Combine {
  if (spec.reducer === 'max' || spec.dtype === 'bool') return maximum;
  return spec.dtype === 'f32' || spec.dtype === 'f64' ? sumFloat : sumInteger;
}

export function prepareScan(spec: ScanSpec): CpuKernel {
  const combine = combineOf(spec);
  return new CpuKernel(spec, (buffers, args) => {
    const [x, out] = buffers as [CpuBuffer, CpuBuffer];
    const from = viewOf(x, spec.dtype);
    const to = viewOf(out, spec.dtype);
    const o = args[0]!;
    const n = args[1]!;
    const i = args[2]!;
    if (n === 0) return;
    for (let outer = 0; outer < o; outer++) {
      for (let inner = 0; inner < i; inner++) combine(from, to, outer * n * i + inner, n, i);
    }
  });
}
