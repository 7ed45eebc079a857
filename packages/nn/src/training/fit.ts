/**
 * The training loop: epochs over batches, forward, backward, step; validation, metrics, callbacks
 * and events. It draws nothing on the screen.
 */
import { noGrad, setSeed, type Tensor, ValueError } from '@tenon/core';
import type { Metric } from '../metrics/metric.ts';
import type { Layer } from '../module.ts';
import { type Batch, type Batches, batchesOf, type TrainingData } from './batches.ts';
import { evaluate, type Loss, pauser, resultsOf } from './evaluate.ts';
import {
  type Callback,
  type EpochRecord,
  type FitContext,
  type FitEvent,
  type History,
  NonFiniteLossError,
  type Stepper,
} from './events.ts';
import { backendOf, withModes } from './mode.ts';
import { ScalarReader } from './reading.ts';

export interface FitOptions {
  /** Batches (a DataLoader, an array, …), iterated once an epoch, or a data set in memory. */
  readonly data: TrainingData;
  /** Evaluated after each epoch. */
  readonly validation?: TrainingData;
  /** Outputs and targets to a scalar, the mean over the batch. */
  readonly loss: Loss;
  readonly optimizer: Stepper;
  readonly epochs: number;
  readonly metrics?: readonly Metric<unknown>[];
  readonly callbacks?: readonly Callback[];
  /** Told of every batch and epoch; for display. */
  readonly events?: (event: FitEvent) => void;
  /** Seeds the default random generator first. */
  readonly seed?: number;
  /** Samples a batch where data are data sets; default 64. */
  readonly batchSize?: number;
}

/**
 * Trains `model`. Afterwards, also after an error, its modules have the modes they had before and
 * gradients are dropped. With the same seed, data and backend the losses are the same bits.
 *
 * @throws ValueError for empty data; NonFiniteLossError naming epoch and batch; whatever the model,
 * the loss or a callback throws
 *
 * @example
 * import { fit, Linear, mseLoss, SGD } from '@tenon/nn';
 * import { tensor } from '@tenon/core';
 * const model = new Linear(1, 1);
 * const history = await fit(model, {
 *   data: [[tensor([[0], [1], [2]]), tensor([[1], [3], [5]])]],
 *   loss: mseLoss,
 *   optimizer: new SGD(model.parameters(), { learningRate: 0.1 }),
 *   epochs: 200,
 * });
 * const last = history.losses.at(-1); // below 1e-3
 */
export async function fit(model: Layer, options: FitOptions): Promise<History> {
  if (!Number.isInteger(options.epochs) || options.epochs < 1) {
    throw new ValueError(`fit: epochs: expected a positive integer, got ${options.epochs}`);
  }
  checkOptimizer(model, options.optimizer);
  const run = new Run(model, options);
  run.checkData();
  if (options.seed !== undefined) setSeed(options.seed);
  return await withModes(model, async () => {
    try {
      return await run.all();
    } finally {
      options.optimizer.zeroGrad();
    }
  });
}

/** An optimizer of other parameters alone would train nothing, and nobody would notice. */
function checkOptimizer(model: Layer, { parameters }: Stepper): void {
  if (parameters === undefined) return;
  const own = new Set(model.parameters());
  if (own.size > 0 && !parameters.some((parameter) => own.has(parameter))) {
    throw new ValueError(
      'fit: the optimizer updates none of the parameters of this model ' +
        '(make it with model.parameters(), after the model is built)',
    );
  }
}

/** The state of one call of fit. */
class Run implements FitContext {
  readonly model: Layer;
  readonly optimizer: Stepper;
  readonly epochs: number;
  readonly records: EpochRecord[] = [];
  epoch = 0;
  batch = 0;
  loss: number = Number.NaN;
  readonly stop: (reason: string) => void;
  readonly #options: FitOptions;
  readonly #losses: number[] = [];
  readonly #pause: () => Promise<void> = pauser();
  #batches: number | null = null;
  #samples = 0;
  #lossSum = 0;
  #stopped: string | null = null;

  constructor(model: Layer, options: FitOptions) {
    this.model = model;
    this.optimizer = options.optimizer;
    this.epochs = options.epochs;
    this.#options = options;
    this.stop = (reason) => {
      this.#stopped ??= reason;
    };
  }

  /** Refuses empty data and bad sizes before anything happens. */
  checkData(): void {
    this.#batches = this.#open(this.#options.data).count;
    if (this.#options.validation !== undefined) this.#open(this.#options.validation);
  }

  async all(): Promise<History> {
    const { epochs } = this;
    this.#emit({ type: 'start', epochs, batches: this.#batches });
    await this.#call('onStart');
    while (this.epoch < epochs && this.#stopped === null) {
      this.epoch += 1;
      await this.#runEpoch();
    }
    await this.#call('onEnd');
    const history: History = {
      epochs: this.records,
      losses: this.#losses,
      stopped: this.epoch < epochs ? this.#stopped : null,
    };
    this.#emit({ type: 'end', history });
    return history;
  }

  async #runEpoch(): Promise<void> {
    const { metrics = [] } = this.#options;
    const started = performance.now();
    this.batch = 0;
    this.#samples = 0;
    this.#lossSum = 0;
    for (const metric of metrics) metric.reset();
    this.#emit({ type: 'epochStart', epoch: this.epoch, batches: this.#batches });
    await this.#call('onEpochStart');
    this.model.train();
    const learningRate = this.optimizer.learningRate;
    await this.#runBatches();
    if (this.batch === 0) {
      throw new ValueError(
        `fit: expected at least one batch, got none in epoch ${this.epoch} (data must ` +
          'allow iterating once an epoch)',
      );
    }
    const trained = await resultsOf(metrics);
    const validation = await this.#validate();
    const record: EpochRecord = {
      epoch: this.epoch,
      loss: this.#lossSum / this.#samples,
      metrics: trained,
      validation,
      learningRate,
      seconds: (performance.now() - started) / 1000,
    };
    this.records.push(record);
    this.#emit({ type: 'epochEnd', record });
    await this.#call('onEpochEnd');
  }

  async #runBatches(): Promise<void> {
    const losses = new ScalarReader<number>((loss, samples) => this.#batchEnd(loss, samples));
    for await (const [x, y] of this.#open(this.#options.data).batches) {
      const { loss, outputs } = this.#forward(x, y);
      // Where the loss can be read at once, a broken one is found before it reaches the weights.
      if (loss.backend.capabilities.syncRead) this.#requireFinite(loss.itemSync(), this.batch + 1);
      this.optimizer.zeroGrad();
      loss.backward();
      this.optimizer.step();
      noGrad(() => {
        for (const metric of this.#options.metrics ?? []) metric.update(outputs, y);
      });
      await losses.push(loss, x.shape[0] ?? 0);
      await this.#pause();
      if (this.#stopped !== null) break;
    }
    await losses.flush();
  }

  #forward(x: Tensor, y: Tensor): { loss: Tensor; outputs: Tensor } {
    const outputs = this.model.forward(x);
    const loss = this.#options.loss(outputs, y);
    if (loss.size !== 1) {
      throw new ValueError(
        `fit: expected a loss of one element, got [${loss.shape.join(', ')}] (reduction 'mean')`,
      );
    }
    return { loss, outputs };
  }

  async #batchEnd(loss: number, samples: number): Promise<void> {
    this.#requireFinite(loss, this.batch + 1);
    this.batch += 1;
    this.loss = loss;
    this.#losses.push(loss);
    this.#lossSum += loss * samples;
    this.#samples += samples;
    if (this.#options.events !== undefined) {
      this.#emit({
        type: 'batchEnd',
        epoch: this.epoch,
        batch: this.batch,
        batches: this.#batches,
        loss,
        meanLoss: this.#lossSum / this.#samples,
        metrics: await this.#metricsSoFar(),
      });
    }
    await this.#call('onBatchEnd');
  }

  async #metricsSoFar(): Promise<Record<string, number>> {
    const canRead = backendOf(this.model)?.capabilities.syncRead ?? false;
    return canRead ? await resultsOf(this.#options.metrics ?? []) : {};
  }

  async #validate(): Promise<Record<string, number> | null> {
    const { validation, loss, metrics = [], batchSize = 64 } = this.#options;
    if (validation === undefined) return null;
    return await evaluate(this.model, validation, { loss, metrics, batchSize });
  }

  #requireFinite(loss: number, batch: number): void {
    if (!Number.isFinite(loss)) throw new NonFiniteLossError(this.epoch, batch, loss);
  }

  #open(data: TrainingData): Batches<Batch> {
    return batchesOf('fit', data, this.#options.batchSize ?? 64, backendOf(this.model));
  }

  #emit(event: FitEvent): void {
    this.#options.events?.(event);
  }

  async #call(name: keyof Callback): Promise<void> {
    for (const callback of this.#options.callbacks ?? []) await callback[name]?.(this);
  }
}
