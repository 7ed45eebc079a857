/**
 * f16 as bits, for host data: IEEE 754 binary16 has a sign, 5 bits of exponent and 10 of fraction.
 * Exact when widened; rounded to nearest, ties to even, when made from a number.
 */

/** The number that 16 bits stand for. */
export function halfValue(bits: number): number {
  const sign = bits >> 15 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return exponent === 0
    ? sign * fraction * 2 ** -24
    : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** The nearest f16's bits; beyond 65,504 + 16 infinity. */
export function halfBits(value: number): number {
  if (Number.isNaN(value)) return 0x7e00;
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (size >= 65520) return sign | 0x7c00;
  // Steps are 2^-24 wide below the normal numbers, and 2^-10 of the power of two below above.
  if (size < 2 ** -14) return sign | roundToEven(size * 2 ** 24);
  const guess = Math.floor(Math.log2(size));
  const exponent = size < 2 ** guess ? guess - 1 : size >= 2 ** (guess + 1) ? guess + 1 : guess;
  // A round-up to the next power of two carries into the exponent by itself.
  return sign | (((exponent + 14) << 10) + roundToEven(size * 2 ** (10 - exponent)));
}

function roundToEven(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}
