/** Kernels in which order matters: argMax, argMin, running sums, stable sorting permutations. */
import type { TensorType } from '../backend.ts';
import { ShapeError } from '../errors.ts';
import { type KernelPrimitive, NO_DERIVATIVE, NO_SAVES } from '../primitive.ts';
import { formatShape, reducedShape, sizeOf } from '../shape.ts';
import { requireNumeric } from './rules.ts';

export interface AxisAttrs {
  readonly axis: number;
}
function rows(type: TensorType, axis: number): number[] {
  const { shape } = type;
  return [sizeOf(shape.slice(0, axis)), shape[axis] as number, sizeOf(shape.slice(axis + 1))];
}

function argReduce(name: 'argMax' | 'argMin', reducer: 'max' | 'min'): KernelPrimitive<AxisAttrs> {
  return {
    name,
    kind: 'kernel',
    saves: NO_SAVES,
    type: ([input], { axis }) => {
      const { shape } = input as TensorType;
      if (shape[axis] === 0) {
        throw new ShapeError(
          `${name}: there is no ${reducer} of nothing, got ${formatShape(shape)}`,
        );
      }
      return { shape: reducedShape(shape, [axis], false), dtype: 'i32' };
    },
    spec: ([x]) => ({ kind: 'argReduce', reducer, dtype: (x as TensorType).dtype }),
    words: ([x], _out, { axis }) => rows(x as TensorType, axis),
    derivative: NO_DERIVATIVE,
  };
}
/** Index of the first largest element (of the first NaN, if there is one). */
export const argMax: KernelPrimitive<AxisAttrs> = argReduce('argMax', 'max');
/** Index of the first smallest element (of the first NaN, if there is one). */
export const argMin: KernelPrimitive<AxisAttrs> = argReduce('argMin', 'min');

/** y[n] = Σ x[0…n] along the axis */
export const cumSum: KernelPrimitive<AxisAttrs> = {
  name: 'cumSum',
  kind: 'kernel',
  saves: NO_SAVES,
  type: ([x]) => {
    requireNumeric('cumSum', x as TensorType);
    return x as TensorType;
  },
  spec: ([x]) => ({ kind: 'scan', reducer: 'sum', dtype: (x as TensorType).dtype }),
  words: ([x], _out, { axis }) => rows(x as TensorType, axis),
  derivative: {
    kind: 'linear',
    transpose: (ops, g, { attrs }) =>
      ops.flip(ops.cumSum(ops.flip(g, attrs.axis), attrs.axis), attrs.axis),
  },
};

/** y[n] = max x[0…n] along the axis */
export const cumMax: KernelPrimitive<AxisAttrs> = {
  name: 'cumMax',
  kind: 'kernel',
  saves: { inputs: [0], output: true },
  type: ([x]) => {
    requireNumeric('cumMax', x as TensorType);
    return x as TensorType;
  },
  spec: ([x]) => ({ kind: 'scan', reducer: 'max', dtype: (x as TensorType).dtype }),
  words: ([x], _out, { axis }) => rows(x as TensorType, axis),
  derivative: {
    kind: 'custom',
    // Each result came from the last position not after it where x set (or met) the record.
    vjp: (ops, g, { attrs, input, output }) => {
      const { axis } = attrs;
      const x = input(0);
      const length = x.shape[axis] as number;
      const along = x.shape.map((_, i) => (i === axis ? length : 1));
      const position = ops.expand(
        ops.reshape(ops.arange(length, { backend: x.backend }), along),
        x.shape,
      );
      const source = ops.cumMax(ops.where(ops.equal(x, output()), position, 0), axis);
      return [ops.scatterAlong(g, source, axis, length)];
    },
  },
};

export interface SortAttrs extends AxisAttrs {
  readonly descending: boolean;
}
/** The permutation that sorts the axis; equal elements keep their order, NaN counts as largest. */
export const argSort: KernelPrimitive<SortAttrs> = {
  name: 'argSort',
  kind: 'kernel',
  saves: NO_SAVES,
  type: ([x]) => ({ shape: (x as TensorType).shape, dtype: 'i32' }),
  spec: ([x], { descending }) => ({ kind: 'argSort', dtype: (x as TensorType).dtype, descending }),
  words: ([x], _out, { axis }) => rows(x as TensorType, axis),
  derivative: NO_DERIVATIVE,
};
