/**
 * scatterAdd: out[b,o,n,i] = Σ_j [index[b,j] = n] · x[b,o,j,i], added in the order of j, dense
 * operands; every element of out is written. args: B O N J I. Buffers: x, index, out.
 */
import type { ScatterAddSpec } from '@tenon/core';
import { CpuKernel } from '../kernel.ts';
import { type CpuBuffer, type View, viewOf } from '../storage.ts';
import { checkIndices } from './gather.ts';

function scatterInto(x: View, index: Int32Array, out: View, args: Int32Array): void {
  const b = args[0]!;
  const o = args[1]!;
  const n = args[2]!;
  const j = args[3]!;
  const i = args[4]!;
  out.fill(0, 0, b * o * n * i);
  let from = 0;
  for (let bo = 0; bo < b * o; bo++) {
    const to = bo * n;
    const first = Math.floor(bo / o) * j;
    for (let p = 0; p < j; p++) {
      let at = (to + index[first + p]!) * i;
      // Storing rounds to the dtype: f32, or wrapping integers.
      for (const end = at + i; at < end; at++) out[at] = out[at]! + x[from++]!;
    }
  }
}

/** Sums of bools are "or". */
function scatterBool(x: View, index: Int32Array, out: View, args: Int32Array): void {
  scatterInto(x, index, out, args);
  const count = args[0]! * args[1]! * args[2]! * args[4]!;
  for (let p = 0; p < count; p++) out[p] = out[p] !== 0 ? 1 : 0;
}

export function prepareScatterAdd(spec: ScatterAddSpec): CpuKernel {
  return new CpuKernel(spec, (buffers, args) => {
    const [x, index, out] = buffers as [CpuBuffer, CpuBuffer, CpuBuffer];
    checkIndices('scatterAdd', index.i32, args[0]! * args[3]!, args[2]!);
    if (spec.dtype === 'bool') scatterBool(x.i32, index.i32, out.i32, args);
    else scatterInto(viewOf(x, spec.dtype), index.i32, viewOf(out, spec.dtype), args);
  });
}
