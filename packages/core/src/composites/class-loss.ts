/**
 * Losses over classes: crossEntropy and nllLoss. The loss of all rows is one launch, its reduction
 * a second one, the gradient a third: one-hot labels are index arithmetic and are never stored.
 */
import type { TensorType } from '../backend.ts';
import { defineComposite } from '../composite.ts';
import { isFloat, isInteger } from '../dtype.ts';
import { DTypeError, ShapeError, ValueError } from '../errors.ts';
import { library } from '../memory/ownership.ts';
import { div, mul } from '../ops/elementwise.ts';
import { castTo, requireTensor, toFloat } from '../ops/operand.ts';
import { sum } from '../ops/reduce.ts';
import { expand, squeeze, unsqueeze } from '../ops/shape.ts';
import type { Ops } from '../ops.ts';
import { formatShape, reducedShape, sameShape } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { checkReduction, type LossOptions } from './loss.ts';

const KEEP = { keepDims: true } as const;
const CLASSES = 1;

interface LabelAttrs {
  readonly hasWeight: boolean;
  readonly ignoreIndex: number;
  readonly smoothing: number;
}
interface Labelled {
  /** Whether the row counts. */
  readonly isCounted: Tensor;
  /** Whether the class is the label, [N, C, …]. */
  readonly isLabel: Tensor;
  /** weight of each class over [N, C, …]; null for 1. */
  readonly weight: Tensor | null;
}
/** labels [N, …] against the classes of x [N, C, …]. */
function labelled(
  ops: Ops,
  x: Tensor,
  labels: Tensor,
  weight: Tensor | null,
  ignoreIndex: number,
): Labelled {
  const classes = x.shape[CLASSES] as number;
  const along = x.shape.map((_, axis) => (axis === CLASSES ? classes : 1));
  const own = ops.expand(ops.reshape(ops.arange(classes, { backend: x.backend }), along), x.shape);
  const label = ops.unsqueeze(labels, CLASSES);
  return {
    isCounted: ops.notEqual(label, ignoreIndex),
    isLabel: ops.equal(ops.expand(label, x.shape), own),
    weight: weight === null ? null : ops.expand(ops.reshape(weight, along), x.shape),
  };
}
/** Whether the row counts, over [N, C, …]: gradients have no reduction and so only full maps. */
function isCountedOver(ops: Ops, labels: Tensor, x: Tensor, ignoreIndex: number): Tensor {
  return ops.notEqual(ops.expand(ops.unsqueeze(labels, CLASSES), x.shape), ignoreIndex);
}
/** Weight of each row's label: NaN where that is no class, 0 for a row that does not count. */
function rowWeight(ops: Ops, { isCounted, isLabel, weight }: Labelled, like: Tensor): Tensor {
  const hits = ops.sum(ops.where(isLabel, ops.onesLike(like), 0), CLASSES, KEEP);
  const value = weight === null ? hits : ops.sum(ops.where(isLabel, weight, 0), CLASSES, KEEP);
  return ops.where(isCounted, ops.where(ops.equal(hits, 0), Number.NaN, value), 0);
}
function rowType(x: TensorType): TensorType {
  return { shape: reducedShape(x.shape, [CLASSES], false), dtype: x.dtype };
}
function perRow(ops: Ops, t: Tensor): Tensor {
  return ops.squeeze(t, CLASSES);
}
/** Share of each class's -log p in the loss: (1 - smoothing) at the label, the rest spread. */
function shares(ops: Ops, at: Labelled, like: Tensor, smoothing: number): Tensor {
  const classes = like.shape[CLASSES] as number;
  const spread = smoothing / classes;
  const share = ops.where(at.isLabel, ops.fullLike(like, 1 - smoothing + spread), spread);
  return at.weight === null ? share : ops.mul(share, at.weight);
}
/** Per row: the largest logit, and log Σ e^(x - largest). */
function normalizer(ops: Ops, x: Tensor): [Tensor, Tensor] {
  const peak = ops.stopGradient(ops.max(x, CLASSES, KEEP));
  return [peak, ops.log(ops.sum(ops.exp(ops.sub(x, peak)), CLASSES, KEEP))];
}

/** (g, logits, labels, largest, logSum, weight?) → gradient of the logits. */
const crossEntropyGrad = defineComposite<LabelAttrs>({
  name: 'crossEntropyGrad',
  type: ([, x]) => [x as TensorType],
  decompose: (ops, inputs, { hasWeight, ignoreIndex, smoothing }) => {
    const [g, x, labels, peak, logSum] = inputs as [Tensor, Tensor, Tensor, Tensor, Tensor];
    const weight = hasWeight ? (inputs[5] as Tensor) : null;
    const at = labelled(ops, x, labels, weight, ignoreIndex);
    const [m, s] = [ops.unsqueeze(peak, CLASSES), ops.unsqueeze(logSum, CLASSES)];
    const p = ops.exp(ops.sub(ops.sub(x, m), s));
    const share = shares(ops, at, x, smoothing);
    const total = hasWeight ? ops.sum(share, CLASSES, KEEP) : null;
    const scaled = total === null ? p : ops.mul(p, total);
    return [
      ops.where(
        isCountedOver(ops, labels, x, ignoreIndex),
        ops.mul(ops.sub(scaled, share), ops.unsqueeze(g, CLASSES)),
        0,
      ),
    ];
  },
});

/** (logits, labels, weight?) → loss, row weight, largest logit, log Σ e^(x - largest): [N, …]. */
const crossEntropyRows = defineComposite<LabelAttrs>({
  name: 'crossEntropy',
  type: ([x]) => {
    const row = rowType(x as TensorType);
    return [row, row, row, row];
  },
  decompose: (ops, inputs, { hasWeight, ignoreIndex, smoothing }) => {
    const [x, labels] = inputs as [Tensor, Tensor];
    const weight = hasWeight ? (inputs[2] as Tensor) : null;
    const at = labelled(ops, x, labels, weight, ignoreIndex);
    const [peak, logSum] = normalizer(ops, x);
    const cost = ops.sub(logSum, ops.sub(x, peak));
    // A class of probability 0 costs ∞, and 0 · ∞ is NaN: what is not shared is left out.
    const share = shares(ops, at, x, smoothing);
    const part = ops.mul(cost, share);
    const kept = smoothing === 0 ? ops.where(at.isLabel, part, 0) : part;
    const row = rowWeight(ops, at, x);
    const loss = ops.sum(kept, CLASSES, KEEP);
    const known = ops.where(ops.notEqual(row, row), row, loss);
    const counted = ops.where(at.isCounted, known, 0);
    return [counted, row, peak, logSum].map((t) => perRow(ops, t));
  },
  vjp: {
    saves: { inputs: [0, 1, 2], outputs: true },
    rule: (_ops, g, { attrs, input, output }) => {
      const weight = attrs.hasWeight ? [input(2)] : [];
      const operands = [g, input(0), input(1), output(2), output(3), ...weight];
      return crossEntropyGrad(operands, attrs);
    },
  },
});

/** (g, labels, weight?) → gradient of the log probabilities. */
const nllLossGrad = defineComposite<LabelAttrs>({
  name: 'nllLossGrad',
  type: ([, x]) => [x as TensorType],
  decompose: (ops, inputs, { hasWeight, ignoreIndex }) => {
    const [g, x, labels] = inputs as [Tensor, Tensor, Tensor];
    const at = labelled(ops, x, labels, hasWeight ? (inputs[3] as Tensor) : null, ignoreIndex);
    const row = ops.neg(ops.expand(ops.unsqueeze(g, CLASSES), x.shape));
    const weighted = at.weight === null ? row : ops.mul(at.weight, row);
    return [
      ops.where(
        ops.logicalAnd(at.isLabel, isCountedOver(ops, labels, x, ignoreIndex)),
        weighted,
        0,
      ),
    ];
  },
});
/** (log probabilities, labels, weight?) → loss and row weight, each [N, …]. */
const nllLossRows = defineComposite<LabelAttrs>({
  name: 'nllLoss',
  type: ([x]) => {
    const row = rowType(x as TensorType);
    return [row, row];
  },
  decompose: (ops, inputs, { hasWeight, ignoreIndex }) => {
    const [x, labels] = inputs as [Tensor, Tensor];
    const at = labelled(ops, x, labels, hasWeight ? (inputs[2] as Tensor) : null, ignoreIndex);
    const cost = at.weight === null ? ops.neg(x) : ops.neg(ops.mul(x, at.weight));
    const loss = ops.sum(ops.where(at.isLabel, cost, 0), CLASSES, KEEP);
    const row = rowWeight(ops, at, x);
    const known = ops.where(ops.notEqual(row, row), row, loss);
    return [ops.where(at.isCounted, known, 0), row].map((t) => perRow(ops, t));
  },
  vjp: {
    saves: { inputs: [0, 1, 2], outputs: false },
    rule: (_ops, g, { attrs, input }) => {
      const weight = attrs.hasWeight ? [input(2)] : [];
      return nllLossGrad([g, input(0), input(1), ...weight], attrs);
    },
  },
});

interface TargetAttrs {
  readonly hasWeight: boolean;
  readonly smoothing: number;
}
/** Smoothed probabilities times class weights. */
function targetShares(ops: Ops, target: Tensor, weight: Tensor | null, smoothing: number): Tensor {
  const classes = target.shape[CLASSES] as number;
  const smooth =
    smoothing === 0 ? target : ops.add(ops.mul(target, 1 - smoothing), smoothing / classes);
  if (weight === null) return smooth;
  const along = target.shape.map((_, axis) => (axis === CLASSES ? classes : 1));
  return ops.mul(smooth, ops.reshape(weight, along));
}
const softCrossEntropyGrad = defineComposite<TargetAttrs>({
  name: 'softCrossEntropyGrad',
  type: ([, x]) => [x as TensorType, x as TensorType],
  decompose: (ops, inputs, { hasWeight, smoothing }) => {
    const [g, x, target, peak, logSum] = inputs as [Tensor, Tensor, Tensor, Tensor, Tensor];
    const weight = hasWeight ? (inputs[5] as Tensor) : null;
    const [m, s] = [ops.unsqueeze(peak, CLASSES), ops.unsqueeze(logSum, CLASSES)];
    const logP = ops.sub(ops.sub(x, m), s);
    const share = targetShares(ops, target, weight, smoothing);
    const row = ops.unsqueeze(g, CLASSES);
    const scaled = ops.mul(ops.exp(logP), ops.sum(share, CLASSES, KEEP));
    const slope = targetShares(ops, ops.neg(logP), weight, 0);
    return [ops.mul(ops.sub(scaled, share), row), ops.mul(ops.mul(slope, 1 - smoothing), row)];
  },
});
/** (logits, probabilities, weight?) → loss, largest logit, log Σ e^(x - largest), each [N, …]. */
const softCrossEntropyRows = defineComposite<TargetAttrs>({
  name: 'softCrossEntropy',
  type: ([x]) => {
    const row = rowType(x as TensorType);
    return [row, row, row];
  },
  decompose: (ops, inputs, { hasWeight, smoothing }) => {
    const [x, target] = inputs as [Tensor, Tensor];
    const [peak, logSum] = normalizer(ops, x);
    const cost = ops.sub(logSum, ops.sub(x, peak));
    const share = targetShares(ops, target, hasWeight ? (inputs[2] as Tensor) : null, smoothing);
    const loss = ops.sum(ops.mul(cost, share), CLASSES, KEEP);
    return [loss, peak, logSum].map((t) => perRow(ops, t));
  },
  vjp: {
    saves: { inputs: [0, 1, 2], outputs: true },
    rule: (_ops, g, { attrs, input, output }) => {
      const weight = attrs.hasWeight ? [input(2)] : [];
      const operands = [g, input(0), input(1), output(1), output(2), ...weight];
      return softCrossEntropyGrad(operands, attrs);
    },
  },
});

/** (loss of each row, weight of each row) → Σ loss / Σ weight, Σ weight. */
const weightedMean = defineComposite<null>({
  name: 'weightedMean',
  type: ([x]) => {
    const scalar: TensorType = { shape: [], dtype: (x as TensorType).dtype };
    return [scalar, scalar];
  },
  decompose: (ops, inputs) => {
    const [loss, weight] = inputs as [Tensor, Tensor];
    const total = ops.sum(weight);
    return [ops.div(ops.sum(loss), total), total];
  },
  vjp: {
    saves: { inputs: [0, 1], outputs: true },
    // The weights are constants: they depend on labels only.
    rule: (_ops, g, ctx) => {
      const { shape } = ctx.types[0] as TensorType;
      return [expand(div(g, ctx.output(1)), shape), null];
    },
  },
});

export interface NllLossOptions extends LossOptions {
  /** A weight for each class, [C]. Gets no gradient. */
  readonly weight?: Tensor | undefined;
  /** Rows with this label count nothing; -100 by default. */
  readonly ignoreIndex?: number;
}
export interface CrossEntropyOptions extends NllLossOptions {
  /** Share of the label's probability that is spread over all classes; 0 by default. */
  readonly labelSmoothing?: number;
}

function requireWeight(op: string, x: Tensor, weight: Tensor | undefined): Tensor[] {
  if (weight === undefined) return [];
  const classes = x.shape[CLASSES] as number;
  if (weight.rank !== 1 || weight.size !== classes) {
    throw new ShapeError(
      `${op}: weight must be [${classes}] for input ${formatShape(x.shape)}, ` +
        `got ${formatShape(weight.shape)}`,
    );
  }
  return [castTo(weight, x.dtype)];
}
function requireLabels(op: string, x: Tensor, labels: Tensor): void {
  const wanted = reducedShape(x.shape, [x.rank === 1 ? 0 : CLASSES], false);
  if (!isInteger(labels.dtype)) {
    throw new DTypeError(
      `${op}: expected labels i32 ${formatShape(wanted)}, got ${labels.dtype} ` +
        `${formatShape(labels.shape)} (use labels.cast('i32'))`,
    );
  }
  if (!sameShape(labels.shape, wanted)) {
    throw new ShapeError(
      `${op}: expected labels ${formatShape(wanted)} for input ${formatShape(x.shape)}, ` +
        `got ${formatShape(labels.shape)}`,
    );
  }
}
/** Input and target with a batch axis, which a single row [C] lacks. */
function asBatch(
  op: string,
  input: Tensor,
  target: Tensor,
): { x: Tensor; target: Tensor; isSingle: boolean } {
  requireTensor(op, input);
  requireTensor(op, target);
  if (input.rank === 0) throw new ShapeError(`${op}: expected an input [N, C, …] or [C], got []`);
  const x = toFloat(input);
  if (input.rank > 1) return { x, target, isSingle: false };
  return { x: unsqueeze(x, 0), target: unsqueeze(target, 0), isSingle: true };
}

function reduceRows(loss: Tensor, weight: Tensor, reduction: string, isSingle: boolean): Tensor {
  if (reduction === 'mean') return weightedMean([loss, weight], null)[0] as Tensor;
  if (reduction === 'sum') return sum(loss);
  return isSingle ? squeeze(loss, 0) : loss;
}

/**
 * -log softmax(logits)[label], averaged over all rows: logits [N, C, …] with labels i32 [N, …], or
 * with probabilities [N, C, …]. With class weights the mean divides by the weights of the labels. A
 * label that is neither a class nor ignoreIndex gives NaN.
 * @throws DTypeError when labels are not integers
 * @throws ShapeError, naming both shapes, when they don't fit
 * @example
 * import { crossEntropy, tensor } from '@tenon/core';
 * crossEntropy(tensor([[2, -1, 0.5]]), tensor([0], { dtype: 'i32' })); // 0.2413
 */
export function crossEntropy(
  logits: Tensor,
  target: Tensor,
  options: CrossEntropyOptions = {},
): Tensor {
  const op = 'crossEntropy';
  const { reduction = 'mean', weight, ignoreIndex = -100, labelSmoothing = 0 } = options;
  checkReduction(op, reduction);
  if (!(labelSmoothing >= 0 && labelSmoothing <= 1)) {
    throw new ValueError(`${op}: labelSmoothing must lie in [0, 1], got ${labelSmoothing}`);
  }
  return library(() => {
    requireTensor(op, target);
    const isSoft = isFloat(target.dtype) && sameShape(target.shape, logits.shape);
    if (!isSoft) requireLabels(op, logits, target);
    const { x, target: y, isSingle } = asBatch(op, logits, target);
    const more = requireWeight(op, x, weight);
    const hasWeight = more.length > 0;
    if (isSoft) {
      const attrs = { hasWeight, smoothing: labelSmoothing };
      const loss = softCrossEntropyRows([x, castTo(y, x.dtype), ...more], attrs)[0] as Tensor;
      if (reduction === 'mean') return mul(sum(loss), 1 / loss.size);
      return reduceRows(loss, loss, reduction, isSingle);
    }
    const attrs = { hasWeight, ignoreIndex, smoothing: labelSmoothing };
    const rows = crossEntropyRows([x, castTo(y, 'i32'), ...more], attrs);
    return reduceRows(rows[0] as Tensor, rows[1] as Tensor, reduction, isSingle);
  });
}

/** -logProbabilities[label]: as crossEntropy, for inputs that are log probabilities already. */
export function nllLoss(
  logProbabilities: Tensor,
  labels: Tensor,
  options: NllLossOptions = {},
): Tensor {
  const op = 'nllLoss';
  const { reduction = 'mean', weight, ignoreIndex = -100 } = options;
  checkReduction(op, reduction);
  return library(() => {
    requireTensor(op, labels);
    requireLabels(op, logProbabilities, labels);
    const { x, target, isSingle } = asBatch(op, logProbabilities, labels);
    const more = requireWeight(op, x, weight);
    const attrs = { hasWeight: more.length > 0, ignoreIndex, smoothing: 0 };
    const rows = nllLossRows([x, castTo(target, 'i32'), ...more], attrs);
    return reduceRows(rows[0] as Tensor, rows[1] as Tensor, reduction, isSingle);
  });
}
