/**
 * Widening of f16 and bf16 bit patterns to f32, exact for every value, NaN and infinity included.
 * Only reading is needed: Tenon writes f32. Source: IEEE 754-2008, table 3.5.
 */

const words = new Uint32Array(1);
const floats = new Float32Array(words.buffer);

/** f16 bits (1 sign, 5 exponent, 10 fraction) to numbers. */
export function widenF16(bits: Uint16Array): Float32Array<ArrayBuffer> {
  return Float32Array.from(bits, f16);
}

/** bf16 bits, the upper half of an f32, to numbers. */
export function widenBf16(bits: Uint16Array): Float32Array<ArrayBuffer> {
  return Float32Array.from(bits, (half) => {
    words[0] = half << 16;
    return floats[0] ?? 0;
  });
}

function f16(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
