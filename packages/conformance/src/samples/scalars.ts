/**
 * Operands for every scalar row: specials, then seeded values over the whole domain of each dtype.
 * `SCALAR_SAMPLES` is total, so a new row without samples does not compile.
 */
import type { DType, ScalarName } from '@tenon/core';

/** Dtypes of one use of a row, and how its operands are drawn. */
export interface ScalarSample {
  readonly operands: readonly DType[];
  readonly result: DType;
  /** Columns of operands: the row is applied to each position. */
  readonly values: () => readonly number[][];
}

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
/** Uniform in [0, 1). */
export function uniforms(seed: number): () => number {
  const next = words(seed);
  return () => next() / 2 ** 32;
}

const INF = Number.POSITIVE_INFINITY;
/** Zeros, infinities, NaN, subnormals, the ends of the range, and numbers where functions turn. */
const F32_SPECIALS: readonly number[] = [
  0,
  -0,
  1,
  -1,
  INF,
  -INF,
  Number.NaN,
  0.5,
  -0.5,
  1.5,
  -1.5,
  2,
  -2,
  2.5,
  -2.5,
  3,
  -3,
  2 ** -149,
  -(2 ** -149),
  2 ** -127,
  -(2 ** -127),
  2 ** -126,
  -(2 ** -126),
  2 ** -24,
  -(2 ** -24),
  2 ** 24,
  -(2 ** 24),
  2 ** 31,
  -(2 ** 31),
  2 ** 32,
  3.4028234663852886e38,
  -3.4028234663852886e38,
  Math.fround(Math.PI),
  Math.fround(Math.PI / 2),
  Math.fround(88.72283),
  Math.fround(-87.3365),
  Math.fround(-103.97),
  Math.fround(9.01),
  Math.fround(-9.01),
  Math.fround(3.92),
];

/** f32 values: specials, then every exponent with random signs and mantissas. */
function floats32(count: number, seed: number): number[] {
  const next = words(seed);
  const bits = new Uint32Array(count);
  for (let i = 0; i < count; i++) {
    const exponent = i % 255;
    const word = next();
    bits[i] = ((word & 0x807fffff) | (exponent << 23)) >>> 0;
  }
  return [...F32_SPECIALS, ...new Float32Array(bits.buffer)];
}
/** Like floats32, in double precision. */
function floats64(count: number, seed: number): number[] {
  const next = words(seed);
  const bits = new Uint32Array(2 * count);
  for (let i = 0; i < count; i++) {
    const exponent = Math.floor((i * 2047) / count);
    bits[2 * i] = next();
    bits[2 * i + 1] = ((next() & 0x800fffff) | (exponent << 20)) >>> 0;
  }
  return [...F32_SPECIALS, 1e-310, -1e-310, 1e300, ...new Float64Array(bits.buffer)];
}
/** Values in the range where a function is neither constant nor overflowing. */
function central(low: number, high: number, count: number, seed: number): number[] {
  const next = uniforms(seed);
  return Array.from({ length: count }, () => low + (high - low) * next());
}
const I32_SPECIALS: readonly number[] = [0, 1, -1, 2, -2, 7, -7, 2 ** 31 - 1, -(2 ** 31), 65537];
function integers(dtype: 'i32' | 'u32', count: number, seed: number): number[] {
  const next = words(seed);
  const drawn = Array.from({ length: count }, (_, i) => next() >>> (i % 32));
  return [...I32_SPECIALS, ...drawn].map((x) => (dtype === 'i32' ? x | 0 : x >>> 0));
}
const BOOLS: readonly number[] = [0, 1];

const COUNT = 3000;
function domain(dtype: DType, seed: number, count = COUNT): number[] {
  switch (dtype) {
    case 'f64':
      return floats64(count, seed);
    case 'i32':
    case 'u32':
      return integers(dtype, count, seed);
    case 'bool':
      return [...BOOLS];
    default:
      return floats32(count, seed);
  }
}

/** One operand: the whole domain, and more of the part where the function varies. */
function unary(dtype: DType, result: DType, low = 0, high = 0): ScalarSample {
  return {
    operands: [dtype],
    result,
    values: () => {
      const isFloat = dtype === 'f32' || dtype === 'f64';
      const more = isFloat && low < high ? central(low, high, COUNT, 12) : [];
      return [[...domain(dtype, 11), ...more].map((x) => (dtype === 'f32' ? Math.fround(x) : x))];
    },
  };
}
const floating = (low: number, high: number): ScalarSample[] => [
  unary('f32', 'f32', low, high),
  unary('f64', 'f64', low, high),
];
const numeric = (): ScalarSample[] => [...floating(-9, 9), unary('i32', 'i32')];

/** Specials against each other, then random pairs of the domain, then pairs of similar size. */
function pairs(dtype: DType): number[][] {
  const specials = dtype === 'f32' || dtype === 'f64' ? F32_SPECIALS : domain(dtype, 0, 0);
  const a = specials.flatMap((x) => specials.map(() => x));
  const b = specials.flatMap(() => [...specials]);
  if (dtype === 'bool') return [a, b];
  const [more, other] = [domain(dtype, 21), domain(dtype, 22).reverse()];
  const isFloat = dtype === 'f32' || dtype === 'f64';
  const round = (x: number): number =>
    dtype === 'f32' ? Math.fround(x) : isFloat ? x : Math.trunc(x);
  const near = [central(isFloat ? -9 : 0, 9, COUNT, 23), central(isFloat ? -9 : 0, 9, COUNT, 24)];
  return [
    [...a, ...more, ...near[0]!.map(round)],
    [...b, ...other, ...near[1]!.map(round)],
  ];
}
function binary(dtype: DType, result: DType = dtype): ScalarSample {
  return { operands: [dtype, dtype], result, values: () => pairs(dtype) };
}
const arithmetic = (): ScalarSample[] => [
  binary('f32'),
  binary('f64'),
  binary('i32'),
  binary('u32'),
];
const comparison = (): ScalarSample[] =>
  (['f32', 'f64', 'i32', 'u32'] as const).map((dtype) => binary(dtype, 'bool'));

/** Exponents that keep integer powers small enough for a loop in the reference. */
function integerPowers(): ScalarSample {
  const bases = I32_SPECIALS.flatMap((a) => [-3, -2, -1, 0, 1, 2, 3, 5, 31].map((b) => [a, b]));
  const column = (i: 0 | 1): number[] => bases.map((pair) => pair[i]!);
  return { operands: ['i32', 'i32'], result: 'i32', values: () => [column(0), column(1)] };
}
function casts(): ScalarSample[] {
  const dtypes = ['f32', 'f64', 'i32', 'u32', 'bool'] as const;
  return dtypes.flatMap((from) =>
    dtypes.filter((to) => to !== from).map((to) => unary(from, to, -3e9, 3e9)),
  );
}
function selects(dtype: DType): ScalarSample {
  const mask = (n: number): number[] => Array.from({ length: n }, (_, i) => (i * 7) % 2);
  return {
    operands: ['bool', dtype, dtype],
    result: dtype,
    values: () => {
      const [a, b] = pairs(dtype) as [number[], number[]];
      return [mask(a.length), a, b];
    },
  };
}

/** Samples of every scalar row. */
export const SCALAR_SAMPLES: Readonly<Record<ScalarName, () => readonly ScalarSample[]>> = {
  neg: numeric,
  abs: numeric,
  sign: numeric,
  floor: () => floating(-9, 9),
  exp: () => floating(-104, 89),
  expm1: () => floating(-20, 89),
  log: () => floating(0, 4),
  log1p: () => floating(-1, 3),
  sqrt: () => floating(0, 4),
  sin: () => floating(-50, 50),
  cos: () => floating(-50, 50),
  tanh: () => floating(-10, 10),
  erf: () => floating(-4.5, 4.5),
  not: () => [unary('bool', 'bool')],
  cast: casts,
  unitFloat: () => [unary('u32', 'f32')],
  add: arithmetic,
  sub: arithmetic,
  mul: arithmetic,
  div: arithmetic,
  rem: arithmetic,
  pow: () => [binary('f32'), binary('f64'), integerPowers()],
  maximum: arithmetic,
  minimum: arithmetic,
  and: () => [binary('bool')],
  or: () => [binary('bool')],
  eq: () => [...comparison(), binary('bool', 'bool')],
  lt: comparison,
  le: comparison,
  select: () => (['f32', 'f64', 'i32', 'u32', 'bool'] as const).map(selects),
  randomBits: () => [
    {
      operands: ['u32', 'u32', 'u32'],
      result: 'u32',
      values: () => [31, 32, 33].map((seed) => integers('u32', 500, seed)),
    },
  ],
};
