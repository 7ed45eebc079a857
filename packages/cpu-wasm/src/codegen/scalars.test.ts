import { type DType, hostMath, SCALARS, type ScalarName, threefry2x32 } from '@tenon/core';
import { describe, expect, test } from 'vitest';
import type { I32, LaneMode, Lanes, Value } from './lanes.ts';
import {
  type Column,
  FLOATS,
  INTEGERS,
  MODES,
  missing,
  pairs,
  randomNumbers,
  runLanes,
} from './lanes-test-support.ts';
import { emitScalar, ROWS } from './scalars.ts';

type Oracle = (a: number, b: number, c: number) => number | boolean;

function columnOf(dtype: DType, values: readonly number[]): Column {
  if (dtype === 'f32') return Float32Array.from(values);
  if (dtype === 'f64') return Float64Array.from(values);
  return dtype === 'u32' ? Uint32Array.from(values) : Int32Array.from(values);
}

function apply(
  mode: LaneMode,
  op: ScalarName,
  columns: readonly Column[],
  dtype: DType,
  dtypes: readonly DType[],
): number[] {
  const fromStored = (lanes: Lanes, value: Value, i: number): Value =>
    dtypes[i] === 'bool' ? lanes.truthy(value as I32) : value;
  const from = dtypes.at(-1) ?? dtype;
  const got = runLanes(mode, columns, (lanes, values) =>
    emitScalar(
      lanes,
      op,
      values.map((value, i) => fromStored(lanes, value, i)),
      dtype,
      from,
    ),
  );
  return got.map((value) => (dtype === 'u32' ? Number(value) >>> 0 : Number(value)));
}

/** float64 to dtype: rounding of floats, wrapping of integers. */
function rounded(dtype: DType, value: number | boolean): number {
  return Number(columnOf(dtype, [Number(value)])[0]);
}

/** Elements whose result is not the oracle's, rounded; nothing else may differ but NaN payloads. */
function check(
  mode: LaneMode,
  op: ScalarName,
  dtype: DType,
  dtypes: readonly DType[],
  values: readonly (readonly number[])[],
  oracle: Oracle,
): void {
  const columns = values.map((list, i) => columnOf(dtypes[i] ?? dtype, list));
  const got = apply(mode, op, columns, dtype, dtypes);
  const wrong = got.flatMap((value, i) => {
    const [a = 0, b = 0, c = 0] = columns.map((column) => Number(column[i]));
    const expected = rounded(dtype, oracle(a, b, c));
    const isSame = Object.is(value, expected);
    return isSame ? [] : [`${op}(${a}, ${b}, ${c}): expected ${expected}, got ${value}`];
  });
  expect(got.length).toBe(values[0]?.length);
  expect(wrong).toEqual([]);
}

const random = randomNumbers(400, 11);
const wild = random.map((x, i) => (x - 0.5) * 2 ** ((i % 120) - 60));
const FLOAT_PAIRS = pairs([...FLOATS, ...wild.slice(0, 40)], [...FLOATS, ...wild.slice(40, 80)]);
const whole = random.map((x) => Math.floor((x - 0.5) * 2 ** 32));
const INTEGER_PAIRS = pairs(
  [...INTEGERS, ...whole.slice(0, 20)],
  [...INTEGERS, ...whole.slice(20)],
);
const BOOL_PAIRS = pairs([0, 1], [0, 1]);

function valuesOf(dtype: DType): [number[], number[]] {
  if (dtype === 'f32' || dtype === 'f64') return FLOAT_PAIRS;
  return dtype === 'bool' ? BOOL_PAIRS : INTEGER_PAIRS;
}

const FLOATING: readonly DType[] = ['f32', 'f64'];
const NUMERIC: readonly DType[] = ['f32', 'f64', 'i32', 'u32'];
const ALL: readonly DType[] = [...NUMERIC, 'bool'];
const BOOL: readonly DType[] = ['bool'];

/** Rows whose result has the operands' dtype. Integers go through BigInt, so nothing is lost. */
const EXACT: readonly (readonly [ScalarName, readonly DType[], Oracle])[] = [
  ['neg', NUMERIC, (a) => -a],
  ['abs', NUMERIC, Math.abs],
  ['sign', NUMERIC, Math.sign],
  ['floor', FLOATING, Math.floor],
  ['sqrt', FLOATING, Math.sqrt],
  ['not', BOOL, (a) => a === 0],
  ['add', NUMERIC, (a, b) => a + b],
  ['sub', NUMERIC, (a, b) => a - b],
  ['mul', FLOATING, (a, b) => a * b],
  ['mul', ['i32', 'u32'], (a, b) => Number(BigInt.asIntN(32, BigInt(a) * BigInt(b)))],
  ['div', FLOATING, (a, b) => a / b],
  ['div', ['i32', 'u32'], (a, b) => (b === 0 ? 0 : Number(BigInt(a) / BigInt(b)))],
  ['rem', FLOATING, (a, b) => a % b],
  ['rem', ['i32', 'u32'], (a, b) => (b === 0 ? 0 : Number(BigInt(a) % BigInt(b)))],
  ['maximum', NUMERIC, (a, b) => Math.max(a, b)],
  ['maximum', BOOL, (a, b) => Math.max(a, b)],
  ['minimum', NUMERIC, (a, b) => Math.min(a, b)],
  ['minimum', BOOL, (a, b) => Math.min(a, b)],
  ['and', BOOL, (a, b) => a !== 0 && b !== 0],
  ['or', BOOL, (a, b) => a !== 0 || b !== 0],
];

const COMPARISONS: readonly (readonly [ScalarName, Oracle])[] = [
  ['eq', (a, b) => a === b],
  ['lt', (a, b) => a < b],
  ['le', (a, b) => a <= b],
];

/** C's float to integer: truncates, saturates, NaN is 0. */
function saturate(low: number, high: number): Oracle {
  return (x) => (Number.isNaN(x) ? 0 : Math.min(Math.max(Math.trunc(x), low), high));
}

function castOracle(dtype: DType, from: DType): Oracle {
  if (dtype === 'bool') return (a) => a !== 0;
  if (from === 'f32' || from === 'f64') {
    if (dtype === 'i32') return saturate(-(2 ** 31), 2 ** 31 - 1);
    if (dtype === 'u32') return saturate(0, 2 ** 32 - 1);
  }
  return (a) => a;
}

const bits = new DataView(new ArrayBuffer(4));
/** Place of a float32 among all of them. */
function order(value: number): number {
  bits.setFloat32(0, value);
  const word = bits.getInt32(0);
  return word < 0 ? -(word & 0x7fffffff) : word;
}
function ulps(got: number, wanted: number): number {
  const exact = Math.fround(wanted);
  if (Number.isNaN(got) || Number.isNaN(exact)) {
    return Number.isNaN(got) && Number.isNaN(exact) ? 0 : Infinity;
  }
  if (got === 0 && exact === 0) return Object.is(got, exact) ? 0 : Infinity;
  return Math.abs(order(got) - order(exact));
}

const TRANSCENDENTAL: Readonly<Partial<Record<ScalarName, (a: number, b: number) => number>>> = {
  exp: Math.exp,
  expm1: Math.expm1,
  log: Math.log,
  log1p: Math.log1p,
  sin: Math.sin,
  cos: Math.cos,
  tanh: Math.tanh,
  erf: hostMath.erf,
  pow: hostMath.pow,
};

function exactRows(mode: LaneMode): void {
  for (const [op, dtypes, oracle] of EXACT) {
    for (const dtype of dtypes) {
      test(`${op} of ${dtype}`, () => {
        const columns = valuesOf(dtype).slice(0, SCALARS[op]);
        const from = columns.map(() => dtype);
        check(mode, op, dtype, from, columns, oracle);
      });
    }
  }
  for (const [op, oracle] of COMPARISONS) {
    test.each(ALL)(`${op} of %s`, (dtype) => {
      check(mode, op, 'bool', [dtype, dtype], valuesOf(dtype), oracle);
    });
  }
  test.each(ALL)('select of %s', (dtype) => {
    const [a, b] = valuesOf(dtype);
    const condition = a.map((_, i) => ((i * 7) % 3) & 1);
    const oracle: Oracle = (c, x, y) => (c !== 0 ? x : y);
    check(mode, 'select', dtype, ['bool', dtype, dtype], [condition, a, b], oracle);
  });
  for (const from of ALL) {
    test.each(ALL)(`cast of ${from} to %s`, (dtype) => {
      const list = from.startsWith('f') ? [...FLOATS, ...wild, 2 ** 31 - 0.5] : valuesOf(from)[0];
      check(mode, 'cast', dtype, [from], [list], castOracle(dtype, from));
    });
  }
}

function specialRows(mode: LaneMode): void {
  test.each(['i32', 'u32'] as const)('pow of %s wraps; negative exponents truncate', (dtype) => {
    const exponents = [0, 1, 2, 3, 5, 31, 32, 33, 64, 100, -1, -2, -3, 255];
    const usable = dtype === 'u32' ? exponents.filter((e) => e >= 0) : exponents;
    const values = pairs(INTEGERS, usable);
    check(mode, 'pow', dtype, [dtype, dtype], values, (a, b) => {
      if (b >= 0) return Number(BigInt.asIntN(32, BigInt(a) ** BigInt(b)));
      return Math.abs(a) === 1 ? a ** b : 0;
    });
  });

  test('pow of u32 takes exponents above 2^31', () => {
    // 3^(2^30) is 1 modulo 2^32, so 3^(2^32 - 1) is the inverse of 3.
    const values = [
      [3, 3, 2, 1],
      [2 ** 31, 2 ** 32 - 1, 2 ** 31, 4e9],
    ];
    const inverse = 0xaaaaaaab;
    const got = apply(
      mode,
      'pow',
      values.map((v) => columnOf('u32', v)),
      'u32',
      ['u32', 'u32'],
    );
    expect(got).toEqual([1, inverse, 0, 1]);
  });

  test('rem of f32 is exact for quotients from 2^28 to 2^277', () => {
    const left = [3.4028234e38, 1e30, -1e30, 2 ** 60 + 2 ** 40, 16777216 * 2 ** 28, 5e20, -3e38, 7];
    const right = [1e-45, 0.1, 3, 1.1, -0.7, 1.1754944e-38, 1e-40, Infinity];
    check(mode, 'rem', 'f32', ['f32', 'f32'], pairs(left, right), (a, b) => a % b);
  });

  test('unitFloat takes the upper 24 bits', () => {
    check(
      mode,
      'unitFloat',
      'f32',
      ['u32'],
      [whole.map((x) => x >>> 0)],
      (a) => Math.floor(a / 256) / 2 ** 24,
    );
    check(
      mode,
      'unitFloat',
      'f32',
      ['u32'],
      [[0, 255, 256, 2 ** 32 - 1]],
      (a) => Math.floor(a / 256) / 2 ** 24,
    );
  });

  test('randomBits are the bits of Threefry-2x32-13', () => {
    const counters = whole.slice(0, 50);
    const keys = [whole.slice(50, 100), whole.slice(100, 150)];
    const values = [...keys, counters].map((list) => list.map((x) => x >>> 0));
    check(mode, 'randomBits', 'u32', ['u32', 'u32', 'u32'], values, (k0, k1, c) =>
      Number(threefry2x32(k0, k1, c, 0)[0]),
    );
    // Random123's known answer for zeros.
    const zeros = [0, 0, 0].map(() => Uint32Array.of(0));
    expect(apply(mode, 'randomBits', zeros, 'u32', ['u32', 'u32', 'u32'])).toEqual([0x9d1c5ec6]);
  });
}

function transcendentalRows(mode: LaneMode): void {
  const near = random.flatMap((x) => [x * 8 - 4, 1 + (x - 0.5) / 64, x * 160 - 80]);
  const single = [...FLOATS, ...wild, ...near];
  const [left, right] = pairs(
    [...FLOATS, ...near.slice(0, 60)],
    [...FLOATS, ...near.slice(60, 99)],
  );
  for (const [name, oracle] of Object.entries(TRANSCENDENTAL)) {
    const op = name as ScalarName;
    const values = SCALARS[op] === 1 ? [single] : [left, right];
    const from = (dtype: DType): DType[] => values.map(() => dtype);
    test(`${op} of f32 is within its declared ULP`, () => {
      const columns = values.map((list) => columnOf('f32', list));
      const got = apply(mode, op, columns, 'f32', from('f32'));
      const wrong = got.flatMap((value, i) => {
        const [a = 0, b = 0] = columns.map((column) => Number(column[i]));
        const wanted = oracle(a, b);
        return ulps(value, wanted) <= ROWS[op].ulp
          ? []
          : [`${op}(${a}, ${b}): expected ${Math.fround(wanted)}, got ${value}`];
      });
      expect(wrong).toEqual([]);
    });
    test(`${op} of f64 is the host's`, () => {
      check(mode, op, 'f64', from('f64'), values, oracle);
    });
  }
}

for (const mode of MODES) {
  const reason = missing(mode);
  describe.skipIf(reason !== null)(`${mode} rows${reason === null ? '' : `: ${reason}`}`, () => {
    exactRows(mode);
    specialRows(mode);
    transcendentalRows(mode);
  });
}

test('every row is tested', () => {
  const tested = new Set<string>([
    ...EXACT.map(([op]) => op),
    ...COMPARISONS.map(([op]) => op),
    ...Object.keys(TRANSCENDENTAL),
    ...['select', 'cast', 'unitFloat', 'randomBits'],
  ]);
  expect(Object.keys(SCALARS).filter((op) => !tested.has(op))).toEqual([]);
});
