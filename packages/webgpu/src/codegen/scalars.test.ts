/** Every other scalar row on the device, against double precision and exact integers. */
import { SCALAR_REFERENCE } from '@tenon/conformance';
import { type DType, SCALARS, type ScalarName, threefry2x32 } from '@tenon/core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compileOnly, type TestGpu, testGpu } from '../test-gpu.ts';
import { PRELUDE } from './prelude.ts';
import { ROWS } from './scalars.ts';
import {
  type Applied,
  applyRows,
  columnOf,
  type Oracle,
  randomNumbers,
  rowsSource,
  rowText,
  SPECIALS,
  worstOf,
} from './scalars-test-support.ts';
import { shaderText } from './shader.ts';

let gpu: TestGpu;
beforeAll(async () => {
  gpu = await testGpu();
});
afterAll(() => gpu.dispose());

const random = randomNumbers(4000, 11);
const wild = random.map((x, i) => (x - 0.5) * 2 ** ((i % 240) - 120));
const FLOATS = [...SPECIALS, 1, -1, 0.5, -0.5, 1.5, -1.5, 2.5, -2.5, 3, -3, 2 ** 24, -(2 ** 31)];
const LIMITS = [2 ** 31, 2 ** 32, 2147483520, 4294967040, -2147483904, 0.99999994, -0.99999994];
const INTEGERS = [0, 1, -1, 2, -2, 3, 7, -7, 65537, 2 ** 24 + 1, 2 ** 31 - 1, -(2 ** 31)];
const words = random.map((x, i) => Math.floor((x - 0.5) * 2 ** 32) >> (i % 31));

/** Every special value against every other, then random ones. */
function pairs(specials: readonly number[], more: readonly number[]): [number[], number[]] {
  return [
    [...specials.flatMap((x) => specials.map(() => x)), ...more],
    [...specials.flatMap(() => specials), ...[...more].reverse()],
  ];
}

/** Distinct values for one operand. */
function single(dtype: DType): number[] {
  if (dtype === 'f32') return [...FLOATS, ...LIMITS, ...wild];
  return dtype === 'bool' ? [0, 1] : [...INTEGERS, ...words];
}

function both(dtype: DType): [number[], number[]] {
  if (dtype === 'f32') return pairs(FLOATS, wild);
  return dtype === 'bool' ? pairs([0, 1], []) : pairs(INTEGERS, words);
}

/** The oracle of a row as a function of its arguments, rounded as the dtype holds it. */
function oracleOf(name: ScalarName, result: DType, from: DType): Oracle {
  return (...args) => {
    const exact = SCALAR_REFERENCE[name](args, result, from);
    if (result === 'f32') return exact;
    return result === 'u32' ? exact >>> 0 : exact | 0;
  };
}

/** What exceeds its bound when these rows are applied to these operands. */
async function problems(
  applied: readonly Applied[],
  operands: readonly DType[],
  values: readonly (readonly number[])[],
): Promise<string[]> {
  const columns = values.map((list, i) => columnOf(operands[i] as DType, list));
  const got = await applyRows(gpu, applied, operands, columns);
  return applied.flatMap(([name, result], k) => {
    const from = operands.at(-1) as DType;
    const worst = worstOf(
      got[k] ?? columnOf(result, []),
      columns,
      result,
      oracleOf(name, result, from),
    );
    const bound = result === 'f32' ? ROWS[name].ulp : 0;
    return worst.ulp <= bound ? [] : [`${name} ${operands} → ${result}: ${JSON.stringify(worst)}`];
  });
}

const NUMBERS: readonly DType[] = ['f32', 'i32', 'u32'];
const ALL: readonly DType[] = [...NUMBERS, 'bool'];

function unaryOf(dtype: DType): ScalarName[] {
  if (dtype === 'bool') return ['not'];
  return dtype === 'f32' ? ['neg', 'abs', 'sign', 'floor'] : ['neg', 'abs', 'sign'];
}

test.each(ALL)('rows of one %s, casts among them', async (dtype) => {
  const others = ALL.filter((other) => other !== dtype);
  const applied: Applied[] = [
    ...unaryOf(dtype).map((name): Applied => [name, dtype]),
    ...others.map((other): Applied => ['cast', other]),
    ...(dtype === 'u32' ? [['unitFloat', 'f32'] as const] : []),
  ];
  expect(await problems(applied, [dtype], [single(dtype)])).toEqual([]);
});

const ARITHMETIC: readonly ScalarName[] = ['add', 'sub', 'mul', 'div', 'rem', 'maximum', 'minimum'];
const COMPARISONS: readonly ScalarName[] = ['eq', 'lt', 'le'];

test.each(ALL)('rows of two %s', async (dtype) => {
  const own: readonly ScalarName[] =
    dtype === 'bool' ? ['and', 'or', 'maximum', 'minimum'] : ARITHMETIC;
  const compared: readonly ScalarName[] = dtype === 'bool' ? ['eq'] : COMPARISONS;
  const applied: Applied[] = [
    ...own.map((name): Applied => [name, dtype]),
    ...compared.map((name): Applied => [name, 'bool']),
  ];
  expect(await problems(applied, [dtype, dtype], both(dtype))).toEqual([]);
});

test.each(['i32', 'u32'] as const)('powers of %s wrap', async (dtype) => {
  const exponents = dtype === 'i32' ? [-3, -2, -1, 0, 1, 2, 3, 5, 31] : [0, 1, 2, 3, 5, 31, 77];
  const [a, b] = pairs([...INTEGERS, ...exponents], []);
  const small = b.map((x) => (exponents.includes(x) ? x : 2));
  expect(await problems([['pow', dtype]], [dtype, dtype], [a, small])).toEqual([]);
});

test.each(ALL)('select of %s', async (dtype) => {
  const [a, b] = both(dtype);
  const condition = a.map((_, i) => ((i * 7) % 3) % 2);
  expect(await problems([['select', dtype]], ['bool', dtype, dtype], [condition, a, b])).toEqual(
    [],
  );
});

test('division of floats is correctly rounded on this device', async () => {
  const usual = random.map((x, i) => (x + 0.5) * 2 ** ((i % 60) - 30));
  const columns = [columnOf('f32', usual), columnOf('f32', [...usual].reverse())];
  const [got] = await applyRows(gpu, [['div', 'f32']], ['f32', 'f32'], columns);
  expect(got).toEqual(columns[0]?.map((a, i) => a / (columns[1]?.[i] as number)));
});

test('random bits are core’s', async () => {
  const keys = [0, 1, 0xffffffff, 0x1bd11bda, 0x80000000];
  const grid = keys.flatMap((k0) => keys.flatMap((k1) => keys.map((c) => [k0, k1, c] as const)));
  const more = words.map((w, i) => [w >>> 0, Math.imul(w, i) >>> 0, i] as const);
  const rows = [...grid, ...more];
  const columns = [0, 1, 2].map((k) => Uint32Array.from(rows, (row) => row[k] as number));
  const [got] = await applyRows(gpu, [['randomBits', 'u32']], ['u32', 'u32', 'u32'], columns);
  expect(got).toEqual(Uint32Array.from(rows, ([k0, k1, c]) => threefry2x32(k0, k1, c, 0)[0]));
});

describe('f16, which this device lacks, compiles', () => {
  const NAMES = Object.keys(SCALARS) as ScalarName[];
  const floating = NAMES.filter((name) => {
    return !['not', 'and', 'or', 'cast', 'unitFloat', 'randomBits', 'select'].includes(name);
  });
  const resultOf = (name: ScalarName): DType =>
    name === 'eq' || name === 'lt' || name === 'le' ? 'bool' : 'f16';
  test.each([1, 2] as const)('rows of %i', async (count) => {
    const applied = floating
      .filter((name) => SCALARS[name] === count)
      .map((name): Applied => [name, resultOf(name)]);
    expect(applied.length).toBeGreaterThan(8);
    const operands = Array.from({ length: count }, (): DType => 'f16');
    expect(await compileOnly(rowsSource(applied, operands))).toBeNull();
  });
  test('select and casts', async () => {
    const select = rowsSource([['select', 'f16']], ['bool', 'f16', 'f16']);
    expect(await compileOnly(select)).toBeNull();
    const casts = ALL.map((dtype): Applied => ['cast', dtype]);
    expect(await compileOnly(rowsSource(casts, ['f16']))).toBeNull();
    for (const from of ALL) {
      expect(await compileOnly(rowsSource([['cast', 'f16']], [from]))).toBeNull();
    }
  });
});

test.each(Object.keys(PRELUDE))('%s compiles with what it needs and no more', async (name) => {
  const text = PRELUDE[name]?.text ?? '';
  expect(text).toContain(`fn ${name}(`);
  const code = shaderText({ bindings: [], words: 1, workgroup: 1, prelude: [name], body: '' });
  expect(await compileOnly({ label: name, code, access: '', words: 1 })).toBeNull();
});

test('f64 does not exist here', () => {
  expect(() => ROWS.cast.text(['a'], 'f64', 'f32')).toThrow('WGSL has no f64');
});

test('the texts of some rows', () => {
  const shown = [
    rowText('add', 'f32'),
    rowText('maximum', 'f32'),
    rowText('maximum', 'bool'),
    rowText('exp', 'f16'),
    rowText('div', 'i32'),
    rowText('rem', 'u32'),
    rowText('lt', 'bool', 'f32'),
    rowText('select', 'f32'),
    rowText('cast', 'u32', 'f16'),
    rowText('cast', 'bool', 'f32'),
    rowText('randomBits', 'u32'),
  ];
  expect(shown).toMatchInlineSnapshot(`
    [
      "f32 add: (a + b)",
      "f32 maximum: nan_max(a, b, c)",
      "i32 maximum: (max(a, b, c))",
      "f16 exp: f16(exp_(f32(a), f32(b), f32(c)))",
      "i32 div: div_i32(a, b, c)",
      "u32 rem: (a % b % c)",
      "i32 lt: (select(0, 1, a < b))",
      "f32 select: (select(c, b, a != 0))",
      "u32 cast: to_u32(f32(a))",
      "i32 cast: (select(0, 1, (bitcast<u32>(a) & 0x7fffffffu) != 0u))",
      "u32 randomBits: random_bits(a, b, c)",
    ]
  `);
  expect(PRELUDE.exp_?.text).toMatchInlineSnapshot(`
    "fn exp_(x: f32) -> f32 {
      let n = bitcast<i32>(fma(x, 1.4426950216293335f, 12582912f)) - 0x4b400000;
      let k = f32(n);
      let high = fma(k, -0.693145751953125f, x);
      let r = fma(k, -0.000001428606765330187f, high);
      let p = fma(fma(fma(fma(fma(fma(0.0013820918975397944f, r, 0.00836868304759264f), r, 0.04166826605796814f), r, 0.1666652113199234f), r, 0.4999999403953552f), r, 1f), r, 1f);
      let limit = select(x * 1.7014118346046923e+38f, 0f, x < 0f);
      return select(scale(p, n), limit, (bitcast<u32>(x) & 0x7fffffffu) > 0x42d00000u);
    }"
  `);
});
