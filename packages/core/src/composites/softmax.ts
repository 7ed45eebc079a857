/** Softmax and its logarithm along an axis: one launch forward, one backward, whatever the axis. */
import type { TensorType } from '../backend.ts';
import { defineComposite } from '../composite.ts';
import { library } from '../memory/ownership.ts';
import { neg } from '../ops/elementwise.ts';
import { requireTensor, toFloat } from '../ops/operand.ts';
import type { Ops } from '../ops.ts';
import { normalizeAxis } from '../shape.ts';
import type { Tensor } from '../tensor.ts';

interface SoftmaxAttrs {
  readonly axis: number;
}
const KEEP = { keepDims: true } as const;

/** x less its largest element along the axis. */
function shifted(ops: Ops, x: Tensor, axis: number): Tensor {
  return ops.sub(x, ops.stopGradient(ops.max(x, axis, KEEP)));
}

const softmaxGrad = defineComposite<SoftmaxAttrs>({
  name: 'softmaxGrad',
  type: ([, y]) => [y as TensorType],
  decompose: (ops, inputs, { axis }) => {
    const [g, y] = inputs as [Tensor, Tensor];
    return [ops.mul(y, ops.sub(g, ops.sum(ops.mul(g, y), axis, KEEP)))];
  },
});
const softmaxComposite = defineComposite<SoftmaxAttrs>({
  name: 'softmax',
  type: ([x]) => [x as TensorType],
  decompose: (ops, [x], { axis }) => {
    const e = ops.exp(shifted(ops, x as Tensor, axis));
    // One division a row: it costs four times a product. Rounds once more, by half a unit.
    return [ops.mul(e, ops.div(1, ops.sum(e, axis, KEEP)))];
  },
  vjp: {
    saves: { inputs: [], outputs: true },
    rule: (_ops, g, ctx) => softmaxGrad([g, ctx.output()], ctx.attrs),
  },
});

const logSoftmaxGrad = defineComposite<SoftmaxAttrs>({
  name: 'logSoftmaxGrad',
  type: ([, y]) => [y as TensorType],
  decompose: (ops, inputs, { axis }) => {
    const [g, y] = inputs as [Tensor, Tensor];
    return [ops.sub(g, ops.mul(ops.exp(y), ops.sum(g, axis, KEEP)))];
  },
});
const logSoftmaxComposite = defineComposite<SoftmaxAttrs>({
  name: 'logSoftmax',
  type: ([x]) => [x as TensorType],
  decompose: (ops, [x], { axis }) => {
    const d = shifted(ops, x as Tensor, axis);
    return [ops.sub(d, ops.log(ops.sum(ops.exp(d), axis, KEEP)))];
  },
  vjp: {
    saves: { inputs: [], outputs: true },
    rule: (_ops, g, ctx) => logSoftmaxGrad([g, ctx.output()], ctx.attrs),
  },
});

type SoftmaxComposite = typeof softmaxComposite;
function along(composite: SoftmaxComposite, op: string, x: Tensor, axis: number): Tensor {
  requireTensor(op, x);
  const input = toFloat(x);
  // The softmax of a number is that of a row of one.
  if (x.rank === 0) {
    return library(() => (composite([input.reshape([1])], { axis: 0 })[0] as Tensor).reshape([]));
  }
  return composite([input], { axis: normalizeAxis(op, axis, x.rank) })[0] as Tensor;
}

/**
 * e^xᵢ / Σⱼ e^xⱼ along an axis, without overflow. A row of -∞ gives NaN.
 * @example
 * import { softmax, tensor } from '@tenon/core';
 * softmax(tensor([[1, 2, 3]])); // [[0.0900, 0.2447, 0.6652]]
 */
export function softmax(x: Tensor, axis = -1): Tensor {
  return along(softmaxComposite, 'softmax', x, axis);
}
/** log softmax(x) along an axis, without overflow or loss of precision. */
export function logSoftmax(x: Tensor, axis = -1): Tensor {
  return along(logSoftmaxComposite, 'logSoftmax', x, axis);
}
/** softmax(-x) along an axis. */
export function softmin(x: Tensor, axis = -1): Tensor {
  return library(() => softmax(neg(x), axis));
}
