/**
 * Rows of the scalar table that take more than an instruction or two: division, remainder and
 * power. Nothing here traps; what JavaScript gives at zero and at the limits, these give.
 */
import type { F32, F64, I32, Lanes } from './lanes.ts';

/** a / b truncated; 0 where b is 0; -2^31 / -1 wraps. A quotient of doubles is exact enough. */
export function divideI32(lanes: Lanes, a: I32, b: I32): I32 {
  const quotient = lanes.narrowI32(lanes.div(lanes.widenI32(a), lanes.widenI32(b)));
  const wrapped = lanes.select(lanes.eq(b, lanes.i32(-1)), lanes.neg(a), quotient);
  const zero = lanes.i32(0);
  return lanes.select(lanes.eq(b, zero), zero, wrapped);
}

/** a / b truncated, of unsigned integers; 0 where b is 0. */
export function divideU32(lanes: Lanes, a: I32, b: I32): I32 {
  const quotient = lanes.narrowU32(lanes.div(lanes.widenU32(a), lanes.widenU32(b)));
  const zero = lanes.i32(0);
  return lanes.select(lanes.eq(b, zero), zero, quotient);
}

/** a - quotient·b; 0 where b is 0. */
export function remainderInteger(lanes: Lanes, a: I32, b: I32, quotient: I32): I32 {
  const zero = lanes.i32(0);
  const rest = lanes.sub(a, lanes.mul(quotient, b));
  return lanes.select(lanes.eq(b, zero), zero, rest);
}

/** Below it the truncated quotient of two float32 as doubles is exact, and so is its product. */
const EXACT_QUOTIENT = 2 ** 28;

/**
 * C's fmod of float32, exact: a - trunc(a/b)·b in doubles, with the sign of a. Larger quotients
 * go through JavaScript's %. Where b is 0 or a infinite the same arithmetic gives NaN.
 */
export function remainderF32(lanes: Lanes, a: F32, b: F32): F32 {
  const wideA = lanes.widen(a);
  const wideB = lanes.widen(b);
  const quotient = lanes.trunc(lanes.div(wideA, wideB));
  const rest = lanes.narrow(lanes.nmadd(quotient, wideB, wideA));
  const sign = lanes.and(lanes.bits(a), lanes.i32(0x80000000));
  const signed = lanes.float(lanes.or(lanes.bits(rest), sign));
  const size = lanes.abs(quotient);
  // An infinite b too: 0 · ∞ is no number, but a is the answer.
  const isWhole = lanes.narrowMask(lanes.lt(size, lanes.f64(1)));
  const usual = lanes.select(isWhole, a, signed);
  const isHuge = lanes.and(
    lanes.ge(size, lanes.f64(EXACT_QUOTIENT)),
    lanes.lt(size, lanes.f64(Infinity)),
  );
  return lanes.rare(lanes.narrowMask(isHuge), usual, () => lanes.callLanes('rem', [a, b]));
}

/** C's fmod of doubles. */
export function remainderF64(lanes: Lanes, a: F64, b: F64): F64 {
  return lanes.callLanes('rem', [a, b]);
}

/** a^b in wrapping integers by squaring, as many rounds as the largest exponent has bits. */
export function powerU32(lanes: Lanes, a: I32, b: I32): I32 {
  const zero = lanes.i32(0);
  const one = lanes.i32(1);
  const result = lanes.variable(one);
  const base = lanes.variable(a);
  const exponent = lanes.variable(b);
  lanes.f.loop((next) => {
    const isOdd = lanes.ne(lanes.and(exponent, one), zero);
    lanes.assign(result, lanes.select(isOdd, lanes.mul(result, base), result));
    lanes.assign(base, lanes.mul(base, base));
    lanes.assign(exponent, lanes.shrU(exponent, 1));
    lanes.whenAny(lanes.ne(exponent, zero), () => lanes.f.br(next));
  });
  return result;
}

/** The same; a negative exponent gives the truncated reciprocal: of 1 and -1 that is not 0. */
export function powerI32(lanes: Lanes, a: I32, b: I32): I32 {
  const zero = lanes.i32(0);
  const one = lanes.i32(1);
  const minusOne = lanes.i32(-1);
  const power = powerU32(lanes, a, lanes.max(b, zero));
  const isOdd = lanes.ne(lanes.and(b, one), zero);
  const alternating = lanes.select(isOdd, minusOne, one);
  const reciprocal = lanes.select(
    lanes.eq(a, one),
    one,
    lanes.select(lanes.eq(a, minusOne), alternating, zero),
  );
  return lanes.select(lanes.lt(b, zero), reciprocal, power);
}
