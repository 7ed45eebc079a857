/**
 * Tensor: a layout over a source of elements, with the graph node that made it. Methods are thin:
 * each calls the op of the same name through a table that ops.ts installs, so this file imports
 * types only and stands below everything else. Each op is documented where it is defined.
 */

import type { GradNode } from './autograd/node.ts';
import type { Backend } from './backend.ts';
import type { DataArray, DType } from './dtype.ts';
import type { Layout } from './layout.ts';
import type { Ops } from './ops.ts';
import type { Runtime } from './runtime.ts';
import type { Axes, Shape } from './shape.ts';
import type { Source } from './source.ts';

/** An operand: numbers and booleans take the dtype of the tensor they meet. */
export type TensorLike = Tensor | number | boolean;
/** What `toArray` gives and `tensor` takes. */
export type NestedArray = number | boolean | readonly NestedArray[];

export interface ReduceOptions {
  /** Keep reduced axes with size 1. */
  readonly keepDims?: boolean;
}
export interface VarianceOptions extends ReduceOptions {
  /** Divide by count - correction: 1 (the default) is the unbiased estimate, 0 the population's. */
  readonly correction?: number;
}
export interface NormOptions extends ReduceOptions {
  /** Order of the norm; 2 by default, Infinity and 0 allowed. */
  readonly p?: number;
  readonly axes?: Axes;
}
export interface SortOptions {
  readonly descending?: boolean;
}
export interface TopKOptions {
  /** false for the smallest. */
  readonly largest?: boolean;
}
export interface Sorted {
  readonly values: Tensor;
  /** i32, along the axis. */
  readonly indices: Tensor;
}
/** Per axis: null for all of it, or [start, stop, step?] as in Python (negative from the end). */
export type Range = null | readonly [start: number | null, stop?: number | null, step?: number];
/** Per axis: an integer drops the axis, null keeps it, indices gather, a bool tensor selects. */
export type Index = null | number | readonly number[] | Tensor;

export interface BackwardOptions {
  /** Cotangent of this tensor; 1 for a tensor of one element. */
  readonly gradient?: Tensor;
  /** Keep the graph for another backward(). */
  readonly retainGraph?: boolean;
  /** Make the gradients differentiable themselves. Implies retainGraph. */
  readonly createGraph?: boolean;
}

let table: Ops | null = null;

/** Called once by ops.ts. */
export function installOps(ops: Ops): void {
  table = ops;
}
/** The installed ops: derivatives and methods call through this table. */
export function installedOps(): Ops {
  if (table === null) throw new Error('core: import from @tenon/core, not from tensor.ts');
  return table;
}

/** An n-dimensional array on a backend. Immutable; see Variable for state. */
export class Tensor {
  /** @internal */
  readonly runtime: Runtime;
  /** @internal */
  source: Source;
  /** @internal */
  layout: Layout;
  readonly dtype: DType;
  /** @internal The graph node that made this tensor, or null where no gradient is wanted. */
  node: GradNode | null;
  /** @internal Which of the node's outputs this is. */
  nodeOutput: number;

  /** @internal */
  constructor(runtime: Runtime, source: Source, layout: Layout, dtype: DType) {
    this.runtime = runtime;
    this.source = source;
    this.layout = layout;
    this.dtype = dtype;
    this.node = null;
    this.nodeOutput = 0;
  }

  get shape(): Shape {
    return this.layout.shape;
  }
  /** Number of axes. */
  get rank(): number {
    return this.layout.shape.length;
  }
  /** Number of elements. */
  get size(): number {
    return this.layout.size;
  }
  get backend(): Backend {
    return this.runtime.backend;
  }
  /** Whether gradients are recorded through this tensor. */
  get requiresGrad(): boolean {
    return this.node !== null;
  }

  /** Whether no op made this tensor's graph: it is a parameter, or there is no graph. */
  get isLeaf(): boolean {
    return this.node === null || this.node.leaf !== null;
  }

  // Reading
  data(): Promise<DataArray> {
    return installedOps().data(this);
  }
  dataSync(): DataArray {
    return installedOps().dataSync(this);
  }
  item(): Promise<number> {
    return installedOps().item(this);
  }
  itemSync(): number {
    return installedOps().itemSync(this);
  }
  toArray(): Promise<NestedArray> {
    return installedOps().toArray(this);
  }
  toArraySync(): NestedArray {
    return installedOps().toArraySync(this);
  }
  toString(): string {
    return installedOps().format(this);
  }
  /** A number from a tensor would be a hidden read: `+x` and `x < y` are errors. */
  valueOf(): never {
    return installedOps().refuseCoercion(this);
  }

  // Moving and lifetime
  to(backend: Backend): Promise<Tensor> {
    return installedOps().to(this, backend);
  }
  detach(): Tensor {
    return installedOps().detach(this);
  }
  keep(): this {
    return installedOps().keep(this);
  }
  dispose(): void {
    installedOps().dispose(this);
  }
  [Symbol.dispose](): void {
    installedOps().dispose(this);
  }
  backward(options: BackwardOptions = {}): void {
    installedOps().backward(this, options);
  }

  // Elementwise
  neg(): Tensor {
    return installedOps().neg(this);
  }
  abs(): Tensor {
    return installedOps().abs(this);
  }
  sign(): Tensor {
    return installedOps().sign(this);
  }
  floor(): Tensor {
    return installedOps().floor(this);
  }
  ceil(): Tensor {
    return installedOps().ceil(this);
  }
  round(): Tensor {
    return installedOps().round(this);
  }
  trunc(): Tensor {
    return installedOps().trunc(this);
  }
  exp(): Tensor {
    return installedOps().exp(this);
  }
  expm1(): Tensor {
    return installedOps().expm1(this);
  }
  log(): Tensor {
    return installedOps().log(this);
  }
  log1p(): Tensor {
    return installedOps().log1p(this);
  }
  log2(): Tensor {
    return installedOps().log2(this);
  }
  log10(): Tensor {
    return installedOps().log10(this);
  }
  sqrt(): Tensor {
    return installedOps().sqrt(this);
  }
  rsqrt(): Tensor {
    return installedOps().rsqrt(this);
  }
  square(): Tensor {
    return installedOps().square(this);
  }
  reciprocal(): Tensor {
    return installedOps().reciprocal(this);
  }
  sin(): Tensor {
    return installedOps().sin(this);
  }
  cos(): Tensor {
    return installedOps().cos(this);
  }
  tan(): Tensor {
    return installedOps().tan(this);
  }
  sinh(): Tensor {
    return installedOps().sinh(this);
  }
  cosh(): Tensor {
    return installedOps().cosh(this);
  }
  tanh(): Tensor {
    return installedOps().tanh(this);
  }
  erf(): Tensor {
    return installedOps().erf(this);
  }
  isNaN(): Tensor {
    return installedOps().isNaN(this);
  }
  isFinite(): Tensor {
    return installedOps().isFinite(this);
  }
  isInf(): Tensor {
    return installedOps().isInf(this);
  }
  logicalNot(): Tensor {
    return installedOps().logicalNot(this);
  }
  relu(): Tensor {
    return installedOps().relu(this);
  }
  sigmoid(): Tensor {
    return installedOps().sigmoid(this);
  }
  add(other: TensorLike): Tensor {
    return installedOps().add(this, other);
  }
  sub(other: TensorLike): Tensor {
    return installedOps().sub(this, other);
  }
  mul(other: TensorLike): Tensor {
    return installedOps().mul(this, other);
  }
  div(other: TensorLike): Tensor {
    return installedOps().div(this, other);
  }
  floorDivide(other: TensorLike): Tensor {
    return installedOps().floorDivide(this, other);
  }
  remainder(other: TensorLike): Tensor {
    return installedOps().remainder(this, other);
  }
  fmod(other: TensorLike): Tensor {
    return installedOps().fmod(this, other);
  }
  pow(other: TensorLike): Tensor {
    return installedOps().pow(this, other);
  }
  maximum(other: TensorLike): Tensor {
    return installedOps().maximum(this, other);
  }
  minimum(other: TensorLike): Tensor {
    return installedOps().minimum(this, other);
  }
  logicalAnd(other: TensorLike): Tensor {
    return installedOps().logicalAnd(this, other);
  }
  logicalOr(other: TensorLike): Tensor {
    return installedOps().logicalOr(this, other);
  }
  logicalXor(other: TensorLike): Tensor {
    return installedOps().logicalXor(this, other);
  }
  equal(other: TensorLike): Tensor {
    return installedOps().equal(this, other);
  }
  notEqual(other: TensorLike): Tensor {
    return installedOps().notEqual(this, other);
  }
  less(other: TensorLike): Tensor {
    return installedOps().less(this, other);
  }
  lessEqual(other: TensorLike): Tensor {
    return installedOps().lessEqual(this, other);
  }
  greater(other: TensorLike): Tensor {
    return installedOps().greater(this, other);
  }
  greaterEqual(other: TensorLike): Tensor {
    return installedOps().greaterEqual(this, other);
  }
  clip(low: number | null, high: number | null): Tensor {
    return installedOps().clip(this, low, high);
  }
  cast(dtype: DType): Tensor {
    return installedOps().cast(this, dtype);
  }
  lerp(end: TensorLike, weight: TensorLike): Tensor {
    return installedOps().lerp(this, end, weight);
  }

  // Reductions
  sum(axes?: Axes, options: ReduceOptions = {}): Tensor {
    return installedOps().sum(this, axes, options);
  }
  prod(axes?: Axes, options: ReduceOptions = {}): Tensor {
    return installedOps().prod(this, axes, options);
  }
  mean(axes?: Axes, options: ReduceOptions = {}): Tensor {
    return installedOps().mean(this, axes, options);
  }
  max(axes?: Axes, options: ReduceOptions = {}): Tensor {
    return installedOps().max(this, axes, options);
  }
  min(axes?: Axes, options: ReduceOptions = {}): Tensor {
    return installedOps().min(this, axes, options);
  }
  any(axes?: Axes, options: ReduceOptions = {}): Tensor {
    return installedOps().any(this, axes, options);
  }
  all(axes?: Axes, options: ReduceOptions = {}): Tensor {
    return installedOps().all(this, axes, options);
  }
  logSumExp(axes?: Axes, options: ReduceOptions = {}): Tensor {
    return installedOps().logSumExp(this, axes, options);
  }
  countNonZero(axes?: Axes, options: ReduceOptions = {}): Tensor {
    return installedOps().countNonZero(this, axes, options);
  }
  variance(axes?: Axes, options: VarianceOptions = {}): Tensor {
    return installedOps().variance(this, axes, options);
  }
  std(axes?: Axes, options: VarianceOptions = {}): Tensor {
    return installedOps().std(this, axes, options);
  }
  norm(options: NormOptions = {}): Tensor {
    return installedOps().norm(this, options);
  }
  argMax(axis?: number, options: ReduceOptions = {}): Tensor {
    return installedOps().argMax(this, axis, options);
  }
  argMin(axis?: number, options: ReduceOptions = {}): Tensor {
    return installedOps().argMin(this, axis, options);
  }
  cumSum(axis: number): Tensor {
    return installedOps().cumSum(this, axis);
  }
  cumProd(axis: number): Tensor {
    return installedOps().cumProd(this, axis);
  }
  softmax(axis = -1): Tensor {
    return installedOps().softmax(this, axis);
  }
  logSoftmax(axis = -1): Tensor {
    return installedOps().logSoftmax(this, axis);
  }

  // Shape
  reshape(shape: Shape): Tensor {
    return installedOps().reshape(this, shape);
  }
  flatten(start = 0, end = -1): Tensor {
    return installedOps().flatten(this, start, end);
  }
  transpose(a = -1, b = -2): Tensor {
    return installedOps().transpose(this, a, b);
  }
  permute(axes: readonly number[]): Tensor {
    return installedOps().permute(this, axes);
  }
  moveAxis(from: number, to: number): Tensor {
    return installedOps().moveAxis(this, from, to);
  }
  expand(shape: Shape): Tensor {
    return installedOps().expand(this, shape);
  }
  squeeze(axes?: Axes): Tensor {
    return installedOps().squeeze(this, axes);
  }
  unsqueeze(axis: number): Tensor {
    return installedOps().unsqueeze(this, axis);
  }
  slice(...ranges: readonly Range[]): Tensor {
    return installedOps().slice(this, ...ranges);
  }
  narrow(axis: number, start: number, length: number): Tensor {
    return installedOps().narrow(this, axis, start, length);
  }
  flip(axes: Axes): Tensor {
    return installedOps().flip(this, axes);
  }
  roll(shifts: Axes, axes?: Axes): Tensor {
    return installedOps().roll(this, shifts, axes);
  }
  unfold(axis: number, size: number, step = 1, dilation = 1): Tensor {
    return installedOps().unfold(this, axis, size, step, dilation);
  }
  pad(padding: readonly (readonly [number, number])[], value = 0): Tensor {
    return installedOps().pad(this, padding, value);
  }
  repeat(repetitions: readonly number[]): Tensor {
    return installedOps().repeat(this, repetitions);
  }
  contiguous(): Tensor {
    return installedOps().contiguous(this);
  }
  split(sizes: number | readonly number[], axis = 0): Tensor[] {
    return installedOps().split(this, sizes, axis);
  }
  chunk(count: number, axis = 0): Tensor[] {
    return installedOps().chunk(this, count, axis);
  }
  unstack(axis = 0): Tensor[] {
    return installedOps().unstack(this, axis);
  }
  tril(diagonal = 0): Tensor {
    return installedOps().tril(this, diagonal);
  }
  triu(diagonal = 0): Tensor {
    return installedOps().triu(this, diagonal);
  }

  // Indexing and order
  at(...indices: readonly Index[]): Tensor {
    return installedOps().at(this, ...indices);
  }
  take(indices: Tensor | readonly number[], axis = 0): Tensor {
    return installedOps().take(this, indices, axis);
  }
  takeAlong(indices: Tensor, axis: number): Tensor {
    return installedOps().takeAlong(this, indices, axis);
  }
  scatterAdd(axis: number, indices: Tensor, values: Tensor): Tensor {
    return installedOps().scatterAdd(this, axis, indices, values);
  }
  indexAdd(axis: number, indices: Tensor, values: Tensor): Tensor {
    return installedOps().indexAdd(this, axis, indices, values);
  }
  maskSelect(mask: Tensor): Promise<Tensor> {
    return installedOps().maskSelect(this, mask);
  }
  sort(axis = -1, options: SortOptions = {}): Sorted {
    return installedOps().sort(this, axis, options);
  }
  argSort(axis = -1, options: SortOptions = {}): Tensor {
    return installedOps().argSort(this, axis, options);
  }
  topK(k: number, axis = -1, options: TopKOptions = {}): Sorted {
    return installedOps().topK(this, k, axis, options);
  }

  // Linear algebra
  matmul(other: Tensor): Tensor {
    return installedOps().matmul(this, other);
  }
  dot(other: Tensor): Tensor {
    return installedOps().dot(this, other);
  }
  outer(other: Tensor): Tensor {
    return installedOps().outer(this, other);
  }
}

/** State: a tensor whose value can be replaced. Ops see the value it has when they run. */
export class Variable extends Tensor {
  /** Counts assignments. */
  version: number = 0;

  /** Replaces the value by another of the same shape and dtype. Never seen by older graphs. */
  assign(value: Tensor): void {
    installedOps().assign(this, value);
  }
}

/** A variable that training changes. Gradients accumulate in `grad`. */
export class Parameter extends Variable {
  /** @internal Owned by the library until `grad` is read. */
  gradient: Tensor | null = null;

  /** The gradient that backward() accumulated, or null. */
  get grad(): Tensor | null {
    return installedOps().readGradient(this);
  }
  set grad(value: Tensor | null) {
    installedOps().setGradient(this, value);
  }
  override get requiresGrad(): boolean {
    return this.node !== null;
  }
  /** false freezes: no gradient is recorded through this parameter any more. */
  override set requiresGrad(value: boolean) {
    installedOps().setRequiresGrad(this, value);
  }
}
