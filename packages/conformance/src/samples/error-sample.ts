/** What a sample of an error is, and short names for bad input. */
import * as core from '@tenon/core';
import { type Tensor, tensor } from '@tenon/core';

export interface ErrorSample {
  readonly name: string;
  readonly run: () => unknown;
  readonly error: new (...args: never[]) => Error;
  readonly text: string;
}
export function of(
  error: ErrorSample['error'],
  name: string,
  run: () => unknown,
  text: string,
): ErrorSample {
  return { name, run, error, text };
}

export const ones = (...shape: number[]): Tensor => core.ones(shape);
export const ints = (...values: number[]): Tensor => tensor(Int32Array.from(values));
export const bools = (): Tensor => tensor([true, false]);
export const unsigned = (): Tensor => tensor(Uint32Array.of(1, 2));
/** What JavaScript lets through where TypeScript would not. */
export const untyped = (value: unknown): Tensor => value as Tensor;
