/**
 * Normalization. One composite serves all kinds: they differ in the axes that the statistics go
 * over and in the shape of weight and bias. Forward and the gradient of x are one launch each.
 */
import type { TensorType } from '../backend.ts';
import { type Composite, defineComposite } from '../composite.ts';
import { ShapeError } from '../errors.ts';
import { library } from '../memory/ownership.ts';
import { requireTensor, toFloat } from '../ops/operand.ts';
import { reshape } from '../ops/shape.ts';
import type { Ops } from '../ops.ts';
import { formatShape, reducedShape, type Shape, sameShape, sizeOf } from '../shape.ts';
import type { Tensor } from '../tensor.ts';

/** Plain data. Weight and bias are optional inputs, in this order. */
interface NormalizeAttrs {
  /** Axes of the statistics. */
  readonly axes: readonly number[];
  readonly eps: number;
  readonly hasWeight: boolean;
  readonly hasBias: boolean;
}
const KEEP = { keepDims: true } as const;

function affineOf(
  inputs: readonly Tensor[],
  attrs: NormalizeAttrs,
): [Tensor | null, Tensor | null] {
  const weight = attrs.hasWeight ? (inputs[1] as Tensor) : null;
  const bias = attrs.hasBias ? (inputs[attrs.hasWeight ? 2 : 1] as Tensor) : null;
  return [weight, bias];
}
/** x · weight + bias, each optional and broadcast. */
function affine(ops: Ops, x: Tensor, weight: Tensor | null, bias: Tensor | null): Tensor {
  const scaled = weight === null ? x : ops.mul(x, weight);
  return bias === null ? scaled : ops.add(scaled, bias);
}
function statisticsType(x: TensorType, { axes }: NormalizeAttrs): TensorType {
  return { shape: reducedShape(x.shape, axes, true), dtype: x.dtype };
}
function countOf(x: Tensor, axes: readonly number[]): number {
  return axes.reduce((n, axis) => n * (x.shape[axis] as number), 1);
}
/** Axes of x along which a parameter of this shape is repeated. */
function repeatedAxes(x: Shape, parameter: Shape): number[] {
  const lead = x.length - parameter.length;
  return x.flatMap((_, axis) => (axis < lead || parameter[axis - lead] === 1 ? [axis] : []));
}

/** Gradient of x: rstd · (h - mean(h) - y · mean(h · y)), with h = g · weight, y normalized. */
function inputGradient(
  ops: Ops,
  [g, x, mean, rstd]: readonly [Tensor, Tensor, Tensor, Tensor],
  weight: Tensor | null,
  axes: readonly number[],
): Tensor {
  const y = ops.mul(ops.sub(x, mean), rstd);
  const h = weight === null ? g : ops.mul(g, weight);
  const n = countOf(x, axes);
  const mean1 = ops.div(ops.sum(h, axes, KEEP), n);
  const mean2 = ops.div(ops.sum(ops.mul(h, y), axes, KEEP), n);
  return ops.mul(ops.sub(ops.sub(h, mean1), ops.mul(y, mean2)), rstd);
}

const normalizeInputGrad = defineComposite<NormalizeAttrs>({
  name: 'normalizeInputGrad',
  type: ([, x]) => [x as TensorType],
  decompose: (ops, inputs, attrs) => {
    const [g, x, mean, rstd, weight] = inputs as [Tensor, Tensor, Tensor, Tensor, Tensor];
    const scale = attrs.hasWeight ? weight : null;
    return [inputGradient(ops, [g, x, mean, rstd], scale, attrs.axes)];
  },
});
interface ParameterAttrs {
  /** Axes that the parameters are repeated along. */
  readonly axes: readonly number[];
}
/** Gradients of weight and bias: Σ g · y and Σ g, with the repeated axes kept as size 1. */
const normalizeParameterGrad = defineComposite<ParameterAttrs>({
  name: 'normalizeParameterGrad',
  type: ([, x], { axes }) => {
    const { shape, dtype } = x as TensorType;
    const type = { shape: reducedShape(shape, axes, true), dtype };
    return [type, type];
  },
  decompose: (ops, inputs, { axes }) => {
    const [g, x, mean, rstd] = inputs as [Tensor, Tensor, Tensor, Tensor];
    const y = ops.mul(ops.sub(x, mean), rstd);
    return [ops.sum(ops.mul(g, y), axes, KEEP), ops.sum(g, axes, KEEP)];
  },
});
/** All three gradients at once, where statistics and parameters share their axes (batchNorm). */
const normalizeGrad = defineComposite<NormalizeAttrs>({
  name: 'normalizeGrad',
  type: ([, x], attrs) => {
    const statistics = statisticsType(x as TensorType, attrs);
    return [x as TensorType, statistics, statistics];
  },
  decompose: (ops, inputs, attrs) => {
    const [g, x, mean, rstd, weight] = inputs as [Tensor, Tensor, Tensor, Tensor, Tensor];
    const y = ops.mul(ops.sub(x, mean), rstd);
    const weightGrad = ops.sum(ops.mul(g, y), attrs.axes, KEEP);
    const biasGrad = ops.sum(g, attrs.axes, KEEP);
    const n = countOf(x, attrs.axes);
    const centred = ops.sub(g, ops.div(biasGrad, n));
    const h = ops.sub(centred, ops.mul(y, ops.div(weightGrad, n)));
    const scale = attrs.hasWeight ? ops.mul(rstd, weight) : rstd;
    return [ops.mul(h, scale), weightGrad, biasGrad];
  },
});

/** (x, weight?, bias?) → y, mean, 1/√(variance + eps), variance. */
const normalize: Composite<NormalizeAttrs> = defineComposite<NormalizeAttrs>({
  name: 'normalize',
  type: ([x], attrs) => {
    const statistics = statisticsType(x as TensorType, attrs);
    return [x as TensorType, statistics, statistics, statistics];
  },
  decompose: (ops, inputs, attrs) => {
    const x = inputs[0] as Tensor;
    const [weight, bias] = affineOf(inputs, attrs);
    const n = countOf(x, attrs.axes);
    const mean = ops.div(ops.sum(x, attrs.axes, KEEP), n);
    const centred = ops.sub(x, mean);
    const variance = ops.div(ops.sum(ops.mul(centred, centred), attrs.axes, KEEP), n);
    const rstd = ops.div(1, ops.sqrt(ops.add(variance, attrs.eps)));
    return [affine(ops, ops.mul(centred, rstd), weight, bias), mean, rstd, variance];
  },
  vjp: {
    saves: { inputs: [0, 1, 2], outputs: true },
    rule: (ops, g, ctx) => {
      const { attrs, needs, types } = ctx;
      const x = ctx.input(0);
      const [mean, rstd] = [ctx.output(1), ctx.output(2)];
      const weight = attrs.hasWeight ? [ctx.input(1)] : [];
      const parameter = types[1]?.shape;
      const bare = { ...attrs, hasBias: false };
      if (parameter === undefined || !(needs[1] || needs[2])) {
        return [normalizeInputGrad([g, x, mean, rstd, ...weight], bare)[0] as Tensor];
      }
      const axes = repeatedAxes(x.shape, parameter);
      const shaped = (t: Tensor): Tensor => ops.reshape(t, parameter);
      if (sameShape(axes, attrs.axes)) {
        const all = normalizeGrad([g, x, mean, rstd, ...weight], bare) as [Tensor, Tensor, Tensor];
        return [all[0], ...ordered(attrs, shaped(all[1]), shaped(all[2]))];
      }
      const both = normalizeParameterGrad([g, x, mean, rstd], { axes }) as [Tensor, Tensor];
      const first = needs[0]
        ? (normalizeInputGrad([g, x, mean, rstd, ...weight], bare)[0] as Tensor)
        : null;
      return [first, ...ordered(attrs, shaped(both[0]), shaped(both[1]))];
    },
  },
});
/** The gradients of those parameters that there are. */
function ordered(attrs: NormalizeAttrs, weight: Tensor, bias: Tensor): Tensor[] {
  return [...(attrs.hasWeight ? [weight] : []), ...(attrs.hasBias ? [bias] : [])];
}

export interface AffineOptions {
  readonly weight?: Tensor | null | undefined;
  readonly bias?: Tensor | null | undefined;
  /** Added to the variance; 1e-5 by default. */
  readonly eps?: number;
}

/** Runs the composite on x, with parameters of `shape`, which broadcasts to x. */
export function normalizeOver(
  op: string,
  x: Tensor,
  axes: readonly number[],
  shape: Shape,
  { weight, bias, eps = 1e-5 }: AffineOptions,
): readonly Tensor[] {
  const inputs = [x];
  for (const parameter of [weight, bias]) {
    if (!parameter) continue;
    if (parameter.size !== sizeOf(shape)) {
      throw new ShapeError(
        `${op}: weight and bias must hold ${sizeOf(shape)} elements for input ` +
          `${formatShape(x.shape)}, got ${formatShape(parameter.shape)}`,
      );
    }
    inputs.push(reshape(parameter, shape));
  }
  return normalize(inputs, { axes, eps, hasWeight: Boolean(weight), hasBias: Boolean(bias) });
}

function trailingAxes(op: string, x: Tensor, normalizedShape: Shape | number): [Shape, number[]] {
  requireTensor(op, x);
  const shape = typeof normalizedShape === 'number' ? [normalizedShape] : normalizedShape;
  const lead = x.rank - shape.length;
  if (shape.length === 0 || lead < 0 || !sameShape(x.shape.slice(lead), shape)) {
    throw new ShapeError(
      `${op}: the input must end in ${formatShape(shape)}, got ${formatShape(x.shape)}`,
    );
  }
  return [shape, shape.map((_, i) => lead + i)];
}

/**
 * (x - mean) / √(variance + eps) · weight + bias, with the statistics of each sample over the last
 * axes, those of normalizedShape (Ba et al., 2016).
 * @example
 * import { layerNorm, ones, randn, zeros } from '@tenon/core';
 * layerNorm(randn([8, 64]), [64], { weight: ones([64]), bias: zeros([64]) }); // [8, 64]
 */
export function layerNorm(
  x: Tensor,
  normalizedShape: Shape | number,
  options: AffineOptions = {},
): Tensor {
  const [shape, axes] = trailingAxes('layerNorm', x, normalizedShape);
  return library(() => normalizeOver('layerNorm', toFloat(x), axes, shape, options)[0] as Tensor);
}

/** layerNorm over each of `groups` groups of channels of x [N, C, …] (Wu and He, 2018). */
export function groupNorm(x: Tensor, groups: number, options: AffineOptions = {}): Tensor {
  requireTensor('groupNorm', x);
  const [n, c, ...sizes] = x.shape as [number, number, ...number[]];
  if (x.rank < 2 || !Number.isInteger(groups) || groups < 1 || c % groups !== 0) {
    throw new ShapeError(
      `groupNorm: groups must divide the channels of [N, C, …], got ${groups} ` +
        `for ${formatShape(x.shape)}`,
    );
  }
  return library(() => {
    const inner = c / groups;
    const split = reshape(toFloat(x), [n, groups, inner, ...sizes]);
    const axes = [2, ...sizes.map((_, i) => 3 + i)];
    const shape = [1, groups, inner, ...sizes.map(() => 1)];
    return reshape(normalizeOver('groupNorm', split, axes, shape, options)[0] as Tensor, x.shape);
  });
}

interface RmsAttrs {
  readonly axes: readonly number[];
  readonly eps: number;
  readonly hasWeight: boolean;
}
/** (g, x, 1/rms, weight?) → gradient of x: r · (h - y · mean(h · y)), with y = x · r. */
const rmsNormGrad = defineComposite<RmsAttrs>({
  name: 'rmsNormGrad',
  type: ([, x]) => [x as TensorType],
  decompose: (ops, inputs, { axes, hasWeight }) => {
    const [g, x, r, weight] = inputs as [Tensor, Tensor, Tensor, Tensor];
    const y = ops.mul(x, r);
    const h = hasWeight ? ops.mul(g, weight) : g;
    const mean = ops.div(ops.sum(ops.mul(h, y), axes, KEEP), countOf(x, axes));
    return [ops.mul(ops.sub(h, ops.mul(y, mean)), r)];
  },
});
const rmsNormWeightGrad = defineComposite<ParameterAttrs>({
  name: 'rmsNormWeightGrad',
  type: ([, x], { axes }) => {
    const { shape, dtype } = x as TensorType;
    return [{ shape: reducedShape(shape, axes, true), dtype }];
  },
  decompose: (ops, inputs, { axes }) => {
    const [g, x, r] = inputs as [Tensor, Tensor, Tensor];
    return [ops.sum(ops.mul(g, ops.mul(x, r)), axes, KEEP)];
  },
});
const rmsNormComposite = defineComposite<RmsAttrs>({
  name: 'rmsNorm',
  type: ([x], { axes }) => {
    const { shape, dtype } = x as TensorType;
    return [x as TensorType, { shape: reducedShape(shape, axes, true), dtype }];
  },
  decompose: (ops, inputs, { axes, eps, hasWeight }) => {
    const [x, weight] = inputs as [Tensor, Tensor];
    const mean = ops.div(ops.sum(ops.mul(x, x), axes, KEEP), countOf(x, axes));
    const r = ops.div(1, ops.sqrt(ops.add(mean, eps)));
    return [affine(ops, ops.mul(x, r), hasWeight ? weight : null, null), r];
  },
  vjp: {
    saves: { inputs: [0, 1], outputs: true },
    rule: (ops, g, { attrs, needs, input, output, types }) => {
      const [x, r] = [input(0), output(1)];
      const weight = attrs.hasWeight ? [input(1)] : [];
      const first = rmsNormGrad([g, x, r, ...weight], attrs)[0] as Tensor;
      if (!needs[1]) return [first];
      const { shape } = types[1] as TensorType;
      const axes = repeatedAxes(x.shape, shape);
      const sum = rmsNormWeightGrad([g, x, r], { axes })[0] as Tensor;
      return [first, ops.reshape(sum, shape)];
    },
  },
});
export interface RmsNormOptions {
  readonly weight?: Tensor | null | undefined;
  /** Added to the mean square; the machine epsilon of f32 by default, as in PyTorch. */
  readonly eps?: number;
}
/** x / √(mean(x²) + eps) · weight over the last axes, those of normalizedShape (2019). */
export function rmsNorm(
  x: Tensor,
  normalizedShape: Shape | number,
  options: RmsNormOptions = {},
): Tensor {
  const [shape, axes] = trailingAxes('rmsNorm', x, normalizedShape);
  const { weight, eps = 2 ** -23 } = options;
  if (weight && !sameShape(weight.shape, shape)) {
    throw new ShapeError(
      `rmsNorm: weight must be ${formatShape(shape)}, got ${formatShape(weight.shape)}`,
    );
  }
  const inputs = weight ? [toFloat(x), weight] : [toFloat(x)];
  return library(
    () => rmsNormComposite(inputs, { axes, eps, hasWeight: Boolean(weight) })[0] as Tensor,
  );
}
