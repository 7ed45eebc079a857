/**
 * Launching regions: the words of a launch go to the machine's block with addresses in place of
 * offsets, followed by how the work is cut. Cuts that change what is added in which order depend on
 * sizes only, never on the number of threads.
 */
import type { RegionPlan } from '@tenon/core';
import type { WasmBuffer } from '../kernel.ts';
import type { Machine } from '../machine.ts';

/** Below this much work one thread does it all; also what a piece should take. */
const SERIAL_NS = 20_000;
const PIECE_NS = 5_000;

/** Copies launch words and turns offsets into addresses. */
export class Launcher {
  readonly machine: Machine;
  /** Number of words of the region itself; more may follow. */
  readonly words: number;
  private readonly positions: readonly number[];
  private readonly shifts: readonly number[];

  constructor(machine: Machine, plan: RegionPlan) {
    this.machine = machine;
    const wide = plan.spec.constants.filter((dtype) => dtype === 'f64').length;
    const operands = plan.operands.length * (plan.rank + 1);
    this.words = plan.rank + operands + plan.spec.constants.length + wide;
    const own = plan.operands.filter((operand) => operand.buffer >= 0);
    // Buffers come in the order of the operands that have one.
    this.positions = own.map((operand) => operand.word);
    this.shifts = own.map((operand) => (operand.dtype === 'f64' ? 3 : 2));
  }

  /** Index of the first of the launch's words in `machine.i32`. */
  get base(): number {
    return this.machine.args >> 2;
  }

  fill(buffers: readonly WasmBuffer[], args: Int32Array): void {
    const { i32 } = this.machine;
    const { base, positions, shifts, words } = this;
    for (let i = 0; i < words; i++) i32[base + i] = args[i]!;
    for (let b = 0; b < positions.length; b++) {
      const at = positions[b]!;
      i32[base + at] = buffers[b]!.address + (args[at]! << shifts[b]!);
    }
  }

  /** Lets two axes change places in the words of a launch. */
  swapAxes(plan: RegionPlan, a: number, b: number): void {
    if (a === b) return;
    const swap = (first: number, second: number): void => {
      const { i32 } = this.machine;
      const kept = i32[first]!;
      i32[first] = i32[second]!;
      i32[second] = kept;
    };
    swap(this.base + a, this.base + b);
    for (const { word } of plan.operands) {
      swap(this.base + word + 1 + a, this.base + word + 1 + b);
    }
  }

  /** Word `k` behind those of the region. */
  extra(k: number, value: number): void {
    this.machine.i32[this.base + this.words + k] = value;
  }

  /** Runs `total` units that take about `unitNs` each. */
  run(fn: number, total: number, unitNs: number): void {
    const isSmall = total * unitNs < SERIAL_NS;
    const grain = isSmall ? total : Math.max(1, Math.round(PIECE_NS / unitNs));
    this.machine.run(fn, this.machine.args, total, grain);
  }
}

/** Product of args[from…to). */
export function sizeOf(args: Int32Array, from: number, to: number): number {
  let size = 1;
  for (let axis = from; axis < to; axis++) size *= args[axis]!;
  return size;
}

/** How a reduction is cut along its first reduced axis. */
export interface Parts {
  /** Indices of a part; 0: not cut. */
  length: number;
  count: number;
}

/** Rows: reduced positions from which a row is cut, and of a part. */
const LONG_ROW = 65_536;
const ROW_PART = 16_384;
/** More rows than this are work enough to share. */
const FEW_ROWS = 16;

/** Cuts few long rows. */
export function rowParts(kept: number, first: number, rest: number, parts: Parts): void {
  const isLong = kept <= FEW_ROWS && first * rest >= LONG_ROW && first > 1;
  parts.length = isLong ? Math.max(1, Math.ceil(ROW_PART / rest)) : 0;
  parts.count = isLong ? Math.ceil(first / parts.length) : 1;
}

/** Columns: as many at most are few; elements of a part. */
const FEW_COLUMNS = 256;
const COLUMN_PART = 65_536;

/** Cuts few long columns. */
export function columnParts(kept: number, first: number, rest: number, parts: Parts): void {
  const elements = kept * first * rest;
  const isLong = kept <= FEW_COLUMNS && elements >= 2 * COLUMN_PART && first > 1;
  parts.length = isLong ? Math.max(1, Math.ceil(COLUMN_PART / (kept * rest))) : 0;
  parts.count = isLong ? Math.ceil(first / parts.length) : 1;
}
