/**
 * Gradients of composites by differences in double precision, or where there is none against a
 * backend that has it: first order, and second order along a direction, which declared gradients
 * must get right as well.
 */
import {
  adaptiveMaxPool2d,
  avgPool2d,
  type Backend,
  batchNorm,
  binaryCrossEntropyWithLogits,
  conv2d,
  convTranspose2d,
  crossEntropy,
  type DType,
  elu,
  gelu,
  glu,
  grad,
  groupNorm,
  huberLoss,
  klDiv,
  layerNorm,
  linear,
  logSigmoid,
  logSoftmax,
  maxPool2d,
  mish,
  mseLoss,
  prelu,
  rmsNorm,
  scaledDotProductAttention,
  setDefaultBackend,
  sigmoid,
  silu,
  softmax,
  softplus,
  type Tensor,
  tensor,
  variable,
} from '@tenon/core';
import { assertNone, worstRelative } from '../compare.ts';
import { decomposed, hasOverrides } from '../decomposed.ts';
import type { Suite } from '../suite.ts';
import { seeded } from '../support.ts';

type Shape = readonly number[];
interface GradientSample {
  readonly name: string;
  readonly shapes: readonly Shape[];
  /** Inputs in, anything out: contracted with fixed numbers to a scalar. */
  readonly fn: (...inputs: Tensor[]) => Tensor;
}

const LABELS = Int32Array.from([1, 0, 2, -100]);
const labels = (): Tensor => tensor(LABELS);
const like = (x: Tensor): { readonly dtype: DType } => ({ dtype: x.dtype });

const SAMPLES: readonly GradientSample[] = [
  { name: 'sigmoid', shapes: [[7]], fn: sigmoid },
  { name: 'logSigmoid', shapes: [[7]], fn: logSigmoid },
  { name: 'gelu', shapes: [[7]], fn: (x) => gelu(x) },
  { name: 'gelu, tanh', shapes: [[7]], fn: (x) => gelu(x, { approximate: 'tanh' }) },
  { name: 'silu', shapes: [[7]], fn: silu },
  { name: 'mish', shapes: [[7]], fn: mish },
  { name: 'elu', shapes: [[7]], fn: (x) => elu(x, 1.5) },
  { name: 'softplus', shapes: [[7]], fn: (x) => softplus(x, { beta: 2 }) },
  { name: 'prelu', shapes: [[2, 3, 2], [3]], fn: (x, weight) => prelu(x, weight) },
  { name: 'glu', shapes: [[3, 4]], fn: (x) => glu(x, 1) },
  { name: 'softmax', shapes: [[3, 4]], fn: (x) => softmax(x) },
  { name: 'softmax, middle axis', shapes: [[2, 3, 2]], fn: (x) => softmax(x, 1) },
  { name: 'logSoftmax', shapes: [[3, 4]], fn: (x) => logSoftmax(x, 0) },
  { name: 'linear', shapes: [[3, 4], [2, 4], [2]], fn: (x, w, b) => linear(x, w, b) },
  {
    name: 'layerNorm',
    shapes: [[3, 4], [4], [4]],
    fn: (x, weight, bias) => layerNorm(x, 4, { weight, bias }),
  },
  {
    name: 'groupNorm',
    shapes: [[2, 4, 3], [4], [4]],
    fn: (x, weight, bias) => groupNorm(x, 2, { weight, bias }),
  },
  { name: 'rmsNorm', shapes: [[3, 4], [4]], fn: (x, weight) => rmsNorm(x, 4, { weight }) },
  {
    name: 'batchNorm, training',
    shapes: [[3, 2, 3], [2], [2]],
    fn: (x, weight, bias) => batchNorm(x, { weight, bias, training: true }),
  },
  {
    name: 'batchNorm, evaluation',
    shapes: [[3, 2, 3], [2], [2]],
    fn: (x, weight, bias) => {
      const runningMean = variable(tensor([0.5, -1], like(x)));
      const runningVar = variable(tensor([0.5, 2], like(x)));
      return batchNorm(x, { weight, bias, runningMean, runningVar });
    },
  },
  {
    name: 'conv2d, same',
    shapes: [[2, 2, 4, 5], [4, 2, 3, 3], [4]],
    fn: (x, w, bias) => conv2d(x, w, { bias, padding: 'same' }),
  },
  {
    name: 'conv2d, valid: more kernel than output',
    shapes: [
      [2, 2, 6, 6],
      [3, 2, 4, 4],
    ],
    fn: (x, w) => conv2d(x, w),
  },
  {
    name: 'conv2d, stride, dilation, groups',
    shapes: [
      [2, 4, 7, 6],
      [4, 2, 2, 3],
    ],
    fn: (x, w) => conv2d(x, w, { stride: [2, 1], dilation: [2, 1], padding: [1, 2], groups: 2 }),
  },
  {
    name: 'convTranspose2d',
    shapes: [
      [2, 4, 3, 3],
      [4, 1, 3, 2],
    ],
    fn: (x, w) => convTranspose2d(x, w, { stride: 2, padding: 1, outputPadding: 1, groups: 2 }),
  },
  { name: 'maxPool2d', shapes: [[2, 2, 5, 5]], fn: (x) => maxPool2d(x, 2, { padding: 1 }) },
  {
    name: 'maxPool2d, a large window',
    shapes: [[1, 2, 6, 6]],
    fn: (x) => maxPool2d(x, 5, { stride: 1 }),
  },
  { name: 'adaptiveMaxPool2d', shapes: [[1, 2, 5, 4]], fn: (x) => adaptiveMaxPool2d(x, [3, 2]) },
  {
    name: 'avgPool2d',
    shapes: [[1, 2, 5, 5]],
    fn: (x) => avgPool2d(x, 3, { stride: 2, padding: 1, countIncludePad: false }),
  },
  {
    name: 'crossEntropy, labels',
    shapes: [[4, 3]],
    fn: (x) =>
      crossEntropy(x, labels(), { weight: tensor([1, 2, 0.5], like(x)), labelSmoothing: 0.2 }),
  },
  {
    name: 'crossEntropy, probabilities',
    shapes: [
      [4, 3],
      [4, 3],
    ],
    fn: (x, t) => crossEntropy(x, softmax(t), { labelSmoothing: 0.1 }),
  },
  {
    name: 'mseLoss',
    shapes: [
      [3, 2],
      [3, 2],
    ],
    fn: (x, t) => mseLoss(x, t),
  },
  {
    name: 'huberLoss',
    shapes: [
      [3, 2],
      [3, 2],
    ],
    fn: (x, t) => huberLoss(x, t, { delta: 0.7 }),
  },
  {
    name: 'klDiv',
    shapes: [
      [3, 2],
      [3, 2],
    ],
    fn: (x, t) => klDiv(x, softmax(t), { reduction: 'batchMean' }),
  },
  {
    name: 'binaryCrossEntropyWithLogits',
    shapes: [
      [3, 2],
      [3, 2],
    ],
    fn: (x, t) => binaryCrossEntropyWithLogits(x, t, { posWeight: tensor([2, 0.5], like(x)) }),
  },
  {
    name: 'scaledDotProductAttention',
    shapes: [
      [2, 3, 4],
      [2, 3, 4],
      [2, 3, 2],
      [3, 3],
    ],
    fn: (q, k, v, mask) => scaledDotProductAttention(q, k, v, { mask, causal: true }),
  },
];

function filled(shape: Shape, seed: number, dtype: 'f32' | 'f64' = 'f64'): Tensor {
  const size = shape.reduce((n, m) => n * m, 1);
  return tensor(Float64Array.from(seeded(size, seed)), { shape, dtype });
}
function dot(a: readonly Tensor[], b: readonly Tensor[]): Tensor {
  return a.map((x, i) => x.mul(b[i] as Tensor).sum()).reduce((x, y) => x.add(y));
}

const STEP = 1e-5;
/** Truncation h²/6 · f''' and rounding 1e-16 / h, with room for derivatives of some tens. */
const BOUND = 1e-7;

/** The slope of f at x along v, by the gradient and by differences. */
async function compareSlopes(
  what: string,
  f: (...inputs: Tensor[]) => Tensor,
  x: readonly Tensor[],
  v: readonly Tensor[],
): Promise<void> {
  const positions = x.map((_, i) => i);
  const gradients = grad(f, { argument: positions })(...x);
  const slope = await dot(gradients, v).item();
  const at = async (h: number): Promise<number> =>
    f(...x.map((t, i) => t.add((v[i] as Tensor).mul(h)))).item();
  const difference = ((await at(STEP)) - (await at(-STEP))) / (2 * STEP);
  const error = Math.abs(slope - difference) / Math.max(1, Math.abs(difference));
  if (!(error <= BOUND)) {
    throw new Error(`${what}: expected slope ${difference}, got ${slope}: off by ${error}`);
  }
}

async function check({ name, shapes, fn }: GradientSample): Promise<void> {
  const x = shapes.map((shape, i) => filled(shape, 11 + i));
  const [v, u] = [21, 31].map((seed) => shapes.map((shape, i) => filled(shape, seed + i))) as [
    Tensor[],
    Tensor[],
  ];
  const weights = filled(fn(...x).shape, 5);
  const f = (...inputs: Tensor[]): Tensor =>
    fn(...inputs)
      .mul(weights)
      .sum();
  await compareSlopes(name, f, x, v);
  const positions = shapes.map((_, i) => i);
  const alongU = (...inputs: Tensor[]): Tensor =>
    dot(grad(f, { argument: positions })(...inputs), u);
  await compareSlopes(`${name}, second order`, alongU, x, v);
}

/** Roundings of f32 on the way through two derivatives, relative to the largest or to 1. */
const F32_BOUND = 2 ** -17;

/** Gradients and those along a direction, in f32 against those of `reference` in f64. */
async function compareGradients(
  { name, shapes, fn }: GradientSample,
  backend: Backend,
  reference: Backend,
): Promise<void> {
  const positions = shapes.map((_, i) => i);
  const run = (place: Backend, dtype: 'f32' | 'f64'): (readonly Tensor[])[] => {
    setDefaultBackend(place);
    const drawn = (seed: number): Tensor[] =>
      shapes.map((shape, i) => filled(shape, seed + i, dtype));
    const x = drawn(11);
    const u = drawn(31);
    const weights = filled(fn(...x).shape, 5, dtype);
    const f = (...inputs: Tensor[]): Tensor =>
      fn(...inputs)
        .mul(weights)
        .sum();
    const first = grad(f, { argument: positions });
    const alongU = (...inputs: Tensor[]): Tensor => dot(first(...inputs), u);
    return [first(...x), grad(alongU, { argument: positions })(...x)];
  };
  const read = (list: (readonly Tensor[])[]): Promise<ArrayLike<number>[][]> =>
    Promise.all(list.map((tensors) => Promise.all(tensors.map((x) => x.data()))));
  try {
    const want = await read(run(reference, 'f64'));
    const got = await read(run(backend, 'f32'));
    for (const [order, gradients] of got.entries()) {
      for (const [i, values] of gradients.entries()) {
        const exact = want[order]?.[i] as ArrayLike<number>;
        const difference = worstRelative(values, exact, F32_BOUND, 'tensor', 1);
        assertNone(`${name}, order ${order + 1} of input ${i}`, difference, 'relative');
      }
    }
  } finally {
    setDefaultBackend(backend);
  }
}

export const compositeGradientSuite: Suite = {
  name: 'gradients of composites',
  define(context) {
    const contexts = hasOverrides(context) ? [context, decomposed(context)] : [context];
    for (const { test, backend, reference } of contexts) {
      for (const sample of SAMPLES) {
        if (reference === null || reference.capabilities === backend.capabilities) {
          test(sample.name, () => check(sample), { needs: ['f64'] });
        } else test(sample.name, () => compareGradients(sample, backend, reference));
      }
    }
  },
};
