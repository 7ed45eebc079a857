/** Checks and small conversions shared by layer constructors. */
import { ValueError } from '@tenon/core';

/** One size for each of `rank` axes. */
export type Sizes = number | readonly number[];

/** `value` for each axis, checked to be integers of at least `least`. */
export function sizesOf(op: string, name: string, value: Sizes, rank: number, least = 1): number[] {
  const sizes = typeof value === 'number' ? new Array<number>(rank).fill(value) : [...value];
  if (sizes.length !== rank || sizes.some((n) => !Number.isInteger(n) || n < least)) {
    throw new ValueError(
      `${op}: ${name}: expected ${rank} integers of at least ${least} or one for all, ` +
        `got ${show(value)}`,
    );
  }
  return sizes;
}

/** A count of features or channels. */
export function countOf(op: string, name: string, value: number): number {
  if (!Number.isInteger(value) || value < 1) {
    throw new ValueError(`${op}: ${name}: expected a positive integer, got ${value}`);
  }
  return value;
}

/** `[3, 3]` for arrays, the value itself for the rest. */
export function show(value: Sizes | string): string {
  return typeof value === 'object' ? `[${value.join(', ')}]` : String(value);
}
