// `tenon train`: trains a model on one part of the data, tests it on the part held out, saves it.
// The test data is also what validates each epoch; nothing is chosen by it, so that the test holds.
import { type Backend, setSeed } from '@tenon/core';
import { DataLoader } from '@tenon/data';
import {
  Adam,
  accuracy,
  crossEntropy,
  type EpochRecord,
  type FitEvent,
  fit,
  type Layer,
  SGD,
  type Stepper,
} from '@tenon/nn';
import {
  type BackendOptions,
  backendFields,
  backendLabel,
  openBackend,
  passedOver,
} from '../backends.ts';
import { dataName, openData, type TrainingData } from '../datasets.ts';
import type { ModelDescription } from '../description.ts';
import { UsageError } from '../errors.ts';
import { checkTarget, descriptionPath, saveOrRescue } from '../model-file.ts';
import { buildModel, defaultsOf } from '../models.ts';
import { duration, type Output, percent } from '../output.ts';
import { type EpochNumbers, TrainingProgress } from '../progress.ts';
import { shifted } from '../shift.ts';
import { confusionTable, TEST_BATCH, type TestResult, testModel } from '../test-model.ts';

export interface TrainOptions extends BackendOptions {
  readonly model: string;
  readonly data: string;
  readonly epochs?: number;
  readonly batchSize?: number;
  readonly learningRate?: number;
  readonly schedule: 'cosine' | 'constant';
  readonly optimizer: 'adam' | 'sgd';
  readonly shift?: number;
  readonly seed: number;
  readonly limit?: number;
  readonly label?: string;
  /** False for --no-save; absent for the usual path. */
  readonly save?: string | false;
  readonly force?: boolean;
}

/** The options with the model's defaults filled in. */
interface Settings {
  readonly model: string;
  readonly data: string;
  readonly epochs: number;
  readonly batchSize: number;
  readonly learningRate: number;
  readonly schedule: 'cosine' | 'constant';
  readonly optimizer: 'adam' | 'sgd';
  readonly shift: number;
  readonly seed: number;
  readonly limit: number | null;
  readonly label: string | null;
}

/** The metrics of one epoch; accuracies are shares of 1. */
interface EpochResult extends EpochNumbers {
  readonly epoch: number;
  readonly learningRate: number;
  readonly validationLoss: number;
}

interface Trained {
  readonly losses: readonly number[];
  readonly epochs: readonly EpochResult[];
}

export async function runTrain(options: TrainOptions, output: Output): Promise<void> {
  const started = performance.now();
  const settings = settle(options);
  const force = options.force ?? false;
  const path = options.save === false ? null : (options.save ?? defaultPath(settings));
  const backend = await openBackend(options);
  for (const line of passedOver(backend)) output.info(line);
  const { seed, limit, label } = settings;
  const data = await openData(settings.data, { seed, limit, label });
  if (path !== null) await checkTarget(path, force);
  setSeed(seed);
  const model = buildModel(settings.model, data.shape, data.classes.length);
  output.info(headline(settings, data, model, backend));

  const trained = await train(model, data, settings, output);
  const test = await testModel(model, data.test, data.classes.length);
  const description = describe(settings, data, model, backend, test);
  if (path !== null) await saveOrRescue(path, model, description, force);

  const seconds = (performance.now() - started) / 1000;
  output.info();
  output.info(confusionTable(output, test.confusionMatrix, data.classes));
  const { bold } = output.colours;
  output.result(
    `test accuracy  ${bold(percent(test.accuracy))} of ${test.samples} held-out samples`,
  );
  output.result(`backend        ${backendLabel(backend)}`);
  output.result(`time           ${duration(seconds)}`);
  output.result(`saved          ${path ?? 'nothing (--no-save)'}`);
  output.document({
    command: 'train',
    ...backendFields(backend),
    model: settings.model,
    parameters: description.parameters,
    data: { source: settings.data, limit, train: data.train.length, test: data.test.length },
    classes: data.classes,
    seed,
    training: description.training,
    losses: trained.losses,
    epochs: trained.epochs,
    testAccuracy: test.accuracy,
    testLoss: test.loss,
    confusionMatrix: test.confusionMatrix,
    seconds,
    path,
    descriptionPath: path === null ? null : descriptionPath(path),
  });
}

function settle(options: TrainOptions): Settings {
  const defaults = defaultsOf(options.model);
  return {
    model: options.model,
    data: options.data,
    epochs: options.epochs ?? defaults.epochs,
    batchSize: options.batchSize ?? defaults.batchSize,
    learningRate: options.learningRate ?? defaults.learningRate,
    schedule: options.schedule,
    optimizer: options.optimizer,
    shift: options.shift ?? defaults.shift,
    seed: options.seed,
    limit: options.limit ?? null,
    label: options.label ?? null,
  };
}

function defaultPath({ data, model }: Settings): string {
  return `runs/${dataName(data)}-${model}.safetensors`;
}

function headline(settings: Settings, data: TrainingData, model: Layer, backend: Backend): string {
  const { model: name, data: source, epochs, batchSize, learningRate, seed } = settings;
  return (
    `${name} (${count(model)} parameters) on ${source}: ` +
    `${data.train.length} samples to train on, ${data.test.length} held out\n` +
    `backend ${backendLabel(backend)}, ${epochs} epochs, batch size ${batchSize}, ` +
    `${settings.optimizer} ${learningRate} (${settings.schedule}), seed ${seed}`
  );
}

function count(model: Layer): number {
  return model.parameters().reduce((sum, { size }) => sum + size, 0);
}

function describe(
  settings: Settings,
  data: TrainingData,
  model: Layer,
  backend: Backend,
  test: TestResult,
): ModelDescription {
  const { optimizer, learningRate, schedule, batchSize, epochs, shift } = settings;
  return {
    format: 'tenon-model',
    version: 1,
    model: settings.model,
    inputShape: data.shape,
    classes: data.classes,
    parameters: count(model),
    backend: backend.name,
    seed: settings.seed,
    data: { source: settings.data, limit: settings.limit, label: settings.label },
    training: { optimizer, learningRate, schedule, batchSize, epochs, shift },
    test: { accuracy: test.accuracy, loss: test.loss, samples: test.samples },
  };
}

/** The fit itself, with progress. The learning rate of the next step is set after each. */
async function train(
  model: Layer,
  data: TrainingData,
  settings: Settings,
  output: Output,
): Promise<Trained> {
  const { epochs, batchSize, seed, shift } = settings;
  if (shift > 0 && data.shape.length !== 3) {
    throw new UsageError(
      `--shift: expected images [channels, height, width], got samples of shape ` +
        `[${data.shape.join(', ')}]`,
    );
  }
  const samples = shift > 0 ? shifted(data.train, shift, seed) : data.train;
  const loader = new DataLoader(samples, { batchSize, shuffle: true, seed });
  const optimizer = withSchedule(
    createOptimizer(model, settings),
    settings,
    loader.length * epochs,
  );
  const progress = new TrainingProgress(output, epochs);
  try {
    const { losses, epochs: records } = await fit(model, {
      data: loader,
      validation: new DataLoader(data.test, { batchSize: TEST_BATCH }),
      loss: crossEntropy,
      optimizer,
      epochs,
      metrics: [accuracy()],
      events: (event) => show(event, progress),
    });
    return { losses, epochs: records.map(epochResult) };
  } finally {
    progress.stop();
  }
}

function show(event: FitEvent, progress: TrainingProgress): void {
  if (event.type === 'epochStart') {
    progress.epochStart(event.epoch, event.batches ?? 0);
  } else if (event.type === 'batchEnd') {
    progress.batchEnd(event.batch, event.meanLoss, event.metrics.accuracy);
  } else if (event.type === 'epochEnd') {
    progress.epochEnd(event.record.epoch, epochResult(event.record));
  }
}

function epochResult(record: EpochRecord): EpochResult {
  const { epoch, loss, learningRate, metrics, validation, seconds } = record;
  return {
    epoch,
    loss,
    accuracy: metrics.accuracy ?? Number.NaN,
    validationLoss: validation?.loss ?? Number.NaN,
    validationAccuracy: validation?.accuracy ?? Number.NaN,
    learningRate,
    seconds,
  };
}

function createOptimizer(model: Layer, { optimizer, learningRate }: Settings): Stepper {
  const parameters = model.parameters();
  switch (optimizer) {
    case 'adam':
      return new Adam(parameters, { learningRate });
    case 'sgd':
      return new SGD(parameters, { learningRate, momentum: 0.9 });
    default:
      return optimizer satisfies never;
  }
}

/**
 * Sets the learning rate of the next step after each. A callback could not: losses that can only be
 * awaited arrive a step late, and onBatchEnd with them.
 */
function withSchedule(optimizer: Stepper, settings: Settings, steps: number): Stepper {
  let done = 0;
  return {
    ...(optimizer.parameters === undefined ? {} : { parameters: optimizer.parameters }),
    get learningRate() {
      return optimizer.learningRate;
    },
    set learningRate(value) {
      optimizer.learningRate = value;
    },
    zeroGrad: () => optimizer.zeroGrad(),
    step() {
      optimizer.step();
      done++;
      if (done < steps) optimizer.learningRate = scheduled(settings, done, steps);
    },
  };
}

/** The learning rate of step `step` (from 0) of `steps`. */
function scheduled({ learningRate, schedule }: Settings, step: number, steps: number): number {
  if (schedule === 'constant') return learningRate;
  return (learningRate * (1 + Math.cos((Math.PI * step) / steps))) / 2;
}
