/**
 * convInputGrad (and convTranspose): each input element gathers from the windows that cover it, so
 * no shares are summed afterwards. Places that are alike modulo the stride have the same taps: one
 * correlation with step 1 for each remainder; one without taps writes zeros. Variant register over
 * SwiftShader, both gradients, against the decomposition: 64x32x14x14, 3x3, 64 out: 264 against
 * 461 ms; 64x1x28x28 to 32: 68 against 192; depthwise 8x64x28x28: 55 against 121.
 * Buffers: g [N, O, P…], weight [O, C/G, K…], out [N, C, …]. Words: see conv-places.ts.
 */
import type { ConvGradAttrs, Override, TensorType } from '@tenon/core';
import type { Gpu } from '../kernel.ts';
import { type Job, jobsWords, preparePlaces } from './conv-places.ts';
import { type Axis, convSupports, isPlainProduct, windowOf } from './correlation.ts';
import { AXES, sizeOf, threeAxes } from './fused-shader.ts';

const MAX_JOBS = 16;
/** So many times the products of the decomposition, and this kernel is still faster. */
const MAX_EXCESS = 3;

/** One axis for places of one remainder, and which taps of the weight it takes. */
interface Part {
  readonly axis: Axis;
  readonly firstTap: number;
  readonly tapStep: number;
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

interface Geometry {
  readonly size: number;
  readonly count: number;
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  readonly low: number;
}

/** The parts of an axis with elements; those whose `axis.taps` is 0 are reached by no window. */
function partsOf({ size, count, kernel, stride, dilation, low }: Geometry): Part[] {
  const parts: Part[] = [];
  const step = stride / greatestCommonDivisor(stride, dilation);
  for (let first = 0; first < Math.min(stride, size); first++) {
    const remainder = (first + low) % stride;
    let tap = 0;
    while (tap < step && (tap * dilation) % stride !== remainder) tap++;
    const taps = tap < step ? Math.max(0, Math.ceil((kernel - tap) / step)) : 0;
    const last = tap + (taps - 1) * step;
    parts.push({
      axis: {
        size: count,
        count: Math.ceil((size - first) / stride),
        step: 1,
        // The last tap reaches the earliest window.
        first: taps > 0 ? (first + low - last * dilation) / stride : 0,
        taps,
        tapStep: (dilation * step) / stride,
        targetSize: size,
        targetFirst: first,
        targetStep: stride,
      },
      firstTap: last,
      tapStep: -step,
    });
  }
  return parts;
}

function inputGradJobs(inputs: readonly TensorType[], attrs: ConvGradAttrs): Job[] {
  const [g, weight] = inputs.map(({ shape }) => shape) as [readonly number[], readonly number[]];
  const counts = threeAxes(g.slice(2), 1);
  const sizes = threeAxes(attrs.input, 1);
  const kernel = threeAxes(attrs.kernel, 1);
  const stride = threeAxes(attrs.stride, 1);
  const dilation = threeAxes(attrs.dilation, 1);
  const low = threeAxes(
    attrs.padding.map(([before]) => before),
    0,
  );
  const parts = Array.from({ length: AXES }, (_, i) =>
    partsOf({
      size: sizes[i]!,
      count: counts[i]!,
      kernel: kernel[i]!,
      stride: stride[i]!,
      dilation: dilation[i]!,
      low: low[i]!,
    }),
  );
  const [outputs, inner] = weight as [number, number];
  const perGroup = outputs / attrs.groups;
  const between = [kernel[1]! * kernel[2]!, kernel[2]!, 1];
  const window = kernel[0]! * between[0]!;
  const jobOf = (chosen: readonly [Part, Part, Part]): Job => ({
    correlation: {
      images: g[0]!,
      groups: attrs.groups,
      inner: perGroup,
      outer: inner,
      axes: [chosen[0].axis, chosen[1].axis, chosen[2].axis],
    },
    weights: {
      group: perGroup * inner * window,
      outer: window,
      inner: inner * window,
      taps: chosen.map(({ tapStep }, i) => tapStep * between[i]!),
      start: chosen.reduce((sum, { firstTap }, i) => sum + firstTap * between[i]!, 0),
    },
  });
  return parts[0]!.flatMap((z) => parts[1]!.flatMap((y) => parts[2]!.map((x) => jobOf([z, y, x]))));
}

/** Products of the jobs over those of the transposed product that the decomposition makes. */
function excessOf(jobs: readonly Job[], inputs: readonly TensorType[]): number {
  const [g, weight] = inputs.map(({ shape }) => shape) as [readonly number[], readonly number[]];
  const gathered = jobs.reduce((sum, { correlation: c }) => {
    const places = c.axes.reduce((n, { count }) => n * count, 1);
    return sum + places * windowOf(c);
  }, 0);
  return gathered / (sizeOf(g.slice(2)) * sizeOf(weight.slice(2)));
}

export function convInputGradOverride(gpu: Gpu): Override {
  return {
    epilogue: false,
    supports: (inputs, attrs) => {
      const own = attrs as ConvGradAttrs;
      if (isPlainProduct(own)) {
        return 'is a product as it stands: the decomposition copies nothing';
      }
      const reason = convSupports(gpu, inputs, own);
      if (reason !== true) return reason;
      const strides = own.stride.reduce((product, n) => product * n, 1);
      if (strides > MAX_JOBS) return `takes ${MAX_JOBS} remainders by the strides, not ${strides}`;
      if (excessOf(inputGradJobs(inputs, own), inputs) > MAX_EXCESS) {
        return 'has few windows for its input: the decomposition multiplies less';
      }
      return true;
    },
    words: (inputs, attrs) => jobsWords(inputGradJobs(inputs, attrs as ConvGradAttrs)),
    prepare: (spec) => preparePlaces(spec, gpu, 'convInputGrad'),
  };
}
