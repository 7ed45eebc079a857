/**
 * Regions without reduced axes: rows of the last axis, cut into chunks, so that any map splits over
 * threads. What the last axis leaves alone is computed once a row.
 */
import type { RegionPlan } from '@tenon/core';
import type { ModuleBuilder } from '../encoder/module.ts';
import { OP } from '../encoder/opcodes.ts';
import type { LaneMode } from './lanes.ts';
import { unrollOf } from './region-cost.ts';
import { emitSteps, invariantSteps, moved, strideLocals } from './region-loops.ts';
import { innerLoop, openStream, type Stream, storeGroup } from './region-streams.ts';
import { BEGIN, END, Odometer, type Positions, positionOf, RegionWriter } from './region-writer.ts';

/** A kernel `(args, begin, end, scratch)` for a map; units are chunks of rows. */
export function mapFunction(
  module: ModuleBuilder,
  name: string,
  plan: RegionPlan,
  mode: LaneMode,
  /** Where the chunk length and the number of chunks in a row are; null: a row is a unit. */
  chunkWord: number | null,
): void {
  const f = module.function(undefined, name);
  const w = new RegionWriter(f, mode, plan);
  const inner = plan.rank - 1;
  const size = w.size(inner);
  const used = plan.operands.map((_, t) => t);
  const strides = strideLocals(w, used, inner);
  const positions = w.origins(used);
  const left = w.int(() => f.get(END, BEGIN).op(OP.i32Sub));
  const chunk = chunkWord === null ? size : w.word(chunkWord);
  const chunks = chunkWord === null ? -1 : w.word(chunkWord + 1);
  const first = f.local('i32');
  const row = w.copy(BEGIN);
  if (chunkWord !== null) {
    f.get(BEGIN, chunks).op(OP.i32RemU).set(first);
    f.get(BEGIN, chunks).op(OP.i32DivU).set(row);
  }
  const odometer = new Odometer(
    w,
    Array.from({ length: inner }, (_, axis) => axis),
    positions,
  );
  odometer.start(row);
  const from = f.local('i32');
  const count = f.local('i32');
  const units = f.local('i32');
  f.get(left);
  f.if(() => {
    f.loop((again) => {
      if (chunkWord === null) f.get(size).set(count).i32(1).set(units);
      else {
        // As many chunks as are left in this row.
        f.get(chunks, first).op(OP.i32Sub).tee(units).get(left);
        f.get(units, left).op(OP.i32LtS).op(OP.select).set(units);
        f.get(first, chunk).op(OP.i32Mul).set(from);
        f.get(units, chunk).op(OP.i32Mul).tee(count);
        f.get(size, from).op(OP.i32Sub);
        f.get(count).get(size, from).op(OP.i32Sub).op(OP.i32LtS).op(OP.select).set(count);
        f.i32(0).set(first);
      }
      const starts = chunkWord === null ? positions : moved(w, positions, inner, from);
      emitMapRow(w, starts, strides, count);
      f.get(left, units).op(OP.i32Sub).set(left);
      if (inner === 0) return;
      f.get(left);
      f.if(() => {
        odometer.next();
      });
      f.get(left).brIf(again);
    });
  });
}

/** Emits `count` (a local) elements of one row. */
export function emitMapRow(
  w: RegionWriter,
  positions: Positions,
  strides: readonly number[],
  count: number,
): void {
  const { plan } = w;
  const inner = plan.rank - 1;
  const steps = plan.spec.steps.flatMap((_, i) => (plan.domains[i] === 'uniform' ? [] : [i]));
  const invariant = invariantSteps(w, steps, inner, (i) => plan.domains[i] === 'uniform');
  for (const i of steps) {
    if (!invariant.has(i)) continue;
    if (w.step(i).op === 'load') w.loadSplat(i, positions);
    else w.define(i);
  }
  const varying = steps.filter((i) => !invariant.has(i));
  const streams = new Map<number, Stream>();
  const open = (t: number): void => {
    if (streams.has(t)) return;
    streams.set(t, openStream(w, t, inner, positionOf(positions, t), strides[t] ?? -1));
  };
  for (const i of varying) {
    const step = w.step(i);
    if (step.op === 'load') open(step.index);
  }
  for (const o of plan.keptStores) open(w.output(o));
  innerLoop(w, {
    count,
    unroll: unrollOf(plan, varying),
    streams: [...streams.values()],
    body: (us, rest) => {
      emitSteps(w, varying, streams, us, rest);
      for (const o of plan.keptStores) {
        const value = w.value(plan.spec.outputs[o]!.step);
        storeGroup(w, streams.get(w.output(o))!, us, value, rest);
      }
    },
  });
}
