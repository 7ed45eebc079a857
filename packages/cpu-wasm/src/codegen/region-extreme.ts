/**
 * Largest and smallest float32 of a row, four lanes wide. On x64 `f32x4.max` is eight instructions;
 * here it is four: a comparing maximum that loses NaN and does not order zeros, beside it whether
 * there was a NaN, and which signs there were, which decide a result of zero.
 */
import type { F32, I32, Lanes, Mask, Value } from './lanes.ts';
import {
  type Accumulator,
  acrossLanes,
  type ReduceStep,
  type Reduction,
  reductionOf,
  type Stored,
} from './region-reduce.ts';

export class ExtremeAccumulator implements Accumulator {
  private readonly lanes: Lanes;
  private readonly isMax: boolean;
  private readonly reduction: Reduction;
  /** One for each vector of a group; what follows is shared, or registers would not suffice. */
  private readonly extremes: readonly F32[];
  private readonly sawNaN: Mask;
  /** Sign bits that all values (max) or any of them (min) had. */
  private readonly signs: I32;

  constructor(lanes: Lanes, step: ReduceStep, unroll: number) {
    this.lanes = lanes;
    this.isMax = step.reducer === 'max';
    this.reduction = reductionOf(lanes, step);
    this.extremes = Array.from({ length: unroll }, () => lanes.variable(this.neutral));
    this.sawNaN = lanes.variable(lanes.always(false));
    this.signs = lanes.variable(this.noSigns);
  }

  start(): void {
    for (const extreme of this.extremes) this.lanes.assign(extreme, this.neutral);
    this.lanes.assign(this.sawNaN, this.lanes.always(false));
    this.lanes.assign(this.signs, this.noSigns);
  }

  add(values: readonly Value[], inside: Mask | null): void {
    const { lanes, sawNaN, signs } = this;
    values.forEach((value, u) => {
      const own = value as F32;
      const x = inside === null ? own : lanes.select(inside, own, this.neutral);
      const extreme = this.extremes[u % this.extremes.length]!;
      lanes.assign(sawNaN, lanes.or(sawNaN, lanes.ne(x, x)));
      lanes.assign(signs, this.joinSigns(signs, lanes.bits(x)));
      lanes.assign(extreme, this.closer(extreme, x));
    });
  }

  finish(): Value {
    return this.result();
  }

  save(address: number, offset: number): void {
    this.lanes.storeFirst(address, this.result(), offset);
  }

  private get neutral(): F32 {
    return this.reduction.neutral as F32;
  }

  private get noSigns(): I32 {
    return this.lanes.i32(this.isMax ? -1 : 0);
  }

  private closer(a: F32, b: F32): F32 {
    return this.isMax ? this.lanes.pmax(a, b) : this.lanes.pmin(a, b);
  }

  private joinSigns(a: I32, b: I32): I32 {
    return this.isMax ? this.lanes.and(a, b) : this.lanes.or(a, b);
  }

  private result(): F32 {
    const { lanes, reduction } = this;
    const across = (value: Stored, combine: (a: Stored, b: Stored) => Stored): Stored =>
      acrossLanes(lanes, { ...reduction, combine }, value);
    const closest = this.extremes.reduce((a, b) => this.closer(a, b));
    const extreme = across(closest, (a, b) => this.closer(a as F32, b as F32)) as F32;
    const signs = across(this.signs, (a, b) => this.joinSigns(a as I32, b as I32)) as I32;
    const wrong = across(lanes.bool(this.sawNaN), (a, b) => lanes.or(a as I32, b as I32)) as I32;
    const zero = lanes.float(lanes.and(signs, lanes.i32(-(2 ** 31))));
    const signed = lanes.select(lanes.eq(extreme, lanes.f32(0)), zero, extreme);
    return lanes.select(lanes.truthy(wrong), lanes.f32(Number.NaN), signed);
  }
}
