/**
 * The reference: every scalar row, reduction and primitive in float64 on plain nested index loops.
 * Slow on purpose and independent of core and of all backends: it shares no code with them.
 */
import type { DType, ReduceName, ScalarName } from '@tenon/core';

/** A dense row-major array in double precision. */
export interface Reference {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}
type ScalarReference = (x: readonly number[], dtype: DType, from: DType) => number;

const isFloat = (dtype: DType): boolean => dtype === 'f32' || dtype === 'f64' || dtype === 'f16';

/** e^(-z²) without the rounding of z²: z = high + low with high² exact. */
function gaussian(z: number): number {
  const high = Math.fround(z);
  return Math.exp(-high * high) * Math.exp(-(z - high) * (z + high));
}
/** erf by its Taylor series up to 1, above by the continued fraction of 1 - erf (7.1.5, 7.1.14). */
export function erfReference(x: number): number {
  if (x === 0 || Number.isNaN(x)) return x;
  const z = Math.abs(x);
  if (z > 6) return Math.sign(x);
  if (z > 1) {
    let fraction = 0;
    for (let k = 400; k > 0; k--) fraction = k / 2 / (z + fraction);
    return Math.sign(x) * (1 - gaussian(z) / (Math.sqrt(Math.PI) * (z + fraction)));
  }
  const terms: number[] = [];
  let power = z;
  for (let n = 0; n < 30; n++) {
    terms.push(power / (2 * n + 1));
    power *= (-z * z) / (n + 1);
  }
  return Math.sign(x) * (2 / Math.sqrt(Math.PI)) * REDUCE_REFERENCE.sum(terms);
}

/** Threefry-2x32 with 13 rounds, first word, in 64-bit integer arithmetic modulo 2^32. */
export function threefryReference(key0: number, key1: number, counter: number): number {
  const mask = 0xffffffffn;
  const keys = [BigInt(key0), BigInt(key1), 0x1bd11bdan ^ BigInt(key0) ^ BigInt(key1)];
  const rotations = [13n, 15n, 26n, 6n, 17n, 29n, 16n, 24n];
  let [x, y] = [(BigInt(counter) + keys[0]!) & mask, keys[1]! & mask];
  for (let round = 0; round < 13; round++) {
    const by = rotations[round % 8]!;
    x = (x + y) & mask;
    y = (((y << by) | (y >> (32n - by))) & mask) ^ x;
    if (round % 4 !== 3) continue;
    const step = (round + 1) / 4;
    x = (x + keys[step % 3]!) & mask;
    y = (y + keys[(step + 1) % 3]! + BigInt(step)) & mask;
  }
  return Number(x);
}

function integerPower(a: number, b: number, dtype: DType): number {
  if (b < 0) return a === 1 ? 1 : a === -1 ? (b % 2 === 0 ? 1 : -1) : 0;
  let result = 1n;
  for (let i = 0; i < b; i++) result = BigInt.asIntN(32, result * BigInt(a));
  return dtype === 'u32' ? Number(BigInt.asUintN(32, result)) : Number(result);
}

function wrappedProduct(a: number, b: number): number {
  return Number(BigInt.asIntN(32, BigInt(a) * BigInt(b)));
}

function castReference(a: number, dtype: DType, from: DType): number {
  if (dtype === 'bool') return a !== 0 ? 1 : 0;
  if (isFloat(dtype)) return a;
  if (!isFloat(from)) return dtype === 'u32' ? a >>> 0 : a | 0;
  if (Number.isNaN(a)) return 0;
  const [low, high] = dtype === 'u32' ? [0, 2 ** 32 - 1] : [-(2 ** 31), 2 ** 31 - 1];
  return Math.trunc(Math.min(Math.max(a, low), high));
}

/** What each scalar row means, in double precision; the caller rounds to the dtype. */
export const SCALAR_REFERENCE: Readonly<Record<ScalarName, ScalarReference>> = {
  neg: ([a]) => -a!,
  abs: ([a]) => Math.abs(a!),
  sign: ([a]) => Math.sign(a!),
  floor: ([a]) => Math.floor(a!),
  exp: ([a]) => Math.exp(a!),
  expm1: ([a]) => Math.expm1(a!),
  log: ([a]) => Math.log(a!),
  log1p: ([a]) => Math.log1p(a!),
  sqrt: ([a]) => Math.sqrt(a!),
  sin: ([a]) => Math.sin(a!),
  cos: ([a]) => Math.cos(a!),
  tanh: ([a]) => Math.tanh(a!),
  erf: ([a]) => erfReference(a!),
  not: ([a]) => (a === 0 ? 1 : 0),
  cast: ([a], dtype, from) => castReference(a!, dtype, from),
  unitFloat: ([a]) => Math.floor(a! / 256) / 2 ** 24,
  add: ([a, b]) => a! + b!,
  sub: ([a, b]) => a! - b!,
  mul: ([a, b], dtype) => (isFloat(dtype) ? a! * b! : wrappedProduct(a!, b!)),
  div: ([a, b], dtype) => {
    if (isFloat(dtype)) return a! / b!;
    return b === 0 ? 0 : Math.trunc(a! / b!);
  },
  rem: ([a, b], dtype) => (!isFloat(dtype) && b === 0 ? 0 : a! % b!),
  pow: ([a, b], dtype) => {
    if (!isFloat(dtype)) return integerPower(a!, b!, dtype);
    // IEEE 754 says 1 where JavaScript says NaN.
    if (a === 1 || (a === -1 && Math.abs(b!) === Number.POSITIVE_INFINITY)) return 1;
    return a! ** b!;
  },
  maximum: ([a, b]) => Math.max(a!, b!),
  minimum: ([a, b]) => Math.min(a!, b!),
  and: ([a, b]) => (a !== 0 && b !== 0 ? 1 : 0),
  or: ([a, b]) => (a !== 0 || b !== 0 ? 1 : 0),
  eq: ([a, b]) => (a === b ? 1 : 0),
  lt: ([a, b]) => (a! < b! ? 1 : 0),
  le: ([a, b]) => (a! <= b! ? 1 : 0),
  select: ([a, b, c]) => (a !== 0 ? b! : c!),
  randomBits: ([a, b, c]) => threefryReference(a!, b!, c!),
};

/** Reductions in double precision, Neumaier's compensated sum. */
export const REDUCE_REFERENCE: Readonly<Record<ReduceName, (x: readonly number[]) => number>> = {
  sum: (x) => {
    let sum = 0;
    let lost = 0;
    for (const value of x) {
      const next = sum + value;
      lost += Math.abs(sum) >= Math.abs(value) ? sum - next + value : value - next + sum;
      sum = next;
    }
    return Number.isNaN(lost) ? sum : sum + lost;
  },
  prod: (x) => x.reduce((a, b) => a * b, 1),
  max: (x) => x.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY),
  min: (x) => x.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY),
};

/** Every index of a shape, in row-major order. */
export function* indicesOf(shape: readonly number[]): Generator<number[]> {
  const size = shape.reduce((n, m) => n * m, 1);
  const index = shape.map(() => 0);
  for (let k = 0; k < size; k++) {
    yield [...index];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis] = index[axis]! + 1;
      if (index[axis]! < shape[axis]!) break;
      index[axis] = 0;
    }
  }
}

/** Position of an index in a dense array. */
function positionOf(shape: readonly number[], index: readonly number[]): number {
  return index.reduce((at, i, axis) => at * shape[axis]! + i, 0);
}

/** An array whose element at each index is fn(index). */
export function build(shape: readonly number[], fn: (index: number[]) => number): Reference {
  return { shape, data: [...indicesOf(shape)].map(fn) };
}

export function elementOf({ shape, data }: Reference, index: readonly number[]): number {
  return data[positionOf(shape, index)]!;
}

/** Over `axes`, which disappear: one call of fn per kept index, elements in row-major order. */
export function reduceReference(
  x: Reference,
  axes: readonly number[],
  fn: (values: readonly number[]) => number,
): Reference {
  const kept = x.shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
  const reduced = axes.map((axis) => x.shape[axis]!);
  return build(
    kept.map((axis) => x.shape[axis]!),
    (index) => {
      const values = [...indicesOf(reduced)].map((inner) => {
        const full = x.shape.map((_, axis) => {
          const at = kept.indexOf(axis);
          return at >= 0 ? index[at]! : inner[axes.indexOf(axis)]!;
        });
        return elementOf(x, full);
      });
      return fn(values);
    },
  );
}

/** Batched product over the last two axes (equal batch axes): values and Σ|a·b|, their scale. */
export function matmulReference(a: Reference, b: Reference): { value: Reference; scale: number[] } {
  const rank = a.shape.length;
  const inner = a.shape[rank - 1]!;
  const scale: number[] = [];
  const value = build([...a.shape.slice(0, -1), b.shape[rank - 1]!], (index) => {
    const [batch, m, n] = [index.slice(0, -2), index[rank - 2]!, index[rank - 1]!];
    const terms = Array.from(
      { length: inner },
      (_, k) => elementOf(a, [...batch, m, k]) * elementOf(b, [...batch, k, n]),
    );
    scale.push(terms.reduce((sum, term) => sum + Math.abs(term), 0));
    return REDUCE_REFERENCE.sum(terms);
  });
  return { value, scale };
}
