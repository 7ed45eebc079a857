/** What a scalar row may give where subnormal numbers are flushed to zero, on the way in or out. */
import type { DType } from '@tenon/core';
import { rounded, ulpError } from './compare.ts';

const LEAST_NORMAL: Readonly<Partial<Record<DType, number>>> = {
  f16: 2 ** -14,
  f32: 2 ** -126,
  f64: 2 ** -1022,
};
/** A subnormal number becomes the zero of its sign. */
function flushed(x: number, dtype: DType): number {
  const isSubnormal = Math.abs(x) < (LEAST_NORMAL[dtype] ?? 0) && x !== 0;
  return isSubnormal ? Math.sign(x) * 0 : x;
}

/** A row in double precision, with the dtypes of its operands and of its result. */
export interface FlushableRow {
  readonly reference: (operands: readonly number[]) => number;
  readonly dtypes: readonly DType[];
  readonly result: DType;
}

/**
 * Error in ULP against the nearest of the results that flushing allows: of the operands or of
 * their flushed values, itself flushed or not.
 */
export function flushedUlpError(
  got: number,
  operands: readonly number[],
  { reference, dtypes, result }: FlushableRow,
): number {
  const kept = reference(operands);
  const lost = reference(operands.map((x, i) => flushed(x, dtypes[i] as DType)));
  const errors = [kept, lost].flatMap((exact) => [
    ulpError(got, exact, result),
    ulpError(got, flushed(rounded(exact, result), result), result),
  ]);
  return Math.min(...errors);
}
