/** Ends training when a figure no longer improves. */
import { ValueError } from '@tenon/core';
import type { StateDict } from '../state-dict.ts';
import type { Callback, EpochRecord } from './events.ts';

export interface EarlyStoppingOptions {
  /** Epochs without improvement before training ends; default 3. */
  readonly patience?: number;
  /** What to watch: 'loss' or a metric's name, of the validation data if there is any. */
  readonly monitor?: string;
  /** Which way is better; by default 'min' for losses and errors, 'max' for the rest. */
  readonly mode?: 'min' | 'max';
  /** Smallest change that counts; default 0. */
  readonly minDelta?: number;
  /** Whether the model ends with the parameters of its best epoch; default true. */
  readonly restoreBest?: boolean;
}

/**
 * A callback that ends training after `patience` epochs without improvement.
 *
 * @throws ValueError after the first epoch when there is no figure of the name `monitor`
 */
export function earlyStopping(options: EarlyStoppingOptions = {}): Callback {
  const { patience = 3, monitor = 'loss', minDelta = 0, restoreBest = true } = options;
  if (!Number.isInteger(patience) || patience < 1) {
    throw new ValueError(`earlyStopping: patience: expected a positive integer, got ${patience}`);
  }
  const mode = options.mode ?? (/loss$|error$/i.test(monitor) ? 'min' : 'max');
  const sign = mode === 'min' ? 1 : -1;
  let best = Number.POSITIVE_INFINITY;
  let bestEpoch = 0;
  let bestState: StateDict | null = null;
  return {
    onStart() {
      best = Number.POSITIVE_INFINITY;
      bestEpoch = 0;
      bestState = null;
    },
    async onEpochEnd({ model, records, epoch, stop }) {
      const value = figure(records.at(-1), monitor);
      if (sign * value < best - minDelta) {
        best = sign * value;
        bestEpoch = epoch;
        if (restoreBest) bestState = await model.stateDict();
      } else if (epoch - bestEpoch >= patience) {
        stop(`earlyStopping: ${monitor} did not improve on ${sign * best} (epoch ${bestEpoch})`);
      }
    },
    onEnd({ model, epoch }) {
      if (bestState !== null && epoch !== bestEpoch) model.loadStateDict(bestState);
      bestState = null;
    },
  };
}

function figure(record: EpochRecord | undefined, monitor: string): number {
  const figures = record?.validation ?? { loss: record?.loss ?? Number.NaN, ...record?.metrics };
  const value = figures[monitor];
  if (value === undefined) {
    throw new ValueError(
      `earlyStopping: monitor: expected one of ${Object.keys(figures).join(', ')}, got ${monitor}`,
    );
  }
  return value;
}
