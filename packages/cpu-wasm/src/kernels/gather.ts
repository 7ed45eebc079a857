/**
 * gather: out[b,o,j,i] = x[b,o,index[b,j],i], dense operands, as rows of 32-bit words.
 * args: B O N J I. Buffers: x, index, out.
 */
import { type GatherSpec, IndexRangeError } from '@tenon/core';
import { type WasmBuffer, WasmKernel } from '../kernel.ts';
import type { Machine } from '../machine.ts';
import { grainOf, wordsOf } from './irregular.ts';

type IndexCheck = (op: string, address: number, count: number, size: number) => void;

/** Throws for the first of `count` indices at `address` that is outside [0, size). */
export function makeIndexCheck(machine: Machine): IndexCheck {
  const check = machine.kernel('checkIndices');
  return (op, address, count, size) => {
    if (count === 0) return;
    const words = machine.i32;
    const at = machine.args >>> 2;
    words[at] = address;
    words[at + 1] = size;
    words[at + 2] = 0;
    machine.run(check, machine.args, count, grainOf(machine, count, 1));
    if (words[at + 2] === 0) return;
    const first = address >>> 2;
    for (let p = 0; p < count; p++) {
      const n = words[first + p]!;
      if (n >= 0 && n < size) continue;
      throw new IndexRangeError(`${op}: index ${n} at position ${p} is outside [0, ${size})`);
    }
  };
}

export function prepareGather(spec: GatherSpec, machine: Machine): WasmKernel {
  const width = wordsOf(spec.dtype);
  const fn = machine.kernel('gather');
  const check = makeIndexCheck(machine);
  return new WasmKernel(spec, (buffers, args) => {
    const b = args[0]!;
    const o = args[1]!;
    const n = args[2]!;
    const j = args[3]!;
    const i = args[4]!;
    const [x, index, out] = buffers as [WasmBuffer, WasmBuffer, WasmBuffer];
    check('gather', index.address, b * j, n);
    const rows = b * o * j;
    if (rows * i === 0) return;
    const words = machine.i32;
    const at = machine.args >>> 2;
    words[at] = x.address;
    words[at + 1] = index.address;
    words[at + 2] = out.address;
    words[at + 3] = o;
    words[at + 4] = n;
    words[at + 5] = j;
    words[at + 6] = i * width * 4;
    machine.run(fn, machine.args, rows, grainOf(machine, rows, i * width));
  });
}
