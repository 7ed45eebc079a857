// The three convolution kernels against float64 loops and against core's decomposition.
import {
  type ConvOptions,
  conv1d,
  conv2d,
  conv3d,
  convTranspose2d,
  overrideReason,
  setDefaultBackend,
  type Tensor,
  tensor,
} from '@tenon/core';
import { describe, expect, test } from 'vitest';
import {
  addTo,
  eachTerm,
  excess,
  type Float,
  fused,
  type Loops,
  numbers,
  plain,
  type Run,
  run,
  type Sums,
  sizeOf,
  sums,
} from './fused-support.ts';

const OPS = [conv1d, conv2d, conv3d] as const;

interface Case {
  readonly name: string;
  readonly x: readonly number[];
  readonly weight: readonly number[];
  readonly options?: ConvOptions;
  readonly dtype?: Float;
  /** Bits of the weight's gradient may differ: it is not added in the decomposition's order. */
  readonly isThin?: boolean;
}

const CASES: readonly Case[] = [
  { name: 'plain', x: [2, 3, 7, 9], weight: [5, 3, 3, 3] },
  { name: 'padding', x: [2, 3, 7, 9], weight: [8, 3, 3, 3], options: { padding: 1 } },
  {
    name: 'even kernel, same',
    x: [1, 2, 6, 5],
    weight: [4, 2, 4, 2],
    options: { padding: 'same' },
  },
  {
    name: '2x2, same: padded behind',
    x: [2, 2, 6, 5],
    weight: [4, 2, 2, 2],
    options: { padding: 'same' },
  },
  {
    name: 'blocks over three images',
    x: [7, 2, 13, 13],
    weight: [4, 2, 3, 3],
    options: { padding: 1 },
  },
  { name: 'stride', x: [2, 3, 9, 10], weight: [4, 3, 3, 3], options: { stride: 2, padding: 1 } },
  { name: 'uneven stride', x: [1, 2, 11, 8], weight: [4, 2, 2, 3], options: { stride: [3, 2] } },
  { name: 'gaps', x: [1, 2, 11, 8], weight: [4, 2, 1, 2], options: { stride: [3, 4] } },
  {
    name: 'dilation',
    x: [2, 2, 9, 9],
    weight: [4, 2, 3, 2],
    options: { dilation: [2, 3], padding: 2 },
  },
  { name: 'groups', x: [2, 6, 6, 6], weight: [8, 3, 3, 3], options: { groups: 2, padding: 1 } },
  {
    name: 'groups, stride',
    x: [2, 4, 7, 6],
    weight: [8, 2, 3, 3],
    options: { groups: 2, stride: 2 },
  },
  { name: 'padding over kernel', x: [1, 2, 4, 4], weight: [4, 2, 2, 2], options: { padding: 2 } },
  { name: '1x1, stride', x: [2, 3, 5, 5], weight: [4, 3, 1, 1], options: { stride: 2 } },
  { name: '1x1, padding', x: [2, 3, 5, 5], weight: [4, 3, 1, 1], options: { padding: 1 } },
  { name: 'one place', x: [3, 4, 3, 3], weight: [6, 4, 3, 3] },
  { name: 'images in chunks', x: [11, 3, 7, 7], weight: [5, 3, 3, 3], options: { padding: 1 } },
  {
    name: 'over a block of places',
    x: [2, 2, 13, 15],
    weight: [4, 2, 3, 3],
    options: { padding: 1 },
  },
  {
    name: 'over a block of terms',
    x: [2, 33, 6, 5],
    weight: [5, 33, 3, 3],
    options: { padding: 1 },
  },
  {
    name: 'over a block of outputs',
    x: [1, 3, 5, 5],
    weight: [133, 3, 3, 3],
    options: { stride: 2 },
  },
  {
    name: 'over a block of columns',
    x: [4, 19, 6, 6],
    weight: [4, 19, 3, 3],
    options: { stride: 2, padding: 1 },
  },
  {
    name: 'depthwise 3x3',
    x: [2, 3, 8, 7],
    weight: [3, 1, 3, 3],
    options: { groups: 3, padding: 1 },
    isThin: true,
  },
  {
    name: 'depthwise 3x3, stride',
    x: [2, 3, 8, 7],
    weight: [3, 1, 3, 3],
    options: { groups: 3, stride: 2, padding: 1 },
    isThin: true,
  },
  {
    name: 'depthwise 2x5, in place',
    x: [2, 3, 8, 7],
    weight: [6, 1, 2, 5],
    options: { groups: 3 },
    isThin: true,
  },
  {
    name: 'depthwise, dilation',
    x: [1, 2, 9, 9],
    weight: [6, 1, 3, 3],
    options: { groups: 2, dilation: 2, padding: 2 },
    isThin: true,
  },
  {
    name: 'depthwise, many outputs',
    x: [2, 2, 6, 6],
    weight: [10, 1, 3, 3],
    options: { groups: 2, padding: 1 },
  },
  {
    name: 'one output',
    x: [2, 31, 6, 6],
    weight: [1, 31, 3, 3],
    options: { padding: 1 },
    isThin: true,
  },
  { name: 'two outputs', x: [2, 3, 6, 6], weight: [2, 3, 3, 3], options: { padding: 1 } },
  {
    name: 'one axis',
    x: [2, 3, 20],
    weight: [4, 3, 5],
    options: { stride: 2, padding: 3, dilation: 2 },
  },
  {
    name: 'one axis, depthwise',
    x: [2, 3, 20],
    weight: [3, 1, 9],
    options: { padding: 4, groups: 3 },
    isThin: true,
  },
  {
    name: 'three axes',
    x: [1, 2, 5, 4, 6],
    weight: [4, 2, 3, 2, 3],
    options: { padding: 1, stride: [2, 1, 2] },
  },
  { name: 'f64', x: [2, 3, 7, 6], weight: [5, 3, 3, 3], options: { padding: 1 }, dtype: 'f64' },
  {
    name: 'f64, stride',
    x: [2, 3, 7, 6],
    weight: [5, 3, 3, 3],
    options: { padding: 1, stride: 2 },
    dtype: 'f64',
  },
  {
    name: 'f64, depthwise',
    x: [2, 3, 7, 6],
    weight: [3, 1, 3, 3],
    options: { padding: 1, groups: 3 },
    dtype: 'f64',
    isThin: true,
  },
];

function three(value: unknown, rank: number, missing: number): number[] {
  const list =
    typeof value === 'number' ? new Array<number>(rank).fill(value) : (value as number[]);
  return [...new Array<number>(3 - rank).fill(missing), ...list];
}

/** The case as loops; `y`: the result's shape. */
function loopsOf({ x, weight, options = {} }: Case, y: readonly number[]): Loops {
  const rank = x.length - 2;
  const kernel = weight.slice(2);
  const isSame = options.padding === 'same';
  const low = isSame ? kernel.map((k) => (k - 1) >> 1) : (options.padding ?? 0);
  return {
    x: [x[0]!, x[1]!, ...three(x.slice(2), rank, 1)],
    weight: [weight[0]!, weight[1]!, ...three(kernel, rank, 1)],
    count: three(y.slice(2), rank, 1),
    stride: three(options.stride ?? 1, rank, 1),
    dilation: three(options.dilation ?? 1, rank, 1),
    low: three(low, rank, 0),
    groups: options.groups ?? 1,
  };
}

function runOn(backend: typeof fused, sample: Case): Run & { shape: readonly number[] } {
  const { x, weight, options = {}, dtype = 'f32' } = sample;
  const inputs = [
    { shape: x, data: numbers(sizeOf(x), 1) },
    { shape: weight, data: numbers(sizeOf(weight), 2) },
  ];
  let shape: readonly number[] = [];
  const fn = (a: Tensor, w: Tensor): Tensor => {
    const y = OPS[x.length - 3]!(a, w, options);
    shape = y.shape;
    return y;
  };
  const result = run(backend, dtype, inputs, fn as (...xs: Tensor[]) => Tensor, (n) =>
    numbers(n, 3),
  );
  return { ...result, shape };
}

function expected(sample: Case, shape: readonly number[]): { y: Sums; dx: Sums; dw: Sums } {
  const x = numbers(sizeOf(sample.x), 1);
  const w = numbers(sizeOf(sample.weight), 2);
  const g = numbers(sizeOf(shape), 3);
  const [y, dx, dw] = [sums(g.length), sums(x.length), sums(w.length)];
  eachTerm(loopsOf(sample, shape), (at, from, tap) => {
    addTo(y, at, x[from]! * w[tap]!);
    addTo(dx, from, g[at]! * w[tap]!);
    addTo(dw, tap, g[at]! * x[from]!);
  });
  return { y, dx, dw };
}

describe('conv and its gradients', () => {
  test.each(CASES.map((sample) => [sample.name, sample] as const))('%s', (_, sample) => {
    const got = runOn(fused, sample);
    const { y, dx, dw } = expected(sample, got.shape);
    expect(got.forward).toEqual(['conv']);
    const { stride, count } = loopsOf(sample, got.shape);
    // The other way it is a conv by mirrored weights.
    const isSpread = stride.some((n) => n > 1) || sizeOf(sample.x.slice(2)) > 1.2 * sizeOf(count);
    expect(got.backward.includes('convWeightGrad')).toBe(true);
    expect(got.backward.includes('convInputGrad')).toBe(isSpread);
    expect(excess(got.y, y)).toBeLessThanOrEqual(0);
    expect(excess(got.gradients[0]!, dx)).toBeLessThanOrEqual(0);
    expect(excess(got.gradients[1]!, dw)).toBeLessThanOrEqual(0);

    const other = runOn(plain, sample);
    expect([...other.forward, ...other.backward]).toEqual([]);
    expect(got.y).toEqual(other.y);
    if (!isSpread) expect(got.gradients[0]).toEqual(other.gradients[0]);
    if (!sample.isThin) expect(got.gradients[1]).toEqual(other.gradients[1]);
  });

  test('weights and sums too large to be kept whole', () => {
    const sample: Case = {
      name: '',
      x: [2, 500, 3, 3],
      weight: [480, 500, 3, 3],
      options: { stride: 2, padding: 1 },
    };
    const got = runOn(fused, sample);
    const other = runOn(plain, sample);
    expect(got.backward).toEqual(['convInputGrad', 'convWeightGrad']);
    expect(got.y).toEqual(other.y);
    expect(got.gradients[1]).toEqual(other.gradients[1]);
    const theirs = other.gradients[0]!;
    let worst = 0;
    for (const [i, value] of got.gradients[0]!.entries()) {
      worst = Math.max(worst, Math.abs(value - theirs[i]!));
    }
    // Sums of up to four shares of magnitude 40, rounded once here, each and twice there.
    expect(worst).toBeLessThan(2 ** -16);
  });

  test('NaN and infinities spread as in the decomposition, also into the padding', () => {
    const x = numbers(3 * 36, 1);
    const weight = numbers(4 * 27, 2);
    x[40] = Number.NaN;
    x[7] = Infinity;
    weight[3] = Infinity;
    weight[50] = Number.NaN;
    const inputs = [
      { shape: [1, 3, 6, 6], data: x },
      { shape: [4, 3, 3, 3], data: weight },
    ];
    for (const groups of [1, 3]) {
      const both = [fused, plain].map((backend) => {
        const own =
          groups === 1 ? inputs : [inputs[0]!, { shape: [3, 1, 3, 3], data: weight.slice(0, 27) }];
        const fn = (...[a, w]: Tensor[]): Tensor => conv2d(a!, w!, { padding: 1, groups });
        return run(backend, 'f32', own, fn, (n) => numbers(n, 3));
      });
      expect(both[0]!.forward).toEqual(['conv']);
      expect(both[0]!.y.some(Number.isNaN)).toBe(true);
      expect(both[0]!.y).toEqual(both[1]!.y);
    }
  });

  test('sums of nothing but -0 are 0, as sums that start from 0 are', () => {
    const inputs = (inner: number): { shape: number[]; data: Float64Array }[] => [
      { shape: [1, 2, 4, 4], data: new Float64Array(32) },
      { shape: [4, inner, 3, 3], data: new Float64Array(36 * inner).fill(-1) },
    ];
    for (const groups of [1, 2]) {
      const fn = (...[a, w]: Tensor[]): Tensor => conv2d(a!, w!, { groups });
      const { y, forward } = run(fused, 'f32', inputs(2 / groups), fn, (n) => numbers(n, 3));
      expect(forward).toEqual(['conv']);
      expect(y).toEqual(new Float32Array(16));
    }
  });

  test('operands that are views', () => {
    const inputs = [
      { shape: [5, 6, 2, 4], data: numbers(240, 1) },
      { shape: [3, 3, 4, 6], data: numbers(216, 2) },
    ];
    const fn = (...[a, w]: Tensor[]): Tensor =>
      conv2d(a!.permute([2, 3, 0, 1]), w!.permute([3, 2, 0, 1]).slice([0, 6]), { padding: 1 });
    const [got, other] = [fused, plain].map((backend) =>
      run(backend, 'f32', inputs, fn, (n) => numbers(n, 3)),
    );
    expect(got!.forward).toEqual(['conv']);
    expect(got!.y).toEqual(other!.y);
    expect(got!.gradients).toEqual(other!.gradients);
  });

  test('convTranspose2d with a stride and an output padding', () => {
    const inputs = [
      { shape: [2, 6, 4, 5], data: numbers(240, 1) },
      { shape: [6, 2, 3, 3], data: numbers(108, 2) },
    ];
    const options = { stride: 2, padding: 1, outputPadding: 1, groups: 2 };
    const fn = (...[a, w]: Tensor[]): Tensor => convTranspose2d(a!, w!, options);
    const got = run(fused, 'f32', inputs, fn, (n) => numbers(n, 3));
    expect(got.forward).toEqual(['convInputGrad']);
    const y = sums(got.y.length);
    const loops: Loops = {
      x: [2, 4, 1, 8, 10],
      weight: [6, 2, 1, 3, 3],
      count: [1, 4, 5],
      stride: [1, 2, 2],
      dilation: [1, 1, 1],
      low: [0, 1, 1],
      groups: 2,
    };
    const { data: x } = inputs[0]!;
    const { data: w } = inputs[1]!;
    eachTerm(loops, (at, from, tap) => {
      addTo(y, from, x[at]! * w[tap]!);
    });
    expect(excess(got.y, y)).toBeLessThanOrEqual(0);
  });

  test('slopes of a strided convolution by finite differences', () => {
    const x = numbers(2 * 25, 1);
    const w = numbers(3 * 18, 2);
    const inputs = [
      { shape: [1, 2, 5, 5], data: x },
      { shape: [3, 2, 3, 3], data: w },
    ];
    const fn = (...[a, b]: Tensor[]): Tensor =>
      conv2d(a!, b!, { stride: 2, padding: 1 }).square().sum();
    const value = (): number => run(fused, 'f64', inputs, fn, () => [1]).y[0]!;
    const { gradients } = run(fused, 'f64', inputs, fn, () => [1]);
    for (const [k, data] of [x, w].entries()) {
      for (const i of [0, 7, 24, 31]) {
        const before = data[i]!;
        data[i] = before + 1e-5;
        const above = value();
        data[i] = before - 1e-5;
        const below = value();
        data[i] = before;
        expect(gradients[k]![i]).toBeCloseTo((above - below) / 2e-5, 7);
      }
    }
  });
});

describe('what the kernels do not take', () => {
  const ask = (name: string, shapes: readonly number[][], attrs: object): true | string => {
    setDefaultBackend(fused);
    const tensors = shapes.map((shape) => tensor(new Float32Array(sizeOf(shape)), { shape }));
    setDefaultBackend(null);
    return overrideReason(name, tensors, attrs);
  };
  const attrs = (rank: number, stride: number, kernel: number, low: number): object => ({
    kernel: new Array<number>(rank).fill(kernel),
    stride: new Array<number>(rank).fill(stride),
    dilation: new Array<number>(rank).fill(1),
    padding: Array.from({ length: rank }, () => [low, low]),
    groups: 1,
    input: new Array<number>(rank).fill(6),
  });
  test('says why', () => {
    const [x, w] = [
      [1, 2, 6, 6],
      [4, 2, 1, 1],
    ];
    expect(ask('conv', [x, w], attrs(2, 1, 1, 0))).toBe(
      'is a product as it stands: the decomposition copies nothing',
    );
    expect(ask('conv', [x, w], attrs(2, 1, 1, 1))).toBe(true);
    expect(ask('conv', [x, w], attrs(2, 2, 1, 0))).toBe(true);
    expect(ask('convInputGrad', [[1, 4, 6, 6], w], attrs(2, 1, 1, 0))).toBe(
      'has stride 1: the decomposition is a conv by mirrored weights, which has a kernel',
    );
    expect(ask('convInputGrad', [[1, 4, 3, 3], w], attrs(2, 2, 1, 0))).toBe(true);
    expect(ask('convWeightGrad', [x, [1, 4, 6, 6]], attrs(2, 1, 1, 0))).toBe(true);
    expect(
      ask(
        'conv',
        [
          [1, 1, 2, 2, 2, 2],
          [1, 1, 2, 2, 2, 2],
        ],
        attrs(4, 1, 2, 0),
      ),
    ).toBe('has 4 spatial axes, over 3');
    expect(
      ask(
        'conv',
        [
          [0, 2, 6, 6],
          [4, 2, 3, 3],
        ],
        attrs(2, 1, 3, 0),
      ),
    ).toBe('has no elements to read');
  });
});
