/**
 * What every loop order of a region shares: launch words as locals, values of steps, positions of
 * operands, and the odometer that walks outer axes. Positions are byte addresses; those of an iota
 * are its numbers.
 */
import type { DType, PlannedOperand, RegionPlan, Step } from '@tenon/core';
import type { FunctionBuilder } from '../encoder/function.ts';
import { OP } from '../encoder/opcodes.ts';
import {
  createLanes,
  type I32,
  type LaneMode,
  type Lanes,
  type Mask,
  type Value,
} from './lanes.ts';
import { emitScalar } from './scalars.ts';

/** What an element is in memory. */
export type StoredKind = 'f32' | 'i32' | 'f64';

export function storedKind(dtype: DType): StoredKind {
  return dtype === 'f32' || dtype === 'f64' ? dtype : 'i32';
}

/** Parameters of every kernel. */
export const ARGS = 0;
export const BEGIN = 1;
export const END = 2;
export const SCRATCH = 3;

/** Operand → local with its position. */
export type Positions = Map<number, number>;

export class RegionWriter {
  readonly f: FunctionBuilder;
  readonly lanes: Lanes;
  readonly plan: RegionPlan;
  /** Locals with the sizes of the axes. */
  readonly sizes: readonly number[];
  private readonly values: (Value | undefined)[] = [];
  /** What steps are emitted on: `lanes`, or several vectors of them. */
  private active: Lanes;
  private vectors = 1;

  /** Emits the loading of sizes and the values that no axis changes. */
  constructor(f: FunctionBuilder, mode: LaneMode, plan: RegionPlan) {
    this.f = f;
    this.lanes = createLanes(f, mode);
    this.active = this.lanes;
    this.plan = plan;
    const base = (plan.operands[0]?.word ?? plan.rank) - plan.rank;
    this.sizes = Array.from({ length: plan.rank }, (_, axis) => this.word(base + axis));
    plan.spec.steps.forEach((_, i) => {
      if (plan.domains[i] === 'uniform') this.define(i);
    });
  }

  operand(t: number): PlannedOperand {
    const found = this.plan.operands[t];
    if (found === undefined) throw new RangeError(`region: no operand ${t}`);
    return found;
  }

  /** The operand that output `o` is. */
  output(o: number): number {
    return this.plan.spec.inputs.length + o;
  }

  step(i: number): Step {
    const found = this.plan.spec.steps[i];
    if (found === undefined) throw new RangeError(`region: no step ${i}`);
    return found;
  }

  size(axis: number): number {
    const found = this.sizes[axis];
    if (found === undefined) throw new RangeError(`region: no axis ${axis}`);
    return found;
  }

  /** A fresh i32 local with what `push` leaves on the stack. */
  int(push: () => void): number {
    push();
    const local = this.f.local('i32');
    this.f.set(local);
    return local;
  }

  /** A fresh local with launch word `index`. */
  word(index: number): number {
    return this.int(() => this.f.get(ARGS).memory(OP.i32Load, 4 * index));
  }

  copy(local: number): number {
    return this.int(() => this.f.get(local));
  }

  /** log2 of what one element adds to the position of an operand. */
  shift(t: number): number {
    const { isIota, dtype } = this.operand(t);
    return isIota ? 0 : dtype === 'f64' ? 3 : 2;
  }

  /** Whether an operand can move along an axis. */
  moves(t: number, axis: number): boolean {
    const { domain, keptClass, reducedClass } = this.operand(t);
    const { keptRank } = this.plan.spec;
    if (axis >= keptRank && domain === 'kept') return false;
    if (axis === keptRank - 1) return keptClass !== 0;
    return axis !== this.plan.rank - 1 || reducedClass !== 0;
  }

  strideClass(t: number, axis: number): number {
    const { keptClass, reducedClass } = this.operand(t);
    return axis < this.plan.spec.keptRank ? keptClass : reducedClass;
  }

  /** Pushes what one index along `axis` adds to the position of operand t. */
  pushStride(t: number, axis: number): void {
    const isLast = axis === this.plan.spec.keptRank - 1 || axis === this.plan.rank - 1;
    const shift = this.shift(t);
    if (isLast && this.strideClass(t, axis) === 1) this.f.i32(2 ** shift);
    else {
      this.f.get(ARGS).memory(OP.i32Load, 4 * (this.operand(t).word + 1 + axis));
      if (shift > 0) this.f.i32(shift).op(OP.i32Shl);
    }
  }

  /** position += index · stride */
  move(t: number, position: number, axis: number, index: number): void {
    this.f.get(position, index);
    this.pushStride(t, axis);
    this.f.op(OP.i32Mul).op(OP.i32Add).set(position);
  }

  /** local += addend */
  add(local: number, addend: number): void {
    this.f.get(local).i32(addend).op(OP.i32Add).set(local);
  }

  /** Positions of operands at the origin. */
  origins(operands: Iterable<number>): Positions {
    const positions: Positions = new Map();
    for (const t of operands) positions.set(t, this.word(this.operand(t).word));
    return positions;
  }

  value(i: number): Value {
    const found = this.values[i];
    if (found === undefined) throw new Error(`region: step ${i} has no value yet`);
    return found;
  }

  setValue(i: number, value: Value): void {
    this.values[i] = value;
  }

  /** Emits what `emit` does with steps on `vectors` vectors at once. */
  together(vectors: number, emit: () => void): void {
    const before = { active: this.active, vectors: this.vectors };
    this.active = vectors === 1 ? this.lanes : createLanes(this.f, this.lanes.mode, vectors);
    this.vectors = vectors;
    emit();
    this.active = before.active;
    this.vectors = before.vectors;
  }

  /** One value of several vectors. */
  join(values: readonly Value[]): Value {
    const [first] = values;
    if (first === undefined) throw new Error('region: no vector');
    return { kind: first.kind, locals: values.flatMap((value) => value.locals) };
  }

  /** Vector u of a value; one that is the same in every vector may have but one. */
  part(value: Value, u: number): Value {
    const own = this.localsOf(value);
    if (value.locals.length === own) return value;
    return { kind: value.kind, locals: value.locals.slice(own * u, own * (u + 1)) };
  }

  /** Locals of one vector. */
  private localsOf({ kind }: Value): number {
    const isWide = kind === 'f64' || kind === 'i64' || kind === 'mask64';
    return isWide && this.lanes.width > 1 ? 2 : 1;
  }

  private spread(value: Value): Value {
    const missing = this.vectors * this.localsOf(value) - value.locals.length;
    return missing === 0 ? value : this.join(Array.from({ length: this.vectors }, () => value));
  }

  /** Emits a step that is neither a load nor a reduction. */
  define(i: number): void {
    const step = this.step(i);
    if (step.op === 'load' || step.op === 'reduce') throw new Error(`region: step ${i} ${step.op}`);
    if (step.op === 'const') {
      const word = this.plan.constantWords[step.index] ?? 0;
      const stored = this.lanes.loadSplat(storedKind(step.dtype), ARGS, 4 * word);
      this.values[i] = this.fromStored(step.dtype, stored);
    } else {
      const args = step.args.map((a) => this.spread(this.value(a)));
      this.values[i] = this.f.recycled(() =>
        emitScalar(this.active, step.op, args, step.dtype, step.from),
      );
    }
  }

  /** A value as steps want it: bools are masks in registers and 0 or 1 in memory. */
  fromStored(dtype: DType, stored: Value): Value {
    return dtype === 'bool' ? this.lanes.truthy(stored as I32) : stored;
  }

  toStored(dtype: DType, value: Value): Value<StoredKind> {
    if (dtype === 'bool') return this.lanes.bool(value as Mask);
    return value as Value<StoredKind>;
  }

  /** The one element at the position of a load, in every lane. */
  loadSplat(i: number, positions: Positions): void {
    const step = this.step(i);
    if (step.op !== 'load') throw new Error(`region: step ${i} is no load`);
    const position = positionOf(positions, step.index);
    if (this.operand(step.index).isIota) {
      this.values[i] = iotaValue(this.lanes, step.dtype, this.lanes.splat('i32', position));
    } else {
      const stored = this.lanes.loadSplat(storedKind(step.dtype), position);
      this.values[i] = this.fromStored(step.dtype, stored);
    }
  }

  /** Stores the first lane of an output's value at its position. */
  storeFirst(o: number, positions: Positions): void {
    const output = this.plan.spec.outputs[o];
    if (output === undefined) throw new RangeError(`region: no output ${o}`);
    const stored = this.toStored(output.dtype, this.value(output.step));
    this.lanes.storeFirst(positionOf(positions, this.output(o)), stored);
  }
}

export function positionOf(positions: Positions, t: number): number {
  const found = positions.get(t);
  if (found === undefined) throw new Error(`region: operand ${t} has no position`);
  return found;
}

/** What an iota of this dtype reads where its number is `index`. */
export function iotaValue(lanes: Lanes, dtype: DType, index: I32): Value {
  if (dtype === 'f32') return lanes.fromI32(index);
  if (dtype === 'f64') return lanes.widenI32(index);
  return dtype === 'bool' ? lanes.truthy(index) : index;
}

/** Walks outer axes in row-major order; only where it starts costs divisions. */
export class Odometer {
  private readonly w: RegionWriter;
  private readonly axes: readonly number[];
  private readonly positions: Positions;
  private readonly coordinates: number[];

  constructor(w: RegionWriter, axes: readonly number[], positions: Positions) {
    this.w = w;
    this.axes = axes;
    this.positions = positions;
    this.coordinates = axes.map(() => w.f.local('i32'));
  }

  /** Moves from the origin to the place with number `index` (an i32 local). */
  start(index: number): void {
    const { w } = this;
    const rest = w.copy(index);
    for (let k = this.axes.length - 1; k >= 0; k--) {
      const axis = this.axes[k]!;
      const coordinate = this.coordinates[k]!;
      if (k === 0) w.f.get(rest).set(coordinate);
      else {
        w.f.get(rest, w.size(axis)).op(OP.i32RemU).set(coordinate);
        w.f.get(rest, w.size(axis)).op(OP.i32DivU).set(rest);
      }
      for (const [t, position] of this.positions) {
        if (w.moves(t, axis)) w.move(t, position, axis, coordinate);
      }
    }
  }

  /** Moves on by one. */
  next(k: number = this.axes.length - 1): void {
    const axis = this.axes[k];
    const coordinate = this.coordinates[k];
    if (axis === undefined || coordinate === undefined) return;
    const { w } = this;
    w.add(coordinate, 1);
    for (const [t, position] of this.positions) {
      if (!w.moves(t, axis)) continue;
      w.f.get(position);
      w.pushStride(t, axis);
      w.f.op(OP.i32Add).set(position);
    }
    // The outermost axis ends with the work.
    if (k === 0) return;
    w.f.get(coordinate, w.size(axis)).op(OP.i32Eq);
    w.f.if(() => {
      for (const [t, position] of this.positions) {
        if (!w.moves(t, axis)) continue;
        w.f.get(position, coordinate);
        w.pushStride(t, axis);
        w.f.op(OP.i32Mul).op(OP.i32Sub).set(position);
      }
      w.f.i32(0).set(coordinate);
      this.next(k - 1);
    });
  }
}
