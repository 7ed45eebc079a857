/**
 * Index of the first extreme over n; the first NaN wins over everything. Dense operands.
 * args: O N I. Buffers: x, out (i32 [o, i]).
 */
import type { ArgReduceSpec } from '@tenon/core';
import { CpuKernel } from '../kernel.ts';
import { type CpuBuffer, type View, viewOf } from '../storage.ts';

/** `sign` 1 looks for the largest, -1 for the smallest. */
function argReduceInto(x: View, out: Int32Array, args: Int32Array, sign: number): void {
  const o = args[0]!;
  const n = args[1]!;
  const i = args[2]!;
  for (let outer = 0; outer < o; outer++) {
    for (let inner = 0; inner < i; inner++) {
      let at = outer * n * i + inner;
      let best = sign * x[at]!;
      let found = 0;
      // A NaN that leads is never beaten, so the scan stops there.
      for (let p = 1; p < n && !Number.isNaN(best); p++) {
        at += i;
        const value = sign * x[at]!;
        if (value > best || Number.isNaN(value)) {
          best = value;
          found = p;
        }
      }
      out[outer * i + inner] = found;
    }
  }
}

export function prepareArgReduce(spec: ArgReduceSpec): CpuKernel {
  const sign = spec.reducer === 'max' ? 1 : -1;
  return new CpuKernel(spec, (buffers, args) => {
    const [x, out] = buffers as [CpuBuffer, CpuBuffer];
    argReduceInto(viewOf(x, spec.dtype), out.i32, args, sign);
  });
}
