/** Batch and instance normalization: statistics over positions, and running ones for evaluation. */
import type { TensorType } from '../backend.ts';
import { type Composite, defineComposite } from '../composite.ts';
import { ShapeError, ValueError } from '../errors.ts';
import { library } from '../memory/ownership.ts';
import { constant, requireTensor, toFloat } from '../ops/operand.ts';
import { reshape, stopGradient } from '../ops/shape.ts';
import { assign } from '../ops/state.ts';
import { noGrad } from '../scope.ts';
import { formatShape, type Shape, sizeOf } from '../shape.ts';
import type { Tensor, Variable } from '../tensor.ts';
import { type AffineOptions, normalizeOver } from './normalization.ts';

interface RunningAttrs {
  readonly momentum: number;
  /** n / (n - 1): running variances are unbiased. */
  readonly correction: number;
}
/** (running mean, running variance, batch mean, batch variance) → the running ones moved on. */
const runningStatistics = defineComposite<RunningAttrs>({
  name: 'runningStatistics',
  type: ([mean, variance]) => [mean as TensorType, variance as TensorType],
  decompose: (ops, inputs, { momentum, correction }) => {
    const [mean, variance, batchMean, batchVariance] = inputs as [Tensor, Tensor, Tensor, Tensor];
    return [
      ops.add(ops.mul(mean, 1 - momentum), ops.mul(batchMean, momentum)),
      ops.add(ops.mul(variance, 1 - momentum), ops.mul(batchVariance, momentum * correction)),
    ];
  },
});

const centredAffineGrad = defineComposite<{ readonly axes: readonly number[] }>({
  name: 'centredAffineGrad',
  type: ([g, , center]) => [g as TensorType, center as TensorType, center as TensorType],
  decompose: (ops, inputs, { axes }) => {
    const [g, x, center, scale] = inputs as [Tensor, Tensor, Tensor, Tensor];
    const keep = { keepDims: true };
    const scaleGrad = ops.sum(ops.mul(g, ops.sub(x, center)), axes, keep);
    return [ops.mul(g, scale), scaleGrad, ops.sum(g, axes, keep)];
  },
});
/** (x - center) · scale + offset; center is a constant. Parameters repeat along attrs.axes. */
const centredAffine = defineComposite<{ readonly axes: readonly number[] }>({
  name: 'centredAffine',
  type: ([x]) => [x as TensorType],
  decompose: (ops, inputs) => {
    const [x, center, scale, offset] = inputs as [Tensor, Tensor, Tensor, Tensor];
    return [ops.add(ops.mul(ops.sub(x, center), scale), offset)];
  },
  vjp: {
    saves: { inputs: [0, 1, 2], outputs: false },
    rule: (_ops, g, ctx) => {
      const operands = [g, ctx.input(0), ctx.input(1), ctx.input(2)];
      const [x, scale, offset] = centredAffineGrad(operands, ctx.attrs) as [Tensor, Tensor, Tensor];
      return [x, null, scale, offset];
    },
  },
});

interface ScaleAttrs {
  readonly eps: number;
  readonly hasWeight: boolean;
}
/** (variance, weight?) → weight / √(variance + eps). The variance is a constant. */
const inverseDeviation: Composite<ScaleAttrs> = defineComposite<ScaleAttrs>({
  name: 'inverseDeviation',
  type: ([variance]) => [variance as TensorType],
  decompose: (ops, inputs, { eps, hasWeight }) => {
    const [variance, weight] = inputs as [Tensor, Tensor];
    const root = ops.sqrt(ops.add(variance, eps));
    return [hasWeight ? ops.div(weight, root) : ops.div(1, root)];
  },
  vjp: {
    saves: { inputs: [0], outputs: false },
    rule: (ops, g, { attrs, input }) => [
      null,
      ops.mul(g, inverseDeviation([input(0)], { eps: attrs.eps, hasWeight: false })[0] as Tensor),
    ],
  },
});

export interface BatchNormOptions extends AffineOptions {
  /** [C]; moved on in training, used in evaluation. */
  readonly runningMean?: Variable | Tensor | null | undefined;
  readonly runningVar?: Variable | Tensor | null | undefined;
  /** Whether to use the batch's own statistics. */
  readonly training?: boolean;
  /** Share of the new statistics in the running ones; 0.1 by default. */
  readonly momentum?: number;
}

function requireChannels(op: string, x: Tensor): void {
  requireTensor(op, x);
  if (x.rank < 2) {
    throw new ShapeError(`${op}: expected an input [N, C, …], got ${formatShape(x.shape)}`);
  }
}
/** [1, C, 1, …] */
function channelShape({ shape }: Tensor): number[] {
  return shape.map((n, axis) => (axis === 1 ? n : 1));
}

/** Assigns the running statistics, where there are any. Batch statistics hold C elements. */
function moveOn(
  options: BatchNormOptions,
  [mean, variance]: readonly [Tensor, Tensor],
  count: number,
): void {
  const { runningMean, runningVar, momentum = 0.1 } = options;
  if (!runningMean || !runningVar) return;
  noGrad(() => {
    const batch = [mean, variance].map((t) => reshape(t, runningMean.shape));
    const attrs = { momentum, correction: count / (count - 1) };
    const next = runningStatistics([runningMean, runningVar, ...batch], attrs, [0, 1]);
    assign(runningMean as Variable, next[0] as Tensor);
    assign(runningVar as Variable, next[1] as Tensor);
  });
}

/** With given statistics: the per-channel arithmetic happens on C elements. */
function withStatistics(
  op: string,
  x: Tensor,
  mean: Tensor,
  variance: Tensor,
  { weight, bias, eps = 1e-5 }: AffineOptions,
): Tensor {
  const [channels, shape] = [x.shape[1] as number, channelShape(x)];
  for (const t of [mean, variance, weight, bias]) {
    if (t && t.size !== channels) {
      throw new ShapeError(
        `${op}: expected statistics and parameters [${channels}] for ${formatShape(x.shape)}, ` +
          `got ${formatShape(t.shape)}`,
      );
    }
  }
  const given = [stopGradient(variance), ...(weight ? [weight] : [])];
  const scale = inverseDeviation(given, { eps, hasWeight: Boolean(weight) })[0] as Tensor;
  const offset = bias ?? constant(x.runtime, 0, [channels], x.dtype);
  const axes = x.shape.map((_, axis) => axis).filter((axis) => axis !== 1);
  const inputs = [stopGradient(mean), scale, offset].map((t) => reshape(t, shape));
  return centredAffine([x, ...inputs], { axes })[0] as Tensor;
}

/**
 * Normalizes each channel of x [N, C, …]: in training with the mean and variance of the batch,
 * which also move the running statistics (variance unbiased) on; else with the running statistics.
 * @throws ShapeError when training has only one value for each channel
 * @throws ValueError when there are no running statistics to evaluate with
 * @example
 * import { batchNorm, ones, randn, variable, zeros } from '@tenon/core';
 * const state = { runningMean: variable(zeros([3])), runningVar: variable(ones([3])) };
 * batchNorm(randn([8, 3, 5, 5]), { ...state, training: true }); // [8, 3, 5, 5]
 */
export function batchNorm(x: Tensor, options: BatchNormOptions = {}): Tensor {
  requireChannels('batchNorm', x);
  const { runningMean, runningVar, training = false } = options;
  return library(() => {
    const input = toFloat(x);
    if (!training) {
      if (!runningMean || !runningVar) {
        throw new ValueError(
          'batchNorm: without training, running statistics are needed (pass runningMean and ' +
            'runningVar, or training: true)',
        );
      }
      return withStatistics('batchNorm', input, runningMean, runningVar, options);
    }
    const axes = input.shape.map((_, axis) => axis).filter((axis) => axis !== 1);
    const count = sizeOf(axes.map((axis) => input.shape[axis] as number));
    if (count <= 1) {
      throw new ShapeError(
        'batchNorm: training needs more than one value for each channel, ' +
          `got ${formatShape(x.shape)}`,
      );
    }
    const all = normalizeOver('batchNorm', input, axes, channelShape(input), options);
    moveOn(options, [all[1] as Tensor, all[3] as Tensor], count);
    return all[0] as Tensor;
  });
}

export interface InstanceNormOptions extends Omit<BatchNormOptions, 'training'> {
  /** Whether to use the statistics of each sample; true by default. */
  readonly useInputStats?: boolean;
}
/** Normalizes each channel of each sample of x [N, C, …] (Ulyanov et al., 2016). */
export function instanceNorm(x: Tensor, options: InstanceNormOptions = {}): Tensor {
  requireChannels('instanceNorm', x);
  const { useInputStats = true, runningMean, runningVar } = options;
  if (!useInputStats) return batchNorm(x, { ...options, training: false });
  const sizes: Shape = x.shape.slice(2);
  const count = sizeOf(sizes);
  if (count <= 1) {
    throw new ShapeError(
      `instanceNorm: expected more than one position for each channel, got ${formatShape(x.shape)}`,
    );
  }
  return library(() => {
    const input = toFloat(x);
    const axes = sizes.map((_, i) => 2 + i);
    const all = normalizeOver('instanceNorm', input, axes, channelShape(input), options);
    if (runningMean && runningVar) {
      // Each channel's statistics are the means of those of the samples.
      const means = [all[1], all[3]].map((t) => noGrad(() => (t as Tensor).mean(0)));
      moveOn(options, means as [Tensor, Tensor], count);
    }
    return all[0] as Tensor;
  });
}
