/**
 * JavaScript functions that generated modules may import as env.<name>, on doubles: the f64 rows
 * that wasm has no instruction for. Equal on every thread, since every thread runs this file.
 */
import { hostMath } from '@tenon/core';

/** By import name. */
export const MATH_IMPORTS: Readonly<Record<string, (...args: number[]) => number>> = {
  exp: Math.exp,
  expm1: Math.expm1,
  log: Math.log,
  log1p: Math.log1p,
  sin: Math.sin,
  cos: Math.cos,
  tanh: Math.tanh,
  erf: (x = Number.NaN) => hostMath.erf(x),
  pow: (x = Number.NaN, y = Number.NaN) => hostMath.pow(x, y),
  rem: (x = Number.NaN, y = Number.NaN) => x % y,
};
