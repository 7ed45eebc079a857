/**
 * The transcendental rows: the f32 lanes of this folder, the f64 ones by calls of JavaScript's own
 * functions (and core's erf and pow), and the bound that the tests beside this file hold.
 */
import type { F32, F64, Lanes } from '../lanes.ts';
import { erf } from './erf.ts';
import { exp, expm1 } from './exp.ts';
import { log, log1p } from './log.ts';
import { pow } from './pow.ts';
import { tanh } from './tanh.ts';
import { cos, sin } from './trigonometry.ts';

export type UnaryFunction = 'exp' | 'expm1' | 'log' | 'log1p' | 'sin' | 'cos' | 'tanh' | 'erf';

export interface MathFunction<Args extends 1 | 2> {
  /** Largest error in ULP of the f32 form in every mode, against the rounded exact result. */
  readonly ulp: number;
  readonly f32: Args extends 1
    ? (lanes: Lanes, x: F32) => F32
    : (lanes: Lanes, x: F32, y: F32) => F32;
  readonly f64: Args extends 1
    ? (lanes: Lanes, x: F64) => F64
    : (lanes: Lanes, x: F64, y: F64) => F64;
}

function unary(
  name: UnaryFunction,
  ulp: number,
  f32: (lanes: Lanes, x: F32) => F32,
): MathFunction<1> {
  return { ulp, f32, f64: (lanes, x) => lanes.callLanes(name, [x]) };
}

export const UNARY_MATH: Readonly<Record<UnaryFunction, MathFunction<1>>> = {
  exp: unary('exp', 1, exp),
  expm1: unary('expm1', 1, expm1),
  log: unary('log', 1, log),
  log1p: unary('log1p', 2, log1p),
  sin: unary('sin', 2, sin),
  cos: unary('cos', 2, cos),
  tanh: unary('tanh', 2, tanh),
  erf: unary('erf', 1, erf),
};

export const POW: MathFunction<2> = {
  ulp: 1,
  f32: pow,
  f64: (lanes, x, y) => lanes.callLanes('pow', [x, y]),
};
