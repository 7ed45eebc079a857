import { DTypeError, IndexRangeError } from '@tenon/core';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  type Bench,
  bitsOf,
  type Data,
  DTYPES,
  dataOf,
  type IrregularSpec,
  makeBenches,
  makeRandom,
} from './irregular-test-support.ts';

let benches: Bench[] = [];
beforeAll(async () => {
  benches = await makeBenches(makeRandom(11));
});

/** Expects the same result on every bench. */
function expectAll(
  spec: IrregularSpec,
  inputs: readonly Data[],
  args: readonly number[],
  wanted: readonly number[],
): void {
  expect(benches.length).toBeGreaterThan(4);
  for (const { name, run } of benches) {
    const got = Array.from(run({ spec, inputs, args, length: wanted.length }));
    expect({ name, got }).toEqual({ name, got: wanted });
  }
}

describe('gather and scatterAdd', () => {
  const gather = { kind: 'gather', dtype: 'f32', bounds: 'throw' } as const;
  const scatter = { kind: 'scatterAdd', dtype: 'f32', bounds: 'throw' } as const;

  test('indices out of range are named, wherever they lie', () => {
    for (const { run } of benches) {
      const take = (index: number[]): Data =>
        run({
          spec: gather,
          inputs: [dataOf('f32', [1, 2, 3]), dataOf('i32', index)],
          args: [1, 1, 3, index.length, 1],
          length: index.length,
        });
      expect(() => take([0, 1, 2, 5])).toThrow(
        new IndexRangeError('gather: index 5 at position 3 is outside [0, 3)'),
      );
      expect(() => take([-1])).toThrow('gather: index -1 at position 0 is outside [0, 3)');
      for (const place of [0, 3, 7, 8, 30, 33]) {
        const index = new Array<number>(34).fill(2);
        index[place] = -2147483648;
        expect(() => take(index)).toThrow(
          `gather: index -2147483648 at position ${place} is outside [0, 3)`,
        );
        index[place] = 2;
        expect(Array.from(take(index))).toEqual(index.map(() => 3));
      }
    }
  });

  test('scatterAdd names the op, and an index into nothing', () => {
    for (const { run } of benches) {
      const inputs = [dataOf('f32', [1, 2, 3]), dataOf('i32', [0, 3, 0])];
      expect(() => run({ spec: scatter, inputs, args: [1, 1, 3, 3, 1], length: 3 })).toThrow(
        new IndexRangeError('scatterAdd: index 3 at position 1 is outside [0, 3)'),
      );
      const none = [dataOf('f32', []), dataOf('i32', [0])];
      expect(() => run({ spec: gather, inputs: none, args: [1, 1, 0, 1, 1], length: 1 })).toThrow(
        'gather: index 0 at position 0 is outside [0, 0)',
      );
    }
  });

  test('no rows, no indices, nothing inside: a result of zeros or of nothing', () => {
    const none = dataOf('f32', []);
    expectAll(gather, [dataOf('f32', [1, 2]), dataOf('i32', [])], [1, 1, 2, 0, 1], []);
    expectAll(scatter, [none, dataOf('i32', [])], [1, 1, 3, 0, 2], [0, 0, 0, 0, 0, 0]);
    expectAll(scatter, [none, dataOf('i32', [])], [1, 1, 3, 0, 20], new Array(60).fill(0));
    expectAll(scatter, [none, dataOf('i32', [0])], [1, 1, 3, 1, 0], []);
  });

  test('sums run in the order of the index', () => {
    // (1e8 + 1) - 1e8 is 0 in f32; another order gives 1.
    for (const width of [1, 3, 8, 40]) {
      const rows = [1e8, 5, 1, -1e8].flatMap((value) => new Array<number>(width).fill(value));
      const wanted = [5, 0, 0].flatMap((value) => new Array<number>(width).fill(value));
      const inputs = [dataOf('f32', rows), dataOf('i32', [2, 0, 2, 2])];
      expectAll(scatter, inputs, [1, 1, 3, 4, width], wanted);
    }
  });

  test('large: every row of a table, forwards and back, over several pieces', () => {
    const [n, i] = [3000, 48];
    const random = makeRandom(3);
    const x = Float32Array.from({ length: n * i }, () => random(1000));
    const order = Int32Array.from({ length: n }, (_, p) => (p * 7) % n);
    const moved = new Float32Array(n * i);
    order.forEach((from, to) => {
      moved.set(x.subarray(from * i, from * i + i), to * i);
    });
    for (const { name, run } of benches) {
      const args = [1, 1, n, n, i];
      const got = run({ spec: gather, inputs: [x, order], args, length: n * i });
      expect(got, name).toEqual(moved);
      expect(run({ spec: scatter, inputs: [got, order], args, length: n * i }), name).toEqual(x);
    }
  });
});

describe('fold', () => {
  test('a place that no window reaches is 0; -0 sums to 0', () => {
    const spec = { kind: 'fold', dtype: 'f32' } as const;
    const x = dataOf('f32', [1, 2, 3, 10, 20, 30]);
    expectAll(spec, [x], [1, 8, 2, 3, 1, 2, 1], [1, 10, 2, 20, 3, 30, 0, 0]);
    expectAll(spec, [dataOf('f32', [-0, -0])], [1, 3, 2, 1, 1, 1, 1], [0, 0, 0]);
    expectAll(spec, [dataOf('f32', [])], [1, 3, 0, 2, 1, 1, 1], [0, 0, 0]);
  });

  test('overlapping bools are "or", integers wrap', () => {
    const args = [1, 3, 2, 2, 1, 1, 1];
    expectAll({ kind: 'fold', dtype: 'bool' }, [dataOf('bool', [1, 1, 1, 0])], args, [1, 1, 0]);
    const x = dataOf('i32', [1, 2147483647, 1, 5]);
    expectAll({ kind: 'fold', dtype: 'i32' }, [x], args, [1, -2147483648, 5]);
  });
});

describe('pad', () => {
  test('every dtype, any value, both sides cut', () => {
    for (const dtype of DTYPES) {
      const value = dtype === 'bool' ? 1 : dtype === 'f32' || dtype === 'f64' ? -Infinity : 9;
      const args = [2, 5, 3, 4, -1, 2, ...bitsOf(dtype, value)];
      const x = dataOf(dtype, [1, 0, 1, 0, 0, 1, 1, 1, 1, 0, 0, 1]);
      const v = value;
      const wanted = [v, v, 0, 1, 1, v, v, 1, 0, 0];
      expectAll({ kind: 'pad', rank: 2, dtype }, [x], args, wanted);
    }
  });

  test('a scalar, and a result that holds nothing of the input', () => {
    const spec = { kind: 'pad', rank: 0, dtype: 'f32' } as const;
    expectAll(spec, [dataOf('f32', [5])], [...bitsOf('f32', 1)], [5]);
    const away = { kind: 'pad', rank: 1, dtype: 'i32' } as const;
    expectAll(away, [dataOf('i32', [1, 2])], [3, 2, -2, 7], [7, 7, 7]);
    expectAll(away, [dataOf('i32', [1, 2])], [3, 2, 5, 7], [7, 7, 7]);
    expectAll(away, [dataOf('i32', [])], [3, 0, 1, 7], [7, 7, 7]);
  });
});

describe('argReduce', () => {
  const arg = (reducer: 'max' | 'min', data: Data, n: number, wanted: number[]): void => {
    const dtype = data instanceof Float64Array ? 'f64' : 'f32';
    const args = [data.length / n, n, 1];
    expectAll({ kind: 'argReduce', reducer, dtype }, [data], args, wanted);
  };

  test('the first extreme, the first NaN before anything', () => {
    for (const dtype of ['f32', 'f64'] as const) {
      arg('max', dataOf(dtype, [1, 5, 2, 5]), 4, [1]);
      arg('min', dataOf(dtype, [3, 1, 2, 1]), 4, [1]);
      arg('max', dataOf(dtype, [NaN, 5, NaN]), 3, [0]);
      arg('min', dataOf(dtype, [1, -Infinity, 4, NaN]), 4, [3]);
      arg('max', dataOf(dtype, [-0, 0]), 2, [0]);
      arg('min', dataOf(dtype, [0, -0]), 2, [0]);
      arg('max', dataOf(dtype, [-Infinity, -Infinity]), 2, [0]);
    }
  });

  test('long rows: the extreme or a NaN at every place around blocks and vectors', () => {
    for (const n of [16, 19, 67, 2048, 2049, 4100]) {
      for (const place of [0, 1, 3, 4, 15, 17, 64, 2047, 2048, 2049, 4095, 4099, n - 1]) {
        if (place >= n) continue;
        const x = new Float32Array(n).fill(-Infinity);
        x[place] = -1;
        arg('max', x, n, [place]);
        x[place] = NaN;
        arg('max', x, n, [place]);
        arg('min', x, n, [place]);
        if (place > 0) x[0] = Infinity;
        arg('min', x, n, [place]);
      }
    }
  });

  test('extremes of integers', () => {
    const spec = { kind: 'argReduce', reducer: 'max', dtype: 'u32' } as const;
    const x = dataOf('u32', [1, 4294967295, 2147483648]);
    expectAll(spec, [x], [1, 3, 1], [1]);
    const least = { kind: 'argReduce', reducer: 'min', dtype: 'i32' } as const;
    expectAll(least, [dataOf('i32', [4, -2147483648, 0])], [1, 3, 1], [1]);
  });
});

describe('scan', () => {
  test('a long sum keeps its digits', () => {
    const n = 100_000;
    const spec = { kind: 'scan', reducer: 'sum', dtype: 'f32' } as const;
    const x = new Float32Array(n).fill(0.1);
    for (const { name, run } of benches) {
      const got = run({ spec, inputs: [x], args: [1, n, 1], length: n });
      expect(got[n - 1], name).toBe(Math.fround(n * Math.fround(0.1)));
    }
  });

  test('sums of doubles carry what they lose', () => {
    const spec = { kind: 'scan', reducer: 'sum', dtype: 'f64' } as const;
    const x = dataOf('f64', [1, 1e100, 1, -1e100]);
    expectAll(spec, [x], [1, 4, 1], [1, 1e100, 1e100, 2]);
    const both = dataOf('f64', [1, 1, 1e100, 1e100, 1, 1, -1e100, -1e100]);
    expectAll(spec, [both], [1, 4, 2], [1, 1, 1e100, 1e100, 1e100, 1e100, 2, 2]);
    const infinite = dataOf('f64', [1, Infinity, 2]);
    expectAll(spec, [infinite], [1, 3, 1], [1, Infinity, Infinity]);
  });

  test('a running maximum keeps NaN and puts -0 before 0', () => {
    for (const dtype of ['f32', 'f64'] as const) {
      const spec = { kind: 'scan', reducer: 'max', dtype } as const;
      const x = [-3, -0, 0, -1, 2, NaN, 5, 6, 7];
      const wanted = [-3, -0, 0, 0, 2, NaN, NaN, NaN, NaN];
      expectAll(spec, [dataOf(dtype, x)], [1, 9, 1], wanted);
      const negative = Float32Array.from(x);
      new Int32Array(negative.buffer)[5] = -1; // a NaN with its sign bit set
      expectAll(spec, [dtype === 'f32' ? negative : dataOf(dtype, x)], [1, 9, 1], wanted);
      expectAll(spec, [dataOf(dtype, [-Infinity, -Infinity])], [1, 2, 1], [-Infinity, -Infinity]);
    }
  });
});

describe('argSort', () => {
  test('stable both ways, NaN largest, zeros equal, around every change of method', () => {
    for (const dtype of ['f32', 'f64'] as const) {
      for (const n of [1, 2, 40, 41, 300, 8191, 8192, 9000]) {
        const random = makeRandom(n);
        const x = dataOf(
          dtype,
          Array.from(
            { length: n },
            () => [NaN, -0, 0, Infinity, -Infinity, 1e-40, 3][random(7)] ?? 0,
          ),
        );
        for (const descending of [false, true]) {
          const key = (p: number): number => {
            const value = x[p] ?? 0;
            const order = Number.isNaN(value) ? 9 : Math.atan(value);
            return descending ? -order : order;
          };
          const wanted = Array.from(x, (_, p) => p).sort((a, b) => key(a) - key(b) || a - b);
          expectAll({ kind: 'argSort', dtype, descending }, [x], [1, n, 1], wanted);
        }
      }
    }
  });

  test('rows too long for the scratch, more of them than threads, along a middle axis', () => {
    const [o, n, i] = [1, 70_000, 3];
    const random = makeRandom(5);
    const x = Int32Array.from({ length: n * i }, () => random(2 ** 32) | 0);
    const spec = { kind: 'argSort', dtype: 'i32', descending: false } as const;
    for (const { name, run } of benches) {
      const got = run({ spec, inputs: [x], args: [o, n, i], length: n * i });
      for (let c = 0; c < i; c++) {
        const seen = new Uint8Array(n);
        let isSorted = true;
        for (let p = 0; p < n; p++) {
          const place = got[p * i + c] ?? 0;
          seen[place] = 1;
          const before = got[(p - 1) * i + c] ?? 0;
          const [a, b] = [x[before * i + c] ?? 0, x[place * i + c] ?? 0];
          if (p > 0 && (a > b || (a === b && before > place))) isSorted = false;
        }
        expect({ name, isSorted, all: seen.every((s) => s === 1) }).toEqual({
          name,
          isSorted: true,
          all: true,
        });
      }
    }
  });
});

test('f16 is refused when a kernel is prepared', () => {
  for (const { run } of benches) {
    const sample = { inputs: [], args: [], length: 0 };
    expect(() => run({ spec: { kind: 'fold', dtype: 'f16' }, ...sample })).toThrow(DTypeError);
    expect(() => run({ spec: { kind: 'pad', rank: 1, dtype: 'f16' }, ...sample })).toThrow(
      DTypeError,
    );
  }
});
