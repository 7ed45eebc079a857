/**
 * Convolution over any number of spatial axes, PyTorch's layouts: three bilinear composites that
 * are closed under vjp. Decomposed into windows as views, one copy (im2col) and one product, so
 * they run on every backend; a backend may override each by name.
 */
import type { TensorType } from '../backend.ts';
import { type Composite, defineComposite } from '../composite.ts';
import { DTypeError, ShapeError, ValueError } from '../errors.ts';
import { library } from '../memory/ownership.ts';
import { add } from '../ops/elementwise.ts';
import { requireTensor, toFloat } from '../ops/operand.ts';
import { reshape, squeeze, unsqueeze } from '../ops/shape.ts';
import type { Ops } from '../ops.ts';
import { formatShape, type Shape, sizeOf } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import {
  axisNames,
  foldWindows,
  type Pair,
  type PerAxis,
  padSpatial,
  perAxis,
  requireBatch,
  span,
  type WindowAttrs,
  windowCounts,
  windowsView,
} from './spatial.ts';

/** Attributes of conv; kernel sizes come with them so that all three composites have the same. */
export interface ConvAttrs extends WindowAttrs {
  readonly padding: readonly Pair[];
  readonly groups: number;
}
/** Of convInputGrad and convWeightGrad: also the input's sizes, which strides leave open. */
export interface ConvGradAttrs extends ConvAttrs {
  readonly input: Shape;
}

function paddedSizes(sizes: Shape, padding: readonly Pair[]): number[] {
  return sizes.map((size, i) => {
    const [low, high] = padding[i] as Pair;
    return size + low + high;
  });
}
function gradAttrs(attrs: ConvAttrs, x: TensorType): ConvGradAttrs {
  const { kernel, stride, dilation, padding, groups } = attrs;
  return { kernel, stride, dilation, padding, groups, input: x.shape.slice(2) };
}
function plainAttrs({ kernel, stride, dilation, padding, groups }: ConvAttrs): ConvAttrs {
  return { kernel, stride, dilation, padding, groups };
}

/** x [N, C, …] as windows [N, G, C/G, W1, …, K1, …], a view of the padded input. */
function groupedWindows(ops: Ops, x: Tensor, attrs: ConvAttrs): Tensor {
  const padded = padSpatial(ops, x, attrs.padding);
  const [n, c, ...sizes] = padded.shape as [number, number, ...number[]];
  const grouped = ops.reshape(padded, [n, attrs.groups, c / attrs.groups, ...sizes]);
  return windowsView(ops, grouped, windowCounts('conv', sizes, attrs), attrs);
}
/** Axes from..to as numbers. */
function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}

/** y[n, o, w] = Σ x[n, c, w·stride + k·dilation - low] · weight[o, c, k] */
const conv: Composite<ConvAttrs> = defineComposite<ConvAttrs>({
  name: 'conv',
  type: ([x, weight], attrs) => {
    const [input, w] = [x as TensorType, weight as TensorType];
    const padded = paddedSizes(input.shape.slice(2), attrs.padding);
    const counts = windowCounts('conv', padded, attrs);
    return [
      { shape: [input.shape[0] as number, w.shape[0] as number, ...counts], dtype: input.dtype },
    ];
  },
  decompose: (ops, inputs, attrs) => {
    const [x, weight] = inputs as [Tensor, Tensor];
    const { groups, kernel } = attrs;
    const rank = kernel.length;
    const windows = groupedWindows(ops, x, attrs);
    const [n, , inner] = windows.shape as [number, number, number];
    const counts = windows.shape.slice(3, 3 + rank);
    const order = [0, 1, 2, ...range(3 + rank, 3 + 2 * rank), ...range(3, 3 + rank)];
    const depth = inner * sizeOf(kernel);
    const columns = ops.reshape(ops.permute(windows, order), [n, groups, depth, sizeOf(counts)]);
    const outputs = weight.shape[0] as number;
    const rows = ops.reshape(weight, [groups, outputs / groups, depth]);
    return [ops.reshape(ops.matmul(rows, columns), [n, outputs, ...counts])];
  },
  vjp: {
    saves: { inputs: [0, 1], outputs: false },
    rule: (_ops, g, ctx) => {
      const more = gradAttrs(ctx.attrs, ctx.types[0] as TensorType);
      return [
        ctx.needs[0] ? (convInputGrad([g, ctx.input(1)], more)[0] as Tensor) : null,
        ctx.needs[1] ? (convWeightGrad([ctx.input(0), g], more)[0] as Tensor) : null,
      ];
    },
  },
});

/** The transpose of conv in x: from (g [N, O, W…], weight) to [N, C, S…]. Also convTranspose. */
const convInputGrad: Composite<ConvGradAttrs> = defineComposite<ConvGradAttrs>({
  name: 'convInputGrad',
  type: ([g, weight], attrs) => {
    const [cotangent, w] = [g as TensorType, weight as TensorType];
    const channels = (w.shape[1] as number) * attrs.groups;
    const shape = [cotangent.shape[0] as number, channels, ...attrs.input];
    return [{ shape, dtype: cotangent.dtype }];
  },
  decompose: (ops, inputs, attrs) => {
    const [g, weight] = inputs as [Tensor, Tensor];
    return [
      isFlippable(g.shape.slice(2), attrs)
        ? flippedConv(ops, g, weight, attrs)
        : foldedProduct(ops, g, weight, attrs),
    ];
  },
  vjp: {
    saves: { inputs: [0, 1], outputs: false },
    rule: (_ops, h, ctx) => [
      ctx.needs[0] ? (conv([h, ctx.input(1)], plainAttrs(ctx.attrs))[0] as Tensor) : null,
      ctx.needs[1] ? (convWeightGrad([h, ctx.input(0)], ctx.attrs)[0] as Tensor) : null,
    ],
  },
});

/**
 * Whether the mirrored convolution costs less: it multiplies at every input position, the other way
 * at every output position, but then has shares to sum up.
 */
function isFlippable(counts: Shape, { stride, input }: ConvGradAttrs): boolean {
  return stride.every((n) => n === 1) && sizeOf(input) <= 1.2 * sizeOf(counts);
}

/** With stride 1 the transpose is a convolution by the mirrored weights, in and out exchanged. */
function flippedConv(ops: Ops, g: Tensor, weight: Tensor, attrs: ConvGradAttrs): Tensor {
  const { groups, kernel, dilation } = attrs;
  const [outputs, inner] = weight.shape as [number, number];
  const padding = kernel.map((k, i): Pair => {
    const [low] = attrs.padding[i] as Pair;
    const before = span(k, dilation[i] as number) - 1 - low;
    // What is missing behind: an input longer than the windows reached gets zeros.
    const size = attrs.input[i] as number;
    return [
      before,
      size + span(k, dilation[i] as number) - 1 - before - (g.shape[2 + i] as number),
    ];
  });
  const grouped = ops.reshape(weight, [groups, outputs / groups, inner, ...kernel]);
  const mirrored = ops.flip(grouped, range(3, 3 + kernel.length));
  const swapped = ops.reshape(ops.transpose(mirrored, 1, 2), [
    groups * inner,
    outputs / groups,
    ...kernel,
  ]);
  return conv([g, swapped], { ...plainAttrs(attrs), padding })[0] as Tensor;
}

/** Wᵀ · g gives each window's share; the shares are summed where windows overlap. */
function foldedProduct(ops: Ops, g: Tensor, weight: Tensor, attrs: ConvGradAttrs): Tensor {
  const { groups, kernel } = attrs;
  const rank = kernel.length;
  const [n, outputs, ...counts] = g.shape as [number, number, ...number[]];
  const inner = weight.shape[1] as number;
  const rows = ops.reshape(weight, [groups, outputs / groups, inner * sizeOf(kernel)]);
  const columns = ops.reshape(g, [n, groups, outputs / groups, sizeOf(counts)]);
  const shares = ops.matmul(ops.transpose(rows, 1, 2), columns);
  const split = ops.reshape(shares, [n, groups * inner, ...kernel, ...counts]);
  const order = [0, 1, ...range(2 + rank, 2 + 2 * rank), ...range(2, 2 + rank)];
  const sizes = paddedSizes(attrs.input, attrs.padding);
  const padded = foldWindows(ops, ops.permute(split, order), sizes, attrs);
  return padSpatial(
    ops,
    padded,
    attrs.padding.map(([low, high]): Pair => [-low, -high]),
  );
}

/** The transpose of conv in the weight: from (x, g [N, O, W…]) to [O, C/G, K…]. */
const convWeightGrad: Composite<ConvGradAttrs> = defineComposite<ConvGradAttrs>({
  name: 'convWeightGrad',
  type: ([x, g], { groups, kernel }) => {
    const [input, cotangent] = [x as TensorType, g as TensorType];
    const inner = (input.shape[1] as number) / groups;
    return [{ shape: [cotangent.shape[1] as number, inner, ...kernel], dtype: input.dtype }];
  },
  // One product over all images and positions: [O/G, N·P] · [N·P, C/G·K].
  decompose: (ops, inputs, attrs) => {
    const [x, g] = inputs as [Tensor, Tensor];
    const { groups, kernel } = attrs;
    const rank = kernel.length;
    const windows = groupedWindows(ops, x, attrs);
    const inner = windows.shape[2] as number;
    const [n, outputs, ...counts] = g.shape as [number, number, ...number[]];
    const positions = n * sizeOf(counts);
    const order = [1, 2, ...range(3 + rank, 3 + 2 * rank), 0, ...range(3, 3 + rank)];
    const depth = inner * sizeOf(kernel);
    const columns = ops.reshape(ops.permute(windows, order), [groups, depth, positions]);
    const split = ops.reshape(g, [n, groups, outputs / groups, sizeOf(counts)]);
    const rows = ops.reshape(ops.permute(split, [1, 2, 0, 3]), [
      groups,
      outputs / groups,
      positions,
    ]);
    const product = ops.matmul(rows, ops.transpose(columns, 1, 2));
    return [ops.reshape(product, [outputs, inner, ...kernel])];
  },
  vjp: {
    saves: { inputs: [0, 1], outputs: false },
    rule: (_ops, h, ctx) => [
      ctx.needs[0] ? (convInputGrad([ctx.input(1), h], ctx.attrs)[0] as Tensor) : null,
      ctx.needs[1] ? (conv([ctx.input(0), h], plainAttrs(ctx.attrs))[0] as Tensor) : null,
    ],
  },
});

export interface ConvOptions {
  /** [O] */
  readonly bias?: Tensor | undefined;
  readonly stride?: PerAxis;
  /** Zeros on both sides; 'same' keeps the size (stride 1 only); 'valid' is 0, the default. */
  readonly padding?: PerAxis | 'same' | 'valid';
  /** Distance between the elements of a window. */
  readonly dilation?: PerAxis;
  /** Channels are split into so many independent convolutions. */
  readonly groups?: number;
}

/** Checks and completes the options. */
function resolve(op: string, rank: number, kernel: Shape, options: ConvOptions): ConvAttrs {
  const stride = perAxis(op, 'stride', options.stride ?? 1, rank, 1);
  const dilation = perAxis(op, 'dilation', options.dilation ?? 1, rank, 1);
  const { padding = 0, groups = 1 } = options;
  if (!Number.isInteger(groups) || groups < 1) {
    throw new ValueError(`${op}: groups must be a whole number of at least 1, got ${groups}`);
  }
  if (padding === 'same') {
    if (stride.some((n) => n !== 1)) {
      throw new ValueError(`${op}: padding 'same' needs stride 1, got ${formatShape(stride)}`);
    }
    const pairs = kernel.map((k, i): Pair => {
      const total = span(k, dilation[i] as number) - 1;
      return [total >> 1, total - (total >> 1)];
    });
    return { kernel, stride, dilation, padding: pairs, groups };
  }
  const amounts = perAxis(op, 'padding', padding === 'valid' ? 0 : padding, rank, 0);
  return { kernel, stride, dilation, padding: amounts.map((n): Pair => [n, n]), groups };
}

function requireFloats(op: string, x: Tensor, weight: Tensor): void {
  requireTensor(op, x);
  requireTensor(op, weight);
  if (x.dtype !== weight.dtype) {
    throw new DTypeError(
      `${op}: input and weight must have one dtype, got ${x.dtype} and ${weight.dtype} (use cast)`,
    );
  }
}

function addBias(op: string, y: Tensor, bias: Tensor | undefined, rank: number): Tensor {
  if (bias === undefined) return y;
  const channels = y.shape[1] as number;
  if (bias.rank !== 1 || bias.size !== channels) {
    throw new ShapeError(`${op}: bias must be [${channels}], got ${formatShape(bias.shape)}`);
  }
  return add(y, reshape(bias, [channels, ...new Array<number>(rank).fill(1)]));
}

function convolve(
  op: string,
  rank: number,
  x: Tensor,
  weight: Tensor,
  options: ConvOptions,
): Tensor {
  return library(() => {
    const input = toFloat(x);
    requireFloats(op, input, weight);
    const { isSingle } = requireBatch(op, input, rank);
    const batch = isSingle ? unsqueeze(input, 0) : input;
    const [channels, outputs] = [batch.shape[1] as number, weight.shape[0] as number];
    const { groups = 1 } = options;
    if (weight.rank !== rank + 2 || (weight.shape[1] as number) * groups !== channels) {
      throw new ShapeError(
        `${op}: weight must be [O, ${channels / groups}, ${axisNames(rank)}] for input ` +
          `${formatShape(x.shape)} with groups ${groups}, got ${formatShape(weight.shape)}`,
      );
    }
    if (outputs % groups !== 0) {
      throw new ShapeError(
        `${op}: groups ${groups} must divide the ${outputs} output channels of ` +
          formatShape(weight.shape),
      );
    }
    const attrs = resolve(op, rank, weight.shape.slice(2), options);
    requireFit(op, batch, weight, attrs);
    const y = addBias(op, conv([batch, weight], attrs)[0] as Tensor, options.bias, rank);
    return isSingle ? squeeze(y, 0) : y;
  });
}
/** The error names both shapes as the user gave them. */
function requireFit(op: string, x: Tensor, weight: Tensor, attrs: ConvAttrs): void {
  const padded = paddedSizes(x.shape.slice(2), attrs.padding);
  padded.forEach((size, i) => {
    if (span(attrs.kernel[i] as number, attrs.dilation[i] as number) <= size) return;
    throw new ShapeError(
      `${op}: the kernel of ${formatShape(weight.shape)} is larger than the padded input ` +
        `${formatShape(padded)} of ${formatShape(x.shape)} ` +
        `(dilation ${formatShape(attrs.dilation)})`,
    );
  });
}

/**
 * Cross-correlation over 1 axis: x [N, C, L], weight [O, C/groups, K] → [N, O, L'], with
 * L' = ⌊(L + 2·padding - dilation·(K - 1) - 1) / stride⌋ + 1.
 * @throws ShapeError naming both shapes when they do not fit
 */
export function conv1d(x: Tensor, weight: Tensor, options: ConvOptions = {}): Tensor {
  return convolve('conv1d', 1, x, weight, options);
}
/**
 * Cross-correlation over 2 axes: x [N, C, H, W], weight [O, C/groups, KH, KW] → [N, O, H', W'].
 * Sizes as in conv1d, for each axis.
 * @throws ShapeError naming both shapes when they do not fit
 * @example
 * import { conv2d, ones, zeros } from '@tenon/core';
 * const images = ones([8, 3, 32, 32]);
 * conv2d(images, ones([16, 3, 3, 3]), { bias: zeros([16]), padding: 'same' }); // [8, 16, 32, 32]
 */
export function conv2d(x: Tensor, weight: Tensor, options: ConvOptions = {}): Tensor {
  return convolve('conv2d', 2, x, weight, options);
}
/** Cross-correlation over 3 axes: x [N, C, D, H, W], weight [O, C/groups, KD, KH, KW]. */
export function conv3d(x: Tensor, weight: Tensor, options: ConvOptions = {}): Tensor {
  return convolve('conv3d', 3, x, weight, options);
}

export interface ConvTransposeOptions extends Omit<ConvOptions, 'padding'> {
  /** Taken off both sides of the result. */
  readonly padding?: PerAxis;
  /** Added behind the result: below stride or dilation. */
  readonly outputPadding?: PerAxis;
}

function convolveTransposed(
  op: string,
  rank: number,
  x: Tensor,
  weight: Tensor,
  options: ConvTransposeOptions,
): Tensor {
  return library(() => {
    const input = toFloat(x);
    requireFloats(op, input, weight);
    const { isSingle } = requireBatch(op, input, rank);
    const batch = isSingle ? unsqueeze(input, 0) : input;
    const [channels, { groups = 1 }] = [batch.shape[1] as number, options];
    if (weight.rank !== rank + 2 || weight.shape[0] !== channels || channels % groups !== 0) {
      throw new ShapeError(
        `${op}: weight must be [${channels}, O/${groups}, ${axisNames(rank)}] for input ` +
          `${formatShape(x.shape)} with groups ${groups}, got ${formatShape(weight.shape)}`,
      );
    }
    const own = resolve(op, rank, weight.shape.slice(2), options);
    const attrs = extended(op, own, options.outputPadding ?? 0);
    const sizes = transposedSizes(op, batch.shape.slice(2), attrs);
    const result = convInputGrad([batch, weight], { ...attrs, input: sizes })[0] as Tensor;
    const y = addBias(op, result, options.bias, rank);
    return isSingle ? squeeze(y, 0) : y;
  });
}
/**
 * What is added behind the result is taken off less: then the windows over the result are as many
 * as the input has elements, also where more than a stride is added.
 */
function extended(op: string, attrs: ConvAttrs, extra: PerAxis): ConvAttrs {
  const { stride, dilation } = attrs;
  const behind = perAxis(op, 'outputPadding', extra, stride.length, 0);
  const padding = attrs.padding.map(([low, high], i): Pair => {
    const more = behind[i] as number;
    if (more >= Math.max(stride[i] as number, dilation[i] as number)) {
      throw new ValueError(
        `${op}: outputPadding must be below stride or dilation, got ${formatShape(behind)} ` +
          `with stride ${formatShape(stride)} and dilation ${formatShape(dilation)}`,
      );
    }
    return [low, high - more];
  });
  return { ...attrs, padding };
}
function transposedSizes(op: string, sizes: Shape, attrs: ConvAttrs): number[] {
  const { kernel, stride, dilation, padding } = attrs;
  return sizes.map((size, i) => {
    const [low, high] = padding[i] as Pair;
    const wide = span(kernel[i] as number, dilation[i] as number);
    const result = (size - 1) * (stride[i] as number) + wide - low - high;
    if (result < 1) {
      throw new ShapeError(
        `${op}: input ${formatShape(sizes)} and kernel ${formatShape(kernel)} leave no result`,
      );
    }
    return result;
  });
}

/** The transpose of conv1d (not its inverse): x [N, C, L], weight [C, O/groups, K] → [N, O, L']. */
export function convTranspose1d(
  x: Tensor,
  weight: Tensor,
  options: ConvTransposeOptions = {},
): Tensor {
  return convolveTransposed('convTranspose1d', 1, x, weight, options);
}
/**
 * The transpose of conv2d: x [N, C, H, W], weight [C, O/groups, KH, KW] → [N, O, H', W'], with
 * H' = (H - 1)·stride - 2·padding + dilation·(KH - 1) + outputPadding + 1.
 */
export function convTranspose2d(
  x: Tensor,
  weight: Tensor,
  options: ConvTransposeOptions = {},
): Tensor {
  return convolveTransposed('convTranspose2d', 2, x, weight, options);
}
/** The transpose of conv3d: x [N, C, D, H, W], weight [C, O/groups, KD, KH, KW]. */
export function convTranspose3d(
  x: Tensor,
  weight: Tensor,
  options: ConvTransposeOptions = {},
): Tensor {
  return convolveTransposed('convTranspose3d', 3, x, weight, options);
}
