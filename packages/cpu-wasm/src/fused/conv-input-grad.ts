/**
 * convInputGrad (and convTranspose): each input element gathers from the windows that cover it, so
 * no shares are summed afterwards. Places that are alike modulo the stride have the same taps: one
 * correlation with step 1 for each remainder. Relaxed, one core, against the decomposition:
 * 8x64x56x56, 3x3, 64 out: 36 against 52 ms; stride 2 to 128: 22 against 32; depthwise: 2.4 against
 * 9.0. Buffers: g [N, O, P…], weight [O, C/G, K…], out [N, C, …].
 */
import type { ConvGradAttrs, Override, TensorType } from '@tenon/core';
import type { Machine } from '../machine.ts';
import { AXES, type Axis, convSupports, threeAxes, windowOf } from './correlation.ts';
import { sizeOf } from './pool-window.ts';
import { type Job, jobsWords, prepareJobs } from './product.ts';

const MAX_JOBS = 16;
/** So many times the products of the decomposition, and this kernel is still faster. */
const MAX_EXCESS = 3;

/** One axis for places of one remainder, and which taps of the weight it takes. */
interface Part {
  readonly axis: Axis;
  readonly firstTap: number;
  readonly tapStep: number;
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}

/** The parts of an axis with elements; those whose `axis.taps` is 0 are reached by no window. */
function partsOf(
  size: number,
  count: number,
  kernel: number,
  stride: number,
  dilation: number,
  low: number,
): Part[] {
  const parts: Part[] = [];
  const step = stride / gcd(stride, dilation);
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

interface Jobs {
  readonly jobs: readonly Job[];
  /** Elements of the result where some are reached by no window, else 0. */
  readonly cleared: number;
}

function inputGradJobs(inputs: readonly TensorType[], attrs: ConvGradAttrs): Jobs {
  const [g, weight] = inputs.map(({ shape }) => shape) as [readonly number[], readonly number[]];
  const counts = threeAxes(g.slice(2), 1);
  const size = threeAxes(attrs.input, 1);
  const kernel = threeAxes(attrs.kernel, 1);
  const stride = threeAxes(attrs.stride, 1);
  const dilation = threeAxes(attrs.dilation, 1);
  const low = threeAxes(
    attrs.padding.map(([before]) => before),
    0,
  );
  const parts = Array.from({ length: AXES }, (_, i) =>
    partsOf(size[i]!, counts[i]!, kernel[i]!, stride[i]!, dilation[i]!, low[i]!),
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
  const all = parts[0]!.flatMap((z) =>
    parts[1]!.flatMap((y) => parts[2]!.map((x): [Part, Part, Part] => [z, y, x])),
  );
  const reached = all.filter((chosen) => chosen.every(({ axis }) => axis.taps > 0));
  const elements = g[0]! * inner * attrs.groups * sizeOf(attrs.input);
  return { jobs: reached.map(jobOf), cleared: reached.length < all.length ? elements : 0 };
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

export function convInputGradOverride(machine: Machine): Override {
  const words = (inputs: readonly TensorType[], attrs: unknown): number[] | null => {
    const { jobs, cleared } = inputGradJobs(inputs, attrs as ConvGradAttrs);
    return jobsWords(jobs, cleared);
  };
  return {
    epilogue: false,
    supports: (inputs, attrs) => {
      const own = attrs as ConvGradAttrs;
      const reason = convSupports(inputs, own);
      if (reason !== true) return reason;
      const strides = own.stride.reduce((product, n) => product * n, 1);
      if (strides > MAX_JOBS) return `takes ${MAX_JOBS} remainders by the strides, not ${strides}`;
      const { jobs } = inputGradJobs(inputs, own);
      if (excessOf(jobs, inputs) > MAX_EXCESS) {
        return 'has few windows for its input: the decomposition multiplies less';
      }
      return words(inputs, own) === null ? 'has windows too wide for scratch' : true;
    },
    words: (inputs, attrs) => words(inputs, attrs)!,
    prepare: (spec) => prepareJobs(spec, machine),
  };
}
