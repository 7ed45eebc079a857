// `tenon evaluate`: loss, accuracy and confusion matrix of a saved model, by default on the very
// samples that were held out when it was trained.
import { FormatError, ShapeError, ValueError } from '@tenon/core';
import { concatDatasets, type InMemoryDataset } from '@tenon/data';
import {
  type BackendOptions,
  backendFields,
  backendLabel,
  openBackend,
  passedOver,
} from '../backends.ts';
import { type DataOptions, limited, openData, type TrainingData } from '../datasets.ts';
import type { ModelDescription } from '../description.ts';
import { readingFiles, UsageError } from '../errors.ts';
import { loadModel } from '../model-file.ts';
import { type Output, percent } from '../output.ts';
import { confusionTable, testModel } from '../test-model.ts';

export interface EvaluateOptions extends BackendOptions {
  readonly data?: string;
  readonly label?: string;
  /** By default what the model has not seen: the held-out part, or all of other data. */
  readonly split?: 'test' | 'train' | 'all';
  readonly batchSize: number;
  readonly limit?: number;
}

export async function runEvaluate(
  path: string,
  options: EvaluateOptions,
  output: Output,
): Promise<void> {
  const started = performance.now();
  const backend = await openBackend(options);
  for (const line of passedOver(backend)) output.info(line);
  const { model, description } = await loadModel(path);
  const source = options.data ?? description.data.source;
  const isTrainedOn = source === description.data.source;
  const { seed, classes } = description;
  // The split is that of the training run only where data, limit and seed are; so all are kept.
  const trained = isTrainedOn ? description.data : { limit: null, label: null };
  const label = options.label ?? trained.label;
  const data = await open(source, { seed, limit: trained.limit, label, classes }, path, options);
  await readingFiles(() => checkFit(data, description, source));
  const split = options.split ?? (isTrainedOn || data.hasOwnTest ? 'test' : 'all');
  const limit = options.limit ?? trained.limit;
  const dataset = limited(partOf(data, split), options.limit ?? null, seed);
  const result = await testModel(model, dataset, classes.length, options.batchSize);
  const seconds = (performance.now() - started) / 1000;
  const { bold } = output.colours;
  output.info(confusionTable(output, result.confusionMatrix, classes));
  output.result(
    `accuracy  ${bold(percent(result.accuracy))} of ${result.samples} samples ` +
      `(${source}, ${split})`,
  );
  output.result(`loss      ${result.loss.toFixed(6)}`);
  output.result(`backend   ${backendLabel(backend)}`);
  output.document({
    command: 'evaluate',
    ...backendFields(backend),
    path,
    model: description.model,
    data: { source, limit, split, samples: result.samples },
    classes,
    accuracy: result.accuracy,
    loss: result.loss,
    confusionMatrix: result.confusionMatrix,
    seconds,
  });
}

/** The data; a source that the model's file names wrongly is that file's fault. */
async function open(
  source: string,
  data: DataOptions,
  path: string,
  options: EvaluateOptions,
): Promise<TrainingData> {
  try {
    return await openData(source, data);
  } catch (cause) {
    if (!(cause instanceof UsageError) || (options.data ?? options.label) !== undefined)
      throw cause;
    throw new FormatError(`${path}: in its description: ${cause.message}`, { cause });
  }
}

function partOf({ train, test }: TrainingData, part: 'test' | 'train' | 'all'): InMemoryDataset {
  if (part === 'all') return concatDatasets([train, test]);
  return part === 'train' ? train : test;
}

function checkFit(data: TrainingData, description: ModelDescription, source: string): void {
  const expected = description.inputShape;
  if (data.shape.join() !== expected.join()) {
    throw new ShapeError(
      `--data ${source}: expected samples of shape [${expected.join(', ')}], as the model was ` +
        `trained on, got [${data.shape.join(', ')}]`,
    );
  }
  if (data.classes.length > description.classes.length) {
    throw new ValueError(
      `--data ${source}: expected at most ${description.classes.length} classes, as the model ` +
        `tells apart, got ${data.classes.length}`,
    );
  }
}
