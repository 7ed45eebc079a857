/** Convolution layers over 1, 2 and 3 spatial axes, in NCHW order with PyTorch's weight layout. */
import { conv1d, conv2d, conv3d, type Parameter, type Tensor, ValueError } from '@tenon/core';
import { fanInUniformInit, initialParameter, type ParameterOptions } from '../init.ts';
import { Module } from '../module.ts';
import { countOf, type Sizes, show, sizesOf } from './checks.ts';

export interface ConvLayerOptions extends ParameterOptions {
  /** Step of the window; default 1. */
  readonly stride?: Sizes;
  /** Zeros at both ends of each axis, or 'same' (stride 1) or 'valid'; default 0. */
  readonly padding?: Sizes | 'same' | 'valid';
  /** Distance between the window's elements; default 1. */
  readonly dilation?: Sizes;
  /** Groups of channels that do not see each other; divides both channel counts; default 1. */
  readonly groups?: number;
  /** Whether a bias is added; default true. */
  readonly bias?: boolean;
}

type Rank = 1 | 2 | 3;
const CONV = { 1: conv1d, 2: conv2d, 3: conv3d } as const;

/** What the three convolution layers share. */
abstract class Conv extends Module {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly kernelSize: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[] | 'same' | 'valid';
  readonly dilation: readonly number[];
  readonly groups: number;
  /** `[out, in / groups, …kernel]`. */
  weight: Parameter;
  bias: Parameter | null;
  readonly #rank: Rank;

  constructor(
    rank: Rank,
    inChannels: number,
    outChannels: number,
    kernel: Sizes,
    o: ConvLayerOptions,
  ) {
    super();
    const op = `Conv${rank}d`;
    this.#rank = rank;
    this.inChannels = countOf(op, 'inChannels', inChannels);
    this.outChannels = countOf(op, 'outChannels', outChannels);
    this.groups = countOf(op, 'groups', o.groups ?? 1);
    if (inChannels % this.groups !== 0 || outChannels % this.groups !== 0) {
      throw new ValueError(
        `${op}: groups: expected a divisor of ${inChannels} and ${outChannels} channels,` +
          ` got ${this.groups}`,
      );
    }
    this.kernelSize = sizesOf(op, 'kernelSize', kernel, rank);
    this.stride = sizesOf(op, 'stride', o.stride ?? 1, rank);
    const padding = o.padding ?? 0;
    if (typeof padding === 'string' && padding !== 'same' && padding !== 'valid') {
      throw new ValueError(`${op}: padding: expected sizes, 'same' or 'valid', got '${padding}'`);
    }
    this.padding = typeof padding === 'string' ? padding : sizesOf(op, 'padding', padding, rank, 0);
    this.dilation = sizesOf(op, 'dilation', o.dilation ?? 1, rank);
    if (padding === 'same' && this.stride.some((n) => n !== 1)) {
      throw new ValueError(`${op}: padding 'same': expected stride 1, got ${show(this.stride)}`);
    }
    const shape = [outChannels, inChannels / this.groups, ...this.kernelSize];
    const init = fanInUniformInit(shape.slice(1).reduce((a, b) => a * b, 1));
    this.weight = initialParameter(shape, init, o);
    this.bias = o.bias === false ? null : initialParameter([outChannels], init, o);
  }

  override forward(x: Tensor): Tensor {
    const { stride, padding, dilation, groups, bias } = this;
    const options = { stride, padding, dilation, groups };
    return CONV[this.#rank](x, this.weight, bias === null ? options : { ...options, bias });
  }

  override describe(): string {
    const parts = [
      `${this.inChannels}, ${this.outChannels}`,
      `kernelSize=${show(this.kernelSize)}`,
      `stride=${show(this.stride)}`,
    ];
    const { padding, dilation, groups } = this;
    if (typeof padding === 'string' || padding.some((n) => n > 0))
      parts.push(`padding=${show(padding)}`);
    if (dilation.some((n) => n > 1)) parts.push(`dilation=${show(dilation)}`);
    if (groups > 1) parts.push(`groups=${groups}`);
    if (this.bias === null) parts.push('bias=false');
    return parts.join(', ');
  }
}

/** Convolution of `[N, C, L]` by `outChannels` windows, giving `[N, O, L']`. */
export class Conv1d extends Conv {
  static readonly isLibraryLayer: boolean = true;

  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: Sizes,
    options: ConvLayerOptions = {},
  ) {
    super(1, inChannels, outChannels, kernelSize, options);
  }
}

/**
 * Convolution of `[N, C, H, W]` by `outChannels` windows, giving `[N, O, H', W']` with
 * H' = ⌊(H + 2·padding − dilation·(kernel − 1) − 1) / stride⌋ + 1.
 *
 * @example
 * import { Conv2d } from '@tenon/nn';
 * import { ones } from '@tenon/core';
 * const y = new Conv2d(1, 8, 3, { padding: 1 }).forward(ones([2, 1, 28, 28])); // [2, 8, 28, 28]
 */
export class Conv2d extends Conv {
  static readonly isLibraryLayer: boolean = true;

  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: Sizes,
    options: ConvLayerOptions = {},
  ) {
    super(2, inChannels, outChannels, kernelSize, options);
  }
}

/** Convolution of `[N, C, D, H, W]` by `outChannels` windows, giving `[N, O, D', H', W']`. */
export class Conv3d extends Conv {
  static readonly isLibraryLayer: boolean = true;

  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: Sizes,
    options: ConvLayerOptions = {},
  ) {
    super(3, inChannels, outChannels, kernelSize, options);
  }
}
