// `tenon evaluate`: loss, accuracy and confusion matrix of a saved model, by default on the very
// samples that were held out when it was trained.
import { ShapeError, ValueError } from '@tenon/core';
import { concatDatasets, type Dataset } from '@tenon/data';
import { openBackend } from '../backends.ts';
import { openData, type TrainingData } from '../datasets.ts';
import type { ModelDescription } from '../description.ts';
import { readingFiles } from '../errors.ts';
import { loadModel } from '../model-file.ts';
import { type Output, percent } from '../output.ts';
import { confusionTable, testModel } from '../test-model.ts';

export interface EvaluateOptions {
  readonly backend: string;
  readonly data?: string;
  readonly label?: string;
  readonly split: 'test' | 'train' | 'all';
  readonly batchSize: number;
  readonly limit?: number;
}

export async function runEvaluate(
  path: string,
  options: EvaluateOptions,
  output: Output,
): Promise<void> {
  const started = performance.now();
  const backend = await openBackend(options.backend);
  const { model, description } = await loadModel(path);
  const source = options.data ?? description.data.source;
  // The split is that of the training run only where data, limit and seed are; so all are kept.
  const trained = options.data === undefined ? description.data : { limit: null, label: null };
  const limit = options.limit ?? trained.limit;
  const label = options.label ?? trained.label;
  const data = await openData(source, { seed: description.seed, limit, label });
  await readingFiles(() => checkFit(data, description, source));
  const dataset = partOf(data, options.split);
  const classes = description.classes;
  const result = await testModel(model, dataset, classes.length, options.batchSize);
  const seconds = (performance.now() - started) / 1000;
  const { bold } = output.colours;
  output.info(confusionTable(output, result.confusionMatrix, classes));
  output.result(
    `accuracy  ${bold(percent(result.accuracy))} of ${result.samples} samples ` +
      `(${source}, ${options.split})`,
  );
  output.result(`loss      ${result.loss.toFixed(6)}`);
  output.result(`backend   ${backend.name}`);
  output.document({
    command: 'evaluate',
    backend: backend.name,
    path,
    model: description.model,
    data: { source, limit, split: options.split, samples: result.samples },
    classes,
    accuracy: result.accuracy,
    loss: result.loss,
    confusionMatrix: result.confusionMatrix,
    seconds,
  });
}

function partOf({ train, test }: TrainingData, part: EvaluateOptions['split']): Dataset {
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
