import { DTypeError, type RegionSpec, type Step } from '@tenon/core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { VARIANTS } from '../device.ts';
import { type TestGpu, testGpu, testNull } from '../test-gpu.ts';
import { prepareMatmul } from './matmul.ts';
import {
  dense,
  type Extra,
  eachSum,
  type Floats,
  floats,
  LAYOUTS,
  launch,
  type Product,
  product,
  random,
  run,
  specOf,
  worstError,
} from './matmul-test-support.ts';

// Shaders with barriers take seconds to compile over SwiftShader.
const TIMEOUT = 240_000;

async function check(gpu: TestGpu, products: readonly Product[]): Promise<void> {
  const results = await run(gpu, products);
  const wrong = products.flatMap((p, i) => {
    const error = worstError(p, results[i]!);
    return error <= 1 ? [] : [`${p.sizes} | ${p.a} | ${p.b} | ${p.c}: ${error}`];
  });
  expect(wrong).toEqual([]);
}

/** The float that has these bits where two arrays differ, or -1. */
function difference(a: Floats, b: Floats): number {
  const [x, y] = [new Int32Array(a.buffer), new Int32Array(b.buffer)];
  return x.length === y.length ? x.findIndex((bits, i) => bits !== y[i]) : 0;
}

/** Ways of laying out operands besides dense ones. */
function layouts(m: number, n: number, k: number): Product[] {
  const [rows, columns] = [2 * k + 3, 2 * n + 1];
  const batch = m * k + 5;
  const c = [0, 0, m * n, n, 1] as const;
  return [
    // Batches: dense, one shared operand, in one or two axes.
    product(
      [2, 3, m, n, k],
      [1, 3 * batch, batch, k, 1],
      [0, 0, 0, n, 1],
      [0, 3 * m * n, m * n, n, 1],
    ),
    product([3, 2, m, n, k], [0, 0, 0, 1, m], [2, k * n, 0, n, 1], [0, 2 * m * n, m * n, n, 1]),
    product([1, 4, m, n, k], [0, 0, m * k, k, 1], [3, 0, 0, 1, k], c),
    // No unit stride at all; C with gaps, or transposed.
    product([1, 1, m, n, k], [4, 0, 0, rows, 2], [1, 0, 0, columns, 2], [3, 0, 0, columns, 2]),
    product([1, 2, m, n, k], [0, 0, m * rows, 2, rows], [0, 0, 1, 2, 2 * k], [0, 0, 1, 2, 2 * m]),
    // A repeated row, a repeated column, the same along the inner axis.
    product([1, 1, m, n, k], [0, 0, 0, 0, 1], [0, 0, 0, 1, 0], c),
    product([1, 1, m, n, k], [0, 0, 0, 1, 0], [0, 0, 0, 0, 1], c),
    // Backwards along every axis.
    product([1, 1, m, n, k], [m * k - 1, 0, 0, -k, -1], [n * k - 1, 0, 0, -n, -1], c),
  ];
}

/** Whole fours in each axis, that start where no four does: by offset, batch or row. */
const UNALIGNED: readonly Product[] = [
  [
    [2, 0, 720, 20, 1],
    [1, 0, 640, 32, 1],
  ] as const,
  [
    [0, 0, 722, 20, 1],
    [0, 0, 641, 32, 1],
  ] as const,
  [
    [0, 0, 800, 22, 1],
    [0, 0, 720, 34, 1],
  ] as const,
  [
    [0, 0, 800, 1, 38],
    [0, 0, 800, 1, 22],
  ] as const,
].flatMap(([a, b]) => {
  const c = [0, 36 * 32, 36 * 32, 32, 1] as const;
  return [
    product([1, 2, 36, 32, 20], a, b, c),
    product([2, 1, 36, 32, 20], [a[0], a[2], 0, a[3], a[4]], [b[0], b[2], 0, b[3], b[4]], c),
  ];
});

function sizes(): [number, number, number] {
  const size = (most: number): number => 1 + Math.floor(((random() + 1) / 2) * most);
  return [size(70), size(140), size(90)];
}

let gpu: TestGpu;

describe.each(VARIANTS)('matmul, %s', (variant) => {
  beforeAll(async () => {
    gpu = await testGpu(variant);
  });
  afterAll(() => {
    gpu.dispose();
  });

  test(
    'sizes of every kind, aligned and not, every layout',
    async () => {
      const products = LAYOUTS.flatMap((layout) => [
        dense(1, 1, 1, layout),
        dense(36, 72, 20, layout),
        dense(33, 67, 19, layout),
        dense(3, 200, 40, layout),
        dense(200, 2, 40, layout),
      ]);
      // Enough products for the longest text of register.
      if (variant === 'register') products.push(dense(1027, 1130, 60), dense(260, 516, 512, 'TT'));
      for (let i = 0; i < 24; i++) products.push(dense(...sizes(), LAYOUTS[i % 4]!));
      await check(gpu, products);
    },
    TIMEOUT,
  );

  test(
    'batches, shared operands and any strides',
    () => check(gpu, [...layouts(3, 17, 12), ...layouts(34, 35, 20), ...UNALIGNED]),
    TIMEOUT,
  );

  test(
    'a long inner axis is cut into slices, always the same',
    async () => {
      const products = [
        dense(8, 9, 20_000, 'TN'),
        dense(5, 36, 9_001, 'NT'),
        dense(2, 3, 4_500, 'NN', 3),
        dense(1, 1, variant === 'register' ? 2 ** 20 : 2 ** 17),
        dense(128, 1, 784, 'NT'),
      ];
      await check(gpu, products);
      const [first, second] = [await run(gpu, products), await run(gpu, products)];
      expect(first.map((c, i) => difference(c, second[i]!))).toEqual(products.map(() => -1));
    },
    TIMEOUT,
  );

  test(
    'errors do not grow with the inner axis',
    async () => {
      const p = dense(4, 5, 100_000);
      // All terms positive: rounding of one long sum would be far off.
      p.x.forEach((value, i) => {
        p.x[i] = Math.abs(value);
      });
      p.y.forEach((value, i) => {
        p.y[i] = Math.abs(value);
      });
      await check(gpu, [p]);
    },
    TIMEOUT,
  );

  test(
    'NaN, infinities and their products with zero reach their sums and no others',
    async () => {
      const products = LAYOUTS.flatMap((layout) => [
        dense(36, 72, 20, layout),
        dense(33, 67, 19, layout),
        dense(8, 9, 1234, layout),
      ]);
      for (const p of products) {
        const [, , m, n, k] = p.sizes;
        const place = (from: Floats, at: readonly number[], r: number, s: number, v: number) => {
          from[at[0]! + r * at[3]! + s * at[4]!] = v;
        };
        place(p.x, p.a, m - 1, k - 1, Infinity);
        place(p.y, p.b, k - 1, 0, 0);
        place(p.x, p.a, 0, 0, Number.NaN);
        place(p.y, p.b, 2, n - 1, -Infinity);
        place(p.x, p.a, 3, 2, 0);
      }
      const results = await run(gpu, products);
      products.forEach((p, i) => {
        const wrong: string[] = [];
        eachSum(p, (at, sum, _, index) => {
          const got = results[i]![at]!;
          const isRight = Number.isFinite(sum) ? Number.isFinite(got) : Object.is(got, sum);
          if (!isRight) wrong.push(`[${index}]: ${got}, not ${sum}`);
        });
        expect(wrong, `${p.sizes}`).toEqual([]);
      });
    },
    TIMEOUT,
  );

  test('nothing to sum gives zeros', async () => {
    const [c] = await run(gpu, [dense(3, 2, 0)]);
    expect([...c!]).toEqual([0, 0, 0, 0, 0, 0]);
  });

  test(
    'epilogues see each sum once, with every operand at its place',
    async () => {
      const products = [
        dense(1, 70, 32),
        dense(36, 72, 20, 'NN'),
        dense(70, 33, 40, 'TN', 3),
        dense(50, 3, 40, 'NT'),
        dense(6, 7, 9000, 'NT'),
      ];
      const extras = products.map(reluExtra);
      const launched = products.map((p, i) => launch(gpu, p, extras[i]));
      const plain = await run(gpu, products);
      for (const [i, p] of products.entries()) {
        const [, , m, n] = p.sizes;
        const [, outBuffer, sumsBuffer] = launched[i]!;
        const out = await gpu.get(outBuffer!, 'f32');
        const sums = await gpu.get(sumsBuffer!, 'f32');
        const wrong: number[] = [];
        plain[i]!.forEach((sum, at) => {
          const [q, r, j] = [Math.floor(at / m / n), Math.floor(at / n) % m, at % n];
          const moved = Math.fround(sum + extras[i]!.bias[j + 1]!);
          const index = 7 + 1000 * q + 3 * r + 5 * j;
          const wanted = Math.fround(Math.max(moved, 0.25) + index);
          if (sums[q * m * n + j * m + r] !== sum || out[at] !== wanted) wrong.push(at);
        });
        expect(wrong, `${p.sizes}`).toEqual([]);
      }
    },
    TIMEOUT,
  );

  test(
    'an epilogue may overwrite what it reads',
    async () => {
      const products = [dense(36, 72, 20, 'TN'), dense(10, 12, 3000, 'TN')];
      const launched = products.map((p) => launch(gpu, p, updateExtra(p)));
      const plain = await run(gpu, products);
      for (const [i, p] of products.entries()) {
        const got = await gpu.get(launched[i]![0]!, 'f32');
        const wanted = p.z.map((value, at) => value - Math.fround(plain[i]![at]! * 0.5));
        expect(difference(got, wanted)).toBe(-1);
      }
    },
    TIMEOUT,
  );
});

test(
  'as many sums as fill a GPU, in large tiles: the texts of workgroup and subgroup',
  async () => {
    const device = await testGpu('workgroup');
    // Of 128 x 128, then of 64 x 64.
    await check(device, [dense(1156, 1284, 20, 'NN'), dense(333, 331, 35, 'NN', 4)]);
    device.dispose();
  },
  TIMEOUT,
);

const dtype = 'f32';
const kept = { domain: 'kept', reducedClass: 0, dtype } as const;

/** max(acc + bias[n], c₀) + iota, with the sums themselves as a second output. */
const RELU: RegionSpec = {
  kind: 'region',
  keptRank: 4,
  reducedRank: 0,
  inputs: [
    { source: 'buffer', keptClass: 1, ...kept },
    { source: 'buffer', keptClass: 1, ...kept },
    { source: 'iota', keptClass: 2, ...kept },
  ],
  outputs: [
    { step: 6, keptClass: 1, alias: -1, ...kept },
    { step: 0, keptClass: 2, alias: -1, ...kept },
  ],
  steps: [
    { op: 'load', index: 0, dtype },
    { op: 'load', index: 1, dtype },
    { op: 'add', args: [0, 1], dtype, from: dtype },
    { op: 'const', index: 0, dtype },
    { op: 'maximum', args: [2, 3], dtype, from: dtype },
    { op: 'load', index: 2, dtype },
    { op: 'add', args: [4, 5], dtype, from: dtype },
  ] satisfies Step[],
  constants: [dtype],
};

function reluExtra(p: Product): Extra & { readonly bias: Floats } {
  const [b0, b1, m, n] = p.sizes;
  const bias = floats(n + 1);
  const count = b0 * b1 * m * n;
  return {
    epilogue: RELU,
    bias,
    operands: [
      { place: [1, 0, 0, 0, 1], data: bias },
      { place: [7, 10_000, 1000, 3, 5], data: null },
      { place: [0, b1 * m * n, m * n, n, 1], data: floats(count) },
      { place: [0, b1 * m * n, m * n, 1, m], data: floats(count) },
    ],
    constants: [...new Int32Array(Float32Array.of(0.25).buffer)],
  };
}

/** p - acc / 2, in place: a gradient step. */
function updateExtra(p: Product): Extra {
  return {
    epilogue: {
      ...RELU,
      inputs: RELU.inputs.slice(0, 2),
      outputs: [{ step: 4, keptClass: 1, alias: 1, ...kept }],
      steps: [
        { op: 'load', index: 0, dtype },
        { op: 'load', index: 1, dtype },
        { op: 'const', index: 0, dtype },
        { op: 'mul', args: [0, 2], dtype, from: dtype },
        { op: 'sub', args: [1, 3], dtype, from: dtype },
      ],
    },
    operands: [
      { place: p.c, data: p.z },
      { place: p.c, data: 0 },
    ],
    constants: [...new Int32Array(Float32Array.of(0.5).buffer)],
  };
}

test('f64 is refused', async () => {
  const nothing = await testNull();
  const spec = { ...specOf('f32'), dtype: 'f64' } as const;
  expect(() => prepareMatmul(spec, nothing)).toThrow(DTypeError);
});
