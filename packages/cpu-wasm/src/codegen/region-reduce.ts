/**
 * The arithmetic of reductions on lanes, for both loop orders: what an accumulator is, how a value
 * enters it and how two meet. Float32 sums and products accumulate in double; double sums carry
 * what they lose (Knuth's two-sum), so both are at least as exact as pairwise summation.
 */
import type { Step } from '@tenon/core';
import type { F32, F64, I32, Lanes, Mask, Value } from './lanes.ts';
import type { StoredKind } from './region-writer.ts';

export type ReduceStep = Extract<Step, { readonly op: 'reduce' }>;
export type Stored = Value<StoredKind>;

export interface Reduction {
  /** Kind of the accumulator. */
  readonly kind: StoredKind;
  /** A second accumulator holds what the first has lost. */
  readonly isCompensated: boolean;
  /** Float32 that accumulates in double. */
  readonly isWidened: boolean;
  /** What changes nothing, as `narrow` gives it. */
  readonly neutral: Stored;
  /** What changes nothing, as an accumulator. */
  readonly identity: Stored;
  /** A step's value as numbers. */
  readonly narrow: (value: Value) => Stored;
  /** Numbers as an accumulator. */
  readonly widen: (value: Stored) => Stored;
  /** Two of the same kind, wide or narrow. */
  readonly combine: (a: Stored, b: Stored) => Stored;
  /** The step's value. */
  readonly finish: (accumulator: Stored) => Value;
}

type Combine = (a: Stored, b: Stored) => Stored;

function neutralOf(lanes: Lanes, { reducer, dtype }: ReduceStep): Stored {
  const isFloat = dtype === 'f32' || dtype === 'f64';
  if (reducer === 'sum' || reducer === 'prod') {
    const value = reducer === 'sum' ? 0 : 1;
    return dtype === 'f32' ? lanes.f32(value) : isFloat ? lanes.f64(value) : lanes.i32(value);
  }
  const isMax = reducer === 'max';
  const infinity = isMax ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  if (isFloat) return dtype === 'f32' ? lanes.f32(infinity) : lanes.f64(infinity);
  if (dtype === 'i32') return lanes.i32(isMax ? -(2 ** 31) : 2 ** 31 - 1);
  if (dtype === 'u32') return lanes.i32(isMax ? 0 : -1);
  return lanes.i32(isMax ? 0 : 1);
}

function combineOf(lanes: Lanes, { reducer, dtype }: ReduceStep): Combine {
  if (dtype === 'bool') {
    const isAny = reducer === 'sum' || reducer === 'max';
    return (a, b) => (isAny ? lanes.or(a as I32, b as I32) : lanes.and(a as I32, b as I32));
  }
  if (reducer === 'sum') return (a, b) => lanes.add(a, b);
  if (reducer === 'prod') return (a, b) => lanes.mul(a, b);
  if (dtype === 'u32') {
    return (a, b) =>
      reducer === 'max' ? lanes.maxU(a as I32, b as I32) : lanes.minU(a as I32, b as I32);
  }
  return (a, b) => (reducer === 'max' ? lanes.max(a, b) : lanes.min(a, b));
}

export function reductionOf(lanes: Lanes, step: ReduceStep): Reduction {
  const { reducer, dtype } = step;
  const isAdditive = reducer === 'sum' || reducer === 'prod';
  const isWidened = dtype === 'f32' && isAdditive;
  const neutral = neutralOf(lanes, step);
  const isBool = dtype === 'bool';
  return {
    kind: isWidened || dtype === 'f64' ? 'f64' : dtype === 'f32' ? 'f32' : 'i32',
    isCompensated: dtype === 'f64' && reducer === 'sum',
    isWidened,
    neutral,
    identity: isWidened ? lanes.f64(reducer === 'sum' ? 0 : 1) : neutral,
    narrow: (value) => (isBool ? lanes.bool(value as Mask) : (value as Stored)),
    widen: (value) => (isWidened ? lanes.widen(value as F32) : value),
    combine: combineOf(lanes, step),
    finish: (accumulator) => {
      if (isWidened) return lanes.narrow(accumulator as F64);
      return isBool ? lanes.truthy(accumulator as I32) : accumulator;
    },
  };
}

/** A sum and what it has lost so far. */
export interface Pair {
  readonly sum: F64;
  readonly lost: F64;
}

/** Knuth's two-sum: the exact sum of a and b is sum + lost. */
export function twoSum(lanes: Lanes, a: F64, b: F64): Pair {
  const sum = lanes.add(a, b);
  const part = lanes.sub(sum, a);
  const lost = lanes.add(lanes.sub(a, lanes.sub(sum, part)), lanes.sub(b, part));
  return { sum, lost };
}

/** The end of a compensated sum: infinities make the lost part NaN, which then does not count. */
export function compensated(lanes: Lanes, { sum, lost }: Pair): F64 {
  return lanes.select(lanes.eq(lost, lost), lanes.add(sum, lost), sum);
}

/** Lanes 2 3 0 1, and 1 0 3 2. */
const HALVES = [8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7];
const WORDS = [4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11];

/** All lanes of an accumulator combined, in every lane. */
export function acrossLanes(lanes: Lanes, { combine }: Reduction, value: Stored): Stored {
  if (lanes.width === 1) return value;
  const { f } = lanes;
  const turned = (a: Stored, bytes: readonly number[]): Stored => {
    const locals = a.locals.map((from) => {
      f.get(from, from).shuffle(bytes);
      const local = f.local('v128');
      f.set(local);
      return local;
    });
    return { kind: a.kind, locals };
  };
  if (value.kind === 'f64') {
    const [low = 0, high = 0] = value.locals;
    const halves = combine(value, { kind: 'f64', locals: [high, low] });
    return combine(halves, turned(halves, HALVES));
  }
  const halves = combine(value, turned(value, HALVES));
  return combine(halves, turned(halves, WORDS));
}

/** One reduction along a row. */
export interface Accumulator {
  /** At the start of a row. */
  start(): void;
  /** Takes the vectors of a group; lanes outside `inside` do not count. */
  add(values: readonly Value[], inside: Mask | null): void;
  /** The result of the row, in every lane. */
  finish(): Value;
  /** Writes the state of a part of a row to `address` (a local): 16 bytes. */
  save(address: number, offset: number): void;
}

/** Vectors of a group whose float32 lanes meet before they enter a double. */
const QUARTET = 4;

/** Rows that are shorter enter doubles element by element. */
export const LONG_ROW = 64;

/**
 * Accumulates in the kind of the reduction. Float32 sums of long rows: the lanes of four vectors
 * first meet in float32, always the same sixteen elements, whatever else the loop computes; so a
 * fused program gives the bits of single operations. Only where fusion walks long rows in another
 * order (or by columns) may a last bit differ.
 */
export class RowAccumulator implements Accumulator {
  private readonly lanes: Lanes;
  private readonly reduction: Reduction;
  private readonly isSum: boolean;
  private readonly isLong: number | null;
  private readonly parts: readonly Stored[];
  private readonly lost: F64 | null;

  /** `isLong`: an i32 local, whether rows have LONG_ROW elements or more. */
  constructor(lanes: Lanes, step: ReduceStep, unroll: number, isLong: number | null = null) {
    this.lanes = lanes;
    this.isLong = isLong;
    const reduction = reductionOf(lanes, step);
    this.reduction = reduction;
    this.isSum = reduction.isWidened && step.reducer === 'sum';
    const isSingle = reduction.isCompensated || (this.isSum && lanes.width > 1);
    const count = isSingle ? 1 : unroll;
    this.parts = Array.from({ length: count }, () => lanes.variable(reduction.identity));
    this.lost = reduction.isCompensated ? lanes.variable(lanes.f64(0)) : null;
  }

  start(): void {
    for (const part of this.parts) this.lanes.assign(part, this.reduction.identity);
    if (this.lost !== null) this.lanes.assign(this.lost, this.lanes.f64(0));
  }

  add(values: readonly Value[], inside: Mask | null): void {
    const { lanes, reduction } = this;
    const terms = values.map((value) => {
      const narrow = reduction.narrow(value);
      if (inside === null) return narrow;
      // Only 32-bit kinds have more than one lane.
      return lanes.select(inside, narrow as I32, reduction.neutral as I32);
    });
    const each = (): void => {
      terms.forEach((term, u) => {
        this.take(u, reduction.widen(term));
      });
    };
    const isQuartet = this.isSum && lanes.width > 1 && terms.length === QUARTET;
    if (!isQuartet || this.isLong === null) {
      each();
      return;
    }
    const together = (): void => this.take(0, reduction.widen(pairwise(terms, reduction.combine)));
    lanes.f.get(this.isLong).if(together, each);
  }

  private take(u: number, term: Stored): void {
    const part = this.parts[u % this.parts.length]!;
    if (this.lost === null) this.lanes.assign(part, this.reduction.combine(part, term));
    else this.compensate(part as F64, this.lost, { sum: term as F64, lost: null });
  }

  finish(): Value {
    const { lanes, reduction } = this;
    const all = pairwise(this.parts, reduction.combine);
    if (this.lost !== null) return compensated(lanes, { sum: all as F64, lost: this.lost });
    return reduction.finish(acrossLanes(lanes, reduction, all));
  }

  save(address: number, offset: number): void {
    const { lanes, reduction } = this;
    const all = pairwise(this.parts, reduction.combine);
    lanes.storeFirst(address, acrossLanes(lanes, reduction, all), offset);
    if (this.lost !== null) lanes.storeFirst(address, this.lost, offset + 8);
  }

  /** Adds a saved state; only for accumulators with one part. */
  merge(address: number, offset: number): void {
    const { lanes, reduction } = this;
    const part = this.parts[0]!;
    const saved = lanes.loadSplat(reduction.kind, address, offset);
    if (this.lost === null) lanes.assign(part, reduction.combine(part, saved));
    else {
      const lost = lanes.loadSplat('f64', address, offset + 8);
      this.compensate(part as F64, this.lost, { sum: saved as F64, lost });
    }
  }

  /** The value of merged states, which are equal in every lane already. */
  finishMerged(): Value {
    const part = this.parts[0]!;
    if (this.lost !== null) return compensated(this.lanes, { sum: part as F64, lost: this.lost });
    return this.reduction.finish(part);
  }

  private compensate(
    sum: F64,
    lost: F64,
    by: { readonly sum: F64; readonly lost: F64 | null },
  ): void {
    const { lanes } = this;
    const added = twoSum(lanes, sum, by.sum);
    lanes.assign(sum, added.sum);
    const more = by.lost === null ? added.lost : lanes.add(added.lost, by.lost);
    lanes.assign(lost, lanes.add(lost, more));
  }
}

/** All of them combined, neighbours first. */
export function pairwise(
  values: readonly Stored[],
  combine: (a: Stored, b: Stored) => Stored,
): Stored {
  let level = values;
  while (level.length > 1) {
    const next: Stored[] = [];
    for (let i = 0; i < level.length; i += 2) {
      const [a, b] = [level[i]!, level[i + 1]];
      next.push(b === undefined ? a : combine(a, b));
    }
    level = next;
  }
  return level[0]!;
}
