/**
 * sin and cos of f32 lanes. x = n·π/2 + r in doubles: π/2 in two parts up to 1e6, and beyond that,
 * in a path that runs only if a lane needs it, the product with 2/π in pieces (after Payne and
 * Hanek, "Radian reduction for trigonometric functions", 1983). Then polynomials in f32.
 */
import type { F32, F64, I32, Lanes } from '../lanes.ts';
import { horner } from './horner.ts';

/** (sin(r)/r - 1)/r² in r², |r| <= π/4: sin is then within 4e-9. */
const SIN_FIT = [-0.16666655242443085, 0.008332189172506332, -0.0001951828453456983] as const;
/** (cos(r) - 1)/r² in r²: cos is then within 1.2e-10. */
const COS_FIT = [-0.5, 0.04166664555668831, -0.0013887309469282627, 2.4432327336398885e-5] as const;

/** π/2 in 33 bits, so that n times it is exact for n below 2^20, and the rest. */
const HALF_PI_HIGH = 1.5707963267341256;
const HALF_PI_LOW = 6.077100506506192e-11;
const LIMIT = 1e6;

/** 2/π in pieces of 28 bits: the product of one with a float32 is exact. */
const PIECES: readonly number[] = [
  0xa2f9836, 0xe4e4415, 0x29fc275, 0x7d1f534, 0xddc0db6, 0x295993c, 0x439041f,
].map((piece, i) => piece * 2 ** (-28 * (i + 1)));

/** t + ROUND - ROUND is the double t rounded to an integer, in the low bits of t + ROUND. */
export const ROUND64: number = 1.5 * 2 ** 52;

interface Reduced {
  readonly r: F32;
  /** Quadrant, in the low bits. */
  readonly n: I32;
}

function reduceModerate(lanes: Lanes, x: F64): Reduced {
  const shifted = lanes.madd(x, lanes.f64(2 / Math.PI), lanes.f64(ROUND64));
  const n = lanes.sub(shifted, lanes.f64(ROUND64));
  const high = lanes.nmadd(n, lanes.f64(HALF_PI_HIGH), x);
  const r = lanes.narrow(lanes.nmadd(n, lanes.f64(HALF_PI_LOW), high));
  return { r, n: lanes.wrapI64(lanes.bits(shifted)) };
}

/** Each piece of x·2/π modulo 4 is exact; their sum is kept in two doubles. */
function reduceLarge(lanes: Lanes, x: F64): Reduced {
  let high = lanes.f64(0);
  let low = lanes.f64(0);
  for (const piece of PIECES) {
    const product = lanes.mul(x, lanes.f64(piece));
    const turns = lanes.nearest(lanes.mul(product, lanes.f64(0.25)));
    const part = lanes.sub(product, lanes.mul(turns, lanes.f64(4)));
    // Knuth's two-sum: sum + error = high + part
    const sum = lanes.add(high, part);
    const added = lanes.sub(sum, high);
    const error = lanes.add(lanes.sub(high, lanes.sub(sum, added)), lanes.sub(part, added));
    high = sum;
    low = lanes.add(low, error);
  }
  const shifted = lanes.add(high, lanes.f64(ROUND64));
  const n = lanes.sub(shifted, lanes.f64(ROUND64));
  const turns = lanes.add(lanes.sub(high, n), low);
  const r = lanes.narrow(lanes.mul(turns, lanes.f64(Math.PI / 2)));
  return { r, n: lanes.wrapI64(lanes.bits(shifted)) };
}

function reduce(lanes: Lanes, x: F32): Reduced {
  const wide = lanes.widen(x);
  const usual = reduceModerate(lanes, wide);
  const r = lanes.variable(usual.r);
  const n = lanes.variable(usual.n);
  const isLarge = lanes.gt(lanes.abs(x), lanes.f32(LIMIT));
  lanes.whenAny(isLarge, () => {
    const large = reduceLarge(lanes, wide);
    lanes.assign(r, lanes.select(isLarge, large.r, r));
    lanes.assign(n, lanes.select(isLarge, large.n, n));
  });
  return { r, n };
}

/** sin(r + quadrant·π/2). */
function turned(lanes: Lanes, r: F32, quadrant: I32): F32 {
  const square = lanes.mul(r, r);
  const sine = lanes.madd(lanes.mul(r, square), horner(lanes, SIN_FIT, square), r);
  const cosine = horner(lanes, [1, ...COS_FIT], square);
  const isEven = lanes.eq(lanes.and(quadrant, lanes.i32(1)), lanes.i32(0));
  const sign = lanes.shl(lanes.and(quadrant, lanes.i32(2)), 30);
  const y = lanes.select(isEven, sine, cosine);
  return lanes.float(lanes.xor(lanes.bits(y), sign));
}

/** sin x: at most 2 ULP off for every x. */
export function sin(lanes: Lanes, x: F32): F32 {
  const { r, n } = reduce(lanes, x);
  return lanes.select(lanes.eq(x, lanes.f32(0)), x, turned(lanes, r, n));
}

/** cos x: at most 2 ULP off for every x. */
export function cos(lanes: Lanes, x: F32): F32 {
  const { r, n } = reduce(lanes, x);
  return turned(lanes, r, lanes.add(n, lanes.i32(1)));
}
