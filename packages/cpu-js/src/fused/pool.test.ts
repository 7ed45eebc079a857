// The pooling kernels against plain loops and, bit for bit, against core's decomposition.
import {
  avgPool1d,
  avgPool2d,
  avgPool3d,
  type MaxPoolOptions,
  maxPool1d,
  maxPool2d,
  maxPool3d,
  overrideReason,
  setDefaultBackend,
  type Tensor,
  tensor,
} from '@tenon/core';
import { describe, expect, test } from 'vitest';
import {
  addTo,
  excess,
  type Float,
  fused,
  numbers,
  plain,
  run,
  sizeOf,
  sums,
} from './fused-support.ts';

interface Case {
  readonly name: string;
  readonly x: readonly number[];
  readonly kernel: number | readonly number[];
  readonly options?: MaxPoolOptions;
  readonly dtype?: Float;
}

const CASES: readonly Case[] = [
  { name: '2x2', x: [3, 4, 8, 6], kernel: 2 },
  { name: '2x2, odd sizes', x: [2, 3, 7, 9], kernel: 2 },
  { name: '2x2, overlapping', x: [2, 3, 7, 9], kernel: 2, options: { stride: 1 } },
  { name: '2x2, dilation', x: [2, 3, 7, 9], kernel: 2, options: { dilation: [2, 3], stride: 1 } },
  { name: '1x4', x: [1, 2, 5, 9], kernel: [1, 4] },
  { name: '4x1', x: [1, 2, 9, 5], kernel: [4, 1], options: { stride: [2, 3] } },
  {
    name: '3x3, stride 2, padding',
    x: [2, 3, 9, 8],
    kernel: 3,
    options: { stride: 2, padding: 1 },
  },
  {
    name: '3x2, ceil',
    x: [2, 2, 8, 9],
    kernel: [3, 2],
    options: { stride: [2, 2], ceilMode: true },
  },
  {
    name: '3x3, dilation and padding',
    x: [1, 2, 9, 9],
    kernel: 3,
    options: { dilation: 2, padding: 1, stride: 1 },
  },
  { name: 'the whole plane', x: [2, 2, 4, 4], kernel: 4 },
  { name: 'sixteen on a line', x: [2, 2, 3, 20], kernel: [1, 16], options: { stride: [1, 2] } },
  { name: 'one axis', x: [2, 3, 17], kernel: 4, options: { stride: 3, padding: 2 } },
  {
    name: 'three axes',
    x: [1, 2, 5, 6, 7],
    kernel: [2, 3, 2],
    options: { stride: [1, 2, 3], padding: 1 },
  },
  { name: 'f64', x: [2, 3, 7, 9], kernel: 2, dtype: 'f64' },
  {
    name: 'f64, 3x3',
    x: [2, 3, 9, 8],
    kernel: 3,
    options: { stride: 2, padding: 1 },
    dtype: 'f64',
  },
];
const MAX = [maxPool1d, maxPool2d, maxPool3d] as const;
const AVERAGE = [avgPool1d, avgPool2d, avgPool3d] as const;

/** Many ties (a quarter of the values), both zeros, NaN and infinities. */
function awkward(count: number, seed: number): Float64Array {
  const special = [0, -0, 0, -0, Number.NaN, Infinity, -Infinity, -0];
  return numbers(count, seed).map((value, i) => {
    if (i % 7 === 3) return special[Math.floor(i / 7) % special.length]!;
    return Math.round(value * 4) / 4 - 0.5;
  });
}

describe('maxPool', () => {
  const both = ({ x, kernel, options, dtype = 'f32' }: Case, data: ArrayLike<number>) =>
    [fused, plain].map((backend) => {
      const fn = (...[a]: Tensor[]): Tensor => MAX[x.length - 3]!(a!, kernel, options);
      return run(backend, dtype, [{ shape: x, data }], fn, (n) => numbers(n, 2));
    });

  test.each(CASES.map((sample) => [sample.name, sample] as const))('%s', (_, sample) => {
    for (const make of [numbers, awkward]) {
      const [got, other] = both(sample, make(sizeOf(sample.x), 1));
      expect(got!.forward).toEqual(['maxPool']);
      expect(got!.backward).toEqual(['maxPoolGrad']);
      expect([...other!.forward, ...other!.backward]).toEqual([]);
      // toEqual tells -0 from 0, and takes NaN as equal to NaN.
      expect(got!.y).toEqual(other!.y);
      expect(got!.gradients).toEqual(other!.gradients);
    }
  });

  test('one window by hand: first of ties, last NaN, zeros of both signs', () => {
    const windows = [
      [1, 3, 3, 2],
      [-1, -2, -3, -1],
      [2, Number.NaN, 5, Number.NaN],
      [-0, 0, -0, -0],
      [-0, -0, -0, -1],
      [Infinity, -Infinity, 1, 2],
      [-Infinity, -Infinity, -Infinity, -Infinity],
      [-5, -4, -3, -2],
    ];
    // Each window as a 2x2 plane, and behind a fifth, smallest element as a window of five.
    for (const width of [4, 5]) {
      const data = windows.flatMap((w) => (width === 4 ? w : [...w, -Infinity]));
      const shape = width === 4 ? [1, 8, 2, 2] : [1, 8, 1, 5];
      const fn = (...[a]: Tensor[]): Tensor => maxPool2d(a!, shape.slice(2));
      const { y, gradients, forward } = run(fused, 'f32', [{ shape, data }], fn, () =>
        windows.map((_, i) => i + 1),
      );
      expect(forward).toEqual(['maxPool']);
      expect([...y]).toEqual([3, -1, Number.NaN, -0, -0, Infinity, -Infinity, -2]);
      const at = [1, 0, 3, 0, 0, 0, 0, 3];
      const slopes = windows.flatMap((_, i) =>
        Array.from({ length: width }, (_, k) => (k === at[i] ? i + 1 : 0)),
      );
      expect([...gradients[0]!]).toEqual(slopes);
    }
  });

  test('a view as the input', () => {
    const fn = (...[a]: Tensor[]): Tensor => maxPool2d(a!.permute([3, 2, 1, 0]), 2);
    const inputs = [{ shape: [6, 8, 2, 3], data: numbers(288, 1) }];
    const [got, other] = [fused, plain].map((b) => run(b, 'f32', inputs, fn, (n) => numbers(n, 2)));
    expect(got!.forward).toEqual(['maxPool']);
    expect(got!.y).toEqual(other!.y);
    expect(got!.gradients).toEqual(other!.gradients);
  });
});

describe('avgPoolGrad', () => {
  const cases = CASES.filter(({ options }) => options?.dilation === undefined);
  test.each(cases.map((sample) => [sample.name, sample] as const))('%s', (_, sample) => {
    const { x, kernel, options = {}, dtype = 'f32' } = sample;
    const rank = x.length - 2;
    const fn = (...[a]: Tensor[]): Tensor => AVERAGE[rank - 1]!(a!, kernel, options);
    const data = numbers(sizeOf(x), 1);
    const [got, other] = [fused, plain].map((backend) =>
      run(backend, dtype, [{ shape: x, data }], fn, (n) => numbers(n, 2)),
    );
    expect(got!.y).toEqual(other!.y);
    const isTiled = sample.name === '2x2' || sample.name === 'the whole plane';
    expect(got!.backward).toEqual(isTiled ? [] : ['avgPoolGrad']);
    const want = averageSlopes(sample, got!.y.length);
    expect(excess(got!.gradients[0]!, want)).toBeLessThanOrEqual(0);
  });
});

/** Windows of the averaging cases as loops: the share of each output goes to its elements. */
function averageSlopes(
  { x, kernel, options = {}, dtype }: Case,
  count: number,
): ReturnType<typeof sums> {
  const rank = x.length - 2;
  const all = (value: number | readonly number[], missing: number): number[] => {
    const list = typeof value === 'number' ? new Array<number>(rank).fill(value) : [...value];
    return [...new Array<number>(3 - rank).fill(missing), ...list];
  };
  const k = all(kernel, 1);
  const stride = all(options.stride ?? kernel, 1);
  const low = all(options.padding ?? 0, 0);
  const size = all(x.slice(2), 1);
  const windows = size.map((n, i) => {
    const room = n + 2 * low[i]! - k[i]!;
    const rounded = options.ceilMode ? Math.ceil(room / stride[i]!) : Math.floor(room / stride[i]!);
    return rounded + (options.ceilMode && rounded * stride[i]! >= n + low[i]! ? 0 : 1);
  });
  const g = numbers(count, 2);
  const result = sums(sizeOf(x));
  // Shares are rounded to the dtype before they are added, as div rounds.
  const round = dtype === 'f64' ? (v: number) => v : Math.fround;
  for (let at = 0; at < count; at++) {
    const plane = Math.floor(at / sizeOf(windows));
    const rest = at % sizeOf(windows);
    const place = [
      Math.floor(rest / (windows[1]! * windows[2]!)),
      Math.floor(rest / windows[2]!) % windows[1]!,
      rest % windows[2]!,
    ];
    const start = place.map((p, i) => p * stride[i]! - low[i]!);
    const divisor = start
      .map((s, i) => Math.min(s + k[i]!, size[i]! + low[i]!) - s)
      .reduce((a, b) => a * b, 1);
    const share = round(g[at]! / divisor);
    for (let z = 0; z < k[0]!; z++) {
      for (let y = 0; y < k[1]!; y++) {
        for (let w = 0; w < k[2]!; w++) {
          const q = [start[0]! + z, start[1]! + y, start[2]! + w];
          if (q.some((i, axis) => i < 0 || i >= size[axis]!)) continue;
          const to = ((plane * size[0]! + q[0]!) * size[1]! + q[1]!) * size[2]! + q[2]!;
          addTo(result, to, share);
        }
      }
    }
  }
  return result;
}

test('what the pooling kernels do not take', () => {
  setDefaultBackend(fused);
  const x = tensor(new Float32Array(32), { shape: [1, 2, 4, 4] });
  setDefaultBackend(null);
  const attrs = {
    kernel: [2, 2],
    stride: [2, 2],
    dilation: [1, 1],
    counts: [2, 2],
    input: x.shape,
  };
  const ask = (own: object): true | string => overrideReason('maxPool', [x], { ...attrs, ...own });
  expect(ask({ hasIndices: true })).toBe(true);
  expect(ask({ hasIndices: false })).toBe('wants no indices: the decomposition is as fast');
  expect(ask({ hasIndices: true, kernel: [1, 1] })).toBe(
    'takes windows of 2 to 16 elements, not 1',
  );
  expect(ask({ hasIndices: true, kernel: [4, 5] })).toBe(
    'takes windows of 2 to 16 elements, not 20',
  );
  expect(overrideReason('avgPoolGrad', [x, x], attrs)).toBe(
    'has windows side by side: the decomposition repeats, and is as fast',
  );
  expect(overrideReason('avgPoolGrad', [x, x], { ...attrs, stride: [1, 1] })).toBe(true);
  expect(overrideReason('avgPool', [x, x], attrs)).toBe('cpu-js has no override of avgPool');
});
