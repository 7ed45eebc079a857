/**
 * Comparing results: distances in units in the last place (ULP), and messages that show where and
 * by how much two arrays differ. One comparison per array, so that millions of values stay cheap.
 */
import type { DType } from '@tenon/core';

const f64 = new Float64Array(1);
const words = new Uint32Array(f64.buffer);

/** The least exponent of normal numbers, and the bits of the fraction. */
const FORMATS: Readonly<Partial<Record<DType, readonly [least: number, bits: number]>>> = {
  f16: [-14, 10],
  f64: [-1022, 52],
};
/** Distance between neighbouring numbers of a float dtype at x (the subnormal step at 0). */
export function spacing(x: number, dtype: DType): number {
  f64[0] = x;
  const exponent = (((words[1] as number) >>> 20) & 0x7ff) - 1023;
  const [least, bits] = FORMATS[dtype] ?? [-126, 23];
  return 2 ** (Math.max(exponent, least) - bits);
}

const LARGEST_HALF = 65504;
/** The nearest number of 16 bits, the even one of two; beyond the largest, infinity. */
function roundedToHalf(x: number): number {
  if (x === 0 || !Number.isFinite(x)) return x;
  const step = spacing(x, 'f16');
  const size = Math.abs(x) / step;
  const whole = Math.floor(size);
  const isUp = size - whole > 0.5 || (size - whole === 0.5 && whole % 2 === 1);
  const y = (isUp ? whole + 1 : whole) * step;
  return Math.sign(x) * (y > LARGEST_HALF ? Number.POSITIVE_INFINITY : y);
}

/** The value that a dtype holds for an exact result: f32 rounds, integers wrap. */
export function rounded(x: number, dtype: DType): number {
  switch (dtype) {
    case 'f64':
      return x;
    case 'f32':
      return Math.fround(x);
    case 'f16':
      return roundedToHalf(x);
    case 'u32':
      return x >>> 0;
    default:
      return x | 0;
  }
}

/**
 * Error of `got` against the exact result, in ULP of the dtype; 0 where both are NaN, infinite
 * where one is. Zeros of different sign are one ULP apart, so an exact row must get them right.
 */
export function ulpError(got: number, exact: number, dtype: DType): number {
  const want = rounded(exact, dtype);
  if (Object.is(got, want)) return 0;
  if (Number.isNaN(got) || Number.isNaN(want)) return Number.POSITIVE_INFINITY;
  if (got === want) return 1;
  if (!Number.isFinite(got) || !Number.isFinite(want)) return Number.POSITIVE_INFINITY;
  return Math.abs(got - want) / spacing(want, dtype);
}

/** What a comparison found: the worst element, or null where all are within bounds. */
export interface Difference {
  readonly index: number;
  readonly got: number;
  readonly want: number;
  readonly error: number;
  readonly bound: number;
  /** How many elements are out of bounds. */
  readonly count: number;
}

/** The first, largest difference in ULP above `ulp`, or null. */
export function worstUlp(
  got: ArrayLike<number>,
  want: ArrayLike<number>,
  dtype: DType,
  ulp: number,
): Difference | null {
  return worst(got, want, (a, b) => ulpError(a, b, dtype), ulp);
}

/**
 * The largest error relative to |want|, or to the largest |want| of the array where `scale` is
 * 'tensor' (sums of terms larger than their result). Infinities and NaN must agree exactly.
 */
export function worstRelative(
  got: ArrayLike<number>,
  want: ArrayLike<number>,
  tolerance: number,
  scale: 'element' | 'tensor' = 'element',
  floor = 0,
): Difference | null {
  let largest = floor;
  if (scale === 'tensor') {
    for (let i = 0; i < want.length; i++) {
      const size = Math.abs(want[i] as number);
      if (Number.isFinite(size) && size > largest) largest = size;
    }
  }
  const error = (a: number, b: number): number => {
    if (Object.is(a, b) || a === b) return 0;
    if (!Number.isFinite(a) || !Number.isFinite(b)) return Number.POSITIVE_INFINITY;
    const size = scale === 'tensor' ? largest : Math.max(Math.abs(b), floor);
    return Math.abs(a - b) / Math.max(size, Number.MIN_VALUE);
  };
  return worst(got, want, error, tolerance);
}

function worst(
  got: ArrayLike<number>,
  want: ArrayLike<number>,
  error: (got: number, want: number) => number,
  bound: number,
): Difference | null {
  if (got.length !== want.length) {
    const { length } = want;
    return { index: -1, got: got.length, want: length, error: Infinity, bound, count: 1 };
  }
  let at = -1;
  let most = bound;
  let count = 0;
  for (let i = 0; i < got.length; i++) {
    const e = error(got[i] as number, want[i] as number);
    if (e <= bound) continue;
    count++;
    if (at < 0 || e > most) {
      at = i;
      most = e;
    }
  }
  if (at < 0) return null;
  return { index: at, got: got[at] as number, want: want[at] as number, error: most, bound, count };
}

function show(x: number): string {
  return Object.is(x, -0) ? '-0' : String(x);
}

/** Throws with the worst element when there is a difference. */
export function assertNone(what: string, difference: Difference | null, unit = 'ULP'): void {
  if (difference === null) return;
  const { index, got, want, error, bound, count } = difference;
  const where = index < 0 ? 'number of elements' : `element ${index}`;
  throw new Error(
    `${what}: ${where}: expected ${show(want)}, got ${show(got)}: off by ${error} ${unit}, ` +
      `at most ${bound} allowed (${count} such elements)`,
  );
}

/** Throws unless both arrays hold the same bits (NaN equals NaN). */
export function assertSame(what: string, got: ArrayLike<number>, want: ArrayLike<number>): void {
  assertNone(
    what,
    worst(got, want, (a, b) => (Object.is(a, b) ? 0 : Number.POSITIVE_INFINITY), 0),
    'bits',
  );
}

/** Throws unless two shapes are equal. */
export function assertShape(what: string, got: readonly number[], want: readonly number[]): void {
  if (got.length !== want.length || got.some((size, i) => size !== want[i])) {
    throw new Error(`${what}: expected shape [${want.join(', ')}], got [${got.join(', ')}]`);
  }
}
