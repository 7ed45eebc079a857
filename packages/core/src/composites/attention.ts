/**
 * Scaled dot-product attention: two products; scale, mask and softmax are one launch between. Where
 * a backend overrides 'attention' the scores are never stored: one kernel forwards, and from the
 * log-sum-exp of each row the gradients (Dao et al., "FlashAttention", 2022).
 */
import { isTracked } from '../autograd/tape.ts';
import type { TensorType } from '../backend.ts';
import { defineComposite, overrideReason } from '../composite.ts';
import { isFloat } from '../dtype.ts';
import { DTypeError, ShapeError } from '../errors.ts';
import { library } from '../memory/ownership.ts';
import { matmul } from '../ops/linalg.ts';
import { castTo, expandTo, requireTensor, toFloat } from '../ops/operand.ts';
import { reshape, transpose } from '../ops/shape.ts';
import type { Ops } from '../ops.ts';
import { scope } from '../scope.ts';
import { broadcastShapes, formatShape } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { dropout } from './dropout.ts';

/** Of the composites 'attention' and 'attentionGrad', and of the softmax inside. */
export interface AttentionAttrs {
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

/** scale · x, and -∞ or less where masked: x [..., L, S], the mask expanded to that. */
function maskedScores(
  ops: Ops,
  x: Tensor,
  bias: Tensor | undefined,
  attrs: AttentionAttrs,
): Tensor {
  let scores = ops.mul(x, attrs.scale);
  if (bias !== undefined && attrs.mask === 'bool') {
    scores = ops.where(bias, scores, Number.NEGATIVE_INFINITY);
  }
  if (bias !== undefined && attrs.mask === 'float') scores = ops.add(scores, bias);
  return attrs.causal ? ops.where(isPast(ops, x), scores, Number.NEGATIVE_INFINITY) : scores;
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
const maskedSoftmax = defineComposite<AttentionAttrs>({
  name: 'maskedSoftmax',
  type: ([x]) => [x as TensorType],
  decompose: (ops, inputs, { scale, causal, mask }) => {
    const [x, bias] = inputs as [Tensor, Tensor];
    const scores = maskedScores(ops, x, bias, { scale, causal, mask });
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

/** The scores of the fused composites: the mask has the rank of q, with 1 where it is the same. */
function scoresOf(ops: Ops, q: Tensor, k: Tensor, mask: Tensor | undefined, attrs: AttentionAttrs) {
  const product = ops.matmul(q, ops.transpose(k));
  const bias = mask === undefined ? undefined : ops.expand(mask, product.shape);
  return maskedScores(ops, product, bias, attrs);
}

/** (g, q, k, v, out, lse, mask?) → gradients of q, k and v, from scores made anew. */
const attentionGrad = defineComposite<AttentionAttrs>({
  name: 'attentionGrad',
  type: ([, q, k, v]) => [q as TensorType, k as TensorType, v as TensorType],
  decompose: (ops, inputs, attrs) => {
    const [g, q, k, v, out, lse] = inputs as [Tensor, Tensor, Tensor, Tensor, Tensor, Tensor];
    const scores = scoresOf(ops, q, k, inputs[6], attrs);
    const weights = ops.exp(ops.sub(scores, ops.unsqueeze(lse, -1)));
    const slope = ops.sub(ops.matmul(g, ops.transpose(v)), ops.sum(ops.mul(g, out), -1, KEEP));
    const gradient = ops.mul(ops.mul(weights, slope), attrs.scale);
    return [
      ops.matmul(gradient, k),
      ops.matmul(ops.transpose(gradient), q),
      ops.matmul(ops.transpose(weights), g),
    ];
  },
});
/**
 * (q [..., L, E], k [..., S, E], v [..., S, V], mask?) → out [..., L, V], and the log-sum-exp of
 * each row of masked scores [..., L]: +∞ for a row without any key, so that exp(score - it) is 0.
 */
const attention = defineComposite<AttentionAttrs>({
  name: 'attention',
  type: ([q, , v]) => {
    const [{ shape, dtype }, values] = [q as TensorType, v as TensorType];
    const rows = shape.slice(0, -1);
    return [
      { shape: [...rows, values.shape[values.shape.length - 1] as number], dtype },
      { shape: rows, dtype },
    ];
  },
  decompose: (ops, inputs, attrs) => {
    const [q, k, v, mask] = inputs as [Tensor, Tensor, Tensor, Tensor | undefined];
    const scores = scoresOf(ops, q, k, mask, attrs);
    const peak = ops.stopGradient(ops.max(scores, -1, KEEP));
    const isEmpty = ops.equal(peak, Number.NEGATIVE_INFINITY);
    const e = ops.exp(ops.sub(scores, ops.where(isEmpty, 0, peak)));
    const total = ops.where(isEmpty, 1, ops.sum(e, -1, KEEP));
    const lse = ops.where(isEmpty, Number.POSITIVE_INFINITY, ops.add(peak, ops.log(total)));
    return [ops.matmul(ops.mul(e, ops.div(1, total)), v), ops.squeeze(lse, -1)];
  },
  vjp: {
    saves: { inputs: [0, 1, 2, 3], outputs: true },
    rule: (_ops, g, { attrs, types, input, output }) => {
      const inputs = types.map((_, i) => input(i));
      const [q, k, v] = inputs as [Tensor, Tensor, Tensor];
      const saved = [g, q, k, v, output(0), output(1), ...inputs.slice(3)];
      return [...attentionGrad(saved, attrs), ...inputs.slice(3).map(() => null)];
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
  const kind = mask === undefined ? 'none' : mask.dtype === 'bool' ? 'bool' : 'float';
  const attrs: AttentionAttrs = { scale, causal, mask: kind };
  return library(() => {
    const [queries, keys, values] = [toFloat(q), toFloat(k), toFloat(v)];
    const fused = p > 0 ? null : fusedInputs([queries, keys, values], mask, attrs);
    if (fused !== null) return attention(fused, attrs)[0] as Tensor;
    const scores = matmul(queries, transpose(keys));
    const inputs = [scores, ...maskFor(op, scores, mask)];
    const weights = maskedSoftmax(inputs, attrs)[0] as Tensor;
    return matmul(p > 0 ? dropout(weights, p) : weights, values);
  });
}

/** What the backend's own kernel takes, if it takes these operands: then no scores are stored. */
function fusedInputs(
  operands: readonly [q: Tensor, k: Tensor, v: Tensor],
  mask: Tensor | undefined,
  attrs: AttentionAttrs,
): readonly Tensor[] | null {
  const [q, k, v] = operands;
  const { runtime } = q;
  if (runtime.backend.overrides?.attention === undefined || scope.recorder !== null) return null;
  if ([k, v, ...(mask === undefined ? [] : [mask])].some((x) => x.runtime !== runtime)) return null;
  const batch = formatShape(q.shape.slice(0, -2));
  if ([k, v].some((x) => formatShape(x.shape.slice(0, -2)) !== batch)) return null;
  const inputs: Tensor[] = [...operands];
  if (mask !== undefined) {
    // The gradient of an additive mask is as large as the scores. And one that is as good as -∞ on
    // a whole row leaves no digits for the logarithm in its log-sum-exp, hence none for gradients.
    const isMask = mask.dtype === 'bool' || isFloat(mask.dtype);
    if (!isMask || mask.rank > q.rank) return null;
    if (mask.dtype !== 'bool' && isTracked([q, k, v, mask])) return null;
    const scores = [...q.shape.slice(0, -1), k.shape[k.rank - 2] as number];
    const shape = [...new Array<number>(q.rank - mask.rank).fill(1), ...mask.shape];
    if (shape.some((size, axis) => size !== 1 && size !== scores[axis])) return null;
    inputs.push(reshape(mask.dtype === 'bool' ? mask : castTo(mask, q.dtype), shape));
  }
  return overrideReason('attention', inputs, attrs) === true ? inputs : null;
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
