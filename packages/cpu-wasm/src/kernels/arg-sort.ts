/**
 * Stable sorting permutation over n; NaN is the largest value, -0 equals 0. Dense operands: radix
 * sort of keys with their places, short rows by insertion. args: O N I. Buffers: x, out (i32).
 */
import type { SortSpec } from '@tenon/core';
import { type WasmBuffer, WasmKernel } from '../kernel.ts';
import { type Machine, SCRATCH_BYTES } from '../machine.ts';
import { elementName, grainOf, wordsOf } from './irregular.ts';

/** Where the entries begin in the scratch: after the counters of assembly/sort.ts. */
const COUNTER_BYTES = 49152;
/** Words that sorting costs per element, in words moved. */
const COST = 16;

export function prepareArgSort(spec: SortSpec, machine: Machine): WasmKernel {
  const width = wordsOf(spec.dtype);
  const fn = machine.kernel(`argSort${elementName(spec.dtype)}`);
  // An entry is a key and a place; radix passes go to and fro between two rows of them.
  const rowBytes = (n: number): number => 2 * 8 * width * n;
  const isSmall = (n: number): boolean => rowBytes(n) <= SCRATCH_BYTES - COUNTER_BYTES;
  return new WasmKernel(
    spec,
    (buffers, args) => {
      const o = args[0]!;
      const n = args[1]!;
      const i = args[2]!;
      const [x, out] = buffers as [WasmBuffer, WasmBuffer];
      const rows = o * i;
      if (rows * n === 0) return;
      const words = machine.i32;
      const at = machine.args >>> 2;
      words[at] = x.address;
      words[at + 1] = out.address;
      words[at + 2] = n;
      words[at + 3] = i;
      words[at + 4] = 0;
      words[at + 5] = spec.descending ? 1 : 0;
      words[at + 6] = 0;
      if (isSmall(n)) {
        machine.run(fn, machine.args, rows, grainOf(machine, rows, n * COST));
        return;
      }
      // Long rows in turns, as many at once as there are threads.
      words[at + 6] = buffers[2]!.address;
      // The workspace may have been planned when there were fewer threads.
      const together = Math.min(machine.threads, Math.floor(buffers[2]!.byteLength / rowBytes(n)));
      for (let first = 0; first < rows; first += together) {
        words[at + 4] = first;
        machine.run(fn, machine.args, Math.min(together, rows - first), 1);
      }
    },
    (args) => {
      const n = args[1]!;
      return isSmall(n) ? 0 : Math.min(machine.threads, args[0]! * args[2]!) * rowBytes(n);
    },
  );
}
