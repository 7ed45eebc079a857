/**
 * sin and cos: x = n·π/2 + r, where r is a float and a correction to it. Up to 3,200 by π/2 in four
 * parts, three of 13 bits whose products with n are exact (Cody and Waite, 1980); beyond that by
 * the product of the mantissa and 96 bits of 2/π in integers (Payne and Hanek, "Radian reduction
 * for trigonometric functions", 1983).
 */
import { float, horner, type PreludePart, ROUND, ROUND_BITS, wgsl } from './wgsl.ts';

/** (sin(r)/r - 1)/r² in r², |r| <= π/4: sin is then within 4e-9. */
const SIN_FIT = [-0.16666655242443085, 0.008332189172506332, -0.0001951828453456983] as const;
/** (cos(r) - 1)/r² in r²: cos is then within 1.2e-10. */
const COS_FIT = [-0.5, 0.04166664555668831, -0.0013887309469282627, 2.4432327336398885e-5] as const;

/** π/2 in parts of 13 bits and a rest. */
const PARTS = [
  1.570556640625, 0.0002396702766418457, 1.5890691429376602e-8, 2.5633440682570896e-12,
] as const;
/** π/2 in 12 bits and the rest. */
const HALF_PI_HIGH = 1.5703125;
const HALF_PI_LOW = 0.0004838267923332751;

/** The bits of 2/π after the point, with a word of zeros before. */
const TWO_OVER_PI =
  '0u, 0xa2f9836eu, 0x4e441529u, 0xfc2757d1u, 0xf534ddc0u, 0xdb629599u, 0x3c439041u, 0xfe5163abu';

export const TRIGONOMETRY: PreludePart = {
  // The quadrant is in the two upper bits. r may come near 0, where only the low parts are left.
  reduce_moderate: wgsl(`
struct Reduced { r: f32, low: f32, quadrant: u32 }

fn reduce_moderate(x: f32) -> Reduced {
  let n = bitcast<i32>(fma(x, ${float(Math.fround(2 / Math.PI))}, ${ROUND})) - ${ROUND_BITS};
  let k = f32(n);
  let first = fma(k, ${float(-PARTS[0])}, x);
  let second = fma(k, ${float(-PARTS[1])}, first);
  let third = k * ${float(PARTS[2])};
  let r = second - third;
  // exact, unless a compiler reorders it, and then at worst nothing
  let lost = (second - r) - third;
  let low = fma(k, ${float(-PARTS[3])}, lost);
  return Reduced(r, low, bitcast<u32>(n) * 0x40000000u);
}`),

  mul_high: wgsl(`
// The upper word of a·b, a below 2^24
fn mul_high(a: u32, b: u32) -> u32 {
  let cross = (a & 0xffffu) * (b >> 16u);
  let lower = (a >> 16u) * (b & 0xffffu) + (((a & 0xffffu) * (b & 0xffffu)) >> 16u);
  return (a >> 16u) * (b >> 16u) + (cross >> 16u) + (((cross & 0xffffu) + lower) >> 16u);
}`),

  // x = m·2^e; bits of 2/π that give multiples of 4 are skipped, so x·2/π modulo 4 is
  // (m·window mod 2^96)·2^-94 for 96 bits from there on.
  reduce_large: wgsl(
    `
fn reduce_large(x: f32) -> Reduced {
  var table = array<u32, 8>(${TWO_OVER_PI});
  let bits = bitcast<u32>(x);
  let m = (bits & 0x7fffffu) | 0x800000u;
  let skip = ((bits >> 23u) & 0xffu) - 120u;
  let at = min(skip >> 5u, 4u);
  let left = skip & 31u;
  // words of the table moved to the left; by 1 and the rest to the right, as by 32 would be by 0
  let factor = 1u << left;
  let t = vec3<u32>(table[at], table[at + 1u], table[at + 2u]);
  let next = vec3<u32>(t.yz, table[at + 3u]);
  let w = (t * factor) | ((next >> vec3<u32>(1u)) >> vec3<u32>(31u - left));
  let carry = mul_high(m, w.z);
  let p1 = m * w.y + carry;
  let p0 = m * w.x + mul_high(m, w.y) + select(0u, 1u, p1 < carry);
  // the nearest quadrant, and the rest in units of 2^-30: a multiple of 64, and what is left
  let rounded = p0 + 0x20000000u;
  let rest = bitcast<i32>(rounded & 0x3fffffffu) - 0x20000000;
  let coarse = (rest + 32) & -64;
  let high = f32(coarse);
  let fraction = fma(f32(bitcast<i32>(p1 ^ 0x80000000u)), ${float(2 ** -32)}, 0.5f);
  let low = f32(rest - coarse) + fraction;
  let leading = mask12(high);
  let product = leading * ${float(HALF_PI_HIGH)};
  let fine = (high + low) * ${float(HALF_PI_LOW)};
  let tail = fma((high - leading) + low, ${float(HALF_PI_HIGH)}, fine);
  let r = product + tail;
  let lost = tail - (r - product);
  let unit = select(${float(2 ** -30)}, ${float(-(2 ** -30))}, x < 0f);
  let quadrant = rounded & 0xc0000000u;
  return Reduced(unit * r, unit * lost, select(quadrant, 0u - quadrant, x < 0f));
}`,
    ['mul_high', 'mask12', 'reduce_moderate'],
  ),

  reduce_angle: wgsl(
    `
fn reduce_angle(x: f32) -> Reduced {
  var reduced = reduce_moderate(x);
  if abs(x) > 3200f {
    reduced = reduce_large(x);
  }
  return reduced;
}`,
    ['reduce_moderate', 'reduce_large'],
  ),

  sin_quadrant: wgsl(`
// sin(r + low + quadrant·π/2)
fn sin_quadrant(r: f32, low: f32, quadrant: u32) -> f32 {
  let square = r * r;
  let sine = r + fma(r * square, ${horner(SIN_FIT, 'square')}, low);
  let cosine = 1f + fma(square, ${horner(COS_FIT, 'square')}, -r * low);
  let y = select(cosine, sine, (quadrant & 0x40000000u) == 0u);
  return bitcast<f32>(bitcast<u32>(y) ^ (quadrant & 0x80000000u));
}`),

  sin_: wgsl(
    `
fn sin_(x: f32) -> f32 {
  let reduced = reduce_angle(x);
  let y = sin_quadrant(reduced.r, reduced.low, reduced.quadrant);
  let magnitude = bitcast<u32>(x) & 0x7fffffffu;
  // x itself below 2^-12, so that zeros keep their sign
  let kept = select(y, x, magnitude < 0x39800000u);
  return select(kept, nan(), magnitude >= 0x7f800000u);
}`,
    ['reduce_angle', 'sin_quadrant', 'nan'],
  ),

  cos_: wgsl(
    `
fn cos_(x: f32) -> f32 {
  let reduced = reduce_angle(x);
  let y = sin_quadrant(reduced.r, reduced.low, reduced.quadrant + 0x40000000u);
  return select(y, nan(), (bitcast<u32>(x) & 0x7fffffffu) >= 0x7f800000u);
}`,
    ['reduce_angle', 'sin_quadrant', 'nan'],
  ),
};
