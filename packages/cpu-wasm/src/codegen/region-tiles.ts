/**
 * Maps that turn operands round: an input is contiguous along the second last axis ("rows"), the
 * outputs along the last. Tiles of 4x4 are transposed in registers, and rows taken sixteen at a
 * time, so that every cache line of the input is used up while it is there.
 */
import type { RegionPlan } from '@tenon/core';
import type { ModuleBuilder } from '../encoder/module.ts';
import { OP } from '../encoder/opcodes.ts';
import type { LaneMode, Value } from './lanes.ts';
import { moved, range, repeat, strideLocals } from './region-loops.ts';
import { emitMapRow } from './region-map.ts';
import { openStream, type Stream } from './region-streams.ts';
import {
  BEGIN,
  END,
  Odometer,
  type Positions,
  positionOf,
  RegionWriter,
  storedKind,
} from './region-writer.ts';

/** Rows of a unit, and columns that are finished before the next ones: a cache line of each. */
export const TILE_ROWS = 16;
const STRIP = 16;
/** Rows and columns of a tile. */
const SIDE = 4;

const LOW_WORDS = [0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23];
const HIGH_WORDS = [8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31];
const LOW_PAIRS = [0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23];
const HIGH_PAIRS = [8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31];

/** Four vectors as the rows of a 4x4 matrix; gives its columns. */
function transposed(w: RegionWriter, rows: readonly number[]): number[] {
  const mix = (a: number, b: number, bytes: readonly number[]): number => {
    w.f.get(a, b).shuffle(bytes);
    const local = w.f.local('v128');
    w.f.set(local);
    return local;
  };
  const [a = 0, b = 0, c = 0, d = 0] = rows;
  const [ab, AB] = [mix(a, b, LOW_WORDS), mix(a, b, HIGH_WORDS)];
  const [cd, CD] = [mix(c, d, LOW_WORDS), mix(c, d, HIGH_WORDS)];
  return [
    mix(ab, cd, LOW_PAIRS),
    mix(ab, cd, HIGH_PAIRS),
    mix(AB, CD, LOW_PAIRS),
    mix(AB, CD, HIGH_PAIRS),
  ];
}

class TileWriter {
  private readonly w: RegionWriter;
  private readonly turned: ReadonlySet<number>;
  private readonly strides: readonly number[];

  constructor(w: RegionWriter, turned: ReadonlySet<number>, strides: readonly number[]) {
    this.w = w;
    this.turned = turned;
    this.strides = strides;
  }

  /** Tiles of four rows from `positions`, `tiles` (a local) of them along the columns. */
  tiles(positions: Positions, tiles: number): void {
    const { w } = this;
    const { rank, spec, domains } = w.plan;
    const inner = rank - 1;
    const places = this.rows(positions);
    const fronts = new Map([...this.turned].map((t) => [t, w.copy(positionOf(positions, t))]));
    const streams = places.map((place) => {
      const own = new Map<number, Stream>();
      for (const [t, position] of place) {
        if (this.turned.has(t)) continue;
        own.set(t, openStream(w, t, inner, position, this.strides[t] ?? -1));
      }
      return own;
    });
    repeat(w, tiles, () => {
      w.together(SIDE, () => {
        const loaded = new Map<number, Value>();
        spec.steps.forEach((step, i) => {
          if (domains[i] === 'uniform') return;
          if (step.op !== 'load') {
            w.define(i);
            return;
          }
          const t = step.index;
          const front = fronts.get(t);
          const value =
            loaded.get(t) ??
            (front === undefined
              ? w.join(streams.map((own) => own.get(t)!.load(0, null)))
              : this.turn(t, front));
          loaded.set(t, value);
          w.setValue(i, value);
        });
        for (const o of w.plan.keptStores) {
          const value = w.value(spec.outputs[o]!.step);
          streams.forEach((own, r) => {
            own.get(w.output(o))!.store(0, w.part(value, r), null);
          });
        }
      });
      for (const own of streams) for (const stream of own.values()) stream.advance(1);
    });
  }

  /** Positions of four successive rows. */
  private rows(positions: Positions): Positions[] {
    const { w } = this;
    const axis = w.plan.rank - 2;
    const places = [positions];
    while (places.length < SIDE) {
      const before = places[places.length - 1]!;
      const place: Positions = new Map();
      for (const [t, position] of before) {
        const next = w.copy(position);
        w.f.get(next);
        w.pushStride(t, axis);
        w.f.op(OP.i32Add).set(next);
        place.set(t, next);
      }
      places.push(place);
    }
    return places;
  }

  /** A tile of a turned operand as four rows; `front` moves on. */
  private turn(t: number, front: number): Value {
    const { w } = this;
    const { dtype } = w.operand(t);
    const columns = range(0, SIDE).map(() => {
      const [local = 0] = w.lanes.load(storedKind(dtype), front).locals;
      w.f.get(front, this.strides[t]!).op(OP.i32Add).set(front);
      return local;
    });
    const kind = storedKind(dtype);
    const rows = transposed(w, columns).map((local) =>
      w.fromStored(dtype, { kind, locals: [local] }),
    );
    return w.join(rows);
  }
}

/**
 * A kernel for a map of at least two axes; units are blocks of sixteen rows. Word: blocks of the
 * second last axis. `turned`: inputs with unit stride along that axis.
 */
export function tileFunction(
  module: ModuleBuilder,
  name: string,
  plan: RegionPlan,
  mode: LaneMode,
  turned: ReadonlySet<number>,
  blocksWord: number,
): void {
  const f = module.function(undefined, name);
  const w = new RegionWriter(f, mode, plan);
  const [rowAxis, inner] = [plan.rank - 2, plan.rank - 1];
  const all = plan.operands.map((_, t) => t);
  const strides = strideLocals(w, all, inner);
  const positions = w.origins(all);
  const blocks = w.word(blocksWord);
  const odometer = new Odometer(w, range(0, rowAxis), positions);
  const block = w.int(() => f.get(BEGIN, blocks).op(OP.i32RemU));
  const first = w.int(() => f.get(BEGIN, blocks).op(OP.i32DivU));
  odometer.start(first);
  const units = w.int(() => f.get(END, BEGIN).op(OP.i32Sub));
  const writer = new TileWriter(w, turned, strides);
  repeat(w, units, () => {
    const from = w.int(() => f.get(block).i32(TILE_ROWS).op(OP.i32Mul));
    const rows = w.int(() => {
      const rest = w.int(() => f.get(w.size(rowAxis), from).op(OP.i32Sub));
      f.get(rest).i32(TILE_ROWS).get(rest).i32(TILE_ROWS).op(OP.i32LtS).op(OP.select);
    });
    const start = moved(w, positions, rowAxis, from);
    wholeTiles(w, writer, start, rows);
    edges(w, start, rows, strides);
    w.add(block, 1);
    f.get(block, blocks).op(OP.i32Eq);
    f.if(() => {
      f.i32(0).set(block);
      odometer.next();
    });
  });
}

/** All 4x4 tiles of a block of rows, strip by strip. */
function wholeTiles(w: RegionWriter, writer: TileWriter, start: Positions, rows: number): void {
  const { f } = w;
  const [rowAxis, inner] = [w.plan.rank - 2, w.plan.rank - 1];
  const groups = w.int(() => f.get(rows).i32(2).op(OP.i32ShrU));
  const left = w.int(() => f.get(w.size(inner)).i32(2).op(OP.i32ShrU));
  const perStrip = STRIP / SIDE;
  const column = w.int(() => f.i32(0));
  f.get(left);
  f.if(() => {
    f.loop((again) => {
      const tiles = w.int(() => {
        f.get(left).i32(perStrip).get(left).i32(perStrip).op(OP.i32LtS).op(OP.select);
      });
      const front = moved(w, start, inner, column);
      const four = w.int(() => f.i32(SIDE));
      const at: Positions = new Map([...front].map(([t, position]) => [t, w.copy(position)]));
      repeat(w, groups, () => {
        writer.tiles(at, tiles);
        for (const [t, position] of at) w.move(t, position, rowAxis, four);
      });
      w.add(column, STRIP);
      f.get(left, tiles).op(OP.i32Sub).tee(left).brIf(again);
    });
  });
}

/** What tiles leave: the last columns of whole groups of rows, and the last rows. */
function edges(w: RegionWriter, start: Positions, rows: number, strides: readonly number[]): void {
  const { f } = w;
  const [rowAxis, inner] = [w.plan.rank - 2, w.plan.rank - 1];
  const size = w.size(inner);
  const index = w.int(() => f.i32(0));
  repeat(w, rows, () => {
    const from = w.int(() => {
      f.get(size).i32(-SIDE).op(OP.i32And).i32(0);
      f.get(index, rows).i32(-SIDE).op(OP.i32And).op(OP.i32LtS).op(OP.select);
    });
    const count = w.int(() => f.get(size, from).op(OP.i32Sub));
    f.get(count);
    f.if(() => {
      const row = moved(w, moved(w, start, rowAxis, index), inner, from);
      emitMapRow(w, row, strides, count);
    });
    w.add(index, 1);
  });
}
