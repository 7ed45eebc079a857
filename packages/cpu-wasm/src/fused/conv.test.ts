// The three convolution kernels against float64 loops, whole and cut into single units.
import type { ConvAttrs, Override } from '@tenon/core';
import { describe, expect, test } from 'vitest';
import { detectFeatures } from '../features.ts';
import type { Machine } from '../machine.ts';
import { type Variant, whyNot } from '../variant.ts';
import { convOverride } from './conv.ts';
import { convInputGradOverride } from './conv-input-grad.ts';
import { convWeightGradOverride } from './conv-weight-grad.ts';
import { threeAxes } from './correlation.ts';
import {
  addTo,
  ask,
  eachTerm,
  launch,
  machineOf,
  numbers,
  type Sums,
  sizeOf,
  sums,
  VARIANTS,
  worst,
} from './fused-support.ts';

interface Case {
  readonly name: string;
  readonly x: readonly number[];
  readonly weight: readonly number[];
  readonly stride?: readonly number[];
  readonly dilation?: readonly number[];
  readonly padding?: readonly (readonly [number, number])[];
  readonly groups?: number;
  /** Elements by which the input is longer than its windows reach (outputPadding). */
  readonly more?: number;
}
const ONE = [1, 1] as const;
const SAME = [ONE, ONE];

const CASES: readonly Case[] = [
  { name: 'plain', x: [2, 3, 7, 9], weight: [5, 3, 3, 3] },
  { name: 'padding', x: [2, 3, 7, 9], weight: [8, 3, 3, 3], padding: SAME },
  {
    name: 'even kernel, uneven padding',
    x: [1, 2, 6, 5],
    weight: [4, 2, 4, 2],
    padding: [
      [1, 2],
      [0, 1],
    ],
  },
  { name: 'several images a tile', x: [11, 3, 7, 7], weight: [5, 3, 3, 3], padding: SAME },
  { name: 'several tiles', x: [3, 2, 21, 23], weight: [7, 2, 3, 3], padding: SAME },
  { name: 'wide rows', x: [1, 3, 4, 600], weight: [5, 3, 3, 3], padding: SAME },
  { name: 'wide rows, stride', x: [1, 2, 5, 900], weight: [5, 2, 3, 3], stride: [1, 2] },
  { name: 'rows of two', x: [3, 4, 9, 2], weight: [6, 4, 3, 2], padding: SAME },
  { name: 'one column', x: [3, 4, 9, 1], weight: [6, 4, 3, 1], padding: [ONE, [0, 0]] },
  { name: 'stride', x: [2, 3, 9, 10], weight: [4, 3, 3, 3], stride: [2, 2], padding: SAME },
  { name: 'uneven stride', x: [1, 2, 11, 8], weight: [4, 2, 2, 3], stride: [3, 2] },
  { name: 'stride over kernel', x: [1, 2, 11, 8], weight: [4, 2, 1, 2], stride: [3, 4] },
  {
    name: 'dilation',
    x: [2, 2, 9, 9],
    weight: [4, 2, 3, 2],
    dilation: [2, 3],
    padding: [
      [2, 2],
      [2, 2],
    ],
  },
  {
    name: 'dilation and stride',
    x: [2, 2, 12, 13],
    weight: [4, 2, 3, 3],
    dilation: [2, 3],
    stride: [2, 2],
    padding: [
      [2, 1],
      [3, 2],
    ],
  },
  { name: 'groups', x: [2, 6, 6, 6], weight: [10, 3, 3, 3], groups: 2, padding: SAME },
  {
    name: 'groups, stride',
    x: [2, 10, 7, 6],
    weight: [12, 5, 3, 3],
    groups: 2,
    stride: [2, 2],
    padding: SAME,
  },
  {
    name: 'padding over kernel',
    x: [1, 2, 4, 4],
    weight: [4, 2, 2, 2],
    padding: [
      [2, 2],
      [2, 2],
    ],
  },
  { name: '1x1, stride', x: [2, 3, 5, 5], weight: [4, 3, 1, 1], stride: [2, 2] },
  { name: '1x1, padding', x: [2, 3, 5, 5], weight: [4, 3, 1, 1], padding: SAME },
  { name: 'one place', x: [3, 4, 3, 3], weight: [6, 4, 3, 3] },
  { name: 'many terms', x: [2, 80, 6, 5], weight: [5, 80, 3, 3], padding: SAME },
  { name: 'many outputs', x: [2, 3, 5, 5], weight: [133, 3, 3, 3], padding: SAME },
  { name: 'few windows, many weights', x: [1, 70, 3, 3], weight: [65, 70, 3, 3], padding: SAME },
  { name: 'one input channel', x: [3, 1, 12, 12], weight: [32, 1, 3, 3], padding: SAME },
  { name: 'one output', x: [2, 31, 6, 6], weight: [1, 31, 3, 3], padding: SAME },
  {
    name: 'large window',
    x: [1, 2, 30, 31],
    weight: [3, 2, 19, 18],
    padding: [
      [9, 9],
      [9, 8],
    ],
  },
  {
    name: 'input longer than its windows',
    x: [2, 3, 10, 8],
    weight: [4, 3, 3, 3],
    stride: [2, 2],
    padding: SAME,
    more: 1,
  },
  { name: 'depthwise', x: [2, 3, 8, 7], weight: [3, 1, 3, 3], groups: 3, padding: SAME },
  { name: 'depthwise, narrow', x: [2, 5, 5, 3], weight: [5, 1, 3, 3], groups: 5, padding: SAME },
  { name: 'depthwise, two rows', x: [2, 3, 2, 9], weight: [3, 1, 3, 3], groups: 3, padding: SAME },
  {
    name: 'depthwise, stride',
    x: [2, 3, 8, 9],
    weight: [3, 1, 3, 3],
    groups: 3,
    stride: [2, 2],
    padding: SAME,
  },
  { name: 'depthwise, two outputs', x: [2, 3, 8, 7], weight: [6, 1, 2, 5], groups: 3 },
  {
    name: 'depthwise, dilation',
    x: [1, 2, 9, 9],
    weight: [6, 1, 3, 3],
    groups: 2,
    dilation: [2, 2],
    padding: [
      [2, 2],
      [2, 2],
    ],
  },
  {
    name: 'depthwise, several tiles',
    x: [2, 2, 70, 90],
    weight: [2, 1, 3, 3],
    groups: 2,
    padding: SAME,
  },
  {
    name: 'depthwise, 5x5',
    x: [1, 4, 11, 12],
    weight: [4, 1, 5, 5],
    groups: 4,
    padding: [
      [2, 2],
      [2, 2],
    ],
  },
  { name: 'groups of two', x: [2, 8, 6, 9], weight: [12, 2, 3, 3], groups: 4, padding: SAME },
  {
    name: 'many outputs a group',
    x: [2, 2, 6, 6],
    weight: [10, 1, 3, 3],
    groups: 2,
    padding: SAME,
  },
  {
    name: 'one axis',
    x: [2, 3, 20],
    weight: [4, 3, 5],
    stride: [2],
    padding: [[3, 3]],
    dilation: [2],
  },
  { name: 'one long axis', x: [1, 2, 1500], weight: [3, 2, 5], padding: [[2, 2]] },
  { name: 'one axis, depthwise', x: [2, 3, 20], weight: [3, 1, 9], padding: [[4, 4]], groups: 3 },
  {
    name: 'three axes',
    x: [2, 2, 5, 4, 6],
    weight: [4, 2, 3, 2, 3],
    padding: [ONE, ONE, ONE],
    stride: [2, 1, 2],
  },
  { name: 'three axes, depthwise', x: [1, 4, 4, 5, 6], weight: [4, 1, 2, 2, 2], groups: 4 },
];

function attrsOf({ weight, groups = 1, ...sample }: Case): ConvAttrs {
  const kernel = weight.slice(2);
  const ones = kernel.map(() => 1);
  const { stride = ones, dilation = ones, padding = kernel.map(() => [0, 0] as const) } = sample;
  return { kernel, stride, dilation, padding, groups };
}

interface Problem {
  readonly attrs: ConvAttrs & { readonly input: readonly number[] };
  readonly shapes: {
    readonly x: readonly number[];
    readonly w: readonly number[];
    readonly y: readonly number[];
  };
  readonly x: Float32Array;
  readonly w: Float32Array;
  readonly g: Float32Array;
}

function problemOf(sample: Case): Problem {
  const attrs = attrsOf(sample);
  const counts = sample.x.slice(2).map((size, i) => {
    const [low, high] = attrs.padding[i]!;
    const span = (attrs.kernel[i]! - 1) * attrs.dilation[i]! + 1;
    return Math.floor((size + low + high - span) / attrs.stride[i]!) + 1;
  });
  const y = [sample.x[0]!, sample.weight[0]!, ...counts];
  return {
    attrs: { ...attrs, input: sample.x.slice(2) },
    shapes: { x: sample.x, w: sample.weight, y },
    x: numbers(sizeOf(sample.x), 1),
    w: numbers(sizeOf(sample.weight), 2),
    g: numbers(sizeOf(y), 3),
  };
}

function expected({ attrs, shapes, x, w, g }: Problem): { y: Sums; dx: Sums; dw: Sums } {
  const [y, dx, dw] = [sums(g.length), sums(x.length), sums(w.length)];
  const loops = {
    x: [...shapes.x.slice(0, 2), ...threeAxes(shapes.x.slice(2), 1)],
    weight: [...shapes.w.slice(0, 2), ...threeAxes(shapes.w.slice(2), 1)],
    count: threeAxes(shapes.y.slice(2), 1),
    stride: threeAxes(attrs.stride, 1),
    dilation: threeAxes(attrs.dilation, 1),
    low: threeAxes(
      attrs.padding.map(([before]) => before),
      0,
    ),
    groups: attrs.groups,
  };
  eachTerm(loops, (at, from, tap) => {
    addTo(y, at, x[from]! * w[tap]!);
    addTo(dx, from, g[at]! * w[tap]!);
    addTo(dw, tap, g[at]! * x[from]!);
  });
  return { y, dx, dw };
}

/** As many half units of the terms' magnitudes as sums of f32 in a row of products may be off. */
const BOUND = 6;

const NO_GATHER = 'has few windows for its input: the decomposition multiplies less';
const PRODUCT = 'is a product as it stands: the decomposition copies nothing';

describe.each(VARIANTS.map((variant) => [variant] as const))('%s', (variant) => {
  test.each(CASES.map((sample) => [sample.name, sample] as const))('%s', async (_, sample) => {
    const problem = problemOf(sample);
    const { attrs, shapes, x, w, g } = problem;
    const want = expected(problem);
    const machine = await machineOf(variant);
    const check = (
      make: (machine: Machine) => Override,
      operands: readonly [keyof Problem['shapes'], Float32Array][],
      result: Sums,
    ): void => {
      const inputs = operands.map(([name, data]) => ({ shape: shapes[name], data }));
      const sizes = [result.value.length];
      const [got] = launch(machine, make, inputs, attrs, sizes);
      const [other] = launch(machine, make, inputs, attrs, sizes, true);
      expect(worst(got!, result)).toBeLessThanOrEqual(BOUND);
      expect(other).toEqual(got);
    };
    // biome-ignore format: a table
    check(convOverride, [['x', x], ['w', w]], want.y);
    // biome-ignore format: a table
    check(convWeightGradOverride, [['x', x], ['y', g]], want.dw);
    const reason = ask(convInputGradOverride(machine), [shapes.y, shapes.w], attrs);
    if (reason !== true) {
      const windows = sizeOf(shapes.y.slice(2)) * sizeOf(attrs.stride);
      expect([reason, sizeOf(attrs.input) > 3 * windows]).toEqual([NO_GATHER, true]);
      return;
    }
    // biome-ignore format: a table
    check(convInputGradOverride, [['y', g], ['w', w]], want.dx);
  });

  test('NaN and infinities reach the places whose windows hold them, and no others', async () => {
    const machine = await machineOf(variant);
    for (const groups of [1, 3]) {
      const sample: Case = {
        name: '',
        x: [2, 3, 6, 6],
        weight: [3, 3 / groups, 3, 3],
        padding: SAME,
        groups,
      };
      const { attrs, shapes, x, w, g } = problemOf(sample);
      x[40] = Number.NaN;
      x[7] = Infinity;
      const problem = { attrs, shapes, x, w, g };
      const want = expected(problem);
      const kinds = (list: ArrayLike<number>): number[] =>
        Array.from(list, (v) => (Number.isFinite(v) ? 0 : v));
      const [y] = launch(
        machine,
        convOverride,
        [
          { shape: shapes.x, data: x },
          { shape: shapes.w, data: w },
        ],
        attrs,
        [g.length],
      );
      expect(kinds(y!)).toEqual(kinds(want.y.value));
      const [dw] = launch(
        machine,
        convWeightGradOverride,
        [
          { shape: shapes.x, data: x },
          { shape: shapes.y, data: g },
        ],
        attrs,
        [w.length],
      );
      expect(kinds(dw!)).toEqual(kinds(want.dw.value));
    }
  });

  test('sums of nothing but -0 are 0, as sums that start from 0 are', async () => {
    const machine = await machineOf(variant);
    for (const groups of [1, 2]) {
      const sample: Case = { name: '', x: [1, 2, 6, 6], weight: [2, 2 / groups, 3, 3], groups };
      const { attrs, shapes, x, w, g } = problemOf(sample);
      const inputs = [
        { shape: shapes.x, data: x.fill(0) },
        { shape: shapes.w, data: w.fill(-1) },
      ];
      expect(launch(machine, convOverride, inputs, attrs, [g.length])).toEqual([
        new Float32Array(g.length),
      ]);
    }
  });
});

const THREADED: readonly Variant[] = ['simd-threads', 'relaxed-threads'];
const here = THREADED.filter((variant) => whyNot(variant, detectFeatures()) === null);
test.each(here.map((variant) => [variant] as const))('%s: two threads, equal bits', async (v) => {
  const sample: Case = { name: '', x: [6, 12, 20, 20], weight: [20, 12, 3, 3], padding: SAME };
  const depthwise: Case = { ...sample, weight: [24, 1, 3, 3], groups: 12 };
  for (const each of [sample, depthwise]) {
    const { attrs, shapes, x, w, g } = problemOf(each);
    const operands = {
      x: { shape: shapes.x, data: x },
      w: { shape: shapes.w, data: w },
      g: { shape: shapes.y, data: g },
    };
    const [one, two] = await Promise.all(
      [1, 2].map(async (threads) => {
        const machine = await machineOf(v, threads);
        expect(machine.threads).toBe(threads);
        return [
          launch(machine, convOverride, [operands.x, operands.w], attrs, [g.length]),
          launch(machine, convInputGradOverride, [operands.g, operands.w], attrs, [x.length]),
          launch(machine, convWeightGradOverride, [operands.x, operands.g], attrs, [w.length]),
        ];
      }),
    );
    expect(two).toEqual(one);
  }
});

test('what the kernels do not take says why', async () => {
  const machine = await machineOf('scalar');
  const attrs = (rank: number, stride: number, kernel: number, low: number): object => ({
    kernel: new Array<number>(rank).fill(kernel),
    stride: new Array<number>(rank).fill(stride),
    dilation: new Array<number>(rank).fill(1),
    padding: Array.from({ length: rank }, () => [low, low]),
    groups: 1,
    input: new Array<number>(rank).fill(6),
  });
  const [conv, inputGrad, weightGrad] = [
    convOverride(machine),
    convInputGradOverride(machine),
    convWeightGradOverride(machine),
  ];
  const [x, w] = [
    [1, 2, 6, 6],
    [4, 2, 1, 1],
  ];
  expect(ask(conv, [x, w], attrs(2, 1, 1, 0))).toBe(PRODUCT);
  expect(ask(conv, [x, w], attrs(2, 1, 1, 1))).toBe(true);
  expect(ask(conv, [x, w], attrs(2, 2, 1, 0))).toBe(true);
  expect(ask(weightGrad, [x, [1, 4, 6, 6]], attrs(2, 1, 1, 0))).toBe(true);
  expect(
    ask(
      inputGrad,
      [
        [1, 4, 2, 2],
        [4, 2, 5, 5],
      ],
      attrs(2, 1, 5, 0),
    ),
  ).toBe(NO_GATHER);
  expect(
    ask(
      inputGrad,
      [
        [1, 4, 2, 2],
        [4, 2, 5, 5],
      ],
      attrs(2, 5, 5, 0),
    ),
  ).toBe('takes 16 remainders by the strides, not 25');
  expect(
    ask(
      conv,
      [
        [1, 1, 2, 2, 2, 2],
        [1, 1, 2, 2, 2, 2],
      ],
      attrs(4, 1, 2, 0),
    ),
  ).toBe('has 4 spatial axes, over 3');
  expect(
    ask(
      conv,
      [
        [0, 2, 6, 6],
        [4, 2, 3, 3],
      ],
      attrs(2, 1, 3, 0),
    ),
  ).toBe('has no elements to read');
  const wide = { ...attrs(1, 1, 100_000, 0), input: [100_001] };
  for (const override of [conv, weightGrad]) {
    expect(
      ask(
        override,
        [
          [1, 1, 100_001],
          [1, 1, 100_000],
        ],
        wide,
      ),
    ).toBe('has windows too wide for scratch');
  }
  // Few channels a group: offsets, weights of all outer channels and the tile share scratch.
  const asked = (kernel: number): (true | string)[] => {
    const size = 2 * kernel - 1;
    const thin = { ...attrs(1, 1, kernel, 0), groups: 2, input: [size] };
    const shapes = [
      [1, 2, size],
      [8, 1, kernel],
      [1, 8, kernel],
    ] as const;
    return [
      ask(conv, [shapes[0], shapes[1]], thin),
      ask(inputGrad, [shapes[2], shapes[1]], thin),
      ask(weightGrad, [shapes[0], shapes[2]], thin),
    ];
  };
  expect(asked(4_000)).toEqual([true, true, true]);
  expect(asked(60_000)).toEqual(new Array(3).fill('has windows too wide for scratch'));
  expect(
    conv.supports(
      [
        { shape: x, dtype: 'f64' },
        { shape: w, dtype: 'f64' },
      ],
      attrs(2, 1, 1, 1),
    ),
  ).toBe('takes f32, not f64');
});
