/**
 * exp and expm1. x = n·ln2 + r, |r| <= ln2/2, with ln2 in two parts (Cody and Waite, "Software
 * manual for the elementary functions", 1980), e^r by a polynomial of degree 6.
 */
import { float, horner, type PreludePart, ROUND, ROUND_BITS, wgsl } from './wgsl.ts';

/** ln2 in 15 bits, so that n times it is exact, and the rest. */
export const LN2_HIGH = 0.693145751953125;
export const LN2_LOW: number = Math.fround(Math.LN2 - LN2_HIGH);
const LOG2E: number = Math.fround(Math.LOG2E);

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

/** n = round(x/ln2) and the rest of x in two parts. */
const OCTAVES = `let n = bitcast<i32>(fma(x, ${float(LOG2E)}, ${ROUND})) - ${ROUND_BITS};
  let k = f32(n);
  let high = fma(k, ${float(-LN2_HIGH)}, x);`;

export const EXP: PreludePart = {
  // Beyond ±104 and for NaN the formula gives anything: one comparison of bits finds them.
  exp_: wgsl(
    `
fn exp_(x: f32) -> f32 {
  ${OCTAVES}
  let r = fma(k, ${float(-LN2_LOW)}, high);
  let p = ${horner([1, 1, ...EXP_FIT], 'r')};
  let limit = select(x * ${float(2 ** 127)}, 0f, x < 0f);
  return select(scale(p, n), limit, (bitcast<u32>(x) & 0x7fffffffu) > 0x42d00000u);
}`,
    ['scale'],
  ),

  // Half of it is (s - ½) + s·high + s·(r²·fit(r) + low), s = 2^(n-1): where the first two terms
  // cancel their sum is exact, and s is finite up to the largest finite result.
  expm1_: wgsl(`
fn expm1_(x: f32) -> f32 {
  ${OCTAVES}
  let low = k * ${float(-LN2_LOW)};
  let r = high + low;
  let tail = fma(r * r, ${horner(EXPM1_FIT, 'r')}, low);
  let s = bitcast<f32>((max(n, -99) + 126) * 0x800000);
  let half = fma(s, tail, fma(s, high, s - 0.5f));
  // below 2^-25, above 89 and NaN: one range once the small ones have wrapped
  let is_limit = ((bitcast<u32>(x) & 0x7fffffffu) - 0x33000000u) > 0x0fb20000u;
  let limit = select(select(x, x * ${float(2 ** 127)}, x > 1f), -1f, x < -1f);
  return select(half + half, limit, is_limit);
}`),
};
