/** An op that moves elements, with its meaning as an index formula. */
import type { DType, Tensor } from '@tenon/core';
import { build, elementOf, type Reference } from '../reference.ts';

export interface StructureSample {
  readonly name: string;
  readonly shape: readonly number[];
  readonly apply: (x: Tensor) => Tensor;
  readonly want: (x: Reference) => Reference;
  /** Dtype of the result where it is not that of the operand. */
  readonly result?: DType;
  /** f32 and i32 by default. */
  readonly dtypes?: readonly DType[];
  /** What is drawn for element i; seeded halves by default. */
  readonly values?: (i: number) => number;
}

/** The result's element is one element of x. */
export function picks(
  name: string,
  shape: readonly number[],
  apply: (x: Tensor) => Tensor,
  out: readonly number[],
  from: (index: number[]) => readonly number[],
): StructureSample {
  return { name, shape, apply, want: (x) => build(out, (index) => elementOf(x, from(index))) };
}
/** Row-major position → index. */
export function unravel(at: number, shape: readonly number[]): number[] {
  const index = shape.map(() => 0);
  let rest = at;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    index[axis] = rest % shape[axis]!;
    rest = Math.floor(rest / shape[axis]!);
  }
  return index;
}
export const ravel = (index: readonly number[], shape: readonly number[]): number =>
  index.reduce((at, i, axis) => at * shape[axis]! + i, 0);
