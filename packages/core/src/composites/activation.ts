/**
 * Activations, as PyTorch defines them, with its slopes where the function has a kink. Each runs
 * as one launch forward and one backward.
 */
import { ValueError } from '../errors.ts';
import type { Ops } from '../ops.ts';
import type { Tensor } from '../tensor.ts';
import { definePointwise } from './pointwise.ts';

/** 1/(1 + e^-x) from z = e^-|x|, which never overflows. */
export function stableSigmoid(ops: Ops, x: Tensor): Tensor {
  const z = ops.exp(ops.neg(ops.abs(x)));
  return ops.div(ops.where(ops.less(x, 0), z, 1), ops.add(z, 1));
}
/** x where it is below 0, else 0: keeps the branch that is not taken finite. */
function negativePart(ops: Ops, x: Tensor): Tensor {
  return ops.where(ops.greater(x, 0), 0, x);
}

const reluOf = definePointwise<null>({
  name: 'relu',
  takesIntegers: true,
  value: (ops, x) => ops.where(ops.lessEqual(x, 0), 0, x),
  saves: 'output',
  gradient: (ops, g, y) => ops.where(ops.lessEqual(y, 0), 0, g),
});
/** max(x, 0); slope 0 at 0. */
export function relu(x: Tensor): Tensor {
  return reluOf(x, null);
}

const sigmoidOf = definePointwise<null>({
  name: 'sigmoid',
  value: (ops, x) => ops.div(1, ops.add(ops.exp(ops.neg(x)), 1)),
  saves: 'output',
  gradient: (ops, g, y) => ops.mul(ops.mul(g, y), ops.sub(1, y)),
});
/** 1 / (1 + e^-x) */
export function sigmoid(x: Tensor): Tensor {
  return sigmoidOf(x, null);
}

const logSigmoidOf = definePointwise<null>({
  name: 'logSigmoid',
  value: (ops, x) =>
    ops.sub(ops.where(ops.less(x, 0), x, 0), ops.log1p(ops.exp(ops.neg(ops.abs(x))))),
  saves: 'input',
  gradient: (ops, g, x) => ops.mul(g, stableSigmoid(ops, ops.neg(x))),
});
/** log(1 / (1 + e^-x)), without overflow */
export function logSigmoid(x: Tensor): Tensor {
  return logSigmoidOf(x, null);
}

const leakyReluOf = definePointwise<{ readonly slope: number }>({
  name: 'leakyRelu',
  value: (ops, x, { slope }) => ops.where(ops.greater(x, 0), x, ops.mul(x, slope)),
  saves: 'input',
  gradient: (ops, g, x, { slope }) => ops.where(ops.greater(x, 0), g, ops.mul(g, slope)),
});
/** x above 0, slope · x below; slope `slope` at 0. */
export function leakyRelu(x: Tensor, slope = 0.01): Tensor {
  return leakyReluOf(x, { slope });
}

interface EluAttrs {
  /** Height of the negative branch. */
  readonly alpha: number;
  /** On the whole. */
  readonly scale: number;
  /** Within the exponential: x / width. */
  readonly width: number;
}
const eluOf = definePointwise<EluAttrs>({
  name: 'elu',
  value: (ops, x, { alpha, scale, width }) => {
    const below = ops.expm1(ops.div(negativePart(ops, x), width));
    return ops.where(ops.greater(x, 0), ops.mul(x, scale), ops.mul(below, alpha * scale));
  },
  saves: 'input',
  gradient: (ops, g, x, { alpha, scale, width }) => {
    const below = ops.exp(ops.div(negativePart(ops, x), width));
    const slope = ops.where(ops.greater(x, 0), scale, ops.mul(below, (alpha * scale) / width));
    return ops.mul(g, slope);
  },
});
/** x above 0, alpha · (e^x - 1) below. */
export function elu(x: Tensor, alpha = 1): Tensor {
  return eluOf(x, { alpha, scale: 1, width: 1 });
}
/** elu with the constants that keep mean 0 and variance 1 (Klambauer et al., 2017). */
export function selu(x: Tensor): Tensor {
  return eluOf(x, { alpha: 1.6732632423543772, scale: 1.0507009873554805, width: 1 });
}
/** x above 0, alpha · (e^(x/alpha) - 1) below. */
export function celu(x: Tensor, alpha = 1): Tensor {
  if (alpha === 0) throw new ValueError('celu: alpha must not be 0, got 0');
  return eluOf(x, { alpha, scale: 1, width: alpha });
}

const geluOf = definePointwise<null>({
  name: 'gelu',
  value: (ops, x) => ops.mul(x, normalCdf(ops, x)),
  saves: 'input',
  gradient: (ops, g, x) => {
    const density = ops.mul(ops.exp(ops.mul(ops.mul(x, x), -0.5)), 1 / Math.sqrt(2 * Math.PI));
    return ops.mul(g, ops.add(normalCdf(ops, x), ops.mul(x, density)));
  },
});
/** (1 + erf(x/√2))/2 */
function normalCdf(ops: Ops, x: Tensor): Tensor {
  return ops.mul(ops.add(ops.erf(ops.mul(x, Math.SQRT1_2)), 1), 0.5);
}
const GELU_SCALE = Math.sqrt(2 / Math.PI);
const GELU_CUBE = 0.044715;
const geluTanhOf = definePointwise<null>({
  name: 'geluTanh',
  value: (ops, x) => ops.mul(ops.mul(x, 0.5), ops.add(geluTanh(ops, x), 1)),
  saves: 'input',
  gradient: (ops, g, x) => {
    const t = geluTanh(ops, x);
    const inner = ops.mul(ops.add(ops.mul(ops.mul(x, x), 3 * GELU_CUBE), 1), GELU_SCALE);
    const bend = ops.mul(ops.mul(x, ops.sub(1, ops.mul(t, t))), inner);
    return ops.mul(g, ops.mul(ops.add(ops.add(t, 1), bend), 0.5));
  },
});
function geluTanh(ops: Ops, x: Tensor): Tensor {
  const cubic = ops.add(ops.mul(ops.mul(x, x), GELU_CUBE), 1);
  return ops.tanh(ops.mul(ops.mul(x, cubic), GELU_SCALE));
}
export interface GeluOptions {
  /** 'tanh': 0.5 x (1 + tanh(√(2/π) (x + 0.044715 x³))), cheaper. 'none' by default. */
  readonly approximate?: 'none' | 'tanh';
}
/** x · Φ(x), with Φ the normal distribution function (Hendrycks and Gimpel, 2016). */
export function gelu(x: Tensor, { approximate = 'none' }: GeluOptions = {}): Tensor {
  if (approximate === 'tanh') return geluTanhOf(x, null);
  if (approximate === 'none') return geluOf(x, null);
  throw new ValueError(`gelu: approximate must be 'none' or 'tanh', got '${approximate}'`);
}

const siluOf = definePointwise<null>({
  name: 'silu',
  value: (ops, x) => ops.mul(x, stableSigmoid(ops, x)),
  saves: 'input',
  gradient: (ops, g, x) => {
    const s = stableSigmoid(ops, x);
    return ops.mul(ops.mul(g, s), ops.add(ops.mul(x, ops.sub(1, s)), 1));
  },
});
/** x / (1 + e^-x) */
export function silu(x: Tensor): Tensor {
  return siluOf(x, null);
}

/** log(1 + e^x) = max(x, 0) + log(1 + e^-|x|) */
function logOnePlusExp(ops: Ops, x: Tensor): Tensor {
  const rest = ops.log1p(ops.exp(ops.neg(ops.abs(x))));
  return ops.add(ops.where(ops.greater(x, 0), x, 0), rest);
}
const mishOf = definePointwise<null>({
  name: 'mish',
  value: (ops, x) => ops.mul(x, ops.tanh(logOnePlusExp(ops, x))),
  saves: 'input',
  gradient: (ops, g, x) => {
    const t = ops.tanh(logOnePlusExp(ops, x));
    const bend = ops.mul(ops.mul(x, stableSigmoid(ops, x)), ops.sub(1, ops.mul(t, t)));
    return ops.mul(g, ops.add(t, bend));
  },
});
/** x · tanh(log(1 + e^x)) (Misra, 2019) */
export function mish(x: Tensor): Tensor {
  return mishOf(x, null);
}

interface SoftplusAttrs {
  readonly beta: number;
  readonly threshold: number;
}
const softplusOf = definePointwise<SoftplusAttrs>({
  name: 'softplus',
  value: (ops, x, { beta, threshold }) => {
    const t = ops.mul(x, beta);
    return ops.where(ops.greater(t, threshold), x, ops.div(logOnePlusExp(ops, t), beta));
  },
  saves: 'input',
  gradient: (ops, g, x, { beta, threshold }) => {
    const t = ops.mul(x, beta);
    return ops.where(ops.greater(t, threshold), g, ops.mul(g, stableSigmoid(ops, t)));
  },
});
export interface SoftplusOptions {
  readonly beta?: number;
  /** Above it (in units of beta · x) the function is x itself; 20 by default. */
  readonly threshold?: number;
}
/** log(1 + e^(beta · x)) / beta */
export function softplus(x: Tensor, { beta = 1, threshold = 20 }: SoftplusOptions = {}): Tensor {
  if (beta === 0) throw new ValueError('softplus: beta must not be 0, got 0');
  return softplusOf(x, { beta, threshold });
}

const softsignOf = definePointwise<null>({
  name: 'softsign',
  value: (ops, x) => ops.div(x, ops.add(ops.abs(x), 1)),
  saves: 'input',
  gradient: (ops, g, x) => ops.div(g, ops.square(ops.add(ops.abs(x), 1))),
});
/** x / (1 + |x|) */
export function softsign(x: Tensor): Tensor {
  return softsignOf(x, null);
}

const tanhShrinkOf = definePointwise<null>({
  name: 'tanhShrink',
  value: (ops, x) => ops.sub(x, ops.tanh(x)),
  saves: 'input',
  gradient: (ops, g, x) => ops.mul(g, ops.square(ops.tanh(x))),
});
/** x - tanh x */
export function tanhShrink(x: Tensor): Tensor {
  return tanhShrinkOf(x, null);
}
