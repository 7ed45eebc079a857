/**
 * log and log1p of f32 lanes: x = 2^k·(1 + f), |f| <= 1/3, ln(1 + f) by a polynomial of degree 10.
 * Zero, negative numbers, infinity, NaN and subnormals take a second path that runs only if a lane
 * needs it.
 */
import type { F32, I32, Lanes, Mask } from '../lanes.ts';
import { LN2_HIGH, LN2_LOW } from './exp.ts';
import { horner } from './horner.ts';

/** (ln(1 + f) - f)/f² on |f| <= 1/3; ln(1 + f) is then within 4.7e-9. */
const FIT = [
  -0.5, 0.3333321511745453, -0.2499980628490448, 0.2001042664051056, -0.16680195927619934,
  0.14005732536315918, -0.12187480181455612, 0.1398461014032364, -0.12880036234855652,
] as const;

/** Bits of 2/3: from there on an octave begins. */
const TWO_THIRDS = 0x3f2aaaab;
const EXPONENT = 0xff800000;
const LEAST_NORMAL = 2 ** -126;

/** k·ln2 + ln(1 + f). */
function combine(lanes: Lanes, k: F32, f: F32): F32 {
  const low = lanes.mul(k, lanes.f32(LN2_LOW));
  const tail = lanes.madd(lanes.mul(f, f), horner(lanes, FIT, f), low);
  return lanes.madd(k, lanes.f32(LN2_HIGH), lanes.add(f, tail));
}

/** True unless x is positive, normal and finite: those bits are one range of signed integers. */
function isSpecial(lanes: Lanes, x: F32): Mask {
  const shift = 0x80000000 - 0x00800000;
  return lanes.gt(lanes.add(lanes.bits(x), lanes.i32(shift)), lanes.i32(0x7effffff + 0x80000000));
}

/** The octaves of x, a positive normal number: 2^k·[2/3, 4/3). */
function octaves(lanes: Lanes, x: F32): I32 {
  return lanes.sub(lanes.bits(x), lanes.i32(TWO_THIRDS));
}

function logNormal(lanes: Lanes, x: F32): F32 {
  const offset = octaves(lanes, x);
  const exponent = lanes.and(offset, lanes.i32(EXPONENT));
  const mantissa = lanes.float(lanes.sub(lanes.bits(x), exponent));
  const k = lanes.fromI32(lanes.shrS(offset, 23));
  return combine(lanes, k, lanes.sub(mantissa, lanes.f32(1)));
}

/** The logarithm of 0, a negative number, infinity or NaN: -∞, NaN, ∞, NaN. */
function limits(lanes: Lanes, x: F32): F32 {
  const kept = lanes.select(lanes.gt(x, lanes.f32(0)), x, lanes.f32(Number.NaN));
  return lanes.select(lanes.eq(x, lanes.f32(0)), lanes.f32(Number.NEGATIVE_INFINITY), kept);
}

/** ln x: at most 1 ULP off, subnormals included. */
export function log(lanes: Lanes, x: F32): F32 {
  return lanes.rare(isSpecial(lanes, x), logNormal(lanes, x), () => {
    const isPositive = lanes.gt(x, lanes.f32(0));
    const isSubnormal = lanes.and(isPositive, lanes.lt(x, lanes.f32(LEAST_NORMAL)));
    const scaled = logNormal(lanes, lanes.mul(x, lanes.f32(2 ** 23)));
    const y = lanes.sub(scaled, lanes.f32(23 * Math.LN2));
    return lanes.select(isSubnormal, y, limits(lanes, x));
  });
}

/**
 * ln(1 + x): at most 2 ULP off. k comes from the rounded 1 + x, but 1 + f = 2^-k·(1 + x) is built
 * from x itself: f = 2^-k·x + (2^-k - 1), where f = x for k = 0.
 */
export function log1p(lanes: Lanes, x: F32): F32 {
  const sum = lanes.add(x, lanes.f32(1));
  const offset = octaves(lanes, sum);
  const exponent = lanes.and(offset, lanes.i32(EXPONENT));
  const scaled = lanes.float(lanes.sub(lanes.bits(x), exponent));
  // four times 2^-k stays normal for the largest k
  const four = lanes.float(lanes.sub(lanes.i32(0x40800000), exponent));
  const rest = lanes.madd(four, lanes.f32(0.25), lanes.f32(-1));
  const k = lanes.fromI32(lanes.shrS(offset, 23));
  const y = combine(lanes, k, lanes.add(scaled, rest));
  // 1 + x has the sign of its logarithm's argument, but only x knows -0
  const signed = lanes.select(lanes.eq(x, lanes.f32(0)), x, y);
  return lanes.rare(isSpecial(lanes, sum), signed, () => limits(lanes, sum));
}
