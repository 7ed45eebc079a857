/**
 * Losses over elements, reduced in the same launch. Gradients of input and target come from one
 * launch too. PyTorch's formulas and slopes.
 */
import type { TensorType } from '../backend.ts';
import { defineComposite } from '../composite.ts';
import { ShapeError, ValueError } from '../errors.ts';
import { library } from '../memory/ownership.ts';
import { castTo, commonDType, expandTo, requireTensor, toFloat } from '../ops/operand.ts';
import type { Ops } from '../ops.ts';
import { formatShape, sameShape } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { stableSigmoid } from './activation.ts';

export type Reduction = 'mean' | 'sum' | 'none';
export interface LossOptions {
  /** 'mean' by default. */
  readonly reduction?: Reduction;
}

export function checkReduction(op: string, reduction: string): void {
  if (reduction !== 'mean' && reduction !== 'sum' && reduction !== 'none') {
    throw new ValueError(`${op}: reduction must be 'mean', 'sum' or 'none', got '${reduction}'`);
  }
}

/** Plain data: the reduction and the loss's own settings. */
interface Reduced<A> {
  readonly reduction: Reduction;
  readonly settings: A;
}
interface ElementLoss<A> {
  readonly name: string;
  /** The loss of each element; `more` are weights of the same shape. */
  value(ops: Ops, x: Tensor, target: Tensor, more: readonly Tensor[], settings: A): Tensor;
  /** Its derivatives in input and target. */
  slopes(
    ops: Ops,
    x: Tensor,
    target: Tensor,
    more: readonly Tensor[],
    settings: A,
  ): [Tensor, Tensor];
}
type LossFunction<A> = (
  inputs: readonly [Tensor, Tensor, ...Tensor[]],
  reduction: Reduction,
  settings: A,
) => Tensor;

/** Makes the function: composite `name` with the vjp `nameGrad`. All inputs of one shape. */
function defineElementLoss<A>(loss: ElementLoss<A>): LossFunction<A> {
  const gradient = defineComposite<Reduced<A> & { readonly isBoth: boolean }>({
    name: `${loss.name}Grad`,
    type: ([, x], { isBoth }) => (isBoth ? [x as TensorType, x as TensorType] : [x as TensorType]),
    decompose: (ops, inputs, { reduction, settings, isBoth }) => {
      const [g, x, target, ...more] = inputs as [Tensor, Tensor, Tensor, ...Tensor[]];
      const [first, second] = loss.slopes(ops, x, target, more, settings);
      const scaled = (slope: Tensor): Tensor =>
        ops.mul(reduction === 'mean' ? ops.div(slope, x.size) : slope, g);
      return isBoth ? [scaled(first), scaled(second)] : [scaled(first)];
    },
  });
  const composite = defineComposite<Reduced<A>>({
    name: loss.name,
    type: ([x], { reduction }) => {
      const { shape, dtype } = x as TensorType;
      return [{ shape: reduction === 'none' ? shape : [], dtype }];
    },
    decompose: (ops, inputs, { reduction, settings }) => {
      const [x, target, ...more] = inputs as [Tensor, Tensor, ...Tensor[]];
      const value = loss.value(ops, x, target, more, settings);
      if (reduction === 'none') return [value];
      return [reduction === 'sum' ? ops.sum(value) : ops.div(ops.sum(value), x.size)];
    },
    vjp: {
      saves: { inputs: [0, 1, 2, 3], outputs: false },
      rule: (_ops, g, { attrs, needs, types, input }) => {
        const operands = types.map((_, i) => input(i));
        const isBoth = needs[1] ?? false;
        // One attrs object with fixed keys: it is part of the plan's name.
        const { reduction, settings } = attrs;
        return gradient([g, ...operands], { reduction, settings, isBoth });
      },
    },
  });
  return (inputs, reduction, settings) => {
    checkReduction(loss.name, reduction);
    return composite(inputs, { reduction, settings })[0] as Tensor;
  };
}

/** Input and target at one float dtype. @throws ShapeError when their shapes differ */
function operands(op: string, input: Tensor, target: Tensor): [Tensor, Tensor] {
  requireTensor(op, input);
  requireTensor(op, target);
  if (!sameShape(input.shape, target.shape)) {
    throw new ShapeError(
      `${op}: input and target must have one shape, got ${formatShape(input.shape)} and ` +
        `${formatShape(target.shape)} (use reshape or expand)`,
    );
  }
  const dtype = commonDType(op, [toFloat(input), target]);
  return [castTo(input, dtype), castTo(target, dtype)];
}

const mseOf = defineElementLoss<null>({
  name: 'mseLoss',
  value: (ops, x, target) => ops.square(ops.sub(x, target)),
  slopes: (ops, x, target) => [ops.mul(ops.sub(x, target), 2), ops.mul(ops.sub(target, x), 2)],
});
/**
 * (input - target)², averaged.
 * @throws ShapeError naming both shapes when they differ
 */
export function mseLoss(
  input: Tensor,
  target: Tensor,
  { reduction = 'mean' }: LossOptions = {},
): Tensor {
  return library(() => mseOf(operands('mseLoss', input, target), reduction, null));
}

const l1Of = defineElementLoss<null>({
  name: 'l1Loss',
  value: (ops, x, target) => ops.abs(ops.sub(x, target)),
  slopes: (ops, x, target) => [ops.sign(ops.sub(x, target)), ops.sign(ops.sub(target, x))],
});
/** |input - target|, averaged; slope 0 at 0. */
export function l1Loss(
  input: Tensor,
  target: Tensor,
  { reduction = 'mean' }: LossOptions = {},
): Tensor {
  return library(() => l1Of(operands('l1Loss', input, target), reduction, null));
}

const huberOf = defineElementLoss<{ readonly delta: number }>({
  name: 'huberLoss',
  value: (ops, x, target, _more, { delta }) => {
    const d = ops.abs(ops.sub(x, target));
    const far = ops.mul(ops.sub(d, 0.5 * delta), delta);
    return ops.where(ops.lessEqual(d, delta), ops.mul(ops.mul(d, d), 0.5), far);
  },
  slopes: (ops, x, target, _more, { delta }) => [
    ops.clip(ops.sub(x, target), -delta, delta),
    ops.clip(ops.sub(target, x), -delta, delta),
  ],
});
export interface HuberOptions extends LossOptions {
  /** Where the square becomes a line; 1 by default. */
  readonly delta?: number;
}
/** d²/2 for d = |input - target| <= delta, delta · (d - delta/2) beyond, averaged. */
export function huberLoss(input: Tensor, target: Tensor, options: HuberOptions = {}): Tensor {
  const { reduction = 'mean', delta = 1 } = options;
  if (!(delta > 0)) throw new ValueError(`huberLoss: delta must be above 0, got ${delta}`);
  return library(() => huberOf(operands('huberLoss', input, target), reduction, { delta }));
}

const smoothL1Of = defineElementLoss<{ readonly beta: number }>({
  name: 'smoothL1Loss',
  value: (ops, x, target, _more, { beta }) => {
    const d = ops.abs(ops.sub(x, target));
    const near = ops.div(ops.mul(ops.mul(d, d), 0.5), beta);
    return ops.where(ops.less(d, beta), near, ops.sub(d, 0.5 * beta));
  },
  slopes: (ops, x, target, _more, { beta }) => {
    const slope = (d: Tensor): Tensor =>
      ops.where(ops.less(ops.abs(d), beta), ops.div(d, beta), ops.sign(d));
    return [slope(ops.sub(x, target)), slope(ops.sub(target, x))];
  },
});
export interface SmoothL1Options extends LossOptions {
  /** Where the square becomes a line; 1 by default, 0 gives l1Loss. */
  readonly beta?: number;
}
/** d²/(2·beta) for d = |input - target| < beta, d - beta/2 beyond, averaged. */
export function smoothL1Loss(input: Tensor, target: Tensor, options: SmoothL1Options = {}): Tensor {
  const { reduction = 'mean', beta = 1 } = options;
  if (!(beta >= 0)) throw new ValueError(`smoothL1Loss: beta must be at least 0, got ${beta}`);
  if (beta === 0) return l1Loss(input, target, { reduction });
  return library(() => smoothL1Of(operands('smoothL1Loss', input, target), reduction, { beta }));
}

interface WeightSettings {
  readonly hasWeight: boolean;
  readonly hasPosWeight: boolean;
}
const bceWithLogitsOf = defineElementLoss<WeightSettings>({
  name: 'binaryCrossEntropyWithLogits',
  value: (ops, x, target, more, settings) => {
    const rest = ops.log1p(ops.exp(ops.neg(ops.abs(x))));
    const softplus = ops.add(rest, ops.where(ops.less(x, 0), ops.neg(x), 0));
    const positive = positiveWeight(ops, target, more, settings);
    const value = ops.add(ops.mul(ops.sub(1, target), x), ops.mul(positive, softplus));
    return settings.hasWeight ? ops.mul(value, more[0] as Tensor) : value;
  },
  slopes: (ops, x, target, more, settings) => {
    const positive = positiveWeight(ops, target, more, settings);
    const s = stableSigmoid(ops, ops.neg(x));
    const first = ops.sub(ops.sub(1, target), ops.mul(positive, s));
    const extra = settings.hasPosWeight ? ops.sub(more[more.length - 1] as Tensor, 1) : null;
    const rest = ops.log1p(ops.exp(ops.neg(ops.abs(x))));
    const softplus = ops.add(rest, ops.where(ops.less(x, 0), ops.neg(x), 0));
    const second = extra === null ? ops.neg(x) : ops.sub(ops.mul(extra, softplus), x);
    if (!settings.hasWeight) return [first, second];
    const weight = more[0] as Tensor;
    return [ops.mul(first, weight), ops.mul(second, weight)];
  },
});
/** 1 + (posWeight - 1) · target */
function positiveWeight(
  ops: Ops,
  target: Tensor,
  more: readonly Tensor[],
  { hasPosWeight }: WeightSettings,
): Tensor {
  if (!hasPosWeight) return ops.onesLike(target);
  return ops.add(ops.mul(ops.sub(more[more.length - 1] as Tensor, 1), target), 1);
}
export interface BinaryCrossEntropyOptions extends LossOptions {
  /** A weight for each element: broadcasts to the input. Gets no gradient. */
  readonly weight?: Tensor | undefined;
}
export interface BinaryCrossEntropyWithLogitsOptions extends BinaryCrossEntropyOptions {
  /** Weight of the positive class: broadcasts to the input. Gets no gradient. */
  readonly posWeight?: Tensor | undefined;
}
/**
 * -(posWeight · t · log σ(x) + (1 - t) · log(1 - σ(x))) for logits x and targets t in [0, 1],
 * without overflow, averaged.
 */
export function binaryCrossEntropyWithLogits(
  logits: Tensor,
  target: Tensor,
  options: BinaryCrossEntropyWithLogitsOptions = {},
): Tensor {
  const { reduction = 'mean', weight, posWeight } = options;
  return library(() => {
    const [x, t] = operands('binaryCrossEntropyWithLogits', logits, target);
    const more = [weight, posWeight].flatMap((w) =>
      w ? [expandTo(castTo(w, x.dtype), x.shape)] : [],
    );
    const settings = { hasWeight: Boolean(weight), hasPosWeight: Boolean(posWeight) };
    return bceWithLogitsOf([x, t, ...more], reduction, settings);
  });
}

const bceOf = defineElementLoss<{ readonly hasWeight: boolean }>({
  name: 'binaryCrossEntropy',
  value: (ops, x, target, [weight], { hasWeight }) => {
    // Logarithms are held above -100, so that a wrong and certain answer costs a finite amount.
    const yes = ops.mul(target, ops.clip(ops.log(x), -100, null));
    const no = ops.mul(ops.sub(1, target), ops.clip(ops.log1p(ops.neg(x)), -100, null));
    const value = ops.neg(ops.add(yes, no));
    return hasWeight ? ops.mul(value, weight as Tensor) : value;
  },
  slopes: (ops, x, target, [weight], { hasWeight }) => {
    const spread = ops.clip(ops.mul(ops.sub(1, x), x), 1e-12, null);
    const first = ops.div(ops.sub(x, target), spread);
    const yes = ops.clip(ops.log(x), -100, null);
    const second = ops.sub(ops.clip(ops.log1p(ops.neg(x)), -100, null), yes);
    return hasWeight
      ? [ops.mul(first, weight as Tensor), ops.mul(second, weight as Tensor)]
      : [first, second];
  },
});
/** -(t · log p + (1 - t) · log(1 - p)) for probabilities p and targets t in [0, 1], averaged. */
export function binaryCrossEntropy(
  probabilities: Tensor,
  target: Tensor,
  options: BinaryCrossEntropyOptions = {},
): Tensor {
  const { reduction = 'mean', weight } = options;
  return library(() => {
    const [x, t] = operands('binaryCrossEntropy', probabilities, target);
    const more = weight ? [expandTo(castTo(weight, x.dtype), x.shape)] : [];
    return bceOf([x, t, ...more], reduction, { hasWeight: Boolean(weight) });
  });
}

const klOf = defineElementLoss<{ readonly isLog: boolean }>({
  name: 'klDiv',
  value: (ops, x, target, _more, { isLog }) => {
    if (isLog) return ops.mul(ops.exp(target), ops.sub(target, x));
    // 0 · log 0 is 0.
    const isZero = ops.equal(target, 0);
    const entropy = ops.mul(target, ops.log(ops.where(isZero, 1, target)));
    return ops.sub(entropy, ops.mul(target, x));
  },
  slopes: (ops, x, target, _more, { isLog }) => {
    if (isLog) {
      const p = ops.exp(target);
      return [ops.neg(p), ops.mul(p, ops.add(ops.sub(target, x), 1))];
    }
    return [ops.neg(target), ops.sub(ops.add(ops.log(target), 1), x)];
  },
});
export interface KlDivOptions {
  /** 'batchMean' divides by the first axis's size, as the definition does; 'mean' by default. */
  readonly reduction?: Reduction | 'batchMean';
  /** Whether the target is given as logarithms too. */
  readonly logTarget?: boolean;
}
/** target · (log target - input), for an input of log probabilities. */
export function klDiv(input: Tensor, target: Tensor, options: KlDivOptions = {}): Tensor {
  const { reduction = 'mean', logTarget = false } = options;
  return library(() => {
    const settings = { isLog: logTarget };
    const pair = operands('klDiv', input, target);
    if (reduction !== 'batchMean') return klOf(pair, reduction, settings);
    return klOf(pair, 'sum', settings).div(input.shape[0] ?? 1);
  });
}
