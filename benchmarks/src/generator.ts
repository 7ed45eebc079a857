// The one source of every benchmark's numbers: a hash of (seed, index), so any element can be
// computed on its own, in any language, without state. peers/make_golden.py has it a second time.
// The hash is the 32-bit finalizer with multipliers 0x7feb352d and 0x846ca68b (C. Wellons' search).

/** A bijection of 32-bit integers whose output bits look independent. */
function mix(x: number): number {
  let h = x ^ (x >>> 16);
  h = Math.imul(h, 0x7feb352d);
  h ^= h >>> 15;
  h = Math.imul(h, 0x846ca68b);
  return (h ^ (h >>> 16)) >>> 0;
}

/** The 32 random bits of element `index` in stream `seed`: `mix(mix(index) + mix(seed + φ))`. */
export function bits(seed: number, index: number): number {
  return mix((mix(index) + mix((seed + 0x9e3779b9) | 0)) | 0);
}

/** Element `index` of stream `seed`: a multiple of 2^-24 in [0, 1). */
export function unit(seed: number, index: number): number {
  return (bits(seed, index) >>> 8) * 2 ** -24;
}

/** `count` f32 values in [low, high): `fround(low + (high - low) · unit)`. */
export function uniform(
  seed: number,
  count: number,
  low = -1,
  high = 1,
): Float32Array<ArrayBuffer> {
  const out = new Float32Array(count);
  for (let i = 0; i < count; i++) out[i] = low + (high - low) * unit(seed, i);
  return out;
}

/** `count` integers in [0, below): `floor(unit · below)`. */
export function integers(seed: number, count: number, below: number): Int32Array<ArrayBuffer> {
  const out = new Int32Array(count);
  for (let i = 0; i < count; i++) out[i] = Math.floor(unit(seed, i) * below);
  return out;
}
