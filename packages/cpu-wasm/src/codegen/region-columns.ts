/**
 * Regions with reduced axes, by columns: the kernels. Long columns are cut into parts by the
 * launch, whose accumulators are then rows of the workspace.
 */
import type { RegionPlan } from '@tenon/core';
import type { ModuleBuilder } from '../encoder/module.ts';
import { OP } from '../encoder/opcodes.ts';
import type { LaneMode } from './lanes.ts';
import { ColumnWriter } from './region-column-writer.ts';
import { range } from './region-loops.ts';
import { BEGIN, END, Odometer, RegionWriter, SCRATCH } from './region-writer.ts';

function lastPhase(plan: RegionPlan): number {
  return Math.max(plan.loops.length, ...plan.phases);
}

/**
 * Runs `body` for each block; `first`: local with the number of the first block (over all rows of
 * blocks), `units` of the range belong to one block (`advance` says when it ends).
 */
function eachBlock(
  columns: ColumnWriter,
  widthWord: number,
  first: number,
  body: (next: (isDone: () => void) => void) => void,
): void {
  const { w, f } = columns;
  const blocks = w.word(widthWord + 1);
  const odometer = new Odometer(w, range(0, w.plan.spec.keptRank - 1), columns.positions);
  const block = w.int(() => f.get(first, blocks).op(OP.i32RemU));
  const row = w.int(() => f.get(first, blocks).op(OP.i32DivU));
  f.get(BEGIN, END).op(OP.i32LtS);
  f.if(() => {
    odometer.start(row);
    const left = w.int(() => f.get(END, BEGIN).op(OP.i32Sub));
    f.loop((again) => {
      columns.enter(block);
      body((isDone) => {
        isDone();
        f.if(() => {
          w.add(block, 1);
          f.get(block, blocks).op(OP.i32Eq);
          f.if(() => {
            f.i32(0).set(block);
            odometer.next();
          });
        });
      });
      w.add(left, -1);
      f.get(left).brIf(again);
    });
  });
}

function newWriter(
  module: ModuleBuilder,
  name: string,
  plan: RegionPlan,
  mode: LaneMode,
): RegionWriter {
  const f = module.function(undefined, name);
  return new RegionWriter(f, mode, plan);
}

/** A kernel whose units are blocks of columns. Words: columns of a block, blocks in a row. */
export function columnFunction(
  module: ModuleBuilder,
  name: string,
  plan: RegionPlan,
  mode: LaneMode,
  widthWord: number,
): void {
  const w = newWriter(module, name, plan, mode);
  const columns = new ColumnWriter(w, widthWord, SCRATCH);
  eachBlock(columns, widthWord, BEGIN, (next) => {
    const last = lastPhase(plan);
    for (let phase = 0; phase <= last; phase++) {
      columns.keptValues(phase, phase === last);
      const loop = plan.loops[phase];
      if (loop !== undefined) columns.loop(loop, null);
    }
    next(() => w.f.i32(1));
  });
}

/**
 * The first half of cut columns: units are parts of blocks, their accumulators go to the
 * workspace. Words: as above, then length of a part, number of parts, workspace, bytes of a part.
 */
export function columnPartFunction(
  module: ModuleBuilder,
  name: string,
  plan: RegionPlan,
  mode: LaneMode,
  widthWord: number,
): void {
  const w = newWriter(module, name, plan, mode);
  const { f } = w;
  const [loop] = plan.loops;
  if (loop === undefined) throw new Error('region: nothing to reduce');
  const [length, parts, workspace, bytes] = range(2, 6).map((k) => w.word(widthWord + k)) as [
    number,
    number,
    number,
    number,
  ];
  const base = w.int(() => f.get(BEGIN, bytes).op(OP.i32Mul).get(workspace).op(OP.i32Add));
  const columns = new ColumnWriter(w, widthWord, base);
  const part = w.int(() => f.get(BEGIN, parts).op(OP.i32RemU));
  const first = w.int(() => f.get(BEGIN, parts).op(OP.i32DivU));
  const size = w.size(plan.spec.keptRank);
  eachBlock(columns, widthWord, first, (next) => {
    const from = w.int(() => f.get(part, length).op(OP.i32Mul));
    const rest = w.int(() => f.get(size, from).op(OP.i32Sub));
    const count = w.int(() => {
      f.get(length, rest).get(length, rest).op(OP.i32LtS).op(OP.select);
    });
    columns.keptValues(0, false);
    columns.loop(loop, { from, count });
    for (const { sum, lost } of columns.rows.values()) {
      for (const row of lost < 0 ? [sum] : [sum, lost]) {
        f.get(row, bytes).op(OP.i32Add).set(row);
      }
    }
    w.add(part, 1);
    next(() => {
      f.get(part, parts).op(OP.i32Eq);
      f.if(() => f.i32(0).set(part));
      f.get(part).op(OP.i32Eqz);
    });
  });
}

/** The second half: units are blocks; combines the accumulators of their parts in order. */
export function columnFinishFunction(
  module: ModuleBuilder,
  name: string,
  plan: RegionPlan,
  mode: LaneMode,
  widthWord: number,
): void {
  const w = newWriter(module, name, plan, mode);
  const { f } = w;
  const reduces = plan.loops[0]?.reduces ?? [];
  const parts = w.word(widthWord + 3);
  const workspace = w.word(widthWord + 4);
  const bytes = w.word(widthWord + 5);
  const columns = new ColumnWriter(w, widthWord, SCRATCH);
  const state = w.int(() => {
    f.get(BEGIN, parts).op(OP.i32Mul).get(bytes).op(OP.i32Mul).get(workspace).op(OP.i32Add);
    f.get(SCRATCH).op(OP.i32Sub);
  });
  eachBlock(columns, widthWord, BEGIN, (next) => {
    columns.clear(reduces);
    const each = w.copy(parts);
    f.loop((again) => {
      columns.merge(reduces, state);
      f.get(state, bytes).op(OP.i32Add).set(state);
      w.add(each, -1);
      f.get(each).brIf(again);
    });
    const last = lastPhase(plan);
    for (let phase = 0; phase <= last; phase++) columns.keptValues(phase, phase === last);
    next(() => f.i32(1));
  });
}
