/**
 * Regions with reduced axes, rows: one kept position after another, the last reduced axis
 * innermost. Kept values are the same in every lane. A row that is too long for one thread is cut
 * into parts by the launch: one function leaves their states in the workspace, a second one
 * combines them in order.
 */
import type { PlannedLoop, RegionPlan } from '@tenon/core';
import type { FunctionBuilder } from '../encoder/function.ts';
import type { ModuleBuilder } from '../encoder/module.ts';
import { OP } from '../encoder/opcodes.ts';
import type { LaneMode, Mask } from './lanes.ts';
import { unrollOf } from './region-cost.ts';
import { ExtremeAccumulator } from './region-extreme.ts';
import {
  emitSteps,
  invariantSteps,
  moved,
  nest,
  operandsOf,
  range,
  strideLocals,
} from './region-loops.ts';
import { type Accumulator, LONG_ROW, type ReduceStep, RowAccumulator } from './region-reduce.ts';
import {
  innerLoop,
  loadGroup,
  openStream,
  rowStream,
  type Stream,
  storeGroup,
} from './region-streams.ts';
import {
  ARGS,
  BEGIN,
  END,
  Odometer,
  type Positions,
  positionOf,
  RegionWriter,
  SCRATCH,
} from './region-writer.ts';

/** Bytes of the saved state of one reduction of one part. */
export const STATE_BYTES = 16;

class RowWriter {
  readonly w: RegionWriter;
  readonly f: FunctionBuilder;
  /** Positions at the current kept position. */
  readonly positions: Positions;
  private readonly strides: readonly number[];
  /** Whether rows are long: see `RowAccumulator`. */
  private readonly isLong: number;
  private readonly accumulators = new Map<number, Accumulator>();
  /** Full steps that live in scratch → local with the address of their row. */
  private readonly spills = new Map<number, number>();
  /** Bytes of one vector-aligned innermost row in scratch, by element size. */
  private readonly rowBytes: (isWide: boolean) => number;

  constructor(w: RegionWriter) {
    this.w = w;
    this.f = w.f;
    const { plan } = w;
    const all = plan.operands.map((_, t) => t);
    this.strides = strideLocals(w, all, plan.rank - 1);
    this.positions = w.origins(all);
    const padded = w.int(() => {
      w.f
        .get(w.size(plan.rank - 1))
        .i32(w.lanes.width - 1)
        .op(OP.i32Add);
      w.f.i32(-w.lanes.width).op(OP.i32And);
    });
    const bytes = [2, 3].map((shift) => w.int(() => w.f.get(padded).i32(shift).op(OP.i32Shl)));
    this.rowBytes = (isWide) => bytes[isWide ? 1 : 0]!;
    this.isLong = w.int(() =>
      w.f
        .get(w.size(plan.rank - 1))
        .i32(LONG_ROW)
        .op(OP.i32GeS),
    );
    this.placeSpills();
  }

  private placeSpills(): void {
    const { w, f } = this;
    const { plan } = w;
    let next = SCRATCH;
    for (const i of plan.loops.flatMap((loop) => loop.spills)) {
      const from = next;
      this.spills.set(i, from);
      next = w.int(() => {
        f.get(this.rowBytes(w.step(i).dtype === 'f64'));
        for (const axis of range(plan.spec.keptRank, plan.rank - 1)) {
          f.get(w.size(axis)).op(OP.i32Mul);
        }
        f.get(from).op(OP.i32Add);
      });
    }
  }

  reduceStep(i: number): ReduceStep {
    const step = this.w.step(i);
    if (step.op !== 'reduce') throw new Error(`region: step ${i} is no reduction`);
    return step;
  }

  /** The accumulator of a reduction, made by the loop that feeds it. */
  accumulator(i: number, unroll = 1): Accumulator {
    let found = this.accumulators.get(i);
    if (found === undefined) {
      const { lanes } = this.w;
      const step = this.reduceStep(i);
      const isExtreme = step.reducer === 'max' || step.reducer === 'min';
      found =
        isExtreme && step.dtype === 'f32' && lanes.width > 1
          ? new ExtremeAccumulator(lanes, step, unroll)
          : new RowAccumulator(lanes, step, unroll, this.isLong);
      this.accumulators.set(i, found);
    }
    return found;
  }

  /** Kept values of one phase; `finish` gives those of reductions. */
  keptValues(phase: number, finish: (i: number) => void): void {
    const { w } = this;
    const { domains, phases, spec } = w.plan;
    spec.steps.forEach((step, i) => {
      if (domains[i] !== 'kept' || phases[i] !== phase) return;
      if (step.op === 'load') w.loadSplat(i, this.positions);
      else if (step.op === 'reduce') finish(i);
      else w.define(i);
    });
  }

  /** One pass over the reduced axes, or over `count` indices of the first of them from `from`. */
  loop(loop: PlannedLoop, part: { readonly from: number; readonly count: number } | null): void {
    const { w } = this;
    const { keptRank } = w.plan.spec;
    const inner = w.plan.rank - 1;
    let positions: Positions = new Map(
      operandsOf(w, loop).map((t) => [t, positionOf(this.positions, t)]),
    );
    if (part !== null) positions = moved(w, positions, keptRank, part.from);
    const rows = new Map([...loop.spilled, ...loop.spills].map((i) => [i, w.copy(this.spill(i))]));
    const invariant = invariantSteps(w, loop.steps, inner, (i) => w.plan.domains[i] !== 'full');
    const varying = loop.steps.filter((i) => !invariant.has(i));
    const unroll = unrollOf(w.plan, [...varying, ...loop.spilled, ...loop.reduces]);
    for (const i of loop.reduces) this.accumulator(i, unroll).start();
    const isInnerCut = part !== null && inner === keptRank;
    const count = isInnerCut ? part.count : w.size(inner);
    nest(w, keptRank, inner, positions, part?.count ?? null, (at) => {
      for (const i of loop.steps) {
        if (!invariant.has(i)) continue;
        if (w.step(i).op === 'load') w.loadSplat(i, at);
        else w.define(i);
      }
      this.innermost(loop, varying, unroll, count, at, rows);
      for (const [i, row] of rows) {
        const bytes = this.rowBytes(w.step(i).dtype === 'f64');
        w.f.get(row, bytes).op(OP.i32Add).set(row);
      }
    });
  }

  private innermost(
    loop: PlannedLoop,
    varying: readonly number[],
    unroll: number,
    count: number,
    positions: Positions,
    rows: ReadonlyMap<number, number>,
  ): void {
    const { w } = this;
    const inner = w.plan.rank - 1;
    const streams = new Map<number, Stream>();
    const open = (t: number): void => {
      if (streams.has(t)) return;
      const position = positionOf(positions, t);
      streams.set(t, openStream(w, t, inner, position, this.strides[t] ?? -1));
    };
    for (const i of varying) {
      const step = w.step(i);
      if (step.op === 'load') open(step.index);
    }
    for (const o of loop.stores) open(w.output(o));
    const scratch = new Map(
      [...rows].map(([i, row]) => [i, rowStream(w, w.step(i).dtype, row)] as const),
    );
    innerLoop(w, {
      count,
      unroll,
      streams: [...streams.values(), ...scratch.values()],
      body: (us, left) => {
        for (const i of loop.spilled) w.setValue(i, loadGroup(w, scratch.get(i)!, us, null));
        emitSteps(w, varying, streams, us, left);
        for (const i of loop.spills) storeGroup(w, scratch.get(i)!, us, w.value(i), null);
        const inside = left === null || loop.reduces.length === 0 ? null : this.inside(left);
        for (const i of loop.reduces) {
          const value = w.value(this.reduceStep(i).args[0]);
          const parts = us.map((_, k) => w.part(value, k));
          this.accumulator(i, unroll).add(parts, inside);
        }
        for (const o of loop.stores) {
          const value = w.value(w.plan.spec.outputs[o]!.step);
          storeGroup(w, streams.get(w.output(o))!, us, value, left);
        }
      },
    });
  }

  /** Lanes before the end of the row. */
  private inside(left: number): Mask {
    const { lanes } = this.w;
    return lanes.lt(lanes.laneIndex(), lanes.splat('i32', left));
  }

  private spill(i: number): number {
    const found = this.spills.get(i);
    if (found === undefined) throw new Error(`region: step ${i} is not in scratch`);
    return found;
  }

  /** Runs `body` for the kept positions that units begin…end belong to, `each` units a position. */
  units(body: (odometer: Odometer) => void, row: number): void {
    const { w, f } = this;
    const odometer = new Odometer(w, range(0, w.plan.spec.keptRank), this.positions);
    f.get(BEGIN, END).op(OP.i32LtS);
    f.if(() => {
      odometer.start(row);
      body(odometer);
    });
  }

  keptStores(): void {
    for (const o of this.w.plan.keptStores) this.w.storeFirst(o, this.positions);
  }
}

function lastPhase(plan: RegionPlan): number {
  return Math.max(plan.loops.length, ...plan.phases);
}

function newWriter(
  module: ModuleBuilder,
  name: string,
  plan: RegionPlan,
  mode: LaneMode,
): RowWriter {
  const f = module.function(undefined, name);
  return new RowWriter(new RegionWriter(f, mode, plan));
}

/** A kernel whose units are kept positions. */
export function rowFunction(
  module: ModuleBuilder,
  name: string,
  plan: RegionPlan,
  mode: LaneMode,
): void {
  const rows = newWriter(module, name, plan, mode);
  const { w, f } = rows;
  eachUnit(rows, BEGIN, (next) => {
    for (let phase = 0; phase <= lastPhase(plan); phase++) {
      rows.keptValues(phase, (i) => {
        w.setValue(i, rows.accumulator(i).finish());
      });
      const loop = plan.loops[phase];
      if (loop !== undefined) rows.loop(loop, null);
    }
    rows.keptStores();
    f.get(next.left);
    f.if(() => next.odometer.next());
  });
}

interface Next {
  /** Units after this one. */
  readonly left: number;
  readonly odometer: Odometer;
}

/** Runs `body`, which steps the odometer, for every unit; `row`: the first kept position. */
function eachUnit(rows: RowWriter, row: number, body: (next: Next) => void): void {
  const { w, f } = rows;
  rows.units((odometer) => {
    const left = w.int(() => f.get(END, BEGIN).op(OP.i32Sub));
    f.loop((again) => {
      w.add(left, -1);
      body({ left, odometer });
      f.get(left).brIf(again);
    });
  }, row);
}

/**
 * The first half of a cut row: units are parts of kept positions, their states go to the
 * workspace. Words: length of a part along the first reduced axis, number of parts, workspace.
 */
export function rowPartFunction(
  module: ModuleBuilder,
  name: string,
  plan: RegionPlan,
  mode: LaneMode,
  partWord: number,
): void {
  const rows = newWriter(module, name, plan, mode);
  const { w, f } = rows;
  const [loop] = plan.loops;
  if (loop === undefined) throw new Error('region: nothing to reduce');
  const axis = plan.spec.keptRank;
  const length = w.word(partWord);
  const parts = w.word(partWord + 1);
  const bytes = STATE_BYTES * loop.reduces.length;
  const state = w.int(() => f.get(BEGIN).i32(bytes).op(OP.i32Mul));
  f.get(state)
    .get(ARGS)
    .memory(OP.i32Load, 4 * (partWord + 2))
    .op(OP.i32Add)
    .set(state);
  const part = w.int(() => f.get(BEGIN, parts).op(OP.i32RemU));
  const row = w.int(() => f.get(BEGIN, parts).op(OP.i32DivU));
  const from = f.local('i32');
  const count = f.local('i32');
  eachUnit(rows, row, ({ odometer }) => {
    rows.keptValues(0, () => {});
    f.get(part, length).op(OP.i32Mul).set(from);
    f.get(length).get(w.size(axis), from).op(OP.i32Sub).tee(count);
    f.get(length, count).op(OP.i32LtS).op(OP.select).set(count);
    rows.loop(loop, { from, count });
    loop.reduces.forEach((i, k) => {
      rows.accumulator(i).save(state, STATE_BYTES * k);
    });
    w.add(state, bytes);
    w.add(part, 1);
    f.get(part, parts).op(OP.i32Eq);
    f.if(() => {
      f.i32(0).set(part);
      // Beyond the last unit too, where the positions are no longer used.
      odometer.next();
    });
  });
}

/** The second half: units are kept positions; combines the states of their parts in order. */
export function rowFinishFunction(
  module: ModuleBuilder,
  name: string,
  plan: RegionPlan,
  mode: LaneMode,
  partWord: number,
): void {
  const rows = newWriter(module, name, plan, mode);
  const { w, f } = rows;
  const reduces = plan.loops[0]?.reduces ?? [];
  const bytes = STATE_BYTES * reduces.length;
  const parts = w.word(partWord + 1);
  const state = w.int(() => f.get(BEGIN, parts).op(OP.i32Mul).i32(bytes).op(OP.i32Mul));
  f.get(state)
    .get(ARGS)
    .memory(OP.i32Load, 4 * (partWord + 2))
    .op(OP.i32Add)
    .set(state);
  eachUnit(rows, BEGIN, ({ left, odometer }) => {
    const states = new Map(
      reduces.map((i) => [i, new RowAccumulator(w.lanes, rows.reduceStep(i), 1)] as const),
    );
    for (const merged of states.values()) merged.start();
    const each = w.copy(parts);
    f.loop((again) => {
      reduces.forEach((i, k) => {
        states.get(i)!.merge(state, STATE_BYTES * k);
      });
      w.add(state, bytes);
      w.add(each, -1);
      f.get(each).brIf(again);
    });
    for (let phase = 0; phase <= lastPhase(plan); phase++) {
      rows.keptValues(phase, (i) => w.setValue(i, states.get(i)!.finishMerged()));
    }
    rows.keptStores();
    f.get(left);
    f.if(() => odometer.next());
  });
}
