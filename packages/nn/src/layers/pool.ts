/** Pooling layers: thin modules around core's pooling composites. */
import {
  adaptiveAvgPool1d,
  adaptiveAvgPool2d,
  adaptiveAvgPool3d,
  adaptiveMaxPool1d,
  adaptiveMaxPool2d,
  adaptiveMaxPool3d,
  avgPool1d,
  avgPool2d,
  avgPool3d,
  maxPool1d,
  maxPool2d,
  maxPool3d,
  type Tensor,
} from '@tenon/core';
import { Module } from '../module.ts';
import { type Sizes, show, sizesOf } from './checks.ts';

export interface MaxPoolLayerOptions {
  /** Step of the window; default the kernel's size. */
  readonly stride?: Sizes;
  /** −∞ at both ends of each axis; default 0. */
  readonly padding?: Sizes;
  readonly dilation?: Sizes;
  /** Whether a last, partial window counts; default false. */
  readonly ceilMode?: boolean;
}

export interface AvgPoolLayerOptions {
  /** Step of the window; default the kernel's size. */
  readonly stride?: Sizes;
  /** Zeros at both ends of each axis; default 0. */
  readonly padding?: Sizes;
  /** Whether a last, partial window counts; default false. */
  readonly ceilMode?: boolean;
  /** Whether padding counts in the divisor; default true. */
  readonly countIncludePad?: boolean;
}

type Rank = 1 | 2 | 3;
const MAX = { 1: maxPool1d, 2: maxPool2d, 3: maxPool3d } as const;
const AVG = { 1: avgPool1d, 2: avgPool2d, 3: avgPool3d } as const;
const ADAPTIVE_AVG = { 1: adaptiveAvgPool1d, 2: adaptiveAvgPool2d, 3: adaptiveAvgPool3d } as const;
const ADAPTIVE_MAX = { 1: adaptiveMaxPool1d, 2: adaptiveMaxPool2d, 3: adaptiveMaxPool3d } as const;

abstract class MaxPool extends Module {
  readonly kernelSize: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly dilation: readonly number[];
  readonly ceilMode: boolean;
  readonly #rank: Rank;

  constructor(rank: Rank, kernelSize: Sizes, options: MaxPoolLayerOptions) {
    super();
    const op = `MaxPool${rank}d`;
    this.#rank = rank;
    this.kernelSize = sizesOf(op, 'kernelSize', kernelSize, rank);
    this.stride = sizesOf(op, 'stride', options.stride ?? kernelSize, rank);
    this.padding = sizesOf(op, 'padding', options.padding ?? 0, rank, 0);
    this.dilation = sizesOf(op, 'dilation', options.dilation ?? 1, rank);
    this.ceilMode = options.ceilMode ?? false;
  }

  override forward(x: Tensor): Tensor {
    const { kernelSize, stride, padding, dilation, ceilMode } = this;
    return MAX[this.#rank](x, kernelSize, { stride, padding, dilation, ceilMode });
  }

  override describe(): string {
    const { kernelSize, stride, padding, dilation, ceilMode } = this;
    return (
      `kernelSize=${show(kernelSize)}, stride=${show(stride)}, ` +
      `padding=${show(padding)}, dilation=${show(dilation)}, ceilMode=${ceilMode}`
    );
  }
}

/** Largest value of each window of `[N, C, L]`. */
export class MaxPool1d extends MaxPool {
  static readonly isLibraryLayer: boolean = true;

  constructor(kernelSize: Sizes, options: MaxPoolLayerOptions = {}) {
    super(1, kernelSize, options);
  }
}

/**
 * Largest value of each window of `[N, C, H, W]`.
 *
 * @example
 * import { MaxPool2d } from '@tenon/nn';
 * import { ones } from '@tenon/core';
 * const y = new MaxPool2d(2).forward(ones([1, 8, 28, 28])); // [1, 8, 14, 14]
 */
export class MaxPool2d extends MaxPool {
  static readonly isLibraryLayer: boolean = true;

  constructor(kernelSize: Sizes, options: MaxPoolLayerOptions = {}) {
    super(2, kernelSize, options);
  }
}

/** Largest value of each window of `[N, C, D, H, W]`. */
export class MaxPool3d extends MaxPool {
  static readonly isLibraryLayer: boolean = true;

  constructor(kernelSize: Sizes, options: MaxPoolLayerOptions = {}) {
    super(3, kernelSize, options);
  }
}

abstract class AvgPool extends Module {
  readonly kernelSize: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly ceilMode: boolean;
  readonly countIncludePad: boolean;
  readonly #rank: Rank;

  constructor(rank: Rank, kernelSize: Sizes, options: AvgPoolLayerOptions) {
    super();
    const op = `AvgPool${rank}d`;
    this.#rank = rank;
    this.kernelSize = sizesOf(op, 'kernelSize', kernelSize, rank);
    this.stride = sizesOf(op, 'stride', options.stride ?? kernelSize, rank);
    this.padding = sizesOf(op, 'padding', options.padding ?? 0, rank, 0);
    this.ceilMode = options.ceilMode ?? false;
    this.countIncludePad = options.countIncludePad ?? true;
  }

  override forward(x: Tensor): Tensor {
    const { kernelSize, stride, padding, ceilMode, countIncludePad } = this;
    return AVG[this.#rank](x, kernelSize, { stride, padding, ceilMode, countIncludePad });
  }

  override describe(): string {
    const { kernelSize, stride, padding } = this;
    return `kernelSize=${show(kernelSize)}, stride=${show(stride)}, padding=${show(padding)}`;
  }
}

/** Mean of each window of `[N, C, L]`. */
export class AvgPool1d extends AvgPool {
  static readonly isLibraryLayer: boolean = true;

  constructor(kernelSize: Sizes, options: AvgPoolLayerOptions = {}) {
    super(1, kernelSize, options);
  }
}

/** Mean of each window of `[N, C, H, W]`. */
export class AvgPool2d extends AvgPool {
  static readonly isLibraryLayer: boolean = true;

  constructor(kernelSize: Sizes, options: AvgPoolLayerOptions = {}) {
    super(2, kernelSize, options);
  }
}

/** Mean of each window of `[N, C, D, H, W]`. */
export class AvgPool3d extends AvgPool {
  static readonly isLibraryLayer: boolean = true;

  constructor(kernelSize: Sizes, options: AvgPoolLayerOptions = {}) {
    super(3, kernelSize, options);
  }
}

abstract class AdaptivePool extends Module {
  readonly outputSize: readonly number[];

  constructor(op: string, rank: Rank, outputSize: Sizes) {
    super();
    this.outputSize = sizesOf(op, 'outputSize', outputSize, rank);
  }

  override describe(): string {
    return `outputSize=${show(this.outputSize)}`;
  }
}

abstract class AdaptiveAvgPool extends AdaptivePool {
  readonly #rank: Rank;

  constructor(rank: Rank, outputSize: Sizes) {
    super(`AdaptiveAvgPool${rank}d`, rank, outputSize);
    this.#rank = rank;
  }

  override forward(x: Tensor): Tensor {
    return ADAPTIVE_AVG[this.#rank](x, this.outputSize);
  }
}

abstract class AdaptiveMaxPool extends AdaptivePool {
  readonly #rank: Rank;

  constructor(rank: Rank, outputSize: Sizes) {
    super(`AdaptiveMaxPool${rank}d`, rank, outputSize);
    this.#rank = rank;
  }

  override forward(x: Tensor): Tensor {
    return ADAPTIVE_MAX[this.#rank](x, this.outputSize);
  }
}

/** Means of `[N, C, L]` over as many windows as the output has elements. */
export class AdaptiveAvgPool1d extends AdaptiveAvgPool {
  static readonly isLibraryLayer: boolean = true;

  constructor(outputSize: Sizes) {
    super(1, outputSize);
  }
}

/** Means of `[N, C, H, W]` over as many windows as the output has elements. */
export class AdaptiveAvgPool2d extends AdaptiveAvgPool {
  static readonly isLibraryLayer: boolean = true;

  constructor(outputSize: Sizes) {
    super(2, outputSize);
  }
}

/** Means of `[N, C, D, H, W]` over as many windows as the output has elements. */
export class AdaptiveAvgPool3d extends AdaptiveAvgPool {
  static readonly isLibraryLayer: boolean = true;

  constructor(outputSize: Sizes) {
    super(3, outputSize);
  }
}

/** Largest values of `[N, C, L]` over as many windows as the output has elements. */
export class AdaptiveMaxPool1d extends AdaptiveMaxPool {
  static readonly isLibraryLayer: boolean = true;

  constructor(outputSize: Sizes) {
    super(1, outputSize);
  }
}

/** Largest values of `[N, C, H, W]` over as many windows as the output has elements. */
export class AdaptiveMaxPool2d extends AdaptiveMaxPool {
  static readonly isLibraryLayer: boolean = true;

  constructor(outputSize: Sizes) {
    super(2, outputSize);
  }
}

/** Largest values of `[N, C, D, H, W]` over as many windows as the output has elements. */
export class AdaptiveMaxPool3d extends AdaptiveMaxPool {
  static readonly isLibraryLayer: boolean = true;

  constructor(outputSize: Sizes) {
    super(3, outputSize);
  }
}
