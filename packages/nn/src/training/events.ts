/**
 * What fit tells while it runs: events for display, the context that callbacks get, and the
 * history that it returns. Types only, and the error of a loss that is not finite.
 */
import { type Parameter, TenonError } from '@tenon/core';
import type { Layer } from '../module.ts';

/** One epoch, epochs counted from 1. */
export interface EpochRecord {
  readonly epoch: number;
  /** Mean over the epoch's samples, each batch's loss taken before its update. */
  readonly loss: number;
  /** Training metrics, likewise. */
  readonly metrics: Readonly<Record<string, number>>;
  /** `loss` and metrics over the validation data after the epoch. */
  readonly validation: Readonly<Record<string, number>> | null;
  readonly learningRate: number;
  readonly seconds: number;
}

/** What `fit` gives. */
export interface History {
  readonly epochs: readonly EpochRecord[];
  /** The loss of every step. */
  readonly losses: readonly number[];
  /** Why it ended before the last epoch, if it did. */
  readonly stopped: string | null;
}

export type FitEvent =
  | { readonly type: 'start'; readonly epochs: number; readonly batches: number | null }
  | { readonly type: 'epochStart'; readonly epoch: number; readonly batches: number | null }
  | {
      readonly type: 'batchEnd';
      readonly epoch: number;
      /** From 1. */
      readonly batch: number;
      /** Batches an epoch, where the data says so. */
      readonly batches: number | null;
      readonly loss: number;
      /** Mean loss of the epoch so far. */
      readonly meanLoss: number;
      /** Metrics of the epoch so far; empty on backends that read asynchronously. */
      readonly metrics: Readonly<Record<string, number>>;
    }
  | { readonly type: 'epochEnd'; readonly record: EpochRecord }
  | { readonly type: 'end'; readonly history: History };

/** What fit needs of an optimizer. */
export interface Stepper {
  /** What it updates; fit checks that the model's parameters are among them. */
  readonly parameters?: readonly Parameter[];
  learningRate: number;
  zeroGrad(): void;
  step(): void;
}

/** What callbacks see and may do. */
export interface FitContext {
  readonly model: Layer;
  readonly optimizer: Stepper;
  /** The current epoch, from 1; 0 before the first. */
  readonly epoch: number;
  readonly epochs: number;
  /** The batch that has just ended, from 1; 0 at the start of an epoch. */
  readonly batch: number;
  /** Its loss; NaN before the first. */
  readonly loss: number;
  /** The finished epochs. */
  readonly records: readonly EpochRecord[];
  /** Ends training after the current batch. */
  stop(reason: string): void;
}

/** Functions that fit calls and awaits; an error in one ends fit with that error. */
export interface Callback {
  onStart?(context: FitContext): void | Promise<void>;
  onEpochStart?(context: FitContext): void | Promise<void>;
  /**
   * After each step; on a backend that cannot read at once one step later, when the loss has come.
   * So a schedule belongs into the optimizer's `step`, not here.
   */
  onBatchEnd?(context: FitContext): void | Promise<void>;
  /** The epoch's record is the last of `context.records`. */
  onEpochEnd?(context: FitContext): void | Promise<void>;
  onEnd?(context: FitContext): void | Promise<void>;
}

/** A training loss became NaN or infinite. */
export class NonFiniteLossError extends TenonError {
  override readonly name: string = 'NonFiniteLossError';
  readonly epoch: number;
  readonly batch: number;
  readonly loss: number;

  constructor(epoch: number, batch: number, loss: number) {
    super(
      `fit: expected a finite loss, got ${loss} in epoch ${epoch}, batch ${batch} ` +
        '(a smaller learning rate, clipGradNorm, or a look at the inputs may help)',
    );
    this.epoch = epoch;
    this.batch = batch;
    this.loss = loss;
  }
}
