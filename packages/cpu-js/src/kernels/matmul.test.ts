import type { MatmulSpec, RegionSpec, Step } from '@tenon/core';
import { describe, expect, test } from 'vitest';
import { cpuJs } from '../index.ts';
import { bitsOf, type Data, dataOf, launchOn } from '../test-support.ts';

const generated = cpuJs();
const interpreted = cpuJs({ codegen: false });

type DT = 'f32' | 'f64';

const store = (dtype: DT): RegionSpec => ({
  kind: 'region',
  keptRank: 4,
  reducedRank: 0,
  inputs: [{ dtype, domain: 'kept', source: 'buffer', keptClass: 0, reducedClass: 0 }],
  outputs: [{ step: 0, dtype, domain: 'kept', keptClass: 2, reducedClass: 0, alias: -1 }],
  steps: [{ op: 'load', index: 0, dtype }],
  constants: [],
});

function spec(dtype: DT, epilogue: RegionSpec = store(dtype)): MatmulSpec {
  return { kind: 'matmul', dtype, aClasses: [2, 2], bClasses: [2, 2], epilogue };
}

let state = 1;
function random(): number {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return (state >>> 8) / 2 ** 23 - 1;
}

interface Matrices {
  readonly sizes: readonly [b0: number, b1: number, m: number, n: number, k: number];
  /** offset, two batch strides, row stride, column stride. */
  readonly a: readonly number[];
  readonly b: readonly number[];
  readonly c: readonly number[];
}

function lengthOf(place: readonly number[], sizes: readonly number[]): number {
  return (
    1 +
    (place[0] ?? 0) +
    sizes.reduce((sum, s, i) => sum + Math.max(0, (s - 1) * (place[i + 1] ?? 0)), 0)
  );
}

function at(place: readonly number[], ...index: number[]): number {
  return index.reduce((sum, i, axis) => sum + i * (place[axis + 1] ?? 0), place[0] ?? 0);
}

/** Naive sums in float64. */
function oracle({ sizes, a, b, c }: Matrices, x: Data, y: Data, z: Data): number[] {
  const [b0, b1, m, n, k] = sizes;
  const out = Array.from(z);
  for (let p = 0; p < b0; p++)
    for (let q = 0; q < b1; q++)
      for (let i = 0; i < m; i++)
        for (let j = 0; j < n; j++) {
          let sum = 0;
          for (let l = 0; l < k; l++)
            sum += (x[at(a, p, q, i, l)] ?? NaN) * (y[at(b, p, q, l, j)] ?? NaN);
          out[at(c, p, q, i, j)] = sum;
        }
  return out;
}

function check(matrices: Matrices, dtype: DT = 'f32'): void {
  const { sizes, a, b, c } = matrices;
  const [b0, b1, m, n, k] = sizes;
  const make = (length: number): Data => dataOf(dtype, Array.from({ length }, random));
  const x = make(lengthOf(a, [b0, b1, m, k]));
  const y = make(lengthOf(b, [b0, b1, k, n]));
  const z = make(lengthOf(c, [b0, b1, m, n]));
  const args = [...sizes, ...a, ...b, b0, b1, m, n, 0, 0, 0, 0, 0, ...c];
  const operands = [
    { dtype, data: x },
    { dtype, data: y },
    { dtype, data: z },
  ];
  const [, , got] = launchOn(generated, spec(dtype), operands, args);
  const wanted = oracle(matrices, x, y, z);
  // Double sums in another order, then one rounding.
  const tolerance = dtype === 'f32' ? 2 ** -24 : 2 ** -50;
  wanted.forEach((value, i) => {
    const error = Math.abs((got?.[i] ?? NaN) - value);
    expect(error).toBeLessThanOrEqual(Math.abs(value) * tolerance * 1.01 + k * 2 ** -51);
  });
  expect(launchOn(interpreted, spec(dtype), operands, args)[2]).toEqual(got);
}

function dense(
  m: number,
  n: number,
  k: number,
  isTransposedA = false,
  isTransposedB = false,
): Matrices {
  return {
    sizes: [1, 1, m, n, k],
    a: isTransposedA ? [0, 0, 0, 1, m] : [0, 0, 0, k, 1],
    b: isTransposedB ? [0, 0, 0, 1, k] : [0, 0, 0, n, 1],
    c: [0, 0, 0, n, 1],
  };
}

describe('matmul', () => {
  test('all small shapes, both operands either way round', () => {
    for (const m of [1, 2, 3, 4, 5, 8, 9])
      for (const n of [1, 2, 3, 4, 5, 7, 12])
        for (const k of [1, 2, 3, 4, 5, 17])
          check(dense(m, n, k, (m + n) % 2 === 0, (n + k) % 2 === 0));
  });

  test('across the blocks of m, n and k', () => {
    check(dense(130, 133, 257));
    check(dense(4, 260, 600, true, true));
    check(dense(1, 2100, 300));
    check(dense(1, 2100, 30, false, true));
    check(dense(2100, 2, 258));
    check(dense(300, 1, 600, true));
  });

  test('operands too large to be packed whole', () => {
    // 8200 rows x 260 > 2^21 elements.
    const matrices = dense(8200, 4, 260);
    check(matrices);
    check(dense(5, 8200, 260));
  });

  test('no inner positions give zeros', () => {
    const operands = [0, 1, 2].map(() => ({
      dtype: 'f32' as const,
      data: dataOf('f32', [7, 7, 7, 7, 7, 7, 7, 7]),
    }));
    for (const [m, n] of [
      [2, 4],
      [4, 2],
    ] as const) {
      const args = [
        1,
        1,
        m,
        n,
        0,
        0,
        0,
        0,
        1,
        1,
        0,
        0,
        0,
        1,
        1,
        1,
        1,
        m,
        n,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        n,
        1,
      ];
      const [, , got] = launchOn(generated, spec('f32'), operands, args);
      expect(Array.from(got ?? []).slice(0, 8)).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
    }
    const args = [
      1, 1, 4, 4, 0, 0, 0, 0, 1, 1, 0, 0, 0, 1, 1, 1, 1, 4, 4, 0, 0, 0, 0, 0, 0, 0, 0, 4, 1,
    ];
    const large = [0, 1, 2].map(() => ({
      dtype: 'f32' as const,
      data: dataOf('f32', new Array<number>(16).fill(7)),
    }));
    expect(Array.from(launchOn(generated, spec('f32'), large, args)[2] ?? [])).toEqual(
      new Array(16).fill(0),
    );
  });

  test('batches, broadcast operands, offsets, negative strides, a strided result', () => {
    check({
      sizes: [2, 3, 5, 6, 7],
      a: [0, 105, 35, 7, 1],
      b: [0, 126, 42, 6, 1],
      c: [0, 90, 30, 6, 1],
    });
    check({
      sizes: [2, 3, 5, 6, 7],
      a: [4, 0, 35, 7, 1],
      b: [2, 42, 0, 6, 1],
      c: [1, 90, 30, 1, 5],
    });
    check({ sizes: [3, 2, 1, 9, 4], a: [0, 0, 0, 4, 1], b: [3, 36, 0, 1, 4], c: [0, 18, 9, 9, 1] });
    check({
      sizes: [1, 2, 4, 4, 4],
      a: [15, 0, 0, -4, -1],
      b: [3, 0, 16, 4, -1],
      c: [0, 0, 32, 8, 2],
    });
    check({
      sizes: [1, 2, 6, 2, 3],
      a: [17, 0, 0, -3, -1],
      b: [0, 0, 6, 2, 1],
      c: [0, 0, 12, 1, 6],
    });
  });

  test('f64', () => {
    for (const [m, n, k] of [
      [5, 6, 300],
      [1, 9, 5],
      [9, 1, 5],
      [64, 64, 64],
    ] as const) {
      check(dense(m, n, k), 'f64');
    }
  });

  test('a row, a column and a block of one product have the same bits', () => {
    const [m, n, k] = [6, 7, 700];
    const x = dataOf('f32', Array.from({ length: m * k }, random));
    const y = dataOf('f32', Array.from({ length: k * n }, random));
    const product = (rows: number, columns: number): Data => {
      const args = [
        1,
        1,
        rows,
        columns,
        k,
        0,
        0,
        0,
        k,
        1,
        0,
        0,
        0,
        n,
        1,
        1,
        1,
        rows,
        columns,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        n,
        1,
      ];
      const z = dataOf('f64', new Array<number>(m * n).fill(0));
      const wide = [
        { dtype: 'f64' as const, data: Float64Array.from(x) },
        { dtype: 'f64' as const, data: Float64Array.from(y) },
        { dtype: 'f64' as const, data: z },
      ];
      return launchOn(generated, spec('f64'), wide, args)[2] ?? new Float64Array(0);
    };
    const whole = product(m, n);
    expect(product(1, n).slice(0, n)).toEqual(whole.slice(0, n));
    const column = product(m, 1);
    for (let i = 0; i < m; i++) expect(column[i * n]).toBe(whole[i * n]);
  });

  test('specials: NaN and infinities reach the sums', () => {
    const x = dataOf('f32', [NaN, 1, 1, 1, Infinity, 1, 1, 1, 1, -0, 0, 0, 0, 0, 0, 0]);
    const y = dataOf('f32', [1, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
    const z = dataOf('f32', new Array<number>(16).fill(0));
    const args = [
      1, 1, 4, 4, 4, 0, 0, 0, 4, 1, 0, 0, 0, 4, 1, 1, 1, 4, 4, 0, 0, 0, 0, 0, 0, 0, 0, 4, 1,
    ];
    const [, , got] = launchOn(
      generated,
      spec('f32'),
      [x, y, z].map((data) => ({ dtype: 'f32', data })),
      args,
    );
    expect(Array.from(got ?? []).slice(0, 8)).toEqual([
      NaN,
      NaN,
      NaN,
      NaN,
      Infinity,
      NaN,
      Infinity,
      Infinity,
    ]);
  });
});

describe('epilogue', () => {
  const load = (index: number): Step => ({ op: 'load', index, dtype: 'f32' });
  /** max(acc + bias[n], c), and acc itself as a second output, transposed. */
  const epilogue: RegionSpec = {
    kind: 'region',
    keptRank: 4,
    reducedRank: 0,
    inputs: [
      { dtype: 'f32', domain: 'kept', source: 'buffer', keptClass: 0, reducedClass: 0 },
      { dtype: 'f32', domain: 'kept', source: 'buffer', keptClass: 1, reducedClass: 0 },
      { dtype: 'i32', domain: 'kept', source: 'iota', keptClass: 0, reducedClass: 0 },
    ],
    outputs: [
      { step: 7, dtype: 'f32', domain: 'kept', keptClass: 1, reducedClass: 0, alias: -1 },
      { step: 0, dtype: 'f32', domain: 'kept', keptClass: 2, reducedClass: 0, alias: -1 },
    ],
    steps: [
      load(0),
      load(1),
      { op: 'add', args: [0, 1], dtype: 'f32', from: 'f32' },
      { op: 'const', index: 0, dtype: 'f32' },
      { op: 'maximum', args: [2, 3], dtype: 'f32', from: 'f32' },
      { op: 'load', index: 2, dtype: 'i32' },
      { op: 'cast', args: [5], dtype: 'f32', from: 'i32' },
      { op: 'add', args: [4, 6], dtype: 'f32', from: 'f32' },
    ],
    constants: ['f32'],
  };

  test('bias, activation, an iota over rows and batches, a second output', () => {
    for (const [m, n] of [
      [6, 7],
      [140, 5],
      [2, 9],
      [9, 2],
      [3, 300],
    ] as const) {
      const k = 5;
      const batches = 2;
      const x = dataOf('f32', Array.from({ length: batches * m * k }, random));
      const y = dataOf('f32', Array.from({ length: k * n }, random));
      const bias = dataOf('f32', Array.from({ length: n }, random));
      const zero = (): Data => dataOf('f32', new Array<number>(batches * m * n).fill(0));
      const args = [
        1,
        batches,
        m,
        n,
        k,
        0,
        0,
        m * k,
        k,
        1,
        0,
        0,
        0,
        n,
        1,
        1,
        batches,
        m,
        n,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        1,
        2,
        0,
        100,
        1,
        0,
        0,
        0,
        m * n,
        n,
        1,
        0,
        0,
        m * n,
        1,
        m,
        ...bitsOf('f32', -0.25),
      ];
      const operands = [x, y, bias, zero(), zero()].map((data) => ({
        dtype: 'f32' as const,
        data,
      }));
      for (const backend of [generated, interpreted]) {
        const [, , , first, second] = launchOn(backend, spec('f32', epilogue), operands, args);
        for (let b = 0; b < batches; b++)
          for (let i = 0; i < m; i++)
            for (let j = 0; j < n; j++) {
              let sum = 0;
              for (let l = 0; l < k; l++)
                sum += (x[b * m * k + i * k + l] ?? 0) * (y[l * n + j] ?? 0);
              const rounded = Math.fround(sum);
              const active = Math.max(Math.fround(rounded + (bias[j] ?? 0)), -0.25);
              const wanted = Math.fround(active + (2 + 100 * b + i));
              expect(first?.[b * m * n + i * n + j]).toBe(wanted);
              expect(second?.[b * m * n + j * m + i]).toBe(rounded);
            }
      }
    }
  });
});
