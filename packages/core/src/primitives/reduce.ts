/**
 * Reductions over sorted, non-negative axes, which disappear (ops.ts puts them back for keepDims).
 * sum and prod of nothing are 0 and 1; max and min of nothing are an error.
 */
import type { TensorType } from '../backend.ts';
import { ShapeError } from '../errors.ts';
import type { Ops } from '../ops.ts';
import {
  type Derivative,
  NO_SAVES,
  type ReduceAttrs,
  type ReducePrimitive,
  type Saves,
  type VjpContext,
} from '../primitive.ts';
import type { ReduceName } from '../scalars.ts';
import { formatShape, reducedShape, sizeOf } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { requireNumeric } from './rules.ts';

function reduction(
  name: ReduceName,
  saves: Saves,
  derivative: Derivative<ReduceAttrs>,
): ReducePrimitive {
  return {
    name,
    kind: 'reduce',
    reducer: name,
    saves,
    derivative,
    type: ([input], { axes }) => {
      const x = input as TensorType;
      const isExtreme = name === 'max' || name === 'min';
      if (!isExtreme) requireNumeric(name, x);
      if (isExtreme && axes.some((axis) => x.shape[axis] === 0)) {
        throw new ShapeError(
          `${name}: there is no ${name} of nothing, got ${formatShape(x.shape)}`,
        );
      }
      return { shape: reducedShape(x.shape, axes, false), dtype: x.dtype };
    },
  };
}

/** A reduced tensor spread over the input's shape again. */
function spread(ops: Ops, t: Tensor, ctx: VjpContext<ReduceAttrs>): Tensor {
  const shape = (ctx.types[0] as TensorType).shape;
  return ops.expand(ops.reshape(t, reducedShape(shape, ctx.attrs.axes, true)), shape);
}

/** The gradient goes to the extremes in equal shares, as PyTorch's amax and amin do. */
const toExtremes: Derivative<ReduceAttrs> = {
  kind: 'custom',
  vjp: (ops, g, ctx) => {
    const x = ctx.input(0);
    const hits = ops.cast(ops.equal(x, spread(ops, ctx.output(), ctx)), x.dtype);
    const share = ops.div(g, ops.sum(hits, ctx.attrs.axes));
    return [ops.mul(hits, spread(ops, share, ctx))];
  },
};

/** Products of all the others: exact with zeros, and differentiable again. */
const toOthers: Derivative<ReduceAttrs> = {
  kind: 'custom',
  vjp: (ops, g, ctx) => {
    const x = ctx.input(0);
    const { axes } = ctx.attrs;
    const kept = x.shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
    const order = [...kept, ...axes];
    const back = order.map((_, axis) => order.indexOf(axis));
    const permuted = ops.permute(x, order);
    const sizes = [kept, axes].map((list) => list.map((axis) => x.shape[axis] as number));
    const [keptSizes, reducedSizes] = sizes as [number[], number[]];
    const rows = ops.reshape(permuted, [...keptSizes, sizeOf(reducedSizes)]);
    const before = ops.cumProd(rows, -1, { exclusive: true });
    const after = ops.flip(ops.cumProd(ops.flip(rows, -1), -1, { exclusive: true }), -1);
    const others = ops.reshape(ops.mul(before, after), permuted.shape);
    return [ops.mul(ops.permute(others, back), spread(ops, g, ctx))];
  },
};

const EXTREME: Saves = { inputs: [0], output: true };

export const REDUCE: Readonly<Record<ReduceName, ReducePrimitive>> = {
  sum: reduction('sum', NO_SAVES, { kind: 'linear', transpose: spread }),
  prod: reduction('prod', { inputs: [0], output: false }, toOthers),
  /** NaN if any element is NaN. */
  max: reduction('max', EXTREME, toExtremes),
  /** NaN if any element is NaN. */
  min: reduction('min', EXTREME, toExtremes),
};
