/**
 * sqrt. WGSL's own is only as good as 1/inverseSqrt(x), about 3 ULP, so one step of Newton's method
 * follows, with the residual x - s² from exact products of 12-bit parts.
 */
import { float, type PreludePart, wgsl } from './wgsl.ts';

export const SQRT: PreludePart = {
  sqrt_: wgsl(
    `
fn sqrt_(x: f32) -> f32 {
  // small numbers times 2^48, so that no part of the residual is subnormal
  let is_small = x < ${float(2 ** -60)};
  let t = select(x, x * ${float(2 ** 48)}, is_small);
  let s = sqrt(t);
  let high = mask12(s);
  let low = s - high;
  let residual = ((t - high * high) - 2f * high * low) - low * low;
  // s is right where the residual is at most s times its last place; elsewhere the step is made
  // larger by 2^-22, because rounded to one half of a place it would stop at a tie
  let place = bitcast<f32>((bitcast<u32>(s) & 0x7f800000u) - 0x0b800000u);
  let step = select(${float(0.5 + 2 ** -23)} * residual / s, 0f, abs(residual) <= s * place);
  // zeros, infinity and NaN have no residual
  let is_usual = bitcast<u32>(t) - 0x00800000u < 0x7f000000u;
  let y = select(s, s + step, is_usual) * select(1f, ${float(2 ** -24)}, is_small);
  return select(y, nan(), x < 0f);
}`,
    ['mask12', 'nan'],
  ),
};
