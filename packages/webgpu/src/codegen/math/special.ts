/**
 * NaN, infinity, signs and order by bits. WGSL compilers may assume that NaN and infinity do not
 * occur, and do: on SwiftShader `x != x` is false for NaN and max, min and clamp drop it. Bits
 * cannot be assumed away.
 */
import { type PreludePart, wgsl } from './wgsl.ts';

export const SPECIAL: PreludePart = {
  is_nan: wgsl(`
fn is_nan(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}`),

  // hidden_zero is 0 for ever, but only this module's main knows (shaderText sets it).
  opaque: wgsl(`
var<private> hidden_zero: u32;
// x, in a way that no compiler can relate to x
fn opaque(x: f32) -> f32 {
  return bitcast<f32>(bitcast<u32>(x) ^ hidden_zero);
}`),

  // A literal would be folded, and a constant expression that is infinite does not compile.
  inf: wgsl(`
fn inf() -> f32 {
  var bits = 0x7f800000u;
  return bitcast<f32>(bits);
}`),

  nan: wgsl(`
fn nan() -> f32 {
  var bits = 0x7fc00000u;
  return bitcast<f32>(bits);
}`),

  keep_nan: wgsl(
    `
// y, or x where that is NaN
fn keep_nan(y: f32, x: f32) -> f32 {
  return select(y, x, is_nan(x));
}`,
    ['is_nan'],
  ),

  with_sign: wgsl(`
// y, not negative, with the sign of x
fn with_sign(y: f32, x: f32) -> f32 {
  return bitcast<f32>(bitcast<u32>(y) | (bitcast<u32>(x) & 0x80000000u));
}`),

  capped: wgsl(`
// The smaller of |x| and a positive limit, as integers: cheaper than min; NaN gives the limit
fn capped(x: f32, limit: f32) -> f32 {
  return bitcast<f32>(min(bitcast<u32>(x) & 0x7fffffffu, bitcast<u32>(limit)));
}`),

  is_greater: wgsl(`
// a > b for numbers, subnormals too, with +0 > -0: as integers, reversed where both are negative
fn is_greater(a: f32, b: f32) -> bool {
  let i = bitcast<i32>(a);
  let j = bitcast<i32>(b);
  return (i > j) != ((i & j) < 0);
}`),

  nan_max: wgsl(
    `
fn nan_max(a: f32, b: f32) -> f32 {
  let larger = select(b, a, is_greater(a, b));
  return keep_nan(keep_nan(larger, b), a);
}`,
    ['is_greater', 'keep_nan'],
  ),

  nan_min: wgsl(
    `
fn nan_min(a: f32, b: f32) -> f32 {
  let smaller = select(a, b, is_greater(a, b));
  return keep_nan(keep_nan(smaller, b), a);
}`,
    ['is_greater', 'keep_nan'],
  ),

  running_max: wgsl(
    `
// The maximum so far and the next value: once NaN it stays NaN. Of two zeros either may win.
fn running_max(so_far: f32, x: f32) -> f32 {
  return select(so_far, x, (x > so_far) | is_nan(x));
}`,
    ['is_nan'],
  ),

  running_min: wgsl(
    `
fn running_min(so_far: f32, x: f32) -> f32 {
  return select(so_far, x, (x < so_far) | is_nan(x));
}`,
    ['is_nan'],
  ),

  sign_: wgsl(`
// -1 or 1; zeros and NaN stay as they are
fn sign_(x: f32) -> f32 {
  let bits = bitcast<u32>(x);
  let is_kept = ((bits & 0x7fffffffu) - 1u) >= 0x7f800000u;
  return select(bitcast<f32>((bits & 0x80000000u) | 0x3f800000u), x, is_kept);
}`),

  // The product with 2^23 is a shift; CPU adapters execute it at once, but shifts lane by lane.
  scale: wgsl(`
// p·2^n for p near 1 and |n| <= 250, in two steps: overflow is infinite, underflow gradual
fn scale(p: f32, n: i32) -> f32 {
  let first = clamp(n, -126, 127);
  let scaled = p * bitcast<f32>((first + 127) * 0x800000);
  return scaled * bitcast<f32>((n - first + 127) * 0x800000);
}`),

  mask12: wgsl(`
// The leading 12 bits of x: the product of two such numbers is exact. Bits, because the usual
// splitting by sums is at the mercy of compilers that reorder them.
fn mask12(x: f32) -> f32 {
  return bitcast<f32>(bitcast<u32>(x) & 0xfffff000u);
}`),
};
