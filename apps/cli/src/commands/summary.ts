// `tenon summary`: the layers of a saved model, or of an architecture by name.
import { openBackend } from '../backends.ts';
import type { ModelDescription } from '../description.ts';
import { UsageError } from '../errors.ts';
import { loadModel } from '../model-file.ts';
import { buildModel } from '../models.ts';
import { type Output, percent } from '../output.ts';

export interface SummaryOptions {
  readonly model?: string;
  /** Of one sample; with `model` only. */
  readonly input?: readonly number[];
  readonly classes?: number;
}

export async function runSummary(
  path: string | undefined,
  options: SummaryOptions,
  output: Output,
): Promise<void> {
  if ((path === undefined) === (options.model === undefined)) {
    throw new UsageError('summary: expected either the path of a model or --model <name>');
  }
  if (path !== undefined && (options.input ?? options.classes) !== undefined) {
    throw new UsageError('summary: expected --input and --classes with --model, got a saved model');
  }
  // Weights are drawn on a backend, and shapes are found by running the layers once.
  const backend = await openBackend({ backend: 'cpu-js' });
  const loaded = path === undefined ? undefined : await loadModel(path);
  const inputShape = loaded?.description.inputShape ?? options.input ?? [1, 28, 28];
  const name = loaded?.description.model ?? options.model!;
  const classes =
    loaded?.description.classes ??
    Array.from({ length: options.classes ?? 10 }, (_, index) => String(index));
  const model = loaded?.model ?? buildModel(name, inputShape, classes.length);
  const parameters = model.namedParameters().map(([parameter, { shape, dtype, size }]) => ({
    name: parameter,
    shape,
    dtype,
    size,
  }));
  const total = parameters.reduce((sum, { size }) => sum + size, 0);
  output.result(model.summary(inputShape));
  if (loaded) output.info(describe(loaded.description));
  output.document({
    command: 'summary',
    backend: backend.name,
    path: path ?? null,
    model: name,
    inputShape,
    classes,
    parameters: total,
    tensors: parameters,
    description: loaded?.description ?? null,
  });
}

function describe({ model, data, training, seed, test, backend }: ModelDescription): string {
  const { optimizer, learningRate, schedule, batchSize, epochs } = training;
  return (
    `${model}, trained on ${data.source} by ${optimizer} ${learningRate} (${schedule}), ` +
    `${epochs} epochs of batches of ${batchSize}, seed ${seed}, on ${backend}\n` +
    `test accuracy ${percent(test.accuracy)} of ${test.samples} samples`
  );
}
