/**
 * log and log1p: x = 2^n·(1 + f), |f| <= 1/3, ln(1 + f) by a polynomial of degree 10. Subnormal
 * arguments are exact too: their bits are a small integer, which converts to a normal float.
 */
import { LN2_HIGH, LN2_LOW } from './exp.ts';
import { float, horner, type PreludePart, wgsl } from './wgsl.ts';

/** (ln(1 + f) - f)/f² on |f| <= 1/3; ln(1 + f) is then within 4.7e-9. */
const FIT = [
  -0.5, 0.3333321511745453, -0.2499980628490448, 0.2001042664051056, -0.16680195927619934,
  0.14005732536315918, -0.12187480181455612, 0.1398461014032364, -0.12880036234855652,
] as const;

/** Bits of 2/3: from there on an octave begins. */
const TWO_THIRDS = '0x3f2aaaab';
/** Sign and exponent as an i32, 0xff800000. */
const EXPONENT = '-0x800000';

export const LOG: PreludePart = {
  log_parts: wgsl(`
// k·ln2 + ln(1 + f)
fn log_parts(k: f32, f: f32) -> f32 {
  let tail = fma(f * f, ${horner(FIT, 'f')}, k * ${float(LN2_LOW)});
  return fma(k, ${float(LN2_HIGH)}, f + tail);
}`),

  log_: wgsl(
    `
fn log_(x: f32) -> f32 {
  let bits = bitcast<i32>(x);
  let is_small = (bits & ${EXPONENT}) == 0;
  let normal = select(bits, bitcast<i32>(f32(bits)), is_small);
  let offset = normal - ${TWO_THIRDS};
  let exponent = offset & ${EXPONENT};
  let k = f32(exponent) * ${float(2 ** -23)} - select(0f, 149f, is_small);
  let y = log_parts(k, bitcast<f32>(normal - exponent) - 1f);
  let limit = select(select(nan(), x, x > 0f), -inf(), (bits & 0x7fffffff) == 0);
  // 0, negative numbers, infinity and NaN: one range once 0 has wrapped to the top
  return select(y, limit, bitcast<u32>(bits - 1) >= 0x7f7fffffu);
}`,
    ['log_parts', 'inf', 'nan'],
  ),

  // n comes from the rounded 1 + x, but 1 + f = 2^-n·(1 + x) is built from x itself:
  // f = 2^-n·x + (2^-n - 1), where f = x for n = 0. Four times 2^-n stays normal for the largest n.
  log1p_: wgsl(
    `
fn log1p_(x: f32) -> f32 {
  let exponent = (bitcast<i32>(1f + x) - ${TWO_THIRDS}) & ${EXPONENT};
  let scaled = bitcast<f32>(bitcast<i32>(x) - exponent);
  let rest = fma(bitcast<f32>(0x40800000 - exponent), 0.25f, -1f);
  let y = log_parts(f32(exponent) * ${float(2 ** -23)}, scaled + rest);
  // x itself below 2^-25 and where it is infinite or NaN: one range once the small have wrapped
  let is_kept = ((bitcast<u32>(x) & 0x7fffffffu) - 0x33000000u) >= 0x4c800000u;
  let kept = select(y, x, is_kept);
  return select(select(kept, -inf(), x == -1f), nan(), x < -1f);
}`,
    ['log_parts', 'inf', 'nan'],
  ),
};
