/**
 * exp and expm1 of f32 lanes. x = k·ln2 + r, |r| <= ln2/2, with ln2 in two parts (Cody and Waite,
 * "Software manual for the elementary functions", 1980), e^r by a polynomial of degree 6.
 */
import type { F32, I32, Lanes } from '../lanes.ts';
import { horner, powerOfTwo, ROUND, scale } from './horner.ts';

/** ln2 in 15 bits, so that k times it is exact, and the rest. */
export const LN2_HIGH = 0.693145751953125;
export const LN2_LOW: number = Math.LN2 - LN2_HIGH;

/** (e^r - 1 - r)/r²; e^r is then within 3.2e-9. */
const EXP_FIT = [
  0.4999999403953552, 0.1666652113199234, 0.04166826605796814, 0.00836868304759264,
  0.0013820918975397944,
] as const;

/** The same where the error relative to e^r - 1 counts: 1.4e-8. */
const EXPM1_FIT = [
  0.4999999701976776, 0.1666654646396637, 0.04166743531823158, 0.00836626160889864,
  0.0013870657421648502,
] as const;

/** k = round(x/ln2) as a float, and in the low bits of `bits`. */
function octaves(lanes: Lanes, x: F32): { readonly k: F32; readonly bits: I32 } {
  const shifted = lanes.madd(x, lanes.f32(Math.LOG2E), lanes.f32(ROUND));
  return { k: lanes.sub(shifted, lanes.f32(ROUND)), bits: lanes.bits(shifted) };
}

/** e^x: at most 1 ULP off; 0 below -103.98, ∞ above 88.73. */
export function exp(lanes: Lanes, x: F32): F32 {
  const clamped = lanes.pmax(lanes.pmin(x, lanes.f32(89)), lanes.f32(-104));
  const { k, bits } = octaves(lanes, clamped);
  const high = lanes.nmadd(k, lanes.f32(LN2_HIGH), clamped);
  const r = lanes.nmadd(k, lanes.f32(LN2_LOW), high);
  return scale(lanes, horner(lanes, [1, 1, ...EXP_FIT], r), bits);
}

/**
 * e^x - 1: at most 1 ULP off; -1 below -17.4, ∞ above 88.73, x itself near 0.
 * Half of it is (s - ½) + s·high + s·(r²·fit(r) - k·LN2_LOW), s = 2^(k-1): where the first two
 * terms cancel, their sum is exact, and s is finite up to the largest finite result.
 */
export function expm1(lanes: Lanes, x: F32): F32 {
  const clamped = lanes.pmax(lanes.pmin(x, lanes.f32(89)), lanes.f32(-18));
  const { k, bits } = octaves(lanes, clamped);
  const high = lanes.nmadd(k, lanes.f32(LN2_HIGH), clamped);
  const low = lanes.mul(k, lanes.f32(-LN2_LOW));
  const r = lanes.add(high, low);
  const tail = lanes.madd(lanes.mul(r, r), horner(lanes, EXPM1_FIT, r), low);
  const s = powerOfTwo(lanes, bits, -1);
  const head = lanes.madd(s, high, lanes.sub(s, lanes.f32(0.5)));
  const half = lanes.madd(s, tail, head);
  const isTiny = lanes.lt(lanes.abs(x), lanes.f32(2 ** -25));
  return lanes.select(isTiny, x, lanes.add(half, half));
}
