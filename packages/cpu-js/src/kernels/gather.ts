/**
 * gather: out[b,o,j,i] = x[b,o,index[b,j],i], dense operands. args: B O N J I.
 */
import type { GatherSpec } from '@tenon/core';
import { IndexRangeError } from '@tenon/core';
import { CpuKernel } from '../kernel.ts';
import { type CpuBuffer, type View, viewOf } from '../storage.ts';

/** Throws for the first index of `count` outside [0, size). */
export function checkIndices(op: string, index: Int32Array, count: number, size: number): void {
  for (let p = 0; p < count; p++) {
    const n = index[p]!;
    if (n < 0 || n >= size) {
      throw new IndexRangeError(`${op}: index ${n} at position ${p} is outside [0, ${size})`);
    }
  }
}

/** One kernel per element type keeps the loop monomorphic in V8. */
function gatherInto(x: View, index: Int32Array, out: View, args: Int32Array): void {
  const b = args[0]!;
  const o = args[1]!;
  const n = args[2]!;
  const j = args[3]!;
  const i = args[4]!;
  let to = 0;
  for (let bo = 0; bo < b * o; bo++) {
    const from = bo * n;
    const first = Math.floor(bo / o) * j;
    if (i === 1) {
      for (let p = 0; p < j; p++) out[to++] = x[from + index[first + p]!]!;
    } else if (i < 32) {
      for (let p = 0; p < j; p++) {
        let at = (from + index[first + p]!) * i;
        for (const end = at + i; at < end; at++) out[to++] = x[at]!;
      }
    } else {
      for (let p = 0; p < j; p++) {
        const at = (from + index[first + p]!) * i;
        out.set(x.subarray(at, at + i), to);
        to += i;
      }
    }
  }
}

export function prepareGather(spec: GatherSpec): CpuKernel {
  return new CpuKernel(spec, (buffers, args) => {
    const [x, index, out] = buffers as [CpuBuffer, CpuBuffer, CpuBuffer];
    checkIndices('gather', index.i32, args[0]! * args[3]!, args[2]!);
    gatherInto(viewOf(x, spec.dtype), index.i32, viewOf(out, spec.dtype), args);
  });
}
