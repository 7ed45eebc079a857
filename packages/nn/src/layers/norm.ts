/** Layer, group and RMS normalization: no state besides weight and bias. */
import {
  groupNorm,
  layerNorm,
  type Parameter,
  rmsNorm,
  type Tensor,
  ValueError,
} from '@tenon/core';
import { constantInit, initialParameter, type ParameterOptions, zerosInit } from '../init.ts';
import { Module } from '../module.ts';
import { countOf, type Sizes, show } from './checks.ts';

export interface LayerNormOptions extends ParameterOptions {
  /** Added to the variance; default 1e-5. */
  readonly eps?: number;
  /** Whether there are weight and bias; default true. */
  readonly affine?: boolean;
  /** Whether there is a bias beside the weight; default true. */
  readonly bias?: boolean;
}

export interface GroupNormOptions extends ParameterOptions {
  /** Added to the variance; default 1e-5. */
  readonly eps?: number;
  /** Whether there are weight and bias; default true. */
  readonly affine?: boolean;
}

export interface RMSNormOptions extends ParameterOptions {
  /** Added to the mean square; default the machine epsilon of f32, as in PyTorch. */
  readonly eps?: number;
  /** Whether there is a weight; default true. */
  readonly affine?: boolean;
}

const F32_EPSILON = 2 ** -23;

/**
 * Normalizes over the last axes, those of `normalizedShape`, to mean 0 and variance 1, then
 * weight · x + bias.
 *
 * @example
 * import { LayerNorm } from '@tenon/nn';
 * import { randn } from '@tenon/core';
 * const y = new LayerNorm(16).forward(randn([2, 5, 16])); // [2, 5, 16]
 */
export class LayerNorm extends Module {
  static readonly isLibraryLayer: boolean = true;
  readonly normalizedShape: readonly number[];
  readonly eps: number;
  weight: Parameter | null;
  bias: Parameter | null;

  constructor(normalizedShape: Sizes, options: LayerNormOptions = {}) {
    super();
    this.normalizedShape = normalizedSizes('LayerNorm', normalizedShape);
    this.eps = options.eps ?? 1e-5;
    const affine = options.affine ?? true;
    const shape = this.normalizedShape;
    this.weight = affine ? initialParameter(shape, constantInit(1), options) : null;
    const hasBias = affine && (options.bias ?? true);
    this.bias = hasBias ? initialParameter(shape, zerosInit(), options) : null;
  }

  override forward(x: Tensor): Tensor {
    return layerNorm(x, this.normalizedShape, { ...affineOf(this), eps: this.eps });
  }

  override describe(): string {
    return `${show(this.normalizedShape)}, eps=${this.eps}, affine=${this.weight !== null}`;
  }
}

/** Normalizes each of `groups` groups of channels of `[N, C, …]` to mean 0 and variance 1. */
export class GroupNorm extends Module {
  static readonly isLibraryLayer: boolean = true;
  readonly groups: number;
  readonly channels: number;
  readonly eps: number;
  weight: Parameter | null;
  bias: Parameter | null;

  constructor(groups: number, channels: number, options: GroupNormOptions = {}) {
    super();
    this.groups = countOf('GroupNorm', 'groups', groups);
    this.channels = countOf('GroupNorm', 'channels', channels);
    if (channels % groups !== 0) {
      throw new ValueError(
        `GroupNorm: groups: expected a divisor of ${channels} channels, got ${groups}`,
      );
    }
    this.eps = options.eps ?? 1e-5;
    const affine = options.affine ?? true;
    this.weight = affine ? initialParameter([channels], constantInit(1), options) : null;
    this.bias = affine ? initialParameter([channels], zerosInit(), options) : null;
  }

  override forward(x: Tensor): Tensor {
    return groupNorm(x, this.groups, { ...affineOf(this), eps: this.eps });
  }

  override describe(): string {
    return `${this.groups}, ${this.channels}, eps=${this.eps}, affine=${this.weight !== null}`;
  }
}

/** x / √(mean(x²) + eps) · weight over the last axes, those of `normalizedShape`. */
export class RMSNorm extends Module {
  static readonly isLibraryLayer: boolean = true;
  readonly normalizedShape: readonly number[];
  readonly eps: number;
  weight: Parameter | null;

  constructor(normalizedShape: Sizes, options: RMSNormOptions = {}) {
    super();
    this.normalizedShape = normalizedSizes('RMSNorm', normalizedShape);
    this.eps = options.eps ?? F32_EPSILON;
    const affine = options.affine ?? true;
    this.weight = affine ? initialParameter(this.normalizedShape, constantInit(1), options) : null;
  }

  override forward(x: Tensor): Tensor {
    const weight = this.weight === null ? {} : { weight: this.weight };
    return rmsNorm(x, this.normalizedShape, { ...weight, eps: this.eps });
  }

  override describe(): string {
    return `${show(this.normalizedShape)}, eps=${this.eps}, affine=${this.weight !== null}`;
  }
}

function normalizedSizes(op: string, sizes: Sizes): readonly number[] {
  const shape = typeof sizes === 'number' ? [sizes] : [...sizes];
  if (shape.length === 0) {
    throw new ValueError(`${op}: normalizedShape: expected at least one axis, got []`);
  }
  return shape.map((n) => countOf(op, 'normalizedShape', n));
}

interface Affine {
  readonly weight: Parameter | null;
  readonly bias: Parameter | null;
}

/** Weight and bias as options, left out where there is none. */
function affineOf({ weight, bias }: Affine): { weight?: Parameter; bias?: Parameter } {
  return { ...(weight === null ? {} : { weight }), ...(bias === null ? {} : { bias }) };
}
