/** Arguments to measure with: repeatable, of every size, with what is special put in front. */
import type { DType } from '../../packages/core/src/index.ts';

/** mulberry32: 32-bit words from a seed. */
function words(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  };
}

/** Numbers in [low, high) from a seed. */
export function uniforms(seed: number, low = 0, high = 1): () => number {
  const next = words(seed);
  return () => low + (high - low) * (next() / 2 ** 32);
}

/** Normally distributed (the sum of twelve uniforms less 6). */
export function normals(seed: number, count: number): Float32Array<ArrayBuffer> {
  const next = uniforms(seed);
  return Float32Array.from({ length: count }, () => {
    let sum = -6;
    for (let k = 0; k < 12; k++) sum += next();
    return sum;
  });
}

const LARGEST = 3.4028234663852886e38;
const SPECIALS = [
  ...[0, 1, 2, 3, 0.5, 1.5, 2.5, 2 ** -149, 2 ** -126, 2 ** 24, 2 ** 31, LARGEST],
  Number.POSITIVE_INFINITY,
].flatMap((x) => [x, -x]);
const INTEGERS = [0, 1, -1, 2, -2, 3, 7, -7, 31, 65537, 2 ** 31 - 1, -(2 ** 31)];

/** Numbers of a dtype: specials, then any bit patterns, evenly over all exponents of floats. */
function anything(dtype: DType, count: number, seed: number): number[] {
  const next = words(seed);
  if (dtype === 'bool') return Array.from({ length: count }, () => next() & 1);
  if (dtype === 'i32' || dtype === 'u32') {
    const drawn = Array.from({ length: count }, (_, i) => next() >>> (i % 32));
    return [...INTEGERS, ...drawn].map((x) => (dtype === 'i32' ? x | 0 : x >>> 0));
  }
  const bits = new Uint32Array(2 * count);
  for (let i = 0; i < count; i++) {
    const [word, low] = [next(), next()];
    if (dtype === 'f32') bits[i] = (word & 0x807fffff) | ((i % 256) << 23);
    else bits.set([low, (word & 0x800fffff) | ((i % 2048) << 20)], 2 * i);
  }
  const floats =
    dtype === 'f32' ? new Float32Array(bits.buffer, 0, count) : new Float64Array(bits.buffer);
  return [...SPECIALS, Number.NaN, ...floats];
}

/** As many again from [low, high), where a function bends. */
export function one(low: number, high: number): (dtype: DType, count: number) => number[][] {
  return (dtype: DType, count: number): number[][] => {
    const next = uniforms(2, low, high);
    const more = low < high ? Array.from({ length: count }, next) : [];
    return [[...anything(dtype, count, 1), ...more]];
  };
}

/** All pairs of specials, random pairs, pairs of similar size. */
export function two(dtype: DType, count: number): number[][] {
  if (dtype === 'bool') return [anything(dtype, 64, 3), anything(dtype, 64, 4)];
  const isFloat = dtype === 'f32' || dtype === 'f64';
  const specials = isFloat ? [...SPECIALS, Number.NaN] : anything(dtype, 0, 3);
  const near = (seed: number): number[] => {
    const next = uniforms(seed, isFloat ? -9 : 0, 9);
    return Array.from({ length: count }, () => (isFloat ? next() : Math.floor(next())));
  };
  const left = specials.flatMap((x) => specials.map(() => x));
  const right = specials.flatMap(() => specials);
  return [
    [...left, ...anything(dtype, count, 3), ...near(5)],
    [...right, ...anything(dtype, count, 4).reverse(), ...near(6)],
  ];
}

/** Three columns: a condition and two values. */
export function conditions(dtype: DType, count: number): number[][] {
  const [a = [], b = []] = two(dtype, count);
  return [anything('bool', a.length, 7), a, b];
}

/** Bases of every size with exponents that make the result anything from 0 to infinity. */
export function powers(dtype: DType, count: number): number[][] {
  if (dtype === 'i32' || dtype === 'u32') {
    const exponents = [0, 1, 2, 3, 5, 31, ...(dtype === 'i32' ? [-1, -3] : [])];
    const bases = anything(dtype, count >> 6, 3);
    return [bases.flatMap((x) => exponents.map(() => x)), bases.flatMap(() => exponents)];
  }
  const [a = [], b = []] = two(dtype, count);
  const range = dtype === 'f32' ? 160 : 1000;
  const next = uniforms(8, -range, range);
  const distance = uniforms(10, -24, 0);
  const nearOne = Array.from({ length: count }, (_, i) => 1 + (1 - 2 * (i % 2)) * 2 ** distance());
  const bases = [...anything(dtype, count, 9).map(Math.abs), ...nearOne];
  const exponents = bases.map((x) => next() / Math.log2(x));
  return [
    [...a, ...bases],
    [...b, ...exponents],
  ];
}
