/**
 * How the reductions accumulate, said once for generated code (text) and the interpreter
 * (functions). Order: along the last reduced axis in groups of four, ((x0 + x1) + x2) + x3, the
 * rest one by one, whatever the loop order; so results do not depend on which kernel ran. Float32
 * sums accumulate in double; double sums carry their rounding error (Knuth's two-sum), so both are
 * at least as exact as pairwise summation.
 */
import type { DType, ReduceName } from '@tenon/core';

export interface Reducer {
  readonly identity: number;
  /** Values of a group of four meet first, then the group meets the accumulator. */
  readonly isGrouped: boolean;
  /** A second accumulator holds what the first has lost. */
  readonly isCompensated: boolean;
  readonly text: (accumulator: string, value: string) => string;
  readonly combine: (accumulator: number, value: number) => number;
}

function identityOf(reducer: ReduceName, dtype: DType): number {
  if (reducer === 'sum') return 0;
  if (reducer === 'prod') return 1;
  const isMax = reducer === 'max';
  if (dtype === 'i32') return isMax ? -2147483648 : 2147483647;
  if (dtype === 'u32') return isMax ? 0 : 4294967295;
  if (dtype === 'bool') return isMax ? 0 : 1;
  return isMax ? -Infinity : Infinity;
}

type Combination = Pick<Reducer, 'text' | 'combine'>;

const FLOAT: Readonly<Record<ReduceName, Combination>> = {
  sum: { text: (a, x) => `${a} + ${x}`, combine: (a, x) => a + x },
  prod: { text: (a, x) => `${a} * ${x}`, combine: (a, x) => a * x },
  max: { text: (a, x) => `Math.max(${a}, ${x})`, combine: (a, x) => Math.max(a, x) },
  min: { text: (a, x) => `Math.min(${a}, ${x})`, combine: (a, x) => Math.min(a, x) },
};
const INTEGER: Readonly<Record<ReduceName, Combination>> = {
  sum: { text: (a, x) => `${a} + ${x} | 0`, combine: (a, x) => (a + x) | 0 },
  prod: { text: (a, x) => `Math.imul(${a}, ${x})`, combine: Math.imul },
  max: { text: (a, x) => `${x} > ${a} ? ${x} : ${a}`, combine: Math.max },
  min: { text: (a, x) => `${x} < ${a} ? ${x} : ${a}`, combine: Math.min },
};
const BOOL: Readonly<Record<ReduceName, Combination>> = {
  ...INTEGER,
  sum: { text: (a, x) => `${a} | ${x}`, combine: (a, x) => a | x },
  prod: { text: (a, x) => `${a} & ${x}`, combine: (a, x) => a & x },
};

export function reducerOf(reducer: ReduceName, dtype: DType): Reducer {
  const isFloat = dtype === 'f32' || dtype === 'f64';
  const isCompensated = reducer === 'sum' && dtype === 'f64';
  const table: Readonly<Record<ReduceName, Combination>> = isFloat
    ? FLOAT
    : dtype === 'bool'
      ? BOOL
      : INTEGER;
  return {
    identity: identityOf(reducer, dtype),
    isGrouped: isFloat && reducer !== 'prod' && !isCompensated,
    isCompensated,
    ...table[reducer],
  };
}

/** Statements of one compensated addition of `value` to the pair (sum, lost). */
export function twoSumText(sum: string, lost: string, value: string, name: string): string {
  return `const ${name}t = ${sum} + ${value}, ${name}z = ${name}t - ${sum}; \
${lost} += (${sum} - (${name}t - ${name}z)) + (${value} - ${name}z); ${sum} = ${name}t;`;
}

/** What a compensated addition loses; the sum itself is `sum + value`. */
export function twoSumError(sum: number, value: number): number {
  const total = sum + value;
  const part = total - sum;
  return sum - (total - part) + (value - part);
}

/** The end of a compensated sum: infinities make the lost part NaN, which then does not count. */
export function compensated(sum: number, lost: number): number {
  return Number.isNaN(lost) ? sum : sum + lost;
}
