/**
 * Index of the first extreme over n; the first NaN wins over everything. Dense operands.
 * args: O N I. Buffers: x, out (i32 [o, i]).
 */
import type { ArgReduceSpec } from '@tenon/core';
import { type WasmBuffer, WasmKernel } from '../kernel.ts';
import type { Machine } from '../machine.ts';
import { COLUMNS, elementName, grainOf, wordsOf } from './irregular.ts';

export function prepareArgReduce(spec: ArgReduceSpec, machine: Machine): WasmKernel {
  const width = wordsOf(spec.dtype);
  const side = spec.reducer === 'max' ? 'Max' : 'Min';
  const fn = machine.kernel(`arg${side}${elementName(spec.dtype)}`);
  return new WasmKernel(spec, (buffers, args) => {
    const o = args[0]!;
    const n = args[1]!;
    const i = args[2]!;
    const [x, out] = buffers as [WasmBuffer, WasmBuffer];
    if (o * n * i === 0) return;
    const words = machine.i32;
    const at = machine.args >>> 2;
    words[at] = x.address;
    words[at + 1] = out.address;
    words[at + 2] = n;
    words[at + 3] = i;
    const units = i === 1 ? o : o * Math.ceil(i / COLUMNS);
    machine.run(fn, machine.args, units, grainOf(machine, units, n * Math.min(i, COLUMNS) * width));
  });
}
