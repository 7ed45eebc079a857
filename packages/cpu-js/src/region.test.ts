import type { DType, ScalarName, Step } from '@tenon/core';
import { describe, expect, test } from 'vitest';
import { regionSource } from './region.ts';
import {
  constant,
  generated,
  interpreted,
  load,
  numbers,
  outcomes,
  reduce,
} from './region-test-support.ts';
import {
  expectRegion,
  runRegion,
  specOf,
  type TestInput,
  type TestRegion,
} from './test-support.ts';

function check(region: TestRegion): void {
  for (const { got, wanted } of outcomes(region)) expect(got).toEqual(wanted);
}

const op = (name: ScalarName, ...args: number[]): Step => ({
  op: name,
  args,
  dtype: 'f32',
  from: 'f32',
});

describe('element-wise', () => {
  test('dense, sizes around the unrolling', () => {
    for (const n of [1, 2, 3, 4, 5, 7, 8, 257, 300]) {
      check({
        kept: [n],
        inputs: [
          { dtype: 'f32', data: numbers(n), strides: [1] },
          { dtype: 'f32', data: numbers(n, 2), strides: [1] },
        ],
        outputs: [{ step: 2, dtype: 'f32', strides: [1], length: n }],
        steps: [load(0), load(1), op('mul', 0, 1)],
      });
    }
  });

  test('views: offsets, transposed, reversed and broadcast operands, strided output', () => {
    check({
      kept: [3, 4],
      inputs: [
        { dtype: 'f32', data: numbers(20), strides: [1, 3], offset: 5 },
        { dtype: 'f32', data: numbers(4, 2), strides: [0, -1], offset: 3 },
        { dtype: 'f32', data: numbers(3, 3), strides: [1, 0] },
        { dtype: 'i32', data: null, strides: [4, -1], offset: 3 },
      ],
      outputs: [
        { step: 4, dtype: 'f32', strides: [9, 2], offset: 1, length: 30 },
        { step: 5, dtype: 'i32', strides: [-4, 1], offset: 8, length: 12 },
      ],
      steps: [load(0), load(1), load(2), op('add', 0, 1), op('mul', 3, 2), load(3, 'i32')],
    });
  });

  test('a view that starts in the middle is not taken for a dense one', () => {
    check({
      kept: [6],
      inputs: [{ dtype: 'f32', data: numbers(10), strides: [1], offset: 4 }],
      outputs: [{ step: 1, dtype: 'f32', strides: [1], offset: 2, length: 9 }],
      steps: [load(0), op('neg', 0)],
    });
  });

  test('one axis: a strided or reversed result and operand beside dense ones', () => {
    for (const stride of [-1, 2]) {
      const first = stride < 0 ? 5 : 0;
      check({
        kept: [6],
        inputs: [
          { dtype: 'f32', data: numbers(6), strides: [1] },
          { dtype: 'f32', data: numbers(12), strides: [stride], offset: first },
        ],
        outputs: [
          { step: 2, dtype: 'f32', strides: [stride], offset: first, length: 12 },
          { step: 2, dtype: 'f32', strides: [1], length: 6 },
        ],
        steps: [load(0), load(1), op('add', 0, 1)],
      });
    }
  });

  test('fill, iota in every dtype, constants in every dtype', () => {
    for (const dtype of ['f32', 'f64', 'i32', 'u32', 'bool'] as const) {
      const value =
        dtype === 'bool' ? 1 : dtype === 'u32' ? 4000000000 : dtype === 'i32' ? -5 : 0.1;
      check({
        kept: [5],
        inputs: [{ dtype, data: null, strides: [3], offset: dtype === 'bool' ? -3 : 2 }],
        constants: [
          { dtype: 'f32', value: 9 },
          { dtype, value },
        ],
        outputs: [
          { step: 0, dtype, strides: [1], length: 5 },
          { step: 1, dtype, strides: [1], length: 5 },
        ],
        steps: [dtype === 'bool' ? constant(1, dtype) : load(0, dtype), constant(1, dtype)],
      });
    }
    const [mask] = runRegion(generated, {
      kept: [4],
      inputs: [{ dtype: 'bool', data: null, strides: [1], offset: -1 }],
      outputs: [{ step: 0, dtype: 'bool', strides: [1], length: 4 }],
      steps: [load(0, 'bool')],
    });
    expect(Array.from(mask ?? []).slice(0, 4)).toEqual([1, 0, 1, 1]);
  });

  test('in place: an output over its input', () => {
    check({
      kept: [2, 5],
      inputs: [{ dtype: 'f32', data: numbers(10), strides: [5, 1] }],
      outputs: [
        { step: 1, dtype: 'f32', strides: [5, 1], length: 10, alias: 0 },
        { step: 2, dtype: 'f32', strides: [1, 2], length: 10 },
      ],
      steps: [load(0), op('add', 0, 0), op('mul', 0, 1)],
    });
  });

  test('every step is rounded to float32', () => {
    const [out] = runRegion(generated, {
      kept: [1],
      inputs: [{ dtype: 'f32', data: [16777216], strides: [1] }],
      constants: [{ dtype: 'f32', value: 1 }],
      outputs: [{ step: 3, dtype: 'f32', strides: [1], length: 1 }],
      steps: [load(0), constant(0), op('add', 0, 1), op('sub', 2, 0)],
    });
    expect(out?.[0]).toBe(0);
  });
});

/** x of `rows` x `columns` reduced over axis 1 (rows innermost) or 0 (columns innermost). */
function matrix(
  rows: number,
  columns: number,
  axis: 0 | 1,
  data: readonly number[],
): {
  kept: number[];
  reduced: number[];
  x: TestInput;
  strides: number[];
  vector: number[];
} {
  const isRow = axis === 1;
  const strides = isRow ? [columns, 1] : [1, columns];
  return {
    kept: [isRow ? rows : columns],
    reduced: [isRow ? columns : rows],
    x: { dtype: 'f32', data, strides },
    strides,
    vector: [1, 0],
  };
}

describe('reductions', () => {
  test('every reducer and dtype, both loop orders, sizes around the grouping', () => {
    for (const reducer of ['sum', 'prod', 'max', 'min'] as const) {
      for (const dtype of ['f32', 'f64', 'i32', 'u32'] as const) {
        for (const axis of [0, 1] as const) {
          for (const [rows, columns] of [
            [1, 1],
            [3, 5],
            [4, 4],
            [9, 7],
            [6, 261],
          ] as const) {
            const whole = numbers(rows * columns).map((v) =>
              dtype === 'u32' ? v * 4 + 16 : v * 4,
            );
            const data =
              reducer === 'prod' ? whole.map((v) => (v % 3) + (dtype === 'u32' ? 0 : 1)) : whole;
            const m = matrix(rows, columns, axis, data);
            check({
              kept: m.kept,
              reduced: m.reduced,
              inputs: [{ ...m.x, dtype }],
              outputs: [{ step: 1, dtype, strides: m.vector, length: m.kept[0] ?? 0 }],
              steps: [load(0, dtype), reduce(reducer, 0, dtype)],
            });
          }
        }
      }
    }
  });

  test('bool: max is any, min is all', () => {
    for (const reducer of ['max', 'min'] as const) {
      check({
        kept: [4],
        reduced: [3],
        inputs: [{ dtype: 'bool', data: [0, 0, 0, 1, 1, 1, 0, 1, 0, 1, 0, 0], strides: [3, 1] }],
        outputs: [{ step: 1, dtype: 'bool', strides: [1, 0], length: 4 }],
        steps: [load(0, 'bool'), reduce(reducer, 0, 'bool')],
      });
    }
  });

  test('i32 sums and products wrap', () => {
    for (const backend of [generated, interpreted]) {
      const [sum, product] = runRegion(backend, {
        kept: [1],
        reduced: [3],
        inputs: [{ dtype: 'i32', data: [2147483647, 2147483647, 7], strides: [0, 1] }],
        outputs: [
          { step: 1, dtype: 'i32', strides: [1, 0], length: 1 },
          { step: 2, dtype: 'i32', strides: [1, 0], length: 1 },
        ],
        steps: [load(0, 'i32'), reduce('sum', 0, 'i32'), reduce('prod', 0, 'i32')],
      });
      expect(sum?.[0]).toBe(5);
      expect(product?.[0]).toBe(7);
    }
  });

  test('NaN first, in the middle and last reaches max, min and sum', () => {
    for (const axis of [0, 1] as const) {
      for (let at = 0; at < 9; at++) {
        const data = numbers(18);
        data[axis === 1 ? at : at * 2] = NaN;
        const m = matrix(axis === 1 ? 2 : 9, axis === 1 ? 9 : 2, axis, data);
        check({
          kept: m.kept,
          reduced: m.reduced,
          inputs: [m.x],
          outputs: [1, 2, 3].map((step) => ({
            step,
            dtype: 'f32',
            strides: m.vector,
            length: 2,
          })),
          steps: [load(0), reduce('max', 0), reduce('min', 0), reduce('sum', 0)],
        });
      }
    }
  });

  test('infinities: sums of f64 do not turn them into NaN', () => {
    for (const axis of [0, 1] as const) {
      for (const data of [
        [1, Infinity, 2, 3],
        [-Infinity, 1, 2, 3],
        [Infinity, -Infinity, 1, 2],
      ]) {
        const m = matrix(axis === 1 ? 1 : 4, axis === 1 ? 4 : 1, axis, data);
        for (const dtype of ['f32', 'f64'] as const) {
          check({
            kept: m.kept,
            reduced: m.reduced,
            inputs: [{ ...m.x, dtype }],
            outputs: [{ step: 1, dtype, strides: m.vector, length: 1 }],
            steps: [load(0, dtype), reduce('sum', 0, dtype)],
          });
        }
      }
    }
  });

  test('no reduced position leaves the identities', () => {
    check({
      kept: [3],
      reduced: [0],
      inputs: [{ dtype: 'f32', data: [1], strides: [0, 1] }],
      outputs: [1, 2, 3, 4].map((step) => ({ step, dtype: 'f32', strides: [1, 0], length: 3 })),
      steps: [load(0), reduce('sum', 0), reduce('prod', 0), reduce('max', 0), reduce('min', 0)],
    });
  });

  test('several kept and reduced axes, a broadcast and a kept operand', () => {
    for (const inner of [1, 12] as const) {
      check({
        kept: [2, 3],
        reduced: [4, 5],
        inputs: [
          { dtype: 'f32', data: numbers(400), strides: [60, inner === 1 ? 20 : 1, 5, inner] },
          { dtype: 'f32', data: numbers(5, 3), strides: [0, 0, 0, 1] },
          { dtype: 'f32', data: numbers(3, 4), strides: [0, 1, 0, 0] },
        ],
        outputs: [
          { step: 6, dtype: 'f32', strides: [3, 1, 0, 0], length: 6 },
          { step: 4, dtype: 'f32', strides: [60, 20, 5, 1], length: 120 },
        ],
        steps: [
          load(0),
          load(1),
          load(2),
          op('mul', 0, 1),
          op('sub', 3, 2),
          reduce('sum', 4),
          op('add', 5, 2),
        ],
      });
    }
  });

  test('20 million ones, and the mean of 10 million times 0.1', () => {
    const sumOf = (count: number, value: number, dtype: DType): number =>
      Number(
        runRegion(generated, {
          kept: [1],
          reduced: [count],
          inputs: [{ dtype: 'i32', data: null, strides: [0, 1] }],
          constants: [{ dtype, value }],
          outputs: [{ step: 2, dtype, strides: [1, 0], length: 1 }],
          steps: [load(0, 'i32'), constant(0, dtype), reduce('sum', 1, dtype)],
        })[0]?.[0],
      );
    expect(sumOf(20_000_000, 1, 'f32')).toBe(20_000_000);
    expect(sumOf(10_000_000, 0.1, 'f32')).toBe(Math.fround(1e7 * Math.fround(0.1)));
    expect(sumOf(10_000_000, 0.1, 'f64')).toBe(1_000_000);
  });
});

/** e^(x - max) / Σ, its row sums, as the fused region is. */
function softmax(rows: number, columns: number, axis: 0 | 1, data: readonly number[]): TestRegion {
  const m = matrix(rows, columns, axis, data);
  return {
    kept: m.kept,
    reduced: m.reduced,
    inputs: [m.x],
    outputs: [
      { step: 5, dtype: 'f32', strides: m.strides, length: rows * columns },
      { step: 4, dtype: 'f32', strides: m.vector, length: m.kept[0] ?? 0 },
    ],
    steps: [
      load(0),
      reduce('max', 0),
      op('sub', 0, 1),
      op('exp', 2),
      reduce('sum', 3),
      op('div', 3, 4),
    ],
  };
}

describe('dependent reductions', () => {
  test('softmax over either axis', () => {
    for (const axis of [0, 1] as const) {
      const region = softmax(axis === 1 ? 5 : 300, axis === 1 ? 300 : 5, axis, numbers(1500));
      const [wanted = []] = expectRegion(region);
      for (const backend of [generated, interpreted]) {
        const [got] = runRegion(backend, region);
        wanted.forEach((value, i) => {
          expect(Math.abs((got?.[i] ?? 0) - value)).toBeLessThanOrEqual(value * 2 ** -22);
        });
      }
      expect(runRegion(generated, region)).toEqual(runRegion(interpreted, region));
    }
  });

  test('softmax of a row with NaN is NaN, of others is not', () => {
    const data = numbers(12);
    data[5] = NaN;
    const [got] = runRegion(generated, softmax(3, 4, 1, data));
    expect(
      Array.from(got ?? [])
        .slice(0, 12)
        .map(Number.isNaN),
    ).toEqual(data.map((_, i) => i >= 4 && i < 8));
  });

  test('exp is kept in scratch, not computed in two phases', () => {
    for (const axis of [0, 1] as const) {
      const source = regionSource(specOf(softmax(4, 4, axis, numbers(16))));
      const lastPhase = source.slice(source.lastIndexOf('s3 / s4') - 200);
      expect(source).toContain('EXP2[k]');
      expect(lastPhase).not.toContain('EXP2[k]');
      expect(lastPhase).toContain('z3[');
    }
  });

  test('layer normalization with weight and bias, over either axis', () => {
    for (const axis of [0, 1] as const) {
      const n = 8;
      const m = matrix(n, n, axis, numbers(n * n));
      check({
        kept: m.kept,
        reduced: m.reduced,
        inputs: [
          m.x,
          { dtype: 'f32', data: numbers(n, 5), strides: [0, 1] },
          { dtype: 'f32', data: numbers(n, 6), strides: [0, 1] },
        ],
        constants: [
          { dtype: 'f32', value: 1 / n },
          { dtype: 'f32', value: 0.25 },
        ],
        outputs: [
          { step: 15, dtype: 'f32', strides: m.strides, length: n * n },
          { step: 3, dtype: 'f32', strides: m.vector, length: n },
          { step: 10, dtype: 'f32', strides: m.vector, length: n },
        ],
        steps: [
          load(0),
          reduce('sum', 0),
          constant(0),
          op('mul', 1, 2),
          op('sub', 0, 3),
          op('mul', 4, 4),
          reduce('sum', 5),
          op('mul', 6, 2),
          constant(1),
          op('add', 7, 8),
          op('sqrt', 9),
          op('div', 4, 10),
          load(1),
          op('mul', 11, 12),
          load(2),
          op('add', 13, 14),
        ],
      });
    }
  });

  test('an output over an input that a later phase still reads', () => {
    for (const axis of [0, 1] as const) {
      const m = matrix(5, 6, axis, numbers(30));
      check({
        kept: m.kept,
        reduced: m.reduced,
        inputs: [m.x, { dtype: 'f32', data: numbers(6, 9), strides: m.vector }],
        outputs: [
          { step: 1, dtype: 'f32', strides: m.strides, length: 30, alias: 0 },
          { step: 6, dtype: 'f32', strides: m.vector, length: 6, alias: 1 },
        ],
        steps: [
          load(0),
          op('add', 0, 0),
          reduce('max', 0),
          op('sub', 0, 2),
          reduce('sum', 3),
          load(1),
          op('sub', 4, 5),
        ],
      });
    }
  });
});

describe('generated text', () => {
  test('an addition of dense operands', () => {
    const source = regionSource(
      specOf({
        kept: [4],
        inputs: [
          { dtype: 'f32', data: [], strides: [1] },
          { dtype: 'f32', data: [], strides: [0] },
        ],
        outputs: [{ step: 2, dtype: 'f32', strides: [1], length: 4 }],
        steps: [load(0), load(1), op('add', 0, 1)],
      }),
    );
    expect(source).toMatchInlineSnapshot(`
      "function region(buffers, args) {
      const n0 = args[0];
      const v0 = buffers[0].f32;
      const o0 = args[1];
      const t0_0 = args[2];
      const v1 = buffers[1].f32;
      const o1 = args[3];
      const t1_0 = args[4];
      const v2 = buffers[2].f32;
      const o2 = args[5];
      const t2_0 = args[6];
      if ((o0 | o2) === 0) {
      const s1 = v1[o1];
      for (let i = 0, end = n0 - 3; i < end; i = i + 4 | 0) {
      {
      const s0 = v0[i];
      const s2 = Math.fround(s0 + s1);
      v2[i] = s2;
      }
      {
      const s0 = v0[(i + 1 | 0)];
      const s2 = Math.fround(s0 + s1);
      v2[(i + 1 | 0)] = s2;
      }
      {
      const s0 = v0[(i + 2 | 0)];
      const s2 = Math.fround(s0 + s1);
      v2[(i + 2 | 0)] = s2;
      }
      {
      const s0 = v0[(i + 3 | 0)];
      const s2 = Math.fround(s0 + s1);
      v2[(i + 3 | 0)] = s2;
      }
      }
      for (let i = 0 + (n0 - 0 & -4); i < n0; i++) {
      const s0 = v0[i];
      const s2 = Math.fround(s0 + s1);
      v2[i] = s2;
      }
      return;
      }
      const s1 = v1[o1];
      for (let i = 0, end = n0 - 3; i < end; i = i + 4 | 0) {
      {
      const s0 = v0[o0 + i | 0];
      const s2 = Math.fround(s0 + s1);
      v2[o2 + i | 0] = s2;
      }
      {
      const s0 = v0[o0 + (i + 1 | 0) | 0];
      const s2 = Math.fround(s0 + s1);
      v2[o2 + (i + 1 | 0) | 0] = s2;
      }
      {
      const s0 = v0[o0 + (i + 2 | 0) | 0];
      const s2 = Math.fround(s0 + s1);
      v2[o2 + (i + 2 | 0) | 0] = s2;
      }
      {
      const s0 = v0[o0 + (i + 3 | 0) | 0];
      const s2 = Math.fround(s0 + s1);
      v2[o2 + (i + 3 | 0) | 0] = s2;
      }
      }
      for (let i = 0 + (n0 - 0 & -4); i < n0; i++) {
      const s0 = v0[o0 + i | 0];
      const s2 = Math.fround(s0 + s1);
      v2[o2 + i | 0] = s2;
      }
      }"
    `);
  });
});
