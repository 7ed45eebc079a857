import type { DType, ReduceName } from '@tenon/core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { VARIANTS } from '../device.ts';
import { type TestGpu, testGpu } from '../test-gpu.ts';
import {
  constant,
  type Data,
  launchHere,
  load,
  numbers,
  op,
  plain,
  reduce,
  runThere,
  SPLIT_ALWAYS,
  type TestInput,
  type TestRegion,
} from './region-test-support.ts';

/** x of rows × columns, reduced over axis 1 or 0. */
function matrix(
  rows: number,
  columns: number,
  axis: 0 | 1,
  data: readonly number[],
): { kept: number[]; reduced: number[]; x: TestInput; strides: number[]; vector: number[] } {
  const strides = axis === 1 ? [columns, 1] : [1, columns];
  return {
    kept: [axis === 1 ? rows : columns],
    reduced: [axis === 1 ? columns : rows],
    x: { dtype: 'f32', data, strides },
    strides,
    vector: [1, 0],
  };
}

function reduction(
  reducers: readonly ReduceName[],
  dtype: DType,
  axis: 0 | 1,
  [rows, columns]: readonly [number, number],
  data: readonly number[],
): TestRegion {
  const m = matrix(rows, columns, axis, data);
  return {
    kept: m.kept,
    reduced: m.reduced,
    inputs: [{ ...m.x, dtype }],
    outputs: reducers.map((_, i) => ({
      step: i + 1,
      dtype,
      strides: m.vector,
      length: m.kept[0]! + 3,
    })),
    steps: [load(0, dtype), ...reducers.map((reducer) => reduce(reducer, 0, dtype))],
  };
}

/** e^(x - max) / Σ and Σ. */
function softmax(rows: number, columns: number, axis: 0 | 1, data: readonly number[]): TestRegion {
  const m = matrix(rows, columns, axis, data);
  return {
    kept: m.kept,
    reduced: m.reduced,
    inputs: [m.x],
    outputs: [
      { step: 5, dtype: 'f32', strides: m.strides, length: rows * columns },
      { step: 4, dtype: 'f32', strides: m.vector, length: m.kept[0]! },
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

/** (x - mean) / √(variance + ε), the mean and the variance. */
function normal(kept: number, n: number, data: readonly number[]): TestRegion {
  return {
    kept: [kept],
    reduced: [n],
    inputs: [{ dtype: 'f32', data, strides: [n, 1] }],
    constants: [
      { dtype: 'f32', value: 1 / n },
      { dtype: 'f32', value: 2 ** -10 },
    ],
    outputs: [
      { step: 11, dtype: 'f32', strides: [n, 1], length: kept * n },
      { step: 3, dtype: 'f32', strides: [1, 0], length: kept },
      { step: 7, dtype: 'f32', strides: [1, 0], length: kept },
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
    ],
  };
}

const SHAPES: readonly (readonly [number, number])[] = [
  [1, 1],
  [9, 7],
  [6, 261],
  [200, 40],
];

describe.each(VARIANTS)('variant %s', (variant) => {
  let gpu: TestGpu;
  beforeAll(async () => {
    gpu = await testGpu(variant);
  });
  afterAll(() => {
    gpu.dispose();
  });

  /** All launched before the first is awaited; rows also in chunks. */
  async function check(regions: readonly TestRegion[]): Promise<void> {
    const reads = regions.map((region) => [
      launchHere(gpu, region),
      ...(region.reduced.length > 0 ? [launchHere(gpu, region, SPLIT_ALWAYS)] : []),
    ]);
    for (const [i, all] of reads.entries()) {
      const want = plain(runThere(regions[i]!));
      for (const [k, read] of all.entries()) {
        expect(plain(await read()), `region ${i}, ${k === 0 ? 'whole' : 'in chunks'}`).toEqual(
          want,
        );
      }
    }
  }

  /** The largest relative error of the outputs against cpu-js, whose sums are doubles. */
  async function worst(region: TestRegion, split = false): Promise<number[]> {
    const got = await launchHere(gpu, region, split ? SPLIT_ALWAYS : null)();
    return runThere(region).map((want, o) =>
      Array.from(want).reduce((most, value, i) => {
        const error = Math.abs(got[o]![i]! - value) / Math.abs(value);
        return Math.max(most, Number.isNaN(error) ? Infinity : error);
      }, 0),
    );
  }

  test('maps: sizes around the unrolling; beyond the end nothing is written', async () => {
    await check(
      [1, 2, 7, 8, 9, 63, 64, 65, 1000, 33333].map((n) => ({
        kept: [n],
        reduced: [],
        inputs: [
          { dtype: 'f32', data: numbers(n), strides: [1] },
          { dtype: 'f32', data: numbers(2 * n, 2), strides: [2] },
          { dtype: 'f32', data: [3], strides: [0] },
        ],
        outputs: [
          { step: 4, dtype: 'f32', strides: [1], length: n + 5 },
          { step: 3, dtype: 'f32', strides: [-2], offset: 2 * n - 2, length: 2 * n + 5 },
        ],
        steps: [load(0), load(1), load(2), op('add', 0, 1), op('mul', 3, 2)],
      })),
    );
  });

  test('maps: views, broadcasts, iota and constants of every dtype, several axes', async () => {
    const views: TestRegion = {
      kept: [3, 2, 4],
      reduced: [],
      inputs: [
        { dtype: 'f32', data: numbers(40), strides: [1, 12, 3], offset: 5 },
        { dtype: 'f32', data: numbers(4, 2), strides: [0, 0, -1], offset: 3 },
        { dtype: 'f32', data: numbers(3, 3), strides: [1, 0, 0] },
        { dtype: 'i32', data: null, strides: [4, 100, -1], offset: 3 },
      ],
      outputs: [
        { step: 4, dtype: 'f32', strides: [18, 9, 2], offset: 1, length: 60 },
        { step: 5, dtype: 'i32', strides: [-8, 4, 1], offset: 16, length: 24 },
      ],
      steps: [load(0), load(1), load(2), op('add', 0, 1), op('mul', 3, 2), load(3, 'i32')],
    };
    const fills = (['f32', 'i32', 'u32', 'bool'] as const).map((dtype): TestRegion => {
      const value = { f32: 0.1, i32: -5, u32: 4000000000, bool: 1 }[dtype];
      return {
        kept: [5],
        reduced: [],
        inputs: [{ dtype, data: null, strides: [1], offset: dtype === 'u32' ? 2 : -2 }],
        constants: [
          { dtype: 'f32', value: 9 },
          { dtype, value },
        ],
        outputs: [
          { step: 0, dtype, strides: [1], length: 5 },
          { step: 1, dtype, strides: [1], length: 6 },
        ],
        steps: [load(0, dtype), constant(1, dtype)],
      };
    });
    await check([views, ...fills]);
  });

  test('in place: maps and reductions over their inputs', async () => {
    const m = matrix(5, 40, 1, numbers(200));
    await check([
      {
        kept: [2, 50],
        reduced: [],
        inputs: [{ dtype: 'f32', data: numbers(100), strides: [50, 1] }],
        outputs: [
          { step: 1, dtype: 'f32', strides: [50, 1], length: 100, alias: 0 },
          { step: 2, dtype: 'f32', strides: [1, 2], length: 100 },
        ],
        steps: [load(0), op('add', 0, 0), op('mul', 0, 1)],
      },
      {
        kept: m.kept,
        reduced: m.reduced,
        inputs: [m.x, { dtype: 'f32', data: numbers(5, 9), strides: m.vector }],
        outputs: [
          { step: 1, dtype: 'f32', strides: m.strides, length: 200, alias: 0 },
          { step: 6, dtype: 'f32', strides: m.vector, length: 5, alias: 1 },
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
      },
    ]);
  });

  test('every reducer and dtype, over rows and columns', async () => {
    const regions = (['f32', 'i32', 'u32'] as const).flatMap((dtype) =>
      (dtype === 'u32' ? ([0] as const) : ([0, 1] as const)).flatMap((axis) =>
        SHAPES.flatMap(([rows, columns]) => {
          const data = numbers(rows * columns).map((v) => (dtype === 'u32' ? v * 4 + 16 : v * 4));
          // Products of floats are exact as long as they are powers of two.
          const powers = data.map((v) => [1, 2, -1, 0.5][Math.abs(v) % 4]!);
          return dtype === 'f32'
            ? [
                reduction(['sum', 'max', 'min'], dtype, axis, [rows, columns], data),
                reduction(['prod'], dtype, axis, [rows, columns], powers),
              ]
            : [reduction(['sum', 'max', 'min', 'prod'], dtype, axis, [rows, columns], data)];
        }),
      ),
    );
    await check(regions);
  });

  test('integers wrap; bool max is any, min is all', async () => {
    const data = [0, 0, 0, 1, 1, 1, 0, 1, 0, 1, 0, 0];
    await check([
      reduction(['sum', 'prod'], 'i32', 1, [1, 3], [2147483647, 2147483647, 7]),
      reduction(['max', 'min'], 'bool', 1, [4, 3], data),
    ]);
  });

  test('NaN anywhere, infinities, and zeros of both signs', async () => {
    const reducers = ['max', 'min', 'sum'] as const;
    const regions = ([0, 1] as const).flatMap((axis) => {
      const nan = [0, 1, 8, 38, 39].map((at) => {
        const data = numbers(80);
        data[axis === 1 ? at : at * 2] = NaN;
        return reduction(reducers, 'f32', axis, axis === 1 ? [2, 40] : [40, 2], data);
      });
      const infinite = [
        [1, Infinity, 2, 3],
        [-Infinity, 1, 2, 3],
        [Infinity, -Infinity, 1, 2],
        [-Infinity, -Infinity, -Infinity, -Infinity],
        [3e38, 3e38, 3e38, 1],
      ].map((data) => reduction(reducers, 'f32', axis, axis === 1 ? [1, 4] : [4, 1], data));
      return [...nan, ...infinite];
    });
    // The NaN of ∞ - ∞ has its sign bit set on some machines: by its bits it would be the least.
    const data = [Infinity, ...numbers(79)];
    const made = reduction(reducers, 'f32', 1, [2, 40], data);
    const difference: TestRegion = {
      ...made,
      outputs: made.outputs.map((output) => ({ ...output, step: output.step + 1 })),
      steps: [load(0), op('sub', 0, 0), ...reducers.map((reducer) => reduce(reducer, 1))],
    };
    await check([...regions, difference]);
    const zeros = [0, -0, 0, -0, -0].flatMap((v) => [v, -v]);
    const [max, min] = await launchHere(gpu, reduction(reducers, 'f32', 1, [1, 10], zeros))();
    expect(Object.is(max?.[0], 0)).toBe(true);
    expect(Object.is(min?.[0], -0)).toBe(true);
  });

  test('no reduced position leaves the identities, no kept one nothing', async () => {
    const empty = reduction(['sum', 'prod', 'max', 'min'], 'f32', 1, [3, 0], []);
    const none = reduction(['sum', 'prod', 'max', 'min'], 'f32', 1, [0, 3], []);
    const all = [empty, none].map((region) => ({
      ...region,
      inputs: [{ ...region.inputs[0]!, data: [1] }],
    }));
    await check(all);
  });

  test('several kept and reduced axes, a broadcast and a kept operand', async () => {
    await check(
      [1, 12].map((inner) => ({
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
      })),
    );
  });

  test('softmax over either axis, whole and in chunks', async () => {
    for (const axis of [0, 1] as const) {
      const region = softmax(axis === 1 ? 5 : 300, axis === 1 ? 300 : 5, axis, numbers(1500));
      for (const split of [false, true]) {
        // exp has its own bound of a few ULP; the sum adds one rounding, the quotient another.
        for (const error of await worst(region, split)) expect(error).toBeLessThan(2 ** -21);
      }
    }
  });

  test('softmax of a row with NaN is NaN, of others is not', async () => {
    const data = numbers(120);
    data[50] = NaN;
    const [got] = await launchHere(gpu, softmax(3, 40, 1, data))();
    expect(Array.from(got ?? [], Number.isNaN)).toEqual(data.map((_, i) => i >= 40 && i < 80));
  });

  test('normalisation: exact for dyadic data, whole and in chunks', async () => {
    await check([1, 3].map((kept) => normal(kept, 64, numbers(kept * 64, 5))));
  });

  test('long sums are as exact as can be', async () => {
    const sumOf = (count: number, value: number): TestRegion => ({
      kept: [1],
      reduced: [count],
      inputs: [{ dtype: 'i32', data: null, strides: [0, 1] }],
      constants: [{ dtype: 'f32', value }],
      outputs: [{ step: 2, dtype: 'f32', strides: [1, 0], length: 1 }],
      steps: [load(0, 'i32'), constant(0), reduce('sum', 1)],
    });
    const n = 200_000;
    const spread = normal(
      1,
      n,
      Array.from({ length: n }, (_, i) => 10_000 + (i % 2)),
    );
    const reads = [sumOf(20_000_000, 1), sumOf(10_000_000, 0.1), spread].map((region) =>
      launchHere(gpu, region),
    );
    const [ones, tenths, [, mean, variance]] = (await Promise.all(reads.map((read) => read()))) as [
      Data[],
      Data[],
      Data[],
    ];
    expect(ones[0]?.[0]).toBe(20_000_000);
    expect(tenths[0]?.[0]).toBe(Math.fround(1e7 * Math.fround(0.1)));
    expect(mean?.[0]).toBe(10_000.5);
    expect(variance?.[0]).toBe(0.25);
  });

  test('the same bits every time', async () => {
    const data = Array.from({ length: 3000 }, (_, i) => Math.sin(i) * 1e3);
    const region = softmax(3, 1000, 1, data);
    const [first, second] = [launchHere(gpu, region), launchHere(gpu, region)];
    expect(await first()).toEqual(await second());
  });
});

describe('groups of a GPU', () => {
  test.each(['workgroup', 'subgroup'] as const)('256 invocations, variant %s', async (variant) => {
    const own = await testGpu(variant);
    const gpu = { profile: { ...own.profile, isCpu: false }, pipeline: own.pipeline.bind(own) };
    const regions = ([0, 1] as const).flatMap((axis) => {
      const size: [number, number] = axis === 1 ? [2, 1200] : [1200, 2];
      return [reduction(['sum', 'max'], 'f32', axis, size, numbers(2400))];
    });
    const reads = regions.map((region) => launchHere(own, region, null, gpu));
    for (const [i, read] of reads.entries()) {
      expect(plain(await read())).toEqual(plain(runThere(regions[i]!)));
    }
    own.dispose();
  });
});

describe('grids', () => {
  test('more than 65,535 groups', async () => {
    const gpu = await testGpu('register');
    const rows = 65_536 * 16 + 100;
    const region: TestRegion = {
      kept: [rows],
      reduced: [2],
      inputs: [{ dtype: 'i32', data: null, strides: [1, 3] }],
      outputs: [{ step: 1, dtype: 'i32', strides: [1, 0], length: rows }],
      steps: [load(0, 'i32'), reduce('sum', 0, 'i32')],
    };
    const [got] = await launchHere(gpu, region)();
    expect(got?.findIndex((value, i) => value !== 2 * i + 3)).toBe(-1);
    gpu.dispose();
  });
});
