/**
 * Constant padding, dense operands. A negative low side cuts.
 * args: outSizes[rank] inSizes[rank] low[rank] value (bits, as a constant). Buffers: x, out.
 */
import type { PadSpec } from '@tenon/core';
import { type WasmBuffer, WasmKernel } from '../kernel.ts';
import type { Machine } from '../machine.ts';
import { grainOf, wordsOf } from './irregular.ts';

/** Axes after merging, outermost first, in launch order: out size, in size, low. */
interface Axes {
  rank: number;
  readonly out: Int32Array;
  readonly size: Int32Array;
  readonly low: Int32Array;
}

/** An axis that is not padded joins the one outside it, so that rows are as long as they can be. */
function mergeAxes(axes: Axes, args: Int32Array, rank: number): void {
  // A first axis of one plane: the kernel wants rows and columns.
  axes.out[0] = 1;
  axes.size[0] = 1;
  axes.low[0] = 0;
  let last = 0;
  for (let axis = 0; axis < rank; axis++) {
    const out = args[axis]!;
    const size = args[rank + axis]!;
    const low = args[2 * rank + axis]!;
    if (last > 0 && low === 0 && out === size) {
      axes.out[last] = axes.out[last]! * out;
      axes.size[last] = axes.size[last]! * out;
      axes.low[last] = axes.low[last]! * out;
    } else {
      last++;
      axes.out[last] = out;
      axes.size[last] = size;
      axes.low[last] = low;
    }
  }
  axes.rank = last + 1;
}

export function preparePad(spec: PadSpec, machine: Machine): WasmKernel {
  const { rank } = spec;
  const width = wordsOf(spec.dtype);
  const fn = machine.kernel(width === 2 ? 'pad64' : 'pad32');
  const axes: Axes = {
    rank: 0,
    out: new Int32Array(rank + 2),
    size: new Int32Array(rank + 2),
    low: new Int32Array(rank + 2),
  };
  return new WasmKernel(spec, (buffers, args) => {
    const [x, out] = buffers as [WasmBuffer, WasmBuffer];
    mergeAxes(axes, args, rank);
    if (axes.rank === 1) {
      // A scalar: one row of one column.
      axes.rank = 2;
      axes.out[1] = axes.size[1] = 1;
      axes.low[1] = 0;
    }
    const words = machine.i32;
    const at = machine.args >>> 2;
    words[at] = x.address;
    words[at + 1] = out.address;
    words[at + 2] = axes.rank;
    words[at + 3] = args[3 * rank]!;
    if (width === 2) words[at + 4] = args[3 * rank + 1]!;
    let rows = 1;
    for (let axis = 0; axis < axes.rank; axis++) {
      words[at + 5 + axis] = axes.out[axis]!;
      words[at + 5 + axes.rank + axis] = axes.size[axis]!;
      words[at + 5 + 2 * axes.rank + axis] = axes.low[axis]!;
      if (axis < axes.rank - 1) rows *= axes.out[axis]!;
    }
    const row = axes.out[axes.rank - 1]!;
    if (rows * row === 0) return;
    machine.run(fn, machine.args, rows, grainOf(machine, rows, row * width));
  });
}
