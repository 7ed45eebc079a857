/**
 * Data movement that is no view: gather and its transpose scatterAdd, fold (the transpose of
 * unfold), pad, concat. Kernels see dense operands collapsed to a few sizes.
 */
import type { TensorType } from '../backend.ts';
import { ShapeError } from '../errors.ts';
import { type ConcatPrimitive, type KernelPrimitive, NO_SAVES } from '../primitive.ts';
import { formatShape, sizeOf } from '../shape.ts';
import { constantWords } from '../words.ts';
import { requireDType } from './rules.ts';

export interface GatherAttrs {
  /** Axis of x that is indexed; axis >= batch. */
  readonly axis: number;
  /** How many leading axes x and the index share. */
  readonly batch: number;
}
function batchSize(type: TensorType, batch: number): number {
  return sizeOf(type.shape.slice(0, batch));
}

/** y[batch, …o, …j, …i] = x[batch, …o, index[batch, …j], …i] */
export const gather: KernelPrimitive<GatherAttrs> = {
  name: 'gather',
  kind: 'kernel',
  saves: { inputs: [1], output: false },
  type: ([x, index], { axis, batch }) => {
    const [a, b] = [x as TensorType, index as TensorType];
    requireDType('gather', 'the index', b, 'i32');
    return {
      shape: [...a.shape.slice(0, axis), ...b.shape.slice(batch), ...a.shape.slice(axis + 1)],
      dtype: a.dtype,
    };
  },
  spec: ([x], _attrs, bounds) => ({ kind: 'gather', dtype: (x as TensorType).dtype, bounds }),
  words: ([x, index], _out, { axis, batch }) => {
    const { shape } = x as TensorType;
    return [
      batchSize(x as TensorType, batch),
      sizeOf(shape.slice(batch, axis)),
      shape[axis] as number,
      sizeOf((index as TensorType).shape.slice(batch)),
      sizeOf(shape.slice(axis + 1)),
    ];
  },
  derivative: {
    kind: 'custom',
    vjp: (ops, g, { attrs, types, input }) => {
      const size = (types[0] as TensorType).shape[attrs.axis] as number;
      return [ops.scatterSum(g, input(1), { ...attrs, size }), null];
    },
  },
};

export interface ScatterAddAttrs extends GatherAttrs {
  /** Size of the axis in the result. */
  readonly size: number;
}
/** y[batch, …o, n, …i] = Σj [index[batch, …j] = n] · x[batch, …o, …j, …i] */
export const scatterAdd: KernelPrimitive<ScatterAddAttrs> = {
  name: 'scatterAdd',
  kind: 'kernel',
  saves: { inputs: [1], output: false },
  type: ([x, index], { axis, batch, size }) => {
    const [a, b] = [x as TensorType, index as TensorType];
    requireDType('scatterAdd', 'the index', b, 'i32');
    const indexRank = b.shape.length - batch;
    return {
      shape: [...a.shape.slice(0, axis), size, ...a.shape.slice(axis + indexRank)],
      dtype: a.dtype,
    };
  },
  spec: ([x], _attrs, bounds) => ({ kind: 'scatterAdd', dtype: (x as TensorType).dtype, bounds }),
  words: ([x, index], _out, { axis, batch, size }) => {
    const { shape } = x as TensorType;
    const indexShape = (index as TensorType).shape.slice(batch);
    return [
      batchSize(x as TensorType, batch),
      sizeOf(shape.slice(batch, axis)),
      size,
      sizeOf(indexShape),
      sizeOf(shape.slice(axis + indexShape.length)),
    ];
  },
  derivative: {
    kind: 'custom',
    vjp: (ops, g, { attrs, input }) => {
      const { axis, batch } = attrs;
      return [ops.gather(g, input(1), { axis, batch }), null];
    },
  },
};

export interface FoldAttrs {
  /** Of the windows; axis + 1 holds the positions within a window. */
  readonly axis: number;
  /** Size of the axis in the result. */
  readonly length: number;
  readonly step: number;
  readonly dilation: number;
}
/** y[…, n, …] = Σ x[…, w, k, …] over all w·step + k·dilation = n */
export const fold: KernelPrimitive<FoldAttrs> = {
  name: 'fold',
  kind: 'kernel',
  saves: NO_SAVES,
  type: ([input], { axis, length, step, dilation }) => {
    const { shape, dtype } = input as TensorType;
    const windows = shape[axis] as number;
    const span = (windows - 1) * step + ((shape[axis + 1] as number) - 1) * dilation + 1;
    if (windows > 0 && span > length) {
      throw new ShapeError(
        `fold: ${formatShape(shape)} with step ${step} and dilation ${dilation} spans ${span} ` +
          `elements, got length ${length}`,
      );
    }
    return { shape: [...shape.slice(0, axis), length, ...shape.slice(axis + 2)], dtype };
  },
  spec: ([x]) => ({ kind: 'fold', dtype: (x as TensorType).dtype }),
  words: ([x], _out, { axis, length, step, dilation }) => {
    const { shape } = x as TensorType;
    const outer = sizeOf(shape.slice(0, axis));
    const inner = sizeOf(shape.slice(axis + 2));
    return [outer, length, shape[axis] as number, shape[axis + 1] as number, step, dilation, inner];
  },
  derivative: {
    kind: 'linear',
    transpose: (ops, g, { attrs, types }) => {
      const { shape } = types[0] as TensorType;
      const { axis, step, dilation } = attrs;
      const [windows, size] = [shape[axis] as number, shape[axis + 1] as number];
      return ops.windows(g, { axis, windows, size, step, dilation });
    },
  },
};

export interface PadAttrs {
  /** Elements added before and after, per axis; at least 0. */
  readonly low: readonly number[];
  readonly high: readonly number[];
  readonly value: number;
}
/** x with a constant border. */
export const pad: KernelPrimitive<PadAttrs> = {
  name: 'pad',
  kind: 'kernel',
  saves: NO_SAVES,
  type: ([x], { low, high }) => ({
    shape: (x as TensorType).shape.map((n, i) => n + (low[i] as number) + (high[i] as number)),
    dtype: (x as TensorType).dtype,
  }),
  spec: ([x]) => {
    const { shape, dtype } = x as TensorType;
    return { kind: 'pad', rank: shape.length, dtype };
  },
  words: ([x], out, { low, value }) => {
    const { shape, dtype } = x as TensorType;
    return [...out.shape, ...shape, ...low, ...constantWords(dtype, value)];
  },
  derivative: {
    kind: 'linear',
    transpose: (ops, g, { attrs, types }) => {
      const { shape } = types[0] as TensorType;
      return ops.slice(
        g,
        ...shape.map((n, i): [number, number] => [
          attrs.low[i] as number,
          (attrs.low[i] as number) + n,
        ]),
      );
    },
  },
};

/** Tensors side by side along an axis: one copying region for each. */
export const concat: ConcatPrimitive = {
  name: 'concat',
  kind: 'concat',
  saves: NO_SAVES,
  type: (inputs, { axis }) => {
    const { shape, dtype } = inputs[0] as TensorType;
    const total = inputs.reduce((sum, x) => sum + (x.shape[axis] as number), 0);
    return { shape: shape.map((n, i) => (i === axis ? total : n)), dtype };
  },
  derivative: {
    kind: 'custom',
    vjp: (ops, g, { attrs, types, needs }) => {
      let start = 0;
      return types.map((type, i) => {
        const from = start;
        const size = type.shape[attrs.axis] as number;
        start += size;
        return needs[i] ? ops.narrow(g, attrs.axis, from, size) : null;
      });
    },
  },
};
