/**
 * Inclusive running sum or maximum over n, dense operands. Sums of f32 run in double and are
 * rounded where they are stored; sums of f64 carry their rounding error. NaN stays.
 * args: O N I. Buffers: x, out.
 */
import type { ScanSpec } from '@tenon/core';
import { type WasmBuffer, WasmKernel } from '../kernel.ts';
import type { Machine } from '../machine.ts';
import { COLUMNS, elementName, grainOf, sumName, wordsOf } from './irregular.ts';

function functionName(spec: ScanSpec): string {
  // The running "or" of bools is their running maximum.
  if (spec.reducer === 'max' || spec.dtype === 'bool') return `scanMax${elementName(spec.dtype)}`;
  return `scanSum${sumName(spec.dtype)}`;
}

export function prepareScan(spec: ScanSpec, machine: Machine): WasmKernel {
  const width = wordsOf(spec.dtype);
  const fn = machine.kernel(functionName(spec));
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
    const unit = 2 * n * Math.min(i, COLUMNS) * width;
    machine.run(fn, machine.args, units, grainOf(machine, units, unit));
  });
}
