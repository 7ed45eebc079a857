/**
 * The same logical elements behind every kind of layout: dense, transposed, sliced with steps of
 * either sign, broadcast, with axes of size 1, constants and index arithmetic. What lies between
 * the elements of a view is filled with numbers that would show in a result.
 */
import { arange, type DType, full, type Tensor, tensor } from '@tenon/core';
import { build, elementOf, indicesOf, type Reference } from '../reference.ts';

/** A tensor and what its elements are, known without asking it. */
export interface Operand {
  readonly name: string;
  readonly tensor: Tensor;
  readonly reference: Reference;
  readonly dtype: DType;
}

/** Never part of a view's elements. */
const POISON = 113;

type Wrap = (reference: Reference, dtype: DType) => Tensor;

const dense: Wrap = ({ data, shape }, dtype) => tensor([...data], { shape, dtype });

/** Stored with its axes in reverse order. */
const transposed: Wrap = (x, dtype) => {
  const axes = x.shape.map((_, axis) => x.shape.length - 1 - axis);
  const stored = build(
    axes.map((axis) => x.shape[axis]!),
    (index) =>
      elementOf(
        x,
        axes.map((axis) => index[axis]!),
      ),
  );
  return dense(stored, dtype).permute(axes);
};

/** Stored backwards along every axis. */
const reversed: Wrap = (x, dtype) => {
  const stored = build(x.shape, (index) =>
    elementOf(
      x,
      index.map((i, axis) => x.shape[axis]! - 1 - i),
    ),
  );
  return dense(stored, dtype).flip(x.shape.map((_, axis) => axis));
};

/** Every `step`-th element of a larger array of poison, from offset 1. */
function strided(step: number): Wrap {
  return (x, dtype) => {
    const size = Math.abs(step);
    const larger = x.shape.map((n) => n * size + 2);
    const place = (i: number, n: number): number => 1 + (step > 0 ? i : n - 1 - i) * size;
    const stored = build(larger, () => (dtype === 'bool' ? 1 : POISON));
    const data = [...stored.data];
    for (const index of indicesOf(x.shape)) {
      const at = index.reduce((p, i, axis) => p * larger[axis]! + place(i, x.shape[axis]!), 0);
      data[at] = elementOf(x, index);
    }
    const base = tensor(data, { shape: larger, dtype });
    return base.slice(
      ...x.shape.map((n): [number, number | null, number] => {
        const [first, last] = [place(0, n), place(n - 1, n)];
        const stop = last + Math.sign(step);
        return n === 0 ? [0, 0, 1] : [first, stop < 0 ? null : stop, step];
      }),
    );
  };
}
const WRAPS: Readonly<Record<string, Wrap>> = {
  dense,
  transposed,
  reversed,
  'step 2': strided(2),
  'step -3': strided(-3),
};

/** Operands with these elements, one per layout. */
export function operandsOf(reference: Reference, dtype: DType): Operand[] {
  return Object.entries(WRAPS).map(([name, wrap]) => ({
    name,
    tensor: wrap(reference, dtype),
    reference,
    dtype,
  }));
}

/** Operands whose elements repeat or follow from the index: broadcast, constant, iota. */
export function implicitOperands(
  shape: readonly number[],
  dtype: DType,
  draw: () => number,
): Operand[] {
  const operands: Operand[] = [];
  shape.forEach((_, axis) => {
    const small = build(
      shape.map((n, i) => (i === axis ? 1 : n)),
      draw,
    );
    const reference = build(shape, (index) =>
      elementOf(
        small,
        index.map((i, k) => (k === axis ? 0 : i)),
      ),
    );
    const wide = dense(small, dtype).expand(shape);
    operands.push({ name: `broadcast on axis ${axis}`, tensor: wide, reference, dtype });
  });
  const value = draw();
  const constant = build(shape, () => value);
  operands.push({
    name: 'constant',
    tensor: full(shape, value, { dtype }),
    reference: constant,
    dtype,
  });
  if (dtype === 'i32' || dtype === 'u32') {
    const size = shape.reduce((n, m) => n * m, 1);
    const counting = arange(3, 3 + size, { dtype }).reshape(shape);
    let next = 3;
    const reference = build(shape, () => next++);
    operands.push({ name: 'iota', tensor: counting, reference, dtype });
    if (shape.length === 2) {
      const flipped = build(shape, (index) =>
        elementOf(
          reference,
          index.map((i, axis) => shape[axis]! - 1 - i),
        ),
      );
      operands.push({
        name: 'iota reversed',
        tensor: counting.flip([0, 1]),
        reference: flipped,
        dtype,
      });
    }
  }
  return operands;
}

/** Shapes that every op must take: 0-d, one element, empty, size-1 axes, odd sizes, five axes. */
export const SHAPES: readonly (readonly number[])[] = [
  [],
  [1],
  [5],
  [0],
  [3, 0],
  [4, 3],
  [1, 3, 1],
  [2, 1, 3, 2],
  [2, 3, 1, 2, 2],
];
