/**
 * What the functions of this folder share: Horner's rule, the sign of an argument put back, powers
 * of two. Polynomials are least-maximum fits to the weighted error that each file names: linear
 * programs on 400 Chebyshev points in 40 digits, where one coefficient after the other is rounded
 * to float32 and the remaining ones are fitted again.
 */
import type { F32, I32, Lanes, Value } from '../lanes.ts';

/** Σ c_i x^i, coefficients lowest first. */
export function horner<K extends 'f32' | 'f64'>(
  lanes: Lanes,
  coefficients: readonly number[],
  x: Value<K>,
): Value<K> {
  const constant = (c: number): Value<K> =>
    (x.kind === 'f32' ? lanes.f32(c) : lanes.f64(c)) as Value<K>;
  const [last = 0, ...rest] = [...coefficients].reverse();
  return rest.reduce((sum, c) => lanes.madd(sum, x, constant(c)), constant(last));
}

/** y, which is not negative, with the sign of x: keeps -0, and NaN stays NaN. */
export function withSignOf(lanes: Lanes, y: F32, x: F32): F32 {
  const sign = lanes.and(lanes.bits(x), lanes.i32(0x80000000));
  return lanes.float(lanes.or(lanes.bits(y), sign));
}

/** x + ROUND - ROUND is x rounded to an integer, which the low bits of x + ROUND hold. */
export const ROUND: number = 1.5 * 2 ** 23;

/** 2^(n + offset), n in the low nine bits of `bits`; the exponent must be a normal one. */
export function powerOfTwo(lanes: Lanes, bits: I32, offset = 0): F32 {
  const one = lanes.i32((127 + offset) << 23);
  return lanes.float(lanes.add(lanes.shl(bits, 23), one));
}

/**
 * p·2^n for p near 1 and n, in the low bits of `bits`, from -254 to 254: the two halves of n one
 * after the other, so that overflow gives infinity and a subnormal result is rounded once.
 */
export function scale(lanes: Lanes, p: F32, bits: I32): F32 {
  const half = lanes.shrS(bits, 1);
  const first = lanes.mul(p, powerOfTwo(lanes, half));
  return lanes.mul(first, powerOfTwo(lanes, lanes.sub(bits, half)));
}
