/**
 * Regions without code generation: the same steps in the same order as generated code, bit for bit,
 * as loops over chunks of the innermost axis. Used where a content security policy forbids
 * `new Function`; 10 to 30 times slower than generated code.
 */
import type { PlannedLoop, RegionPlan, Step } from '@tenon/core';
import { compensated, type Reducer, reducerOf, twoSumError } from './reduce.ts';
import { type Evaluate, round, scalarFunction } from './scalars.ts';
import { type CpuBuffer, type View, viewOf } from './storage.ts';

/** Elements evaluated at once; a multiple of four, so that groups never straddle chunks. */
const CHUNK = 256;

const bits64: Float64Array<ArrayBuffer> = new Float64Array(1);
const words64: Int32Array<ArrayBuffer> = new Int32Array(bits64.buffer);
const bits32: Float32Array<ArrayBuffer> = new Float32Array(bits64.buffer);

/** Accumulators of a matmul block that stand in for input 0. */
export interface Tile {
  readonly values: Float64Array<ArrayBuffer>;
  readonly stride: number;
  readonly b0: number;
  readonly b1: number;
  readonly m0: number;
  readonly m1: number;
  readonly n0: number;
  readonly n1: number;
}

/** Runs one region; holds all its scratch, so a run allocates nothing. */
export class Interpreter {
  private readonly plan: RegionPlan;
  private readonly functions: readonly (Evaluate | null)[];
  private readonly reducers: readonly (Reducer | null)[];
  /** Per step: values of the current chunk. */
  private readonly chunks: readonly Float64Array<ArrayBuffer>[];
  /** Per step: uniform and kept values. */
  private readonly scalars: Float64Array<ArrayBuffer>;
  private readonly sums: Float64Array<ArrayBuffer>;
  private readonly lost: Float64Array<ArrayBuffer>;
  /** Per operand: element at the current kept position, and at the current reduced row. */
  private readonly keptAt: Int32Array<ArrayBuffer>;
  private readonly rowAt: Int32Array<ArrayBuffer>;
  private readonly index: Int32Array<ArrayBuffer>;
  private readonly views: (View | null)[];
  private tile: Tile | null;

  constructor(plan: RegionPlan) {
    const { steps } = plan.spec;
    this.plan = plan;
    this.functions = steps.map((step) =>
      step.op === 'load' || step.op === 'const' || step.op === 'reduce'
        ? null
        : scalarFunction(step.op, step.dtype, step.from),
    );
    this.reducers = steps.map((step) =>
      step.op === 'reduce' ? reducerOf(step.reducer, step.dtype) : null,
    );
    this.chunks = steps.map(() => new Float64Array(CHUNK));
    this.scalars = new Float64Array(steps.length);
    this.sums = new Float64Array(steps.length);
    this.lost = new Float64Array(steps.length);
    this.keptAt = new Int32Array(plan.operands.length);
    this.rowAt = new Int32Array(plan.operands.length);
    this.index = new Int32Array(plan.rank);
    this.views = plan.operands.map(() => null);
    this.tile = null;
  }

  run(buffers: readonly CpuBuffer[], args: Int32Array, tile: Tile | null = null): void {
    const { plan } = this;
    this.tile = tile;
    plan.operands.forEach((operand, t) => {
      const buffer = buffers[operand.buffer];
      this.views[t] = buffer === undefined ? null : viewOf(buffer, operand.dtype);
    });
    this.constants(args);
    if (plan.spec.reducedRank === 0) this.runMap(args);
    else this.runReduce(args);
  }

  private step(i: number): Step {
    const found = this.plan.spec.steps[i];
    if (found === undefined) throw new RangeError(`region: no step ${i}`);
    return found;
  }

  private constants(args: Int32Array): void {
    const { plan } = this;
    plan.spec.steps.forEach((step, i) => {
      if (step.op === 'const') {
        const word = plan.constantWords[step.index] ?? 0;
        words64[0] = args[word] ?? 0;
        if (step.dtype === 'f64') words64[1] = args[word + 1] ?? 0;
        const wide = step.dtype === 'f64' ? bits64[0] : bits32[0];
        const isFloat = step.dtype === 'f64' || step.dtype === 'f32';
        this.scalars[i] = isFloat ? (wide ?? 0) : round(step.dtype, args[word] ?? 0);
      } else if (plan.domains[i] === 'uniform') this.scalar(i);
    });
  }

  /** A uniform or kept step from uniform and kept values. */
  private scalar(i: number): void {
    const step = this.step(i);
    if (step.op === 'load' || step.op === 'const' || step.op === 'reduce') return;
    const [a = 0, b = 0, c = 0] = step.args;
    const { scalars } = this;
    scalars[i] = this.functions[i]?.(scalars[a] ?? 0, scalars[b] ?? 0, scalars[c] ?? 0) ?? 0;
  }

  private size(args: Int32Array, axis: number): number {
    return args[(this.plan.operands[0]?.word ?? this.plan.rank) - this.plan.rank + axis] ?? 1;
  }

  private stride(args: Int32Array, t: number, axis: number): number {
    const operand = this.plan.operands[t];
    if (operand === undefined) return 0;
    if (operand.domain === 'kept' && axis >= this.plan.spec.keptRank) return 0;
    return args[operand.word + 1 + axis] ?? 0;
  }

  /** Positions of all operands at `index` along the axes from…to, on top of `base`. */
  private move(
    args: Int32Array,
    target: Int32Array,
    base: Int32Array | null,
    from: number,
    to: number,
  ): void {
    for (let t = 0; t < target.length; t++) {
      let at = base === null ? (args[this.plan.operands[t]?.word ?? 0] ?? 0) : (base[t] ?? 0);
      for (let axis = from; axis < to; axis++) {
        at += Math.imul(this.index[axis] ?? 0, this.stride(args, t, axis));
      }
      target[t] = at;
    }
  }

  /** The next index along the axes from…to, the last one fastest; false after the last. */
  private advance(args: Int32Array, from: number, to: number): boolean {
    for (let axis = to - 1; axis >= from; axis--) {
      const next = (this.index[axis] ?? 0) + 1;
      this.index[axis] = next < this.size(args, axis) ? next : 0;
      if (next < this.size(args, axis)) return true;
    }
    return false;
  }

  private isEmpty(args: Int32Array, from: number, to: number): boolean {
    for (let axis = from; axis < to; axis++) if (this.size(args, axis) === 0) return true;
    return false;
  }

  private element(t: number, at: number): number {
    const view = this.views[t];
    const operand = this.plan.operands[t];
    if (view !== null && view !== undefined) return view[at] ?? 0;
    if (operand?.dtype === 'bool') return at !== 0 ? 1 : 0;
    return round(operand?.dtype ?? 'i32', at);
  }

  private runMap(args: Int32Array): void {
    const { plan, tile } = this;
    const inner = plan.rank - 1;
    if (tile === null) {
      if (this.isEmpty(args, 0, plan.rank)) return;
      this.index.fill(0);
      do {
        this.move(args, this.rowAt, null, 0, inner);
        this.mapRow(args, 0, this.size(args, inner));
      } while (this.advance(args, 0, inner));
      return;
    }
    for (let m = tile.m0; m < tile.m1; m++) {
      this.index[0] = tile.b0;
      this.index[1] = tile.b1;
      this.index[2] = m;
      this.move(args, this.rowAt, null, 0, inner);
      this.mapRow(args, tile.n0, tile.n1);
    }
  }

  private mapRow(args: Int32Array, from: number, to: number): void {
    const { plan } = this;
    const inner = plan.rank - 1;
    for (let start = from; start < to; start += CHUNK) {
      const count = Math.min(CHUNK, to - start);
      for (let i = 0; i < plan.spec.steps.length; i++) {
        if (plan.domains[i] !== 'uniform') this.chunk(args, i, inner, start, count);
      }
      for (const o of plan.keptStores) this.storeChunk(args, o, inner, start, count);
    }
  }

  /** Values of step i at `count` successive positions along `axis`. */
  private chunk(args: Int32Array, i: number, axis: number, start: number, count: number): void {
    const step = this.step(i);
    const target = this.chunks[i];
    if (target === undefined || step.op === 'const' || step.op === 'reduce') return;
    if (step.op === 'load') {
      if (this.tile !== null && step.index === 0) this.tileChunk(step, target, start, count);
      else {
        const stride = this.stride(args, step.index, axis);
        const at = this.rowAt[step.index] ?? 0;
        for (let u = 0; u < count; u++) {
          target[u] = this.element(step.index, at + Math.imul(start + u, stride));
        }
      }
      return;
    }
    const [a = 0, b = a, c = a] = step.args;
    const f = this.functions[i];
    const x = this.operandChunk(a, count);
    const y = this.operandChunk(b, count);
    const z = this.operandChunk(c, count);
    if (f === null || f === undefined) return;
    for (let u = 0; u < count; u++) target[u] = f(x[u] ?? 0, y[u] ?? 0, z[u] ?? 0);
  }

  private tileChunk(step: Step, target: Float64Array, start: number, count: number): void {
    const { tile } = this;
    if (tile === null) return;
    const row = ((this.index[2] ?? 0) - tile.m0) * tile.stride - tile.n0 + start;
    for (let u = 0; u < count; u++) target[u] = round(step.dtype, tile.values[row + u] ?? 0);
  }

  /** The chunk of step i; a value that does not vary here is spread out. */
  private operandChunk(i: number, count: number): Float64Array {
    const chunk = this.chunks[i] ?? this.scalars;
    const isSpread =
      this.plan.spec.reducedRank > 0
        ? this.plan.domains[i] !== 'full'
        : this.plan.domains[i] === 'uniform';
    if (isSpread) chunk.fill(this.scalars[i] ?? 0, 0, count);
    return chunk;
  }

  private storeChunk(
    args: Int32Array,
    o: number,
    axis: number,
    start: number,
    count: number,
  ): void {
    const t = this.plan.spec.inputs.length + o;
    const view = this.views[t];
    const values = this.operandChunk(this.plan.spec.outputs[o]?.step ?? 0, count);
    if (view === null || view === undefined) return;
    const stride = this.stride(args, t, axis);
    const at = this.rowAt[t] ?? 0;
    for (let u = 0; u < count; u++) view[at + Math.imul(start + u, stride)] = values[u] ?? 0;
  }

  private runReduce(args: Int32Array): void {
    const { plan } = this;
    const { keptRank, steps } = plan.spec;
    if (this.isEmpty(args, 0, keptRank)) return;
    const lastPhase = Math.max(plan.loops.length, ...plan.phases);
    this.index.fill(0);
    do {
      this.move(args, this.keptAt, null, 0, keptRank);
      for (let phase = 0; phase <= lastPhase; phase++) {
        steps.forEach((step, i) => {
          if (plan.domains[i] !== 'kept' || plan.phases[i] !== phase) return;
          if (step.op === 'load') {
            this.scalars[i] = this.element(step.index, this.keptAt[step.index] ?? 0);
          } else if (step.op === 'reduce') this.finish(i);
          else this.scalar(i);
        });
        const loop = plan.loops[phase];
        if (loop !== undefined) this.pass(args, loop);
      }
      for (const o of plan.keptStores) {
        const t = plan.spec.inputs.length + o;
        const view = this.views[t];
        const value = this.scalars[plan.spec.outputs[o]?.step ?? 0] ?? 0;
        if (view !== null && view !== undefined) view[this.keptAt[t] ?? 0] = value;
      }
    } while (this.advance(args, 0, keptRank));
  }

  private finish(i: number): void {
    const step = this.step(i);
    const sum = this.sums[i] ?? 0;
    const isCompensated = this.reducers[i]?.isCompensated === true;
    const value = isCompensated ? compensated(sum, this.lost[i] ?? 0) : sum;
    this.scalars[i] = round(step.dtype, value);
  }

  /** One pass over the reduced axes at the current kept position. */
  private pass(args: Int32Array, loop: PlannedLoop): void {
    const { plan } = this;
    const { keptRank } = plan.spec;
    const inner = plan.rank - 1;
    for (const i of loop.reduces) {
      this.sums[i] = this.reducers[i]?.identity ?? 0;
      this.lost[i] = 0;
    }
    if (this.isEmpty(args, keptRank, plan.rank)) return;
    const size = this.size(args, inner);
    do {
      this.move(args, this.rowAt, this.keptAt, keptRank, inner);
      for (let start = 0; start < size; start += CHUNK) {
        const count = Math.min(CHUNK, size - start);
        // Spilled values are computed again: the same value from the same operands.
        for (const i of loop.spilled) this.again(args, i, start, count);
        for (const i of loop.steps) this.chunk(args, i, inner, start, count);
        for (const i of loop.reduces) this.accumulate(i, start, count, size);
        for (const o of loop.stores) this.storeChunk(args, o, inner, start, count);
      }
    } while (this.advance(args, keptRank, inner));
  }

  /** A full step together with all it needs. */
  private again(args: Int32Array, i: number, start: number, count: number): void {
    const step = this.step(i);
    if (this.plan.domains[i] !== 'full') return;
    if (step.op !== 'load' && step.op !== 'const') {
      for (const arg of step.args) this.again(args, arg, start, count);
    }
    this.chunk(args, i, this.plan.rank - 1, start, count);
  }

  private accumulate(i: number, start: number, count: number, size: number): void {
    const step = this.step(i);
    const reducer = this.reducers[i];
    if (step.op !== 'reduce' || reducer === null || reducer === undefined) return;
    const values = this.operandChunk(step.args[0], count);
    const grouped = reducer.isGrouped ? Math.max(0, Math.min(count, (size & ~3) - start)) : 0;
    let sum = this.sums[i] ?? 0;
    let u = 0;
    for (; u < grouped; u += 4) {
      let group = values[u] ?? 0;
      for (let k = u + 1; k < u + 4; k++) group = reducer.combine(group, values[k] ?? 0);
      sum = reducer.combine(sum, group);
    }
    for (; u < count; u++) {
      const value = values[u] ?? 0;
      if (reducer.isCompensated) this.lost[i] = (this.lost[i] ?? 0) + twoSumError(sum, value);
      sum = reducer.combine(sum, value);
    }
    this.sums[i] = sum;
  }
}
