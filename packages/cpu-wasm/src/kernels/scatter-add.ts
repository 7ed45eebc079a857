/**
 * scatterAdd: out[b,o,n,i] = Σ_j [index[b,j] = n] · x[b,o,j,i], added in the order of j, dense
 * operands; every element of out is written. args: B O N J I. Buffers: x, index, out.
 *
 * Threads own places of out: columns of all rows, or rows where zeroing a large result is the work
 * (the gradient of an embedding). Either way each sum runs in the order of j.
 */
import type { ScatterAddSpec } from '@tenon/core';
import { type WasmBuffer, WasmKernel } from '../kernel.ts';
import type { Machine } from '../machine.ts';
import { makeIndexCheck } from './gather.ts';
import { COLUMNS, grainOf, sumName, wordsOf } from './irregular.ts';

/** Rows narrower than this are not worth a search through all indices per piece. */
const ROW_WORDS = 8;

export function prepareScatterAdd(spec: ScatterAddSpec, machine: Machine): WasmKernel {
  const name = sumName(spec.dtype);
  const width = wordsOf(spec.dtype);
  const byColumns = machine.kernel(`scatterColumns${name}`);
  const byRows = machine.kernel(`scatterRows${name}`);
  const check = makeIndexCheck(machine);
  return new WasmKernel(spec, (buffers, args) => {
    const b = args[0]!;
    const o = args[1]!;
    const n = args[2]!;
    const j = args[3]!;
    const i = args[4]!;
    const [x, index, out] = buffers as [WasmBuffer, WasmBuffer, WasmBuffer];
    check('scatterAdd', index.address, b * j, n);
    const slices = b * o;
    if (slices * n * i === 0) return;
    const words = machine.i32;
    const at = machine.args >>> 2;
    words[at] = x.address;
    words[at + 1] = index.address;
    words[at + 2] = out.address;
    words[at + 3] = slices;
    words[at + 4] = o;
    words[at + 5] = n;
    words[at + 6] = j;
    words[at + 7] = i;
    const blocks = slices * Math.ceil(i / COLUMNS);
    const isByRows = slices < 8 && i * width >= ROW_WORDS && (n > j || blocks < 8);
    if (isByRows) {
      machine.run(byRows, machine.args, n, grainOf(machine, n, slices * i * width));
    } else {
      const unit = (n + j) * Math.min(i, COLUMNS) * width;
      machine.run(byColumns, machine.args, blocks, grainOf(machine, blocks, unit));
    }
  });
}
