/**
 * fold, the transpose of unfold along one axis: out[o,n,i] = Σ x[o,w,k,i] over all w, k with
 * w·step + k·dilation = n, added in the order of (w, k), dense operands; every element of out is
 * written. args: O N W K step dilation I. Buffers: x, out.
 */
import type { FoldSpec } from '@tenon/core';
import { CpuKernel } from '../kernel.ts';
import { type CpuBuffer, type View, viewOf } from '../storage.ts';

function foldInto(x: View, out: View, args: Int32Array): void {
  const o = args[0]!;
  const n = args[1]!;
  const w = args[2]!;
  const k = args[3]!;
  const step = args[4]!;
  const dilation = args[5]!;
  const i = args[6]!;
  out.fill(0, 0, o * n * i);
  let from = 0;
  for (let outer = 0; outer < o; outer++) {
    for (let window = 0; window < w; window++) {
      let to = (outer * n + window * step) * i;
      for (let tap = 0; tap < k; tap++) {
        for (let p = 0; p < i; p++) out[to + p] = out[to + p]! + x[from++]!;
        to += dilation * i;
      }
    }
  }
}

/** Sums of bools are "or". */
function foldBool(x: View, out: View, args: Int32Array): void {
  foldInto(x, out, args);
  const count = args[0]! * args[1]! * args[6]!;
  for (let p = 0; p < count; p++) out[p] = out[p] !== 0 ? 1 : 0;
}

export function prepareFold(spec: FoldSpec): CpuKernel {
  const run = spec.dtype === 'bool' ? foldBool : foldInto;
  return new CpuKernel(spec, (buffers, args) => {
    const [x, out] = buffers as [CpuBuffer, CpuBuffer];
    run(viewOf(x, spec.dtype), viewOf(out, spec.dtype), args);
  });
}
