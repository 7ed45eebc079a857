/**
 * A loop nest in its simplest form: axes of size 1 dropped, neighbouring axes merged wherever every
 * operand can walk them as one. Done once, here, for all backends; what remains as structure is a
 * rank and a stride class per operand.
 */
import type { StrideClass } from '../backend.ts';

/** Sizes and, for every operand, strides: kept axes first, then reduced axes. */
export interface Nest {
  readonly keptRank: number;
  readonly sizes: readonly number[];
  readonly strides: readonly (readonly number[])[];
}

/** The same walk with as few axes as possible; at least one kept axis, and one reduced if any. */
export function canonicalize(
  kept: number,
  sizes: readonly number[],
  strides: readonly (readonly number[])[],
): Nest {
  const outSizes: number[] = [];
  const outStrides: number[][] = strides.map(() => []);
  mergeAxes(0, kept, sizes, strides, outSizes, outStrides);
  if (outSizes.length === 0) pushAxis(1, outSizes, outStrides);
  const keptRank = outSizes.length;
  mergeAxes(kept, sizes.length, sizes, strides, outSizes, outStrides);
  if (sizes.length > kept && outSizes.length === keptRank) pushAxis(1, outSizes, outStrides);
  return { keptRank, sizes: outSizes, strides: outStrides };
}

function pushAxis(size: number, outSizes: number[], outStrides: number[][]): void {
  outSizes.push(size);
  for (const list of outStrides) list.push(0);
}

function mergeAxes(
  from: number,
  to: number,
  sizes: readonly number[],
  strides: readonly (readonly number[])[],
  outSizes: number[],
  outStrides: number[][],
): void {
  const base = outSizes.length;
  for (let axis = from; axis < to; axis++) {
    const size = sizes[axis] as number;
    if (size === 1) continue;
    const last = outSizes.length - 1;
    let canMerge = last >= base;
    for (let k = 0; canMerge && k < strides.length; k++) {
      const outer = (outStrides[k] as number[])[last] as number;
      canMerge = outer === ((strides[k] as readonly number[])[axis] as number) * size;
    }
    if (canMerge) outSizes[last] = (outSizes[last] as number) * size;
    else outSizes.push(size);
    for (let k = 0; k < strides.length; k++) {
      const stride = (strides[k] as readonly number[])[axis] as number;
      const list = outStrides[k] as number[];
      if (canMerge) list[last] = stride;
      else list.push(stride);
    }
  }
}

export function strideClass(stride: number | undefined): StrideClass {
  return stride === undefined || stride === 0 ? 0 : stride === 1 ? 1 : 2;
}
