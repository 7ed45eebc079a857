import type { DType, ScalarName } from '@tenon/core';
import { SCALARS } from '@tenon/core';
import { describe, expect, test } from 'vitest';
import { cpuJs } from './index.ts';
import { threefry } from './math.ts';
import { ROWS } from './scalars.ts';
import { dataOf, erfSeries, ORACLE, runRegion } from './test-support.ts';

const generated = cpuJs();
const interpreted = cpuJs({ codegen: false });

/** One scalar op over columns of operands, on either executor. */
function apply(
  backend: typeof generated,
  op: ScalarName,
  columns: readonly (readonly number[])[],
  dtype: DType,
  from: DType,
  dtypes: readonly DType[] = columns.map(() => from),
): number[] {
  const length = columns[0]?.length ?? 0;
  const [result] = runRegion(backend, {
    kept: [length],
    inputs: columns.map((data, i) => ({ dtype: dtypes[i] ?? from, data, strides: [1] })),
    outputs: [{ step: columns.length, dtype, strides: [1], length }],
    steps: [
      ...columns.map((_, index) => ({ op: 'load', index, dtype: dtypes[index] ?? from }) as const),
      { op, args: columns.map((_, i) => i), dtype, from },
    ],
  });
  return Array.from(result ?? []).slice(0, length);
}

const bits = new Float32Array(1);
const word = new Int32Array(bits.buffer);

/** Position of a float32 among all float32, so that neighbours differ by 1. */
function order(value: number): number {
  bits[0] = value;
  const w = word[0] ?? 0;
  return w < 0 ? -(w & 0x7fffffff) : w;
}

function ulps(got: number, wanted: number): number {
  const exact = Math.fround(wanted);
  if (Number.isNaN(got) || Number.isNaN(exact)) {
    return Number.isNaN(got) && Number.isNaN(exact) ? 0 : Infinity;
  }
  return Math.abs(order(got) - order(exact));
}

/** Every 997th bit pattern: all exponents, both signs, subnormals, infinities and NaN. */
const sweep: number[] = [];
for (let pattern = 0; pattern < 2 ** 32; pattern += 997) {
  word[0] = pattern | 0;
  sweep.push(bits[0] ?? 0);
}
const edges = [0, -0, Infinity, -Infinity, NaN, 88.72283, 88.72284, -103.97, -103.98, -87.33655];
sweep.push(...edges.map(Math.fround), 1, -1);

describe('transcendentals over the whole range of float32', () => {
  const wanted: Partial<Record<ScalarName, (x: number) => number>> = {
    exp: Math.exp,
    expm1: Math.expm1,
    log: Math.log,
    log1p: Math.log1p,
    tanh: Math.tanh,
    sin: Math.sin,
    cos: Math.cos,
    sqrt: Math.sqrt,
  };
  for (const [name, oracle] of Object.entries(wanted)) {
    const op = name as ScalarName;
    test(`${op} is within its declared ULP, alike in both executors`, () => {
      const got = apply(generated, op, [sweep], 'f32', 'f32');
      const some = sweep.filter((_, i) => i % 7 === 0);
      const other = apply(interpreted, op, [some], 'f32', 'f32');
      let worst = 0;
      let differing = 0;
      sweep.forEach((x, i) => {
        worst = Math.max(worst, ulps(got[i] ?? 0, oracle(x)));
        if (i % 7 === 0 && !Object.is(got[i], other[i / 7])) differing++;
      });
      expect(worst).toBeLessThanOrEqual(ROWS[op].ulp);
      expect(differing).toBe(0);
    });
  }

  test('erf is within its declared ULP of its series', () => {
    const x = sweep.filter((_, i) => i % 16 === 0);
    const got = apply(generated, 'erf', [x], 'f32', 'f32');
    const worst = x.reduce((w, value, i) => Math.max(w, ulps(got[i] ?? 0, erfSeries(value))), 0);
    expect(worst).toBeLessThanOrEqual(ROWS.erf.ulp);
  });

  test('around 0 and 1, where cancellation would show', () => {
    const near = Array.from({ length: 20000 }, (_, i) => (i - 10000) * 2 ** -20);
    for (const op of ['expm1', 'log1p', 'tanh'] as const) {
      const got = apply(generated, op, [near], 'f32', 'f32');
      near.forEach((x, i) => {
        expect(ulps(got[i] ?? 0, Math[op](x))).toBeLessThanOrEqual(1);
      });
    }
    const one = near.map((x) => 1 + x);
    const got = apply(generated, 'log', [one], 'f32', 'f32');
    one.forEach((x, i) => {
      expect(ulps(got[i] ?? 0, Math.log(x))).toBeLessThanOrEqual(1);
    });
  });

  test('signed zeros survive the odd functions', () => {
    for (const op of ['expm1', 'log1p', 'tanh', 'sin', 'erf', 'sqrt', 'floor', 'sign'] as const) {
      for (const backend of [generated, interpreted]) {
        expect(apply(backend, op, [[-0, 0]], 'f32', 'f32')).toEqual([-0, 0]);
      }
    }
  });
});

describe('every row and dtype against float64', () => {
  const floats = [
    0,
    -0,
    1,
    -1,
    0.5,
    -0.75,
    2,
    3,
    -3.5,
    7.25,
    1e-40,
    -1e30,
    Infinity,
    -Infinity,
    NaN,
  ];
  const ints = [0, 1, -1, 2, -3, 7, 11, 2147483647, -2147483648];
  const values: Readonly<Record<string, readonly number[]>> = {
    f32: floats,
    f64: floats,
    i32: ints,
    u32: [0, 1, 2, 3, 9, 2147483648, 4294967295],
    bool: [0, 1],
  };
  const arithmetic: readonly DType[] = ['f32', 'f64', 'i32', 'u32'];
  const all: readonly DType[] = [...arithmetic, 'bool'];
  const floating: readonly DType[] = ['f32', 'f64'];
  const dtypes: Partial<Record<ScalarName, readonly DType[]>> = {
    not: ['bool'],
    and: ['bool'],
    or: ['bool'],
    unitFloat: ['u32'],
    select: all,
    eq: all,
    lt: all,
    le: all,
    maximum: all,
    minimum: all,
    floor: arithmetic,
    exp: floating,
    expm1: floating,
    log: floating,
    log1p: floating,
    sqrt: floating,
    sin: floating,
    cos: floating,
    tanh: floating,
    erf: floating,
  };
  const loose: readonly ScalarName[] = [
    'exp',
    'expm1',
    'log',
    'log1p',
    'sin',
    'cos',
    'tanh',
    'erf',
    'pow',
  ];

  function columnsOf(op: ScalarName, from: DType): number[][] {
    const list = (values[from] ?? []).map((v) => Number(dataOf(from, [v])[0]));
    const pairs = list.flatMap((a) => list.map((b) => [a, b] as const));
    if (SCALARS[op] === 1) return [list];
    if (op === 'pow' && from === 'u32') {
      return [pairs.map(([a]) => a), pairs.map(([, b]) => b % 40)];
    }
    if (op === 'pow' && from === 'i32') {
      return [pairs.map(([a]) => a), pairs.map(([, b]) => b % 40)];
    }
    if (SCALARS[op] === 2) return [pairs.map(([a]) => a), pairs.map(([, b]) => b)];
    return [pairs.map((_, i) => i % 2), pairs.map(([a]) => a), pairs.map(([, b]) => b)];
  }

  function check(op: ScalarName, from: DType, to: DType): void {
    const columns = columnsOf(op, from);
    const inputs = op === 'select' ? (['bool', from, from] as const) : columns.map(() => from);
    const got = apply(generated, op, columns, to, from, inputs);
    expect(apply(interpreted, op, columns, to, from, inputs)).toEqual(got);
    got.forEach((value, i) => {
      const x = columns.map((column) => column[i] ?? 0);
      const raw = ORACLE[op](x, to, from);
      const wanted = Number(dataOf(to, [raw])[0]);
      const label = `${op}(${x.join(', ')}) ${from} → ${to}`;
      if (to === 'f32' && loose.includes(op))
        expect(ulps(value, raw), label).toBeLessThanOrEqual(1);
      else if (to === 'f64' && op === 'erf' && !Number.isNaN(wanted)) {
        expect(value, label).toBeCloseTo(wanted, 14);
      } else if (wanted === 0) expect(value, label).toBeCloseTo(0, 300);
      else expect(value, label).toBe(wanted);
    });
  }

  for (const name of Object.keys(SCALARS)) {
    const op = name as ScalarName;
    if (op === 'randomBits' || op === 'cast') continue;
    for (const from of dtypes[op] ?? arithmetic) {
      test(`${op} of ${from}`, () => {
        const isTruth = op === 'eq' || op === 'lt' || op === 'le' || op === 'not';
        check(op, from, isTruth ? 'bool' : op === 'unitFloat' ? 'f32' : from);
      });
    }
  }
  for (const from of all) {
    for (const to of all) test(`cast of ${from} to ${to}`, () => check('cast', from, to));
  }
});

describe('exact results', () => {
  test('float to integer truncates, saturates and maps NaN to 0', () => {
    const x = [NaN, Infinity, -Infinity, 3e9, -3e9, 5e9, 1.9, -1.9, 2147483520, -0.5];
    for (const backend of [generated, interpreted]) {
      expect(apply(backend, 'cast', [x], 'i32', 'f32')).toEqual([
        0, 2147483647, -2147483648, 2147483647, -2147483648, 2147483647, 1, -1, 2147483520, 0,
      ]);
      expect(apply(backend, 'cast', [x], 'u32', 'f32')).toEqual([
        0, 4294967295, 0, 3000000000, 0, 4294967295, 1, 0, 2147483520, 0,
      ]);
      expect(apply(backend, 'cast', [[NaN, 0, -0, 0.1]], 'bool', 'f32')).toEqual([1, 0, 0, 1]);
    }
  });

  test('pow follows IEEE where JavaScript does not', () => {
    for (const backend of [generated, interpreted]) {
      const x = [1, NaN, -1, -1, 2, 0];
      const y = [NaN, 0, Infinity, -Infinity, 0.5, -1];
      expect(apply(backend, 'pow', [x, y], 'f32', 'f32')).toEqual([
        1,
        1,
        1,
        1,
        Math.fround(Math.SQRT2),
        Infinity,
      ]);
    }
  });

  test('maximum keeps NaN on either side, and the sign of zero', () => {
    for (const backend of [generated, interpreted]) {
      const x = [NaN, 1, -0, 0];
      const y = [1, NaN, 0, -0];
      expect(apply(backend, 'maximum', [x, y], 'f32', 'f32')).toEqual([NaN, NaN, 0, 0]);
      expect(apply(backend, 'minimum', [x, y], 'f32', 'f32')).toEqual([NaN, NaN, -0, -0]);
    }
  });

  test('integers wrap, and division by zero is 0', () => {
    for (const backend of [generated, interpreted]) {
      const add = apply(
        backend,
        'add',
        [
          [2147483647, -2147483648],
          [1, -1],
        ],
        'i32',
        'i32',
      );
      expect(add).toEqual([-2147483648, 2147483647]);
      expect(apply(backend, 'mul', [[65537], [65537]], 'i32', 'i32')).toEqual([131073]);
      expect(
        apply(
          backend,
          'div',
          [
            [7, -7, 5],
            [0, 2, -3],
          ],
          'i32',
          'i32',
        ),
      ).toEqual([0, -3, -1]);
      expect(
        apply(
          backend,
          'rem',
          [
            [7, -7],
            [0, 4],
          ],
          'i32',
          'i32',
        ),
      ).toEqual([0, -3]);
      expect(apply(backend, 'sub', [[0], [1]], 'u32', 'u32')).toEqual([4294967295]);
    }
  });
});

/** Random123's known answers for threefry2x32 with 13 rounds. */
const ANSWERS = [
  { key: [0, 0], counter: [0, 0], words: [0x9d1c5ec6, 0x8bd50731] },
  {
    key: [0xffffffff, 0xffffffff],
    counter: [0xffffffff, 0xffffffff],
    words: [0xfd36d048, 0x2d17272c],
  },
  {
    key: [0x13198a2e, 0x03707344],
    counter: [0x243f6a88, 0x85a308d3],
    words: [0xba3e4725, 0xf27d669e],
  },
] as const;

describe('random bits', () => {
  test('the two-word function gives the known answers', () => {
    for (const { key, counter, words } of ANSWERS) {
      expect(threefry(key[0], key[1], counter[0], counter[1])).toEqual(words);
    }
  });

  test('randomBits is the first word of (counter, 0), alike in both executors', () => {
    const key0 = [0, 0xffffffff, 0x13198a2e, 5];
    const key1 = [0, 0xffffffff, 0x03707344, 9];
    const counter = [0, 0xffffffff, 0x243f6a88, 1000];
    const got = apply(generated, 'randomBits', [key0, key1, counter], 'u32', 'u32');
    expect(got[0]).toBe(0x9d1c5ec6);
    expect(got).toEqual(counter.map((c, i) => threefry(key0[i] ?? 0, key1[i] ?? 0, c, 0)[0]));
    expect(apply(interpreted, 'randomBits', [key0, key1, counter], 'u32', 'u32')).toEqual(got);
  });
});
