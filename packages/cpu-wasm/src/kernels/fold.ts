/**
 * fold, the transpose of unfold along one axis: out[o,n,i] = Σ x[o,w,k,i] over all w, k with
 * w·step + k·dilation = n, added in the order of w, dense operands; every element of out is
 * written. args: O N W K step dilation I. Buffers: x, out.
 */
import type { FoldSpec } from '@tenon/core';
import { type WasmBuffer, WasmKernel } from '../kernel.ts';
import type { Machine } from '../machine.ts';
import { grainOf, sumName, wordsOf } from './irregular.ts';

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

export function prepareFold(spec: FoldSpec, machine: Machine): WasmKernel {
  const width = wordsOf(spec.dtype);
  const fn = machine.kernel(`fold${sumName(spec.dtype)}`);
  return new WasmKernel(spec, (buffers, args) => {
    const o = args[0]!;
    const n = args[1]!;
    const step = args[4]!;
    const dilation = args[5]!;
    const i = args[6]!;
    const [x, out] = buffers as [WasmBuffer, WasmBuffer];
    const rows = o * n;
    if (rows * i === 0) return;
    // Windows of one place are `period` apart: their distance is a multiple of the dilation.
    const period = dilation / greatestCommonDivisor(step, dilation);
    const words = machine.i32;
    const at = machine.args >>> 2;
    words[at] = x.address;
    words[at + 1] = out.address;
    for (let p = 1; p < 7; p++) words[at + 1 + p] = args[p]!;
    words[at + 8] = period;
    words[at + 9] = (step * period) / dilation;
    const overlap = Math.max(1, Math.ceil((args[2]! * args[3]!) / n));
    machine.run(fn, machine.args, rows, grainOf(machine, rows, i * width * (1 + overlap)));
  });
}
