/**
 * pow of f32 lanes, as C and IEEE 754 define it: 2^(y·log2|x|) with the logarithm in doubles, then
 * the sign and the cases that the formula does not give.
 */
import type { F32, F64, Lanes } from '../lanes.ts';
import { horner, scale } from './horner.ts';
import { EXP2_FIT } from './tanh.ts';
import { ROUND64 } from './trigonometry.ts';

/** log2((1 + s)/(1 - s))/s in s², |s| <= 0.1716: within 4.3e-12. */
const LOG2_FIT = [
  2.885390081790092, 0.9617966733335008, 0.5770835866668517, 0.41167261100222335,
  0.3407322014896659,
] as const;

/** Bits of the doubles √½ (where an octave begins) and 2^52. */
const ROOT_HALF = 0x3fe6a09e667f3bcdn;
const TWO_52 = 0x4330000000000000n;
const MANTISSA = 0x000fffffffffffffn;
/** Octaves are counted from -BIAS, so that the count is not negative. */
const BIAS = 1024n;

/** log2 of a positive finite number; subnormal floats are normal doubles. */
function log2(lanes: Lanes, x: F64): F64 {
  const offset = lanes.add(lanes.bits(x), lanes.i64((BIAS << 52n) - ROOT_HALF));
  const mantissa = lanes.add(lanes.and(offset, lanes.i64(MANTISSA)), lanes.i64(ROOT_HALF));
  const count = lanes.float(lanes.or(lanes.shrU(offset, 52), lanes.i64(TWO_52)));
  const k = lanes.sub(count, lanes.f64(2 ** 52 + Number(BIAS)));
  const m = lanes.float(mantissa);
  const one = lanes.f64(1);
  const s = lanes.div(lanes.sub(m, one), lanes.add(m, one));
  return lanes.madd(s, horner(lanes, LOG2_FIT, lanes.mul(s, s)), k);
}

/** 2^z, rounded to f32. */
function exp2(lanes: Lanes, z: F64): F32 {
  const clamped = lanes.pmax(lanes.pmin(z, lanes.f64(200)), lanes.f64(-200));
  const shifted = lanes.add(clamped, lanes.f64(ROUND64));
  const n = lanes.sub(shifted, lanes.f64(ROUND64));
  const r = lanes.narrow(lanes.sub(clamped, n));
  const p = horner(lanes, [1, ...EXP2_FIT], r);
  return scale(lanes, p, lanes.wrapI64(lanes.bits(shifted)));
}

/** |x|^y but for |x| = 1 and y = 0. */
function magnitude(lanes: Lanes, a: F32, y: F32): F32 {
  const wide = lanes.widen(a);
  const logarithm = lanes.variable(log2(lanes, wide));
  // 0, ∞ and NaN: one range of signed integers once 0 has wrapped to the top
  const shift = 0x80000000 - 1;
  const isSpecial = lanes.gt(
    lanes.add(lanes.bits(a), lanes.i32(shift)),
    lanes.i32(0x7f7fffff - 1 + 0x80000000),
  );
  lanes.whenAny(isSpecial, () => {
    const isZero = lanes.eq(wide, lanes.f64(0));
    const limit = lanes.select(isZero, lanes.f64(Number.NEGATIVE_INFINITY), wide);
    lanes.assign(logarithm, lanes.select(lanes.widenMask(isSpecial), limit, logarithm));
  });
  return exp2(lanes, lanes.mul(lanes.widen(y), logarithm));
}

/** x^y: at most 1 ULP off. */
export function pow(lanes: Lanes, x: F32, y: F32): F32 {
  const one = lanes.f32(1);
  const a = lanes.abs(x);
  const size = lanes.select(lanes.eq(a, one), one, magnitude(lanes, a, y));

  const half = lanes.mul(y, lanes.f32(0.5));
  const isInteger = lanes.eq(lanes.nearest(y), y);
  const isOdd = lanes.and(isInteger, lanes.ne(lanes.nearest(half), half));
  const sign = lanes.and(lanes.bits(x), lanes.i32(0x80000000));
  const signed = lanes.float(lanes.or(lanes.bits(size), sign));
  const real = lanes.select(isOdd, signed, size);

  const isNegative = lanes.lt(x, lanes.f32(0));
  const isBounded = lanes.gt(x, lanes.f32(Number.NEGATIVE_INFINITY));
  const isComplex = lanes.and(lanes.and(isNegative, isBounded), lanes.not(isInteger));
  const result = lanes.select(isComplex, lanes.f32(Number.NaN), real);
  return lanes.select(lanes.eq(y, lanes.f32(0)), one, result);
}
