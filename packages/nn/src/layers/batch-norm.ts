/** Batch normalization, with running statistics as variables under PyTorch's names. */
import {
  batchNorm,
  increment,
  type Parameter,
  ShapeError,
  type Tensor,
  type Variable,
  variable,
} from '@tenon/core';
import { constantInit, initialParameter, type ParameterOptions, zerosInit } from '../init.ts';
import { Module, type StateField } from '../module.ts';
import { countOf } from './checks.ts';

export interface BatchNormLayerOptions extends ParameterOptions {
  /** Added to the variance; default 1e-5. */
  readonly eps?: number;
  /** Share of the new batch in the running statistics; default 0.1. */
  readonly momentum?: number;
  /** Whether there are weight and bias; default true. */
  readonly affine?: boolean;
  /** Whether to keep running statistics; without, evaluation uses the batch too. Default true. */
  readonly trackRunningStats?: boolean;
}

const STATE_NAMES: Readonly<Record<string, StateField>> = {
  runningMean: { name: 'running_mean' },
  runningVar: { name: 'running_var' },
  numBatchesTracked: { name: 'num_batches_tracked', stored: 'i64' },
};

/** What the three batch norms share: statistics per channel, axis 1. */
abstract class BatchNorm extends Module {
  readonly features: number;
  readonly eps: number;
  readonly momentum: number;
  weight: Parameter | null;
  bias: Parameter | null;
  readonly runningMean: Variable | null;
  /** Unbiased, as in PyTorch. */
  readonly runningVar: Variable | null;
  readonly numBatchesTracked: Variable | null;
  readonly #op: string;
  readonly #ranks: readonly number[];

  constructor(op: string, ranks: readonly number[], features: number, o: BatchNormLayerOptions) {
    super();
    this.#op = op;
    this.#ranks = ranks;
    this.features = countOf(op, 'features', features);
    this.eps = o.eps ?? 1e-5;
    this.momentum = o.momentum ?? 0.1;
    const affine = o.affine ?? true;
    this.weight = affine ? initialParameter([features], constantInit(1), o) : null;
    this.bias = affine ? initialParameter([features], zerosInit(), o) : null;
    const tracks = o.trackRunningStats ?? true;
    const backend = o.backend === undefined ? {} : { backend: o.backend };
    this.runningMean = tracks ? variable(new Float32Array(features), backend) : null;
    this.runningVar = tracks ? variable(new Float32Array(features).fill(1), backend) : null;
    this.numBatchesTracked = tracks ? variable(0, { ...backend, dtype: 'i32' }) : null;
  }

  override forward(x: Tensor): Tensor {
    if (!this.#ranks.includes(x.rank) || x.shape[1] !== this.features) {
      throw new ShapeError(
        `${this.#op}: expected ${this.features} channels in axis 1 of ` +
          `${this.#ranks.join(' or ')} axes, got [${x.shape.join(', ')}]`,
      );
    }
    const { weight, bias, eps, momentum, runningMean, runningVar, numBatchesTracked } = this;
    if (this.training && numBatchesTracked !== null) increment(numBatchesTracked);
    return batchNorm(x, {
      ...(weight === null ? {} : { weight }),
      ...(bias === null ? {} : { bias }),
      ...(runningMean === null ? {} : { runningMean }),
      ...(runningVar === null ? {} : { runningVar }),
      training: this.training || runningMean === null,
      momentum,
      eps,
    });
  }

  override stateField(field: string): StateField {
    return STATE_NAMES[field] ?? { name: field };
  }

  override describe(): string {
    return (
      `${this.features}, eps=${this.eps}, momentum=${this.momentum}, ` +
      `affine=${this.weight !== null}, trackRunningStats=${this.runningMean !== null}`
    );
  }
}

/** Batch normalization of `[N, C]` or `[N, C, L]` per channel. */
export class BatchNorm1d extends BatchNorm {
  static readonly isLibraryLayer: boolean = true;

  constructor(features: number, options: BatchNormLayerOptions = {}) {
    super('BatchNorm1d', [2, 3], features, options);
  }
}

/**
 * Batch normalization of `[N, C, H, W]` per channel: (x − mean) / √(var + eps) · weight + bias,
 * with the batch's mean and biased variance in training and the running ones in evaluation.
 *
 * @example
 * import { BatchNorm2d } from '@tenon/nn';
 * import { randn } from '@tenon/core';
 * const norm = new BatchNorm2d(8);
 * norm.forward(randn([4, 8, 5, 5])); // updates norm.runningMean and norm.runningVar
 * norm.eval();
 */
export class BatchNorm2d extends BatchNorm {
  static readonly isLibraryLayer: boolean = true;

  constructor(features: number, options: BatchNormLayerOptions = {}) {
    super('BatchNorm2d', [4], features, options);
  }
}

/** Batch normalization of `[N, C, D, H, W]` per channel. */
export class BatchNorm3d extends BatchNorm {
  static readonly isLibraryLayer: boolean = true;

  constructor(features: number, options: BatchNormLayerOptions = {}) {
    super('BatchNorm3d', [5], features, options);
  }
}
