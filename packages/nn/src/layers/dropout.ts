/** Dropout. */
import { dropout, type Tensor, ValueError } from '@tenon/core';
import { Module } from '../module.ts';

/**
 * In training, zeroes each element with probability `p` and scales the rest by 1/(1 − p); in
 * evaluation gives back its input.
 */
export class Dropout extends Module {
  static readonly isLibraryLayer: boolean = true;
  #p = 0;

  constructor(p = 0.5) {
    super();
    this.p = p;
  }

  /** The probability of a zero, in [0, 1]. */
  get p(): number {
    return this.#p;
  }

  set p(value: number) {
    if (!(value >= 0 && value <= 1)) {
      throw new ValueError(`Dropout: p: expected a probability in [0, 1], got ${value}`);
    }
    this.#p = value;
  }

  override forward(x: Tensor): Tensor {
    return dropout(x, this.p, { training: this.training });
  }

  override describe(): string {
    return `p=${this.p}`;
  }
}
