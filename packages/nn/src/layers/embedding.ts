/** A table of vectors, looked up by index. */
import { embedding, type Parameter, type Tensor } from '@tenon/core';
import { initialParameter, normalInit, type ParameterOptions } from '../init.ts';
import { Module } from '../module.ts';
import { countOf } from './checks.ts';

/**
 * Rows of `weight` `[count, features]` for i32 indices of any shape, giving `[…, features]`. Rows
 * are drawn from N(0, 1).
 *
 * @throws IndexRangeError for an index outside [0, count) where the backend reads synchronously
 */
export class Embedding extends Module {
  static readonly isLibraryLayer: boolean = true;
  readonly count: number;
  readonly features: number;
  weight: Parameter;

  constructor(count: number, features: number, options: ParameterOptions = {}) {
    super();
    this.count = countOf('Embedding', 'count', count);
    this.features = countOf('Embedding', 'features', features);
    this.weight = initialParameter([count, features], normalInit(), options);
  }

  override forward(indices: Tensor): Tensor {
    return embedding(this.weight, indices);
  }

  override describe(): string {
    return `${this.count}, ${this.features}`;
  }
}
