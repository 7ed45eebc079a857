/**
 * The names of the scalar operations and how many arguments each takes. A plain literal in a leaf
 * file: every backend's table is a `Record<ScalarName, …>`, so a missing row does not compile.
 * What each row computes is documented in `primitives/`, next to its type rule and derivative.
 */

/** Scalar operation → number of arguments. */
export const SCALARS = {
  neg: 1,
  abs: 1,
  sign: 1,
  floor: 1,
  exp: 1,
  expm1: 1,
  log: 1,
  log1p: 1,
  sqrt: 1,
  sin: 1,
  cos: 1,
  tanh: 1,
  erf: 1,
  not: 1,
  cast: 1,
  unitFloat: 1,
  add: 2,
  sub: 2,
  mul: 2,
  div: 2,
  rem: 2,
  pow: 2,
  maximum: 2,
  minimum: 2,
  and: 2,
  or: 2,
  eq: 2,
  lt: 2,
  le: 2,
  select: 3,
  randomBits: 3,
} as const;

export type ScalarName = keyof typeof SCALARS;

/** The reductions: each has an identity (0, 1, -∞ or the least integer, +∞ or the greatest). */
export type ReduceName = 'sum' | 'prod' | 'max' | 'min';
