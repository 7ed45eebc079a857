/** Loops over outer axes, and what does not change inside the innermost one. */
import type { PlannedLoop } from '@tenon/core';
import { OP } from '../encoder/opcodes.ts';
import { loadGroup, type Stream } from './region-streams.ts';
import type { Positions, RegionWriter } from './region-writer.ts';

/** Steps of `steps` that do not change along `axis`: loads that stay put and what follows. */
export function invariantSteps(
  w: RegionWriter,
  steps: readonly number[],
  axis: number,
  isFixed: (step: number) => boolean,
): Set<number> {
  const fixed = new Set<number>();
  for (const i of steps) {
    const step = w.step(i);
    if (step.op === 'const' || step.op === 'reduce') continue;
    const isInvariant =
      step.op === 'load'
        ? !w.moves(step.index, axis)
        : step.args.every((a) => fixed.has(a) || (!steps.includes(a) && isFixed(a)));
    if (isInvariant) fixed.add(i);
  }
  return fixed;
}

/** Locals with the stride along `axis` of the operands that have one of class 2 (or an iota). */
export function strideLocals(w: RegionWriter, operands: Iterable<number>, axis: number): number[] {
  const strides: number[] = [];
  for (const t of operands) {
    strides[t] =
      w.moves(t, axis) && (w.strideClass(t, axis) === 2 || w.operand(t).isIota)
        ? w.int(() => {
            w.pushStride(t, axis);
          })
        : -1;
  }
  return strides;
}

/** Positions `index` (a local) further along `axis`. */
export function moved(
  w: RegionWriter,
  positions: Positions,
  axis: number,
  index: number,
): Positions {
  const result: Positions = new Map();
  for (const [t, position] of positions) {
    if (!w.moves(t, axis)) result.set(t, position);
    else {
      const copy = w.copy(position);
      w.move(t, copy, axis, index);
      result.set(t, copy);
    }
  }
  return result;
}

/** Operands that a loop over the reduced axes reads or writes. */
export function operandsOf(w: RegionWriter, loop: PlannedLoop): number[] {
  const inputs = loop.steps.flatMap((i) => {
    const step = w.step(i);
    return step.op === 'load' ? [step.index] : [];
  });
  return [...new Set([...inputs, ...loop.stores.map((o) => w.output(o))])];
}

/** Emits `body` `count` (a local) times. */
export function repeat(w: RegionWriter, count: number, body: () => void): void {
  const { f } = w;
  const left = w.copy(count);
  f.get(left);
  f.if(() => {
    f.loop((again) => {
      body();
      w.add(left, -1);
      f.get(left).brIf(again);
    });
  });
}

/**
 * Loops over the axes from `axis` up to (not including) `inner`, then `body` with the positions
 * there. `first`: how many indices of the first of these axes, if not all.
 */
export function nest(
  w: RegionWriter,
  axis: number,
  inner: number,
  positions: Positions,
  first: number | null,
  body: (positions: Positions) => void,
): void {
  if (axis >= inner) {
    body(positions);
    return;
  }
  const own: Positions = new Map();
  for (const [t, position] of positions) own.set(t, w.moves(t, axis) ? w.copy(position) : position);
  repeat(w, first ?? w.size(axis), () => {
    nest(w, axis + 1, inner, own, null, body);
    for (const [t, position] of own) {
      if (!w.moves(t, axis)) continue;
      w.f.get(position);
      w.pushStride(t, axis);
      w.f.op(OP.i32Add).set(position);
    }
  });
}

export function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}

/** Emits `steps` for vectors `us`; loads come from `streams` (by operand). */
export function emitSteps(
  w: RegionWriter,
  steps: readonly number[],
  streams: ReadonlyMap<number, Stream>,
  us: readonly number[],
  left: number | null,
): void {
  const loaded = new Map<number, number>();
  for (const i of steps) {
    const step = w.step(i);
    if (step.op !== 'load') {
      w.define(i);
      continue;
    }
    const before = loaded.get(step.index);
    loaded.set(step.index, i);
    if (before === undefined) w.setValue(i, loadGroup(w, streams.get(step.index)!, us, left));
    else w.setValue(i, w.value(before));
  }
}
