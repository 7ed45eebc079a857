/** The fully connected layer. */
import { linear, type Parameter, type Tensor } from '@tenon/core';
import { fanInUniformInit, initialParameter, type ParameterOptions } from '../init.ts';
import { Module } from '../module.ts';
import { countOf } from './checks.ts';

export interface LinearOptions extends ParameterOptions {
  /** Whether a bias is added; default true. */
  readonly bias?: boolean;
}

/**
 * y = x·Wᵀ + b for x `[…, inFeatures]`, giving `[…, outFeatures]`. `weight` is `[out, in]`, drawn
 * with `bias` from U(±1/√in).
 *
 * @example
 * import { Linear } from '@tenon/nn';
 * import { ones } from '@tenon/core';
 * const y = new Linear(3, 2).forward(ones([4, 3])); // [4, 2]
 */
export class Linear extends Module {
  static readonly isLibraryLayer: boolean = true;
  readonly inFeatures: number;
  readonly outFeatures: number;
  weight: Parameter;
  bias: Parameter | null;

  constructor(inFeatures: number, outFeatures: number, options: LinearOptions = {}) {
    super();
    this.inFeatures = countOf('Linear', 'inFeatures', inFeatures);
    this.outFeatures = countOf('Linear', 'outFeatures', outFeatures);
    const init = fanInUniformInit(inFeatures);
    this.weight = initialParameter([outFeatures, inFeatures], init, options);
    this.bias = options.bias === false ? null : initialParameter([outFeatures], init, options);
  }

  override forward(x: Tensor): Tensor {
    return this.bias === null ? linear(x, this.weight) : linear(x, this.weight, this.bias);
  }

  override describe(): string {
    return (
      `inFeatures=${this.inFeatures}, outFeatures=${this.outFeatures}, ` +
      `bias=${this.bias !== null}`
    );
  }
}
