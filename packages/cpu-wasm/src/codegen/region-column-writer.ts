/**
 * The writer of regions walked by columns: a block of the last kept axis at once, several reduced
 * positions together, so that memory is walked in order where operands are contiguous along the
 * kept axis. Accumulators and kept values are rows of scratch, one element for each column.
 */
import type { PlannedLoop } from '@tenon/core';
import type { FunctionBuilder } from '../encoder/function.ts';
import { OP } from '../encoder/opcodes.ts';
import type { F64, Value } from './lanes.ts';
import { savedSteps } from './region-column-plan.ts';
import { groupOf, unrollOf } from './region-cost.ts';
import {
  emitSteps,
  invariantSteps,
  moved,
  nest,
  operandsOf,
  range,
  strideLocals,
} from './region-loops.ts';
import {
  compensated,
  type Pair,
  pairwise,
  type ReduceStep,
  type Reduction,
  reductionOf,
  type Stored,
  twoSum,
} from './region-reduce.ts';
import {
  innerLoop,
  loadGroup,
  openStream,
  rowStream,
  type Stream,
  storeGroup,
} from './region-streams.ts';
import { type Positions, positionOf, type RegionWriter, SCRATCH } from './region-writer.ts';

/** Accumulator rows of one reduction: locals with their addresses. */
export interface AccumulatorRows {
  readonly reduction: Reduction;
  readonly sum: number;
  /** What compensated sums have lost; else -1. */
  readonly lost: number;
}

export class ColumnWriter {
  readonly w: RegionWriter;
  readonly f: FunctionBuilder;
  readonly positions: Positions;
  /** Number of columns of the current block. */
  readonly columns: number;
  readonly rows: Map<number, AccumulatorRows> = new Map();
  private readonly axis: number;
  private readonly width: number;
  private readonly strides: readonly number[];
  private readonly saved = new Map<number, number>();
  private readonly spills = new Map<number, number>();
  /** Positions at the first column of the current block. */
  private kept: Positions = new Map();

  /** `widthWord`: columns of a block. Accumulators begin at `base` (a local). */
  constructor(w: RegionWriter, widthWord: number, base: number) {
    this.w = w;
    this.f = w.f;
    const { plan } = w;
    this.axis = plan.spec.keptRank - 1;
    const all = plan.operands.map((_, t) => t);
    this.strides = strideLocals(w, all, this.axis);
    this.positions = w.origins(all);
    this.columns = w.f.local('i32');
    this.width = w.word(widthWord);
    this.place(base);
  }

  private place(base: number): void {
    const { w } = this;
    const { plan } = w;
    let next = base;
    const take = (bytes: number): number => {
      const row = next;
      next = w.int(() => w.f.get(this.width).i32(bytes).op(OP.i32Mul).get(row).op(OP.i32Add));
      return row;
    };
    plan.spec.steps.forEach((step, i) => {
      if (step.op !== 'reduce') return;
      const reduction = reductionOf(w.lanes, step);
      const sum = take(reduction.kind === 'f64' ? 8 : 4);
      this.rows.set(i, { reduction, sum, lost: reduction.isCompensated ? take(8) : -1 });
    });
    if (base !== SCRATCH) next = SCRATCH;
    for (const i of savedSteps(plan)) this.saved.set(i, take(w.step(i).dtype === 'f64' ? 8 : 4));
    for (const i of plan.loops.flatMap((loop) => loop.spills)) {
      const row = next;
      this.spills.set(i, row);
      next = w.int(() => {
        w.f
          .get(this.width)
          .i32(w.step(i).dtype === 'f64' ? 8 : 4)
          .op(OP.i32Mul);
        for (const axis of range(plan.spec.keptRank, plan.rank)) {
          w.f.get(w.size(axis)).op(OP.i32Mul);
        }
        w.f.get(row).op(OP.i32Add);
      });
    }
  }

  /** Enters the block with number `block` (a local). */
  enter(block: number): void {
    const { w, f } = this;
    const from = w.int(() => f.get(block, this.width).op(OP.i32Mul));
    const rest = w.int(() => f.get(w.size(this.axis), from).op(OP.i32Sub));
    f.get(this.width, rest).get(this.width, rest).op(OP.i32LtS).op(OP.select).set(this.columns);
    this.kept = moved(w, this.positions, this.axis, from);
  }

  /** Streams of what steps read that another loop, or memory, holds: kept values. */
  private sources(wanted: Iterable<number>): Map<number, Stream> {
    const { w } = this;
    const sources = new Map<number, Stream>();
    for (const i of new Set(wanted)) {
      if (w.plan.domains[i] !== 'kept') continue;
      const step = w.step(i);
      if (step.op === 'load') sources.set(i, this.open(step.index, this.kept));
      else sources.set(i, rowStream(w, step.dtype, this.savedRow(i)));
    }
    return sources;
  }

  private savedRow(i: number): number {
    const found = this.saved.get(i);
    if (found === undefined) throw new Error(`region: step ${i} is not kept in scratch`);
    return found;
  }

  private open(t: number, positions: Positions): Stream {
    const position = positionOf(positions, t);
    return openStream(this.w, t, this.axis, position, this.strides[t] ?? -1);
  }

  private accumulators(reduces: readonly number[]): Map<number, RowStreams> {
    return new Map(
      reduces.map((i) => {
        const { reduction, sum, lost } = this.rowsOf(i);
        const stream = rowStream(this.w, reduction.kind, sum);
        return [
          i,
          { sum: stream, lost: lost < 0 ? null : rowStream(this.w, 'f64', lost) },
        ] as const;
      }),
    );
  }

  private rowsOf(i: number): AccumulatorRows {
    const found = this.rows.get(i);
    if (found === undefined) throw new Error(`region: step ${i} is no reduction`);
    return found;
  }

  /** Sets the accumulators of `reduces` to what changes nothing. */
  clear(reduces: readonly number[]): void {
    if (reduces.length === 0) return;
    const { w } = this;
    const rows = this.accumulators(reduces);
    const streams = streamsOf(rows.values());
    innerLoop(w, {
      count: this.columns,
      unroll: 1,
      streams,
      body: () => {
        for (const [i, { sum, lost }] of rows) {
          sum.store(0, this.rowsOf(i).reduction.identity, null);
          lost?.store(0, w.lanes.f64(0), null);
        }
      },
    });
  }

  /** Adds saved accumulator rows, `distance` (a local) bytes behind those of this writer. */
  merge(reduces: readonly number[], distance: number): void {
    const { w, f } = this;
    const rows = this.accumulators(reduces);
    const others = new Map(
      reduces.map((i) => {
        const { reduction, sum, lost } = this.rowsOf(i);
        const at = (row: number): number => w.int(() => f.get(row, distance).op(OP.i32Add));
        const stream = rowStream(w, reduction.kind, at(sum));
        return [i, { sum: stream, lost: lost < 0 ? null : rowStream(w, 'f64', at(lost)) }] as const;
      }),
    );
    innerLoop(w, {
      count: this.columns,
      unroll: 1,
      streams: [...streamsOf(rows.values()), ...streamsOf(others.values())],
      body: () => {
        for (const [i, own] of rows) {
          const other = others.get(i)!;
          const value = other.sum.load(0, null) as Stored;
          const lost = other.lost?.load(0, null) as F64 | undefined;
          this.accumulate(this.rowsOf(i).reduction, own, 0, [{ value, lost: lost ?? null }]);
        }
      },
    });
  }

  /** Kept values of one phase; at the end also the kept outputs. */
  keptValues(phase: number, isLast: boolean): void {
    const { w } = this;
    const { domains, phases, spec, keptStores } = w.plan;
    const own = range(0, spec.steps.length).filter(
      (i) => domains[i] === 'kept' && phases[i] === phase && w.step(i).op !== 'load',
    );
    const stores = isLast ? keptStores : [];
    if (own.length === 0 && stores.length === 0) return;
    const wanted = own.flatMap((i) => {
      const step = w.step(i);
      return step.op === 'load' || step.op === 'const' || step.op === 'reduce' ? [] : step.args;
    });
    const results = stores.map((o) => spec.outputs[o]!.step);
    const sources = this.sources([...wanted, ...results].filter((i) => !own.includes(i)));
    const reduces = own.filter((i) => w.step(i).op === 'reduce');
    const rows = this.accumulators(reduces);
    const saves = new Map(
      own
        .filter((i) => this.saved.has(i))
        .map((i) => {
          return [i, rowStream(w, w.step(i).dtype, this.savedRow(i))] as const;
        }),
    );
    const outputs = new Map(stores.map((o) => [o, this.open(w.output(o), this.kept)] as const));
    innerLoop(w, {
      count: this.columns,
      unroll: 1,
      streams: [
        ...sources.values(),
        ...streamsOf(rows.values()),
        ...saves.values(),
        ...outputs.values(),
      ],
      body: (_us, left) => {
        for (const [i, source] of sources) w.setValue(i, source.load(0, left));
        for (const i of own) {
          const row = rows.get(i);
          if (row === undefined) w.define(i);
          else w.setValue(i, this.finished(i, row));
          saves.get(i)?.store(0, w.value(i), null);
        }
        for (const [o, output] of outputs) output.store(0, w.value(spec.outputs[o]!.step), left);
      },
    });
  }

  private finished(i: number, { sum, lost }: RowStreams): Value {
    const { reduction } = this.rowsOf(i);
    const total = sum.load(0, null) as Stored;
    if (lost === null) return reduction.finish(total);
    return compensated(this.w.lanes, { sum: total as F64, lost: lost.load(0, null) as F64 });
  }

  /** One pass over the reduced axes, or `count` indices of the first of them from `from`. */
  loop(loop: PlannedLoop, part: { readonly from: number; readonly count: number } | null): void {
    const { w, f } = this;
    const { keptRank } = w.plan.spec;
    const inner = w.plan.rank - 1;
    let positions: Positions = new Map(
      operandsOf(w, loop).map((t) => [t, positionOf(this.kept, t)]),
    );
    if (part !== null) positions = moved(w, positions, keptRank, part.from);
    this.clear(loop.reduces);
    const rows = new Map(
      [...loop.spilled, ...loop.spills].map((i) => [i, w.copy(this.spills.get(i)!)] as const),
    );
    const group = groupOf(w.plan, loop);
    const isInnerCut = part !== null && inner === keptRank;
    const count = isInnerCut ? part.count : w.size(inner);
    nest(w, keptRank, inner, positions, part?.count ?? null, (at) => {
      const own: Positions = new Map(
        [...at].map(([t, position]) => [t, w.copy(position)] as const),
      );
      const left = w.copy(count);
      const pass = (size: number): void => {
        f.get(left).i32(size).op(OP.i32GeS);
        f.if(() => {
          f.loop((again) => {
            this.group(loop, own, rows, size);
            w.add(left, -size);
            f.get(left).i32(size).op(OP.i32GeS).brIf(again);
          });
        });
      };
      if (group > 1) pass(group);
      pass(1);
    });
  }

  /** All columns of the block at `size` successive positions of the last reduced axis. */
  private group(
    loop: PlannedLoop,
    positions: Positions,
    rows: ReadonlyMap<number, number>,
    size: number,
  ): void {
    const { w, f } = this;
    const inner = w.plan.rank - 1;
    const places = range(0, size).map((): Positions => {
      const place: Positions = new Map();
      for (const [t, position] of positions) {
        place.set(t, w.copy(position));
        if (!w.moves(t, inner)) continue;
        f.get(position);
        w.pushStride(t, inner);
        f.op(OP.i32Add).set(position);
      }
      return place;
    });
    const scratch = places.map(() => {
      return new Map(
        [...rows].map(([i, row]) => {
          const stream = rowStream(w, w.step(i).dtype, row);
          f.get(row, this.width)
            .i32(w.step(i).dtype === 'f64' ? 3 : 2)
            .op(OP.i32Shl);
          f.op(OP.i32Add).set(row);
          return [i, stream] as const;
        }),
      );
    });
    this.columnsOf(loop, places, scratch);
  }

  private columnsOf(
    loop: PlannedLoop,
    places: readonly Positions[],
    scratch: readonly ReadonlyMap<number, Stream>[],
  ): void {
    const { w } = this;
    const { outputs } = w.plan.spec;
    const isUniform = (i: number): boolean => w.plan.domains[i] === 'uniform';
    const fixed = invariantSteps(w, loop.steps, this.axis, isUniform);
    const varying = loop.steps.filter((i) => !fixed.has(i));
    // Values that do not change along the columns, for each place.
    const held = places.map((place) => {
      for (const i of loop.steps) {
        if (!fixed.has(i)) continue;
        if (w.step(i).op === 'load') w.loadSplat(i, place);
        else w.define(i);
      }
      return [...fixed].map((i) => [i, w.value(i)] as const);
    });
    const opened = places.map((place) => {
      const streams = new Map<number, Stream>();
      for (const i of varying) {
        const step = w.step(i);
        if (step.op === 'load' && !streams.has(step.index)) {
          streams.set(step.index, this.open(step.index, place));
        }
      }
      for (const o of loop.stores) streams.set(w.output(o), this.open(w.output(o), place));
      return streams;
    });
    const sources = this.sources(this.keptArgs(loop));
    const accumulators = this.accumulators(loop.reduces);
    innerLoop(w, {
      count: this.columns,
      unroll: places.length > 1 ? 1 : unrollOf(w.plan, [...varying, ...loop.reduces]),
      streams: [
        ...sources.values(),
        ...opened.flatMap((streams) => [...streams.values()]),
        ...scratch.flatMap((streams) => [...streams.values()]),
        ...streamsOf(accumulators.values()),
      ],
      body: (us, left) => {
        for (const [i, source] of sources) w.setValue(i, loadGroup(w, source, us, left));
        const values = new Map<number, Value[]>(loop.reduces.map((i) => [i, []]));
        places.forEach((_, g) => {
          for (const [i, value] of held[g]!) w.setValue(i, value);
          const own = scratch[g]!;
          for (const i of loop.spilled) w.setValue(i, loadGroup(w, own.get(i)!, us, null));
          emitSteps(w, varying, opened[g]!, us, left);
          for (const i of loop.spills) storeGroup(w, own.get(i)!, us, w.value(i), null);
          for (const o of loop.stores) {
            const value = w.value(outputs[o]!.step);
            storeGroup(w, opened[g]!.get(w.output(o))!, us, value, left);
          }
          for (const i of loop.reduces) values.get(i)!.push(w.value(this.argOf(i)));
        });
        for (const [i, own] of accumulators) {
          us.forEach((u, k) => {
            const terms = values.get(i)!.map((value) => w.part(value, k));
            this.accumulate(this.rowsOf(i).reduction, own, u, this.joined(i, terms));
          });
        }
      },
    });
  }

  /** Values of a group as accumulators. Each enters on its own: the size of groups varies. */
  private joined(i: number, values: readonly Value[]): Term[] {
    const { reduction } = this.rowsOf(i);
    const terms = values.map((value) => reduction.widen(reduction.narrow(value)));
    if (reduction.isCompensated) return terms.map((value) => ({ value, lost: null }));
    return [{ value: pairwise(terms, reduction.combine), lost: null }];
  }

  private accumulate(
    reduction: Reduction,
    own: RowStreams,
    u: number,
    terms: readonly Term[],
  ): void {
    const { lanes } = this.w;
    if (own.lost === null) {
      let sum = own.sum.load(u, null) as Stored;
      for (const { value } of terms) sum = reduction.combine(sum, value);
      own.sum.store(u, sum, null);
      return;
    }
    let pair: Pair = { sum: own.sum.load(u, null) as F64, lost: own.lost.load(u, null) as F64 };
    for (const { value, lost } of terms) {
      const added = twoSum(lanes, pair.sum, value as F64);
      const more = lost === null ? added.lost : lanes.add(added.lost, lost);
      pair = { sum: added.sum, lost: lanes.add(pair.lost, more) };
    }
    own.sum.store(u, pair.sum, null);
    own.lost.store(u, pair.lost, null);
  }

  private reduceStep(i: number): ReduceStep {
    const step = this.w.step(i);
    if (step.op !== 'reduce') throw new Error(`region: step ${i} is no reduction`);
    return step;
  }

  private argOf(i: number): number {
    return this.reduceStep(i).args[0];
  }

  /** Kept values that a loop reads. */
  private keptArgs(loop: PlannedLoop): number[] {
    const args = [...loop.steps, ...loop.reduces].flatMap((i) => {
      const step = this.w.step(i);
      return step.op === 'load' || step.op === 'const' ? [] : step.args;
    });
    return [...args, ...loop.stores.map((o) => this.w.plan.spec.outputs[o]!.step)];
  }
}

/** Streams along the accumulators of one reduction. */
interface RowStreams {
  readonly sum: Stream;
  readonly lost: Stream | null;
}

/** What meets an accumulator: a value, and what a compensated sum had lost on the way to it. */
interface Term {
  readonly value: Stored;
  readonly lost: F64 | null;
}

function streamsOf(rows: Iterable<RowStreams>): Stream[] {
  return [...rows].flatMap(({ sum, lost }) => (lost === null ? [sum] : [sum, lost]));
}
