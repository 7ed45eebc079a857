/**
 * How reductions accumulate. Sums of floats are pairs (sum, what rounding has lost), by two-sums
 * (Knuth, "The Art of Computer Programming" 2, 4.2.2), element after element: they depend neither
 * on unrolling nor on what else a region computes. A compiler that reassociates takes the second
 * part away and leaves the sums of invocations, which meet in trees. Extremes of floats are taken
 * over integers in the order of the floats, NaN outermost, whatever a device thinks of NaN and -0.
 */
import type { DType, ReduceName } from '@tenon/core';

/** A function of the module: text, and other such functions it calls. */
interface Declaration {
  readonly text: string;
  readonly needs: readonly string[];
}

const DECLARATIONS: Readonly<Record<string, Declaration>> = {
  // What was lost joins the next value: left to grow, it would lose in turn. It is NaN after ∞.
  sum_add: {
    needs: [],
    text: `fn sum_add(a: vec2<f32>, x: f32) -> vec2<f32> {
  let value = x + a.y;
  let sum = a.x + value;
  let part = sum - a.x;
  let lost = (a.x - (sum - part)) + (value - part);
  let exponent = bitcast<u32>(lost) & 0x7f800000u;
  return vec2<f32>(sum, select(lost, 0.0, exponent == 0x7f800000u));
}`,
  },
  sum_merge: {
    needs: ['sum_add'],
    text: `fn sum_merge(a: vec2<f32>, b: vec2<f32>) -> vec2<f32> {
  let sum = sum_add(vec2<f32>(a.x, 0.0), b.x);
  return sum_add(vec2<f32>(sum.x, 0.0), sum.y + (a.y + b.y));
}`,
  },
  max_key: {
    needs: [],
    text: `fn max_key(x: f32) -> i32 {
  let bits = bitcast<i32>(x);
  let magnitude = bits & 0x7fffffff;
  return select(bits ^ ((bits >> 31u) & 0x7fffffff), 0x7fffffff, magnitude > 0x7f800000);
}`,
  },
  min_key: {
    needs: [],
    text: `fn min_key(x: f32) -> i32 {
  let bits = bitcast<i32>(x);
  let magnitude = bits & 0x7fffffff;
  return select(bits ^ ((bits >> 31u) & 0x7fffffff), -0x7fffffff - 1, magnitude > 0x7f800000);
}`,
  },
  key_value: {
    needs: [],
    text: `fn key_value(key: i32) -> f32 {
  return bitcast<f32>(key ^ ((key >> 31u) & 0x7fffffff));
}`,
  },
};

/** Adds declaration `name` and what it needs to `to`. */
export function declare(to: Map<string, string>, name: string): void {
  const found = DECLARATIONS[name];
  if (found === undefined || to.has(name)) return;
  for (const needed of found.needs) declare(to, needed);
  to.set(name, found.text);
}

/** A reduction in WGSL. Every accumulator type is one or two 32-bit words. */
export interface Accumulator {
  /** Its WGSL type. */
  readonly type: 'vec2<f32>' | 'f32' | 'i32' | 'u32';
  readonly words: 1 | 2;
  readonly identity: string;
  /** Own declarations that the texts below call. */
  readonly declarations: readonly string[];
  /** A value of the reduced step as what accumulates. */
  readonly enter: (value: string) => string;
  /** The accumulator after such a value. */
  readonly add: (accumulator: string, entered: string) => string;
  /** Two accumulators as one. */
  readonly merge: (a: string, b: string) => string;
  /** The result, of the step's type. */
  readonly finish: (accumulator: string) => string;
}

type Binary = (a: string, b: string) => string;
const infix =
  (operator: string): Binary =>
  (a, b) =>
    `${a} ${operator} ${b}`;
const call =
  (name: string): Binary =>
  (a, b) =>
    `${name}(${a}, ${b})`;
const same = (value: string): string => value;

function plain(
  type: 'f32' | 'i32' | 'u32',
  identity: string,
  add: Binary,
  parts: Partial<Accumulator> = {},
): Accumulator {
  return {
    type,
    words: 1,
    identity,
    declarations: [],
    enter: same,
    add,
    merge: add,
    finish: same,
    ...parts,
  };
}

const LEAST = '(-0x7fffffff - 1)';
const GREATEST = '0x7fffffff';

function integers(reducer: ReduceName, dtype: DType): Accumulator {
  const type = dtype === 'u32' ? 'u32' : 'i32';
  const suffix = dtype === 'u32' ? 'u' : '';
  const isBool = dtype === 'bool';
  switch (reducer) {
    case 'sum':
      return plain(type, `0${suffix}`, infix(isBool ? '|' : '+'));
    case 'prod':
      return plain(type, `1${suffix}`, infix(isBool ? '&' : '*'));
    case 'max':
      return plain(type, isBool ? '0' : dtype === 'u32' ? '0u' : LEAST, call('max'));
    case 'min':
      return plain(type, isBool ? '1' : dtype === 'u32' ? '0xffffffffu' : GREATEST, call('min'));
  }
}

/** The accumulator of a reduction whose values have this dtype. Halves accumulate as f32. */
export function accumulatorOf(reducer: ReduceName, dtype: DType): Accumulator {
  if (dtype !== 'f32' && dtype !== 'f16') return integers(reducer, dtype);
  const widen = (value: string): string => (dtype === 'f16' ? `f32(${value})` : value);
  const round = (value: string): string => (dtype === 'f16' ? `f16(${value})` : value);
  switch (reducer) {
    case 'sum':
      return {
        type: 'vec2<f32>',
        words: 2,
        identity: 'vec2<f32>(0.0, 0.0)',
        declarations: ['sum_add', 'sum_merge'],
        enter: widen,
        add: call('sum_add'),
        merge: call('sum_merge'),
        finish: (a) => round(`(${a}.x + ${a}.y)`),
      };
    case 'prod':
      return plain('f32', '1.0', infix('*'), { enter: widen, finish: round });
    case 'max':
    case 'min': {
      const key = `${reducer}_key`;
      // The keys of -∞ and ∞.
      const identity = reducer === 'max' ? '(-0x7f800000 - 1)' : '0x7f800000';
      return plain('i32', identity, call(reducer), {
        declarations: [key, 'key_value'],
        enter: (value) => `${key}(${widen(value)})`,
        finish: (a) => round(`key_value(${a})`),
      });
    }
  }
}
