/** Figures of a model over a data set, and its outputs. Both leave the model as it was. */
import { concat, noGrad, Tensor, tick, ValueError } from '@tenon/core';
import type { Metric } from '../metrics/metric.ts';
import type { Layer } from '../module.ts';
import {
  type BatchSource,
  batchesOf,
  type GatherDataset,
  isIterable,
  requireBatchSize,
  type TrainingData,
} from './batches.ts';
import { backendOf, withModes } from './mode.ts';
import { ScalarReader } from './reading.ts';

/** Outputs and targets to a scalar, the mean over the batch. */
export type Loss = (outputs: Tensor, targets: Tensor) => Tensor;

export interface EvaluateOptions {
  /** Adds `loss` to the result, the mean over all samples. */
  readonly loss?: Loss;
  readonly metrics?: readonly Metric<unknown>[];
  /** Samples a batch where `data` is a data set; default 64. */
  readonly batchSize?: number;
}

export interface PredictOptions {
  /** Samples a batch where `data` is a tensor or a data set; default 64. */
  readonly batchSize?: number;
}

/**
 * Loss and metrics of `model` over `data`, in evaluation mode and without gradients. Metrics that
 * give no number (a confusion matrix) are left out of the result: ask them for theirs.
 *
 * @throws ValueError when `data` is empty
 */
export async function evaluate(
  model: Layer,
  data: TrainingData,
  options: EvaluateOptions = {},
): Promise<Record<string, number>> {
  const { loss, metrics = [], batchSize = 64 } = options;
  const { batches } = batchesOf('evaluate', data, batchSize, backendOf(model));
  for (const metric of metrics) metric.reset();
  let samples = 0;
  let lossSum = 0;
  const losses = new ScalarReader<number>((value, count) => {
    lossSum += value * count;
  });
  await withModes(model, async () => {
    model.eval();
    const pause = pauser();
    for await (const [x, y] of batches) {
      const value = noGrad(() => {
        const outputs = model.forward(x);
        for (const metric of metrics) metric.update(outputs, y);
        return loss?.(outputs, y);
      });
      const count = x.shape[0] ?? 0;
      samples += count;
      if (value !== undefined) await losses.push(value, count);
      await pause();
    }
    await losses.flush();
  });
  if (samples === 0) throw new ValueError('evaluate: expected at least one batch, got none');
  const result = await resultsOf(metrics);
  return loss === undefined ? result : { loss: lossSum / samples, ...result };
}

/**
 * The model's outputs for all of `data`, in order, as one tensor; in evaluation mode and without
 * gradients. `data` is a tensor of samples, a data set, or batches (targets are ignored).
 *
 * @throws ValueError when `data` is empty, or for a batch size that is no positive integer
 */
export async function predict(
  model: Layer,
  data: Tensor | BatchSource<Tensor | readonly [x: Tensor, ...rest: unknown[]]> | GatherDataset,
  options: PredictOptions = {},
): Promise<Tensor> {
  const { batchSize = 64 } = options;
  requireBatchSize('predict', batchSize);
  const outputs: Tensor[] = [];
  await withModes(model, async () => {
    model.eval();
    const pause = pauser();
    for await (const x of inputsOf(model, data, batchSize)) {
      outputs.push(noGrad(() => model.forward(x)));
      await pause();
    }
  });
  const [first] = outputs;
  if (first === undefined) throw new ValueError('predict: expected at least one sample, got none');
  return outputs.length === 1 ? first : noGrad(() => concat(outputs));
}

/** The numbers among the metrics' results. */
export async function resultsOf(
  metrics: readonly Metric<unknown>[],
): Promise<Record<string, number>> {
  const results: Record<string, number> = {};
  for (const metric of metrics) {
    const value = await metric.result();
    if (typeof value === 'number') results[metric.name] = value;
  }
  return results;
}

/** A function to await in loops: now and then it lets timers, signals and rendering run. */
export function pauser(): () => Promise<void> {
  let last = performance.now();
  return async () => {
    if (performance.now() - last < 50) return;
    await tick();
    last = performance.now();
  };
}

async function* inputsOf(
  model: Layer,
  data: Tensor | BatchSource<Tensor | readonly [x: Tensor, ...rest: unknown[]]> | GatherDataset,
  batchSize: number,
): AsyncGenerator<Tensor> {
  if (data instanceof Tensor) {
    const count = data.shape[0] ?? 0;
    for (let start = 0; start < count; start += batchSize) {
      yield data.narrow(0, start, Math.min(batchSize, count - start));
    }
  } else if (isIterable(data)) {
    for await (const batch of data) yield batch instanceof Tensor ? batch : batch[0];
  } else {
    const { batches } = batchesOf('predict', data, batchSize, backendOf(model));
    for await (const [x] of batches) yield x;
  }
}
