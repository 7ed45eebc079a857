/**
 * Integers: division by zero gives 0, powers wrap, floats convert by truncation and saturation; the
 * remainder of floats, exact in integers; Threefry-2x32 with 13 rounds (Salmon, Moraes, Dror, Shaw:
 * "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
 */
import { float, type PreludePart, wgsl } from './wgsl.ts';

const ROTATIONS = [13, 15, 26, 6, 17, 29, 16, 24] as const;

/** 13 rounds with a key injection after every fourth. */
function threefryRounds(): string {
  const lines: string[] = [];
  for (let round = 0; round < 13; round++) {
    const by = ROTATIONS[round % 8] as number;
    lines.push(`  a += b; b = ((b * ${2 ** by}u) | (b >> ${32 - by}u)) ^ a;`);
    if (round % 4 !== 3) continue;
    const n = (round + 1) / 4;
    lines.push(`  a += k${n % 3}; b += k${(n + 1) % 3} + ${n}u;`);
  }
  return lines.join('\n');
}

export const INTEGER: PreludePart = {
  // WGSL gives a / 0 = a
  div_i32: wgsl(`
fn div_i32(a: i32, b: i32) -> i32 {
  return select(a / b, 0, b == 0);
}`),

  div_u32: wgsl(`
fn div_u32(a: u32, b: u32) -> u32 {
  return select(a / b, 0u, b == 0u);
}`),

  pow_u32: wgsl(`
fn pow_u32(a: u32, b: u32) -> u32 {
  var result = 1u;
  var base = a;
  var exponent = b;
  while exponent != 0u {
    result = select(result, result * base, (exponent & 1u) != 0u);
    base = base * base;
    exponent = exponent >> 1u;
  }
  return result;
}`),

  pow_i32: wgsl(
    `
// A negative exponent gives the truncated reciprocal: of 1 and -1 that is not 0
fn pow_i32(a: i32, b: i32) -> i32 {
  let power = bitcast<i32>(pow_u32(bitcast<u32>(a), bitcast<u32>(max(b, 0))));
  let alternating = select(1, -1, (b & 1) != 0);
  let reciprocal = select(select(0, alternating, a == -1), 1, a == 1);
  return select(power, reciprocal, b < 0);
}`,
    ['pow_u32'],
  ),

  // WGSL's conversions stop at the last float below the limit and leave NaN open
  to_i32: wgsl(
    `
fn to_i32(x: f32) -> i32 {
  return select(select(i32(x), 0x7fffffff, x >= 2147483648f), 0, is_nan(x));
}`,
    ['is_nan'],
  ),

  to_u32: wgsl(
    `
fn to_u32(x: f32) -> u32 {
  return select(select(u32(x), 0xffffffffu, x >= 4294967296f), 0u, is_nan(x));
}`,
    ['is_nan'],
  ),

  // SwiftShader's conversion of a u32 rounds twice. Here the last sum is the only rounding: the
  // upper half, with its sign turned to make it an i32, is exact.
  from_u32: wgsl(`
fn from_u32(x: u32) -> f32 {
  let upper = f32(bitcast<i32>((x & 0xffff0000u) ^ 0x80000000u)) + 2147483648f;
  return upper + f32(i32(x & 0xffffu));
}`),

  // (x >> 8)·2^-24 without the shift, which CPU adapters execute lane by lane
  unit_float: wgsl(`
fn unit_float(x: u32) -> f32 {
  return f32(bitcast<i32>((x & 0xffffff00u) ^ 0x80000000u)) * ${float(2 ** -32)} + 0.5f;
}`),

  // Mantissas in integers, eight bits of the quotient at a time: exact for subnormals too
  rem_: wgsl(
    `
fn rem_(a: f32, b: f32) -> f32 {
  let sign = bitcast<u32>(a) & 0x80000000u;
  let x = bitcast<u32>(a) & 0x7fffffffu;
  let y = bitcast<u32>(b) & 0x7fffffffu;
  let x_exponent = max(x >> 23u, 1u);
  let y_exponent = max(y >> 23u, 1u);
  let m = (x & 0x7fffffu) | select(0u, 0x800000u, x >= 0x800000u);
  let divisor = max((y & 0x7fffffu) | select(0u, 0x800000u, y >= 0x800000u), 1u);
  let is_usual = (x >= y) & (x < 0x7f800000u) & (y != 0u);
  var left = select(0u, x_exponent - y_exponent, is_usual);
  var rest = m % divisor;
  while left > 0u {
    let step = min(left, 8u);
    rest = (rest << step) % divisor;
    left -= step;
  }
  let shift = min(countLeadingZeros(rest) - 8u, y_exponent - 1u);
  let size = ((y_exponent - shift - 1u) << 23u) + (rest << shift);
  let exact = bitcast<f32>(sign | select(size, 0u, rest == 0u));
  let is_invalid = (x >= 0x7f800000u) | (y > 0x7f800000u) | (y == 0u);
  return select(select(a, exact, is_usual), nan(), is_invalid);
}`,
    ['nan'],
  ),

  random_bits: wgsl(`
fn random_bits(k0: u32, k1: u32, counter: u32) -> u32 {
  let k2 = k0 ^ k1 ^ 0x1bd11bdau;
  var a = counter + k0;
  var b = k1;
${threefryRounds()}
  return a;
}`),
};
