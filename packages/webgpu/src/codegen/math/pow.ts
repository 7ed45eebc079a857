/**
 * pow as C and IEEE 754 define it: 2^(y·log2|x|) with the logarithm in two floats, after fdlibm's
 * e_pow.c (Sun Microsystems, 1993): s = (m - 1)/(m + 1), log2(m) = 2/ln2·(s + s³/3 + …), every
 * product that must be exact one of 12-bit parts. Integers by squaring.
 */
import { EXP2_FIT } from './tanh.ts';
import { float, horner, type PreludePart, ROUND, ROUND_BITS, wgsl } from './wgsl.ts';

/** (3·atanh(s)/s - 3 - s²)/s⁴ in s², |s| <= 0.1716: 3·atanh(s)/s is then within 7e-12. */
const FIT = [
  0.6000000238418579, 0.42857298254966736, 0.33307144045829773, 0.28680673241615295,
] as const;

/** 2/(3·ln2), and the same in 12 bits and the rest. */
const FACTOR = 0.9617967009544373;
const FACTOR_HIGH = 0.961669921875;
const FACTOR_LOW = 0.00012677205086220056;

export const POW: PreludePart = {
  // log2 of a positive number with these bits, as a float of 12 bits and a rest
  log2_parts: wgsl(
    `
fn log2_parts(bits: i32) -> vec2<f32> {
  let is_small = bits < 0x800000;
  let normal = select(bits, bitcast<i32>(f32(bits)), is_small);
  let exponent = (normal - 0x3f3504f3) & -0x800000;
  let k = f32(exponent) * ${float(2 ** -23)} - select(0f, 149f, is_small);
  let m = bitcast<f32>(normal - exponent);
  let inverse = 1f / (m + 1f);
  let s = (m - 1f) * inverse;
  let s_high = mask12(s);
  let d_high = mask12(m + 1f);
  let d_low = m - (d_high - 1f);
  let s_low = inverse * (((m - 1f) - s_high * d_high) - s_high * d_low);
  // s·(3 + s² + …) as a product of two numbers of two parts each
  let square = s * s;
  let square_high = s_high * s_high;
  let more = fma(square * square, ${horner(FIT, 'square')}, s_low * (s_high + s));
  let t_high = mask12(3f + square_high + more);
  let t_low = more - ((t_high - 3f) - square_high);
  let u = s_high * t_high;
  let v = fma(s_low, t_high, t_low * s);
  let p_high = mask12(u + v);
  let p_low = v - (p_high - u);
  let z_high = ${float(FACTOR_HIGH)} * p_high;
  let z_low = fma(${float(FACTOR_LOW)}, p_high, p_low * ${float(FACTOR)});
  let high = mask12((z_high + z_low) + k);
  return vec2<f32>(high, z_low - ((high - k) - z_high));
}`,
    ['mask12'],
  ),

  pow_magnitude: wgsl(
    `
// |x|^y for |x| neither 0 nor infinite
fn pow_magnitude(bits: i32, y: f32) -> f32 {
  let logarithm = log2_parts(bits);
  // a logarithm is 0 or at least 2^-25, so larger exponents change nothing
  let power = clamp(y, ${float(-(2 ** 40))}, ${float(2 ** 40)});
  let power_high = mask12(power);
  let high = clamp(power_high * logarithm.x, -200f, 200f);
  let low = clamp(fma(power - power_high, logarithm.x, power * logarithm.y), -1f, 1f);
  let n = bitcast<i32>((high + low) + ${ROUND}) - ${ROUND_BITS};
  let r = (high - f32(n)) + low;
  return scale(${horner([1, ...EXP2_FIT], 'r')}, n);
}`,
    ['log2_parts', 'mask12', 'scale'],
  ),

  pow_: wgsl(
    `
fn pow_(x: f32, y: f32) -> f32 {
  let x_bits = bitcast<i32>(x);
  let y_bits = bitcast<i32>(y);
  let bits = x_bits & 0x7fffffff;
  let is_limit = (bits == 0) | (bits == 0x7f800000);
  let limit = select(0f, inf(), (y_bits < 0) == (bits == 0));
  let size = select(pow_magnitude(bits, y), limit, is_limit);
  let half = 0.5f * y;
  let is_whole = floor(y) == y;
  let is_odd = is_whole & (floor(half) != half);
  let signed = select(size, with_sign(size, x), is_odd);
  let is_complex = (x_bits < 0) & !is_limit & !is_whole;
  let real = select(signed, nan(), is_complex | is_nan(x) | is_nan(y));
  return select(real, 1f, ((y_bits & 0x7fffffff) == 0) | (x_bits == 0x3f800000));
}`,
    ['pow_magnitude', 'with_sign', 'is_nan', 'inf', 'nan'],
  ),
};
