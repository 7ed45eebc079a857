/** Scaled dot-product attention: two products; scale, mask and softmax are one launch between. */
import type { TensorType } from '../backend.ts';
import { defineComposite } from '../composite.ts';
import { DTypeError, ShapeError } from '../errors.ts';
import { library } from '../memory/ownership.ts';
import { matmul } from '../ops/linalg.ts';
import { castTo, expandTo, requireTensor, toFloat } from '../ops/operand.ts';
import { transpose } from '../ops/shape.ts';
import type { Ops } from '../ops.ts';
import { broadcastShapes, formatShape } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { dropout } from './dropout.ts';

interface MaskedSoftmaxAttrs {
  readonly scale: number;
  readonly causal: boolean;
  /** 'bool': where false, no attention; 'float': added to the scaled scores. */
  readonly mask: 'none' | 'bool' | 'float';
}
const KEEP = { keepDims: true } as const;

/** Whether key column <= query row, over the shape of the scores. */
function isPast(ops: Ops, scores: Tensor): Tensor {
  const [rows, columns] = scores.shape.slice(-2) as [number, number];
  const { backend } = scores;
  const row = ops.reshape(ops.arange(rows, { backend }), [rows, 1]);
  const column = ops.arange(columns, { backend });
  return ops.lessEqual(ops.expand(column, scores.shape), ops.expand(row, scores.shape));
}

/** (y, g) → gradient of the scores before scaling, and of an additive mask. */
const maskedSoftmaxGrad = defineComposite<{ readonly scale: number }>({
  name: 'maskedSoftmaxGrad',
  type: ([, y]) => [y as TensorType, y as TensorType],
  decompose: (ops, inputs, { scale }) => {
    const [g, y] = inputs as [Tensor, Tensor];
    const slope = ops.mul(y, ops.sub(g, ops.sum(ops.mul(g, y), -1, KEEP)));
    return [ops.mul(slope, scale), slope];
  },
});
/** softmax over the last axis of scale · scores, masked. A row without any key gives zeros. */
const maskedSoftmax = defineComposite<MaskedSoftmaxAttrs>({
  name: 'maskedSoftmax',
  type: ([x]) => [x as TensorType],
  decompose: (ops, inputs, { scale, causal, mask }) => {
    const [x, bias] = inputs as [Tensor, Tensor];
    let scores = ops.mul(x, scale);
    if (mask === 'bool') scores = ops.where(bias, scores, Number.NEGATIVE_INFINITY);
    if (mask === 'float') scores = ops.add(scores, bias);
    if (causal) scores = ops.where(isPast(ops, x), scores, Number.NEGATIVE_INFINITY);
    const peak = ops.stopGradient(ops.max(scores, -1, KEEP));
    const isEmpty = ops.equal(peak, Number.NEGATIVE_INFINITY);
    const e = ops.exp(ops.sub(scores, ops.where(isEmpty, 0, peak)));
    return [ops.mul(e, ops.div(1, ops.where(isEmpty, 1, ops.sum(e, -1, KEEP))))];
  },
  vjp: {
    saves: { inputs: [], outputs: true },
    rule: (_ops, g, { attrs, needs, output }) => {
      const [scores, bias] = maskedSoftmaxGrad([g, output()], { scale: attrs.scale });
      return [scores as Tensor, needs[1] ? (bias as Tensor) : null];
    },
  },
});

export interface AttentionOptions {
  /** [..., L, S], broadcast: bool (true takes part) or float (added to the scores). */
  readonly mask?: Tensor | undefined;
  /** Query i sees keys 0 … i only. */
  readonly causal?: boolean;
  /** 1/√E by default. */
  readonly scale?: number;
  /** Probability of dropping a weight; 0 by default. */
  readonly dropout?: number;
}

/**
 * softmax(q · kᵀ · scale) · v: q [..., L, E], k [..., S, E], v [..., S, V] → [..., L, V]. A query
 * whose keys are all masked gives zeros.
 * @throws ShapeError naming the shapes when they do not fit
 * @example
 * import { randn, scaledDotProductAttention } from '@tenon/core';
 * const [q, k, v] = [randn([2, 4, 10, 8]), randn([2, 4, 10, 8]), randn([2, 4, 10, 8])];
 * scaledDotProductAttention(q, k, v, { causal: true }); // [2, 4, 10, 8]
 */
export function scaledDotProductAttention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  options: AttentionOptions = {},
): Tensor {
  const op = 'scaledDotProductAttention';
  for (const t of [q, k, v]) requireTensor(op, t);
  const [e, s] = [q.shape[q.rank - 1], k.shape[k.rank - 2]];
  if (
    Math.min(q.rank, k.rank, v.rank) < 2 ||
    e !== k.shape[k.rank - 1] ||
    s !== v.shape[v.rank - 2]
  ) {
    throw new ShapeError(
      `${op}: expected q [..., L, E], k [..., S, E] and v [..., S, V], got ` +
        [q, k, v].map((t) => formatShape(t.shape)).join(', '),
    );
  }
  const { mask, causal = false, scale = 1 / Math.sqrt(e as number), dropout: p = 0 } = options;
  return library(() => {
    const scores = matmul(toFloat(q), transpose(toFloat(k)));
    const inputs = [scores, ...maskFor(op, scores, mask)];
    const kind = mask === undefined ? 'none' : mask.dtype === 'bool' ? 'bool' : 'float';
    const weights = maskedSoftmax(inputs, { scale, causal, mask: kind })[0] as Tensor;
    return matmul(p > 0 ? dropout(weights, p) : weights, toFloat(v));
  });
}
function maskFor(op: string, scores: Tensor, mask: Tensor | undefined): Tensor[] {
  if (mask === undefined) return [];
  requireTensor(op, mask);
  if (mask.dtype !== 'bool' && mask.dtype !== 'f32' && mask.dtype !== 'f64') {
    throw new DTypeError(
      `${op}: mask must be bool or float, got ${mask.dtype} (use mask.cast('bool'))`,
    );
  }
  if (formatShape(broadcastShapes(op, [scores.shape, mask.shape])) !== formatShape(scores.shape)) {
    throw new ShapeError(
      `${op}: mask must broadcast to the scores ${formatShape(scores.shape)}, ` +
        `got ${formatShape(mask.shape)}`,
    );
  }
  return [expandTo(mask.dtype === 'bool' ? mask : castTo(mask, scores.dtype), scores.shape)];
}
