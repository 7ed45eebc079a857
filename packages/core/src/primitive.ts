/**
 * What a primitive is: a type rule, a derivative and, by kind, what it lowers to. The rows stand in
 * `primitives/<family>.ts`. Derivatives are written in public ops (handed in as `ops`, so rows
 * import no values) and are therefore eager, traced, fused and differentiable again for free.
 */
import type { KernelSpec, TensorType } from './backend.ts';
import type { Layout } from './layout.ts';
import type { Ops } from './ops.ts';
import type { ReduceName, ScalarName } from './scalars.ts';
import type { Tensor } from './tensor.ts';

/** What a derivative may look at. Tensors that the row did not list in `saves` are absent. */
export interface VjpContext<A> {
  /** The saved inputs; reading one that was not saved is a programming error and throws. */
  input(index: number): Tensor;
  /** The saved output. */
  output(index?: number): Tensor;
  readonly types: readonly TensorType[];
  readonly attrs: A;
  /** Which inputs want a gradient; rules may skip the others. */
  readonly needs: readonly boolean[];
}

/** A partial derivative: a tensor, a constant factor, or null for zero. */
export type Factor = Tensor | number | null;

/* Written as methods, whose parameters TypeScript compares both ways: a row keeps its own attrs
   type and still fits where primitives of any attrs are handled. */
export type PartialRule<A> = { rule(ops: Ops, ctx: VjpContext<A>): Factor }['rule'];
type TransposeRule<A> = { rule(ops: Ops, g: Tensor, ctx: VjpContext<A>): Tensor }['rule'];

export type Derivative<A> =
  | { readonly kind: 'none' }
  /** vjp: g · ∂i. jvp: Σ ti · ∂i. */
  | { readonly kind: 'pointwise'; readonly partials: readonly PartialRule<A>[] }
  /** In input 0. jvp: the primitive itself on the tangent. */
  | { readonly kind: 'linear'; transpose(ops: Ops, g: Tensor, ctx: VjpContext<A>): Tensor }
  /** Linear in each input. jvp: the sum of the primitive with one input replaced. */
  | { readonly kind: 'multilinear'; readonly transposes: readonly TransposeRule<A>[] }
  | {
      readonly kind: 'custom';
      vjp(ops: Ops, g: Tensor, ctx: VjpContext<A>): readonly (Tensor | null)[];
    };

/** Which tensors a derivative reads: they are kept alive until backward. */
export interface Saves {
  readonly inputs: readonly number[];
  readonly output: boolean;
}

interface Common<A> {
  readonly name: string;
  /** Output type from input types. Every check of shapes, dtypes and attrs is here, once. */
  type(inputs: readonly TensorType[], attrs: A): TensorType;
  readonly derivative: Derivative<A>;
  readonly saves: Saves;
}

/** One scalar step at every position; `scalar: null` copies. */
export interface MapPrimitive<A> extends Common<A> {
  readonly kind: 'map';
  readonly scalar: ScalarName | null;
  /** x ∘ neutral = x: lets passes simplify without naming ops. */
  readonly neutral?: { readonly value: number; readonly side: 'left' | 'right' | 'both' };
}
export interface ReduceAttrs {
  readonly axes: readonly number[];
}
/** Over attrs.axes (sorted), which disappear. */
export interface ReducePrimitive<A = ReduceAttrs> extends Common<A> {
  readonly kind: 'reduce';
  readonly reducer: ReduceName;
}
/** A change of layout; null where the strides do not allow it (core then copies first). */
export interface ViewPrimitive<A> extends Common<A> {
  readonly kind: 'view';
  view(layout: Layout, attrs: A): Layout | null;
}
export interface MatmulPrimitive<A = null> extends Common<A> {
  readonly kind: 'matmul';
}
/** An irregular kernel over dense operands. */
export interface KernelPrimitive<A> extends Common<A> {
  readonly kind: 'kernel';
  spec(inputs: readonly TensorType[], attrs: A, bounds: 'throw' | 'nan'): KernelSpec;
  words(inputs: readonly TensorType[], output: TensorType, attrs: A): readonly number[];
}
/** Inputs written side by side into one output: one copying region each. */
export interface ConcatPrimitive<A = { readonly axis: number }> extends Common<A> {
  readonly kind: 'concat';
}

export type Primitive<A = unknown> =
  | MapPrimitive<A>
  | ReducePrimitive<A>
  | ViewPrimitive<A>
  | MatmulPrimitive<A>
  | KernelPrimitive<A>
  | ConcatPrimitive<A>;

export const NO_SAVES: Saves = { inputs: [], output: false };
export const NO_DERIVATIVE: { readonly kind: 'none' } = { kind: 'none' };
