import type { DType } from '@tenon/core';
import { DTypeError, IndexRangeError } from '@tenon/core';
import { describe, expect, test } from 'vitest';
import { cpuJs } from '../index.ts';
import { bitsOf, type Data, dataOf, launchOn } from '../test-support.ts';

const backend = cpuJs();
const DTYPES: readonly DType[] = ['f32', 'f64', 'i32', 'u32'];

let state = 7;
function integer(below: number): number {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return (state >>> 8) % below;
}
function integers(count: number, below: number): number[] {
  return Array.from({ length: count }, () => integer(below));
}

/** Launches on the given operands and a result full of 77; returns the result. */
function run(
  spec: Parameters<typeof launchOn>[1],
  inputs: readonly { readonly dtype: DType; readonly data: readonly number[] }[],
  output: DType,
  length: number,
  args: readonly number[],
): number[] {
  const operands: { dtype: DType; data: Data }[] = [
    ...inputs.map(({ dtype, data }) => ({ dtype, data: dataOf(dtype, data) })),
    { dtype: output, data: dataOf(output, new Array<number>(length).fill(77)) },
  ];
  return Array.from(launchOn(backend, spec, operands, args).at(-1) ?? []);
}

describe('gather and scatterAdd', () => {
  const shapes = [
    [1, 1, 5, 4, 1],
    [2, 3, 5, 4, 1],
    [2, 3, 5, 4, 3],
    [1, 2, 7, 9, 40],
    [3, 1, 1, 2, 2],
  ] as const;

  test('gather against its definition', () => {
    for (const dtype of DTYPES) {
      for (const [b, o, n, j, i] of shapes) {
        const x = integers(b * o * n * i, 100);
        const index = integers(b * j, n);
        const wanted: number[] = [];
        for (let p = 0; p < b; p++)
          for (let q = 0; q < o; q++)
            for (let r = 0; r < j; r++)
              for (let s = 0; s < i; s++)
                wanted.push(x[((p * o + q) * n + (index[p * j + r] ?? 0)) * i + s] ?? NaN);
        const inputs = [
          { dtype, data: x },
          { dtype: 'i32' as const, data: index },
        ];
        expect(
          run({ kind: 'gather', dtype, bounds: 'throw' }, inputs, dtype, wanted.length, [
            b,
            o,
            n,
            j,
            i,
          ]),
        ).toEqual(wanted);
      }
    }
  });

  test('scatterAdd against its definition: repeated indices add, untouched places are 0', () => {
    for (const dtype of DTYPES) {
      for (const [b, o, n, j, i] of shapes) {
        const x = integers(b * o * j * i, 100);
        const index = integers(b * j, n);
        const wanted = new Array<number>(b * o * n * i).fill(0);
        for (let p = 0; p < b; p++)
          for (let q = 0; q < o; q++)
            for (let r = 0; r < j; r++)
              for (let s = 0; s < i; s++) {
                const to = ((p * o + q) * n + (index[p * j + r] ?? 0)) * i + s;
                wanted[to] = (wanted[to] ?? 0) + (x[((p * o + q) * j + r) * i + s] ?? NaN);
              }
        const inputs = [
          { dtype, data: x },
          { dtype: 'i32' as const, data: index },
        ];
        expect(
          run({ kind: 'scatterAdd', dtype, bounds: 'throw' }, inputs, dtype, wanted.length, [
            b,
            o,
            n,
            j,
            i,
          ]),
        ).toEqual(wanted);
      }
    }
  });

  test('indices out of range are named, and nothing is written', () => {
    const x = { dtype: 'f32' as const, data: [1, 2, 3] };
    const index = (data: number[]) => ({ dtype: 'i32' as const, data });
    const gather = { kind: 'gather', dtype: 'f32', bounds: 'throw' } as const;
    expect(() => run(gather, [x, index([0, 1, 2, 5])], 'f32', 4, [1, 1, 3, 4, 1])).toThrow(
      new IndexRangeError('gather: index 5 at position 3 is outside [0, 3)'),
    );
    expect(() => run(gather, [x, index([-1])], 'f32', 1, [1, 1, 3, 1, 1])).toThrow(
      'gather: index -1 at position 0 is outside [0, 3)',
    );
    const scatter = { kind: 'scatterAdd', dtype: 'f32', bounds: 'throw' } as const;
    expect(() => run(scatter, [x, index([0, 3, 0])], 'f32', 3, [1, 1, 3, 3, 1])).toThrow(
      'scatterAdd: index 3 at position 1 is outside [0, 3)',
    );
  });
});

describe('fold', () => {
  test('overlapping, gapped and dilated windows', () => {
    for (const [o, n, w, k, step, dilation, i] of [
      [1, 5, 3, 3, 1, 1, 1],
      [2, 9, 3, 2, 3, 2, 3],
      [3, 7, 2, 3, 2, 2, 1],
      [1, 4, 4, 1, 1, 1, 5],
    ] as const) {
      const x = integers(o * w * k * i, 50);
      const wanted = new Array<number>(o * n * i).fill(0);
      for (let p = 0; p < o; p++)
        for (let place = 0; place < n; place++)
          for (let a = 0; a < w; a++)
            for (let b = 0; b < k; b++)
              for (let s = 0; s < i; s++)
                if (a * step + b * dilation === place) {
                  const to = (p * n + place) * i + s;
                  wanted[to] = (wanted[to] ?? 0) + (x[((p * w + a) * k + b) * i + s] ?? NaN);
                }
      expect(
        run({ kind: 'fold', dtype: 'f32' }, [{ dtype: 'f32', data: x }], 'f32', wanted.length, [
          o,
          n,
          w,
          k,
          step,
          dilation,
          i,
        ]),
      ).toEqual(wanted);
    }
  });
});

describe('pad', () => {
  test('any rank, both sides, cut sides, every dtype', () => {
    for (const dtype of [...DTYPES, 'bool' as const]) {
      for (const { size, low, high } of [
        { size: [4], low: [2], high: [1] },
        { size: [3, 5], low: [1, 0], high: [0, 2] },
        { size: [3, 5], low: [-1, 2], high: [1, -2] },
        { size: [3, 5], low: [0, -2], high: [1, 1] },
        { size: [2, 4], low: [1, -1], high: [0, -2] },
        { size: [2, 3, 40], low: [0, 1, 3], high: [2, 0, 3] },
        { size: [2, 1, 2, 3], low: [1, 1, 1, 1], high: [1, 1, 1, 1] },
        { size: [2, 3], low: [-2, 0], high: [3, 0] },
      ]) {
        const rank = size.length;
        const out = size.map((s, a) => s + (low[a] ?? 0) + (high[a] ?? 0));
        const total = size.reduce((a, b) => a * b, 1);
        const x = integers(total, 2);
        const value = dtype === 'bool' ? 1 : 9;
        const wanted = Array.from({ length: out.reduce((a, b) => a * b, 1) }, (_, flat) => {
          let from = 0;
          let rest = flat;
          let isInside = true;
          const index = out.map(() => 0);
          for (let a = rank - 1; a >= 0; a--) {
            index[a] = rest % (out[a] ?? 1);
            rest = Math.floor(rest / (out[a] ?? 1));
          }
          for (let a = 0; a < rank; a++) {
            const place = (index[a] ?? 0) - (low[a] ?? 0);
            if (place < 0 || place >= (size[a] ?? 0)) isInside = false;
            from = from * (size[a] ?? 1) + place;
          }
          return isInside ? (x[from] ?? NaN) : value;
        });
        const args = [...out, ...size, ...low, ...bitsOf(dtype, value)];
        expect(
          run({ kind: 'pad', rank, dtype }, [{ dtype, data: x }], dtype, wanted.length, args),
        ).toEqual(wanted);
      }
    }
  });

  test('the value may be infinite', () => {
    const args = [3, 1, 1, ...bitsOf('f32', -Infinity)];
    expect(
      run({ kind: 'pad', rank: 1, dtype: 'f32' }, [{ dtype: 'f32', data: [5] }], 'f32', 3, args),
    ).toEqual([-Infinity, 5, -Infinity]);
  });
});

describe('argReduce', () => {
  const arg = (reducer: 'max' | 'min', data: number[], dtype: DType = 'f32'): number[] =>
    run({ kind: 'argReduce', reducer, dtype }, [{ dtype, data }], 'i32', 1, [1, data.length, 1]);

  test('the first extreme, the first NaN before anything', () => {
    expect(arg('max', [1, 5, 2, 5])).toEqual([1]);
    expect(arg('min', [3, 1, 2, 1])).toEqual([1]);
    expect(arg('max', [NaN, 5, NaN])).toEqual([0]);
    expect(arg('max', [1, Infinity, NaN, NaN])).toEqual([2]);
    expect(arg('min', [1, -Infinity, 4, NaN])).toEqual([3]);
    expect(arg('max', [-0, 0])).toEqual([0]);
    expect(arg('max', [-Infinity, -Infinity])).toEqual([0]);
    expect(arg('min', [-2147483648, 4], 'i32')).toEqual([0]);
    expect(arg('max', [1, 4294967295, 2147483648], 'u32')).toEqual([1]);
  });

  test('over a middle axis', () => {
    const x = [3, 8, 4, 1, 5, 9, 2, 6, 2, 7, 2, 6];
    expect(
      run(
        { kind: 'argReduce', reducer: 'max', dtype: 'f32' },
        [{ dtype: 'f32', data: x }],
        'i32',
        4,
        [2, 3, 2],
      ),
    ).toEqual([2, 2, 0, 1]);
  });
});

describe('scan', () => {
  const scan = (reducer: 'sum' | 'max', data: number[], dtype: DType, args: number[]): number[] =>
    run({ kind: 'scan', reducer, dtype }, [{ dtype, data }], dtype, data.length, args);

  test('running sums and maxima over a middle axis', () => {
    const x = [1, 10, 2, 20, 3, 30, 4, 40, -5, 50, 6, -60];
    for (const dtype of ['f32', 'f64', 'i32'] as const) {
      expect(scan('sum', x, dtype, [2, 3, 2])).toEqual([1, 10, 3, 30, 6, 60, 4, 40, -1, 90, 5, 30]);
      expect(scan('max', x, dtype, [2, 3, 2])).toEqual([1, 10, 2, 20, 3, 30, 4, 40, 4, 50, 6, 50]);
    }
  });

  test('NaN stays, infinities stay, integers wrap', () => {
    expect(scan('sum', [1, NaN, 2], 'f32', [1, 3, 1])).toEqual([1, NaN, NaN]);
    expect(scan('sum', [1, Infinity, 2], 'f64', [1, 3, 1])).toEqual([1, Infinity, Infinity]);
    expect(scan('max', [1, NaN, 2], 'f32', [1, 3, 1])).toEqual([1, NaN, NaN]);
    expect(scan('sum', [2147483647, 1], 'i32', [1, 2, 1])).toEqual([2147483647, -2147483648]);
  });

  test('a long sum keeps its digits', () => {
    const n = 100_000;
    const got = scan('sum', new Array<number>(n).fill(0.1), 'f32', [1, n, 1]);
    expect(got[n - 1]).toBe(Math.fround(n * Math.fround(0.1)));
  });
});

describe('argSort', () => {
  /** Stable order by comparison; NaN is the largest. */
  function order(data: readonly number[], isDescending: boolean): number[] {
    const compare = (a: number, b: number): number => {
      if (Number.isNaN(a) || Number.isNaN(b))
        return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
      return a < b ? -1 : a > b ? 1 : 0;
    };
    return data
      .map((_, i) => i)
      .sort((i, j) => (isDescending ? -1 : 1) * compare(data[i] ?? 0, data[j] ?? 0) || i - j);
  }

  test('short and long rows, both directions, every dtype, ties and specials', () => {
    for (const dtype of [...DTYPES, 'bool' as const]) {
      for (const n of [1, 2, 3, 10, 100, 191, 192, 1000]) {
        for (const descending of [false, true]) {
          const raw = integers(n, dtype === 'bool' ? 2 : n % 2 === 0 ? 40 : 2 ** 24);
          const shift = dtype === 'i32' || dtype === 'f32' || dtype === 'f64' ? 2 ** 20 : 0;
          const data = raw.map(
            (v) => (v - (v % 3 === 0 ? shift : 0)) * (dtype === 'f64' ? 1.1 : 1),
          );
          if (dtype === 'f32' || dtype === 'f64') {
            for (const [i, special] of [NaN, -0, 0, Infinity, -Infinity, NaN, 1e-40].entries()) {
              if (i * 3 < n) data[i * 3] = special;
            }
          }
          const held = Array.from(dataOf(dtype, data));
          expect(
            run({ kind: 'argSort', dtype, descending }, [{ dtype, data }], 'i32', n, [1, n, 1]),
          ).toEqual(order(held, descending));
        }
      }
    }
  });

  test('over a middle axis', () => {
    const [o, n, i] = [2, 5, 3];
    const x = integers(o * n * i, 9);
    const wanted = new Array<number>(x.length);
    for (let p = 0; p < o; p++)
      for (let s = 0; s < i; s++) {
        const row = Array.from({ length: n }, (_, r) => x[(p * n + r) * i + s] ?? 0);
        order(row, false).forEach((place, r) => {
          wanted[(p * n + r) * i + s] = place;
        });
      }
    expect(
      run(
        { kind: 'argSort', dtype: 'f32', descending: false },
        [{ dtype: 'f32', data: x }],
        'i32',
        x.length,
        [o, n, i],
      ),
    ).toEqual(wanted);
  });
});

test('f16 is refused when a kernel is prepared', () => {
  expect(() => backend.prepare.fold({ kind: 'fold', dtype: 'f16' })).toThrow(DTypeError);
});
