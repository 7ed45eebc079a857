/**
 * What all three convolutions are to the kernels, as numbers. conv and convInputGrad:
 * out[n, o, place] = Σ weight[o, c, tap] · source[n, c, place·step + first + tap·tapStep], zeros
 * outside, on three axes (missing ones have size 1). convWeightGrad sums the same products over n
 * and places. Launch words carry everything: shaders know no sizes.
 */
import type { ConvAttrs, TensorType } from '@tenon/core';
import type { Gpu } from '../kernel.ts';
import { AXES, floatSupports, threeAxes } from './fused-shader.ts';

/** One axis: where windows and their elements lie in the source, and where results go. */
export interface Axis {
  /** Elements of the source. */
  readonly size: number;
  /** Windows, elements from one to the next, and where the first starts (negative: in padding). */
  readonly count: number;
  readonly step: number;
  readonly first: number;
  /** Elements of a window, and from one to the next. */
  readonly taps: number;
  readonly tapStep: number;
  /** Elements of the target, the first one written and the distance to the next. */
  readonly targetSize: number;
  readonly targetFirst: number;
  readonly targetStep: number;
}
/** `inner` and `outer`: channels of a group in the source and in the target. */
export interface Correlation {
  readonly images: number;
  readonly groups: number;
  readonly inner: number;
  readonly outer: number;
  readonly axes: readonly [z: Axis, y: Axis, x: Axis];
}
/** Distances in the weight, in elements, and where its first used element is. */
export interface Weights {
  readonly group: number;
  readonly outer: number;
  readonly inner: number;
  readonly taps: readonly number[];
  readonly start: number;
}

/** Positions of the words of a correlation; three in a row where there is one an axis. */
export const AT = {
  images: 0,
  groups: 1,
  inner: 2,
  outer: 3,
  size: 4,
  count: 7,
  step: 10,
  first: 13,
  taps: 16,
  tapStep: 19,
} as const;
function commonWords({ images, groups, inner, outer, axes }: Correlation): number[] {
  const all = (pick: (axis: Axis) => number): number[] => axes.map(pick);
  return [
    ...[images, groups, inner, outer],
    ...all((axis) => axis.size),
    ...all((axis) => axis.count),
    ...all((axis) => axis.step),
    ...all((axis) => axis.first),
    ...all((axis) => axis.taps),
    ...all((axis) => axis.tapStep),
  ];
}

/** Positions of the words that only conv and convInputGrad have. */
export const PLACES_AT = {
  targetSize: 22,
  targetFirst: 25,
  targetStep: 28,
  weightGroup: 31,
  weightOuter: 32,
  weightInner: 33,
  weightTap: 34,
  weightStart: 37,
} as const;
export const PLACES_WORDS = 38;
export function placesWords(c: Correlation, weights: Weights): number[] {
  return [
    ...commonWords(c),
    ...c.axes.map((axis) => axis.targetSize),
    ...c.axes.map((axis) => axis.targetFirst),
    ...c.axes.map((axis) => axis.targetStep),
    ...[weights.group, weights.outer, weights.inner, ...weights.taps, weights.start],
  ];
}

/** Positions of the words that only convWeightGrad has. */
export const SUMS_AT = {
  /** How many parts the sum is cut into, segments of each, and of a block of terms. */
  chunks: 22,
  perChunk: 23,
  perBlock: 24,
} as const;
export const SUMS_WORDS = 25;
/** Places of a segment: a line of places, cut where it is longer than this. */
export const SEGMENT_PLACES = 128;
export function segmentsOf({ images, axes: [z, y, x] }: Correlation): number {
  return images * z.count * y.count * Math.ceil(x.count / SEGMENT_PLACES);
}
export function sumsWords(c: Correlation, chunks: number, perChunk: number): number[] {
  const perBlock = Math.max(1, Math.floor(SEGMENT_PLACES / c.axes[2].count));
  return [...commonWords(c), chunks, perChunk, perBlock];
}

/** Windows of a convolution over `sizes`, along each axis. */
function windowCounts(sizes: readonly number[], attrs: ConvAttrs): number[] {
  return sizes.map((size, i) => {
    const [low, high] = attrs.padding[i]!;
    const span = (attrs.kernel[i]! - 1) * attrs.dilation[i]! + 1;
    return Math.floor((size + low + high - span) / attrs.stride[i]!) + 1;
  });
}

/** The axes of a convolution over an input of `sizes`: read there, written to the windows. */
export function forwardAxes(sizes: readonly number[], attrs: ConvAttrs): Correlation['axes'] {
  const counts = threeAxes(windowCounts(sizes, attrs), 1);
  const size = threeAxes(sizes, 1);
  const kernel = threeAxes(attrs.kernel, 1);
  const stride = threeAxes(attrs.stride, 1);
  const dilation = threeAxes(attrs.dilation, 1);
  const low = threeAxes(
    attrs.padding.map(([before]) => before),
    0,
  );
  const axis = (i: number): Axis => ({
    size: size[i]!,
    count: counts[i]!,
    step: stride[i]!,
    first: -low[i]!,
    taps: kernel[i]!,
    tapStep: dilation[i]!,
    targetSize: counts[i]!,
    targetFirst: 0,
    targetStep: 1,
  });
  return [axis(0), axis(1), axis(2)];
}

export function windowOf({ axes }: Correlation): number {
  return axes[0].taps * axes[1].taps * axes[2].taps;
}
/** Why no kernel here takes these operands; true where one may. */
export function convSupports(
  gpu: Gpu,
  inputs: readonly TensorType[],
  attrs: ConvAttrs,
): true | string {
  if (attrs.kernel.length > AXES) return `has ${attrs.kernel.length} spatial axes, over ${AXES}`;
  if (inputs.some(({ shape }) => shape.includes(0))) return 'has no elements to read';
  return floatSupports(gpu, inputs);
}

/** 1x1 over all places: windows are the input itself. */
export function isPlainProduct({ kernel, stride, padding, groups }: ConvAttrs): boolean {
  const isInPlace = padding.every(([low, high]) => low === 0 && high === 0);
  return groups === 1 && isInPlace && [...kernel, ...stride].every((n) => n === 1);
}

/**
 * How many results an invocation computes together, by the outer channels of a group: the others
 * would compute much that is thrown away.
 */
export type Width = 'thin' | 'narrow' | 'wide';
export function widthOf(outer: number): Width {
  if (outer === 1) return 'thin';
  return outer <= 8 ? 'narrow' : 'wide';
}
