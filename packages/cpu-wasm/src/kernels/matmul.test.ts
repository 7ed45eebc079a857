import { DTypeError, type RegionSpec, type Step } from '@tenon/core';
import { describe, expect, test } from 'vitest';
import { detectFeatures } from '../features.ts';
import { linearOverride } from '../fused/linear.ts';
import type { WasmKernel } from '../kernel.ts';
import type { Variant } from '../machine.ts';
import { type TestMachine, testMachine } from '../test-machine.ts';
import { whyNot } from '../variant.ts';
import { prepareMatmul } from './matmul.ts';
import {
  dense,
  type Extra,
  eachSum,
  type Float,
  floats,
  LAYOUTS,
  launch,
  type Product,
  product,
  specOf,
  worstError,
} from './matmul-test-support.ts';

const features = detectFeatures();
const VARIANTS: readonly Variant[] = ['scalar', 'simd', 'relaxed'];
const machines: [Variant, TestMachine][] = [];
for (const variant of VARIANTS) {
  const reason = whyNot(variant, features);
  if (reason === null) machines.push([variant, await testMachine(variant)]);
  else test.skip(`${variant} needs another engine: ${reason}`, () => {});
}

const run = (machine: TestMachine, p: Product, extra?: Extra): ReturnType<typeof floats> =>
  launch(machine, p, extra)[0]!;

/** Index of the first element that differs, or -1. */
function difference(a: Product['x'], b: Product['x']): number {
  return a.length === b.length ? a.findIndex((value, i) => !Object.is(value, b[i])) : 0;
}

function check(machine: TestMachine, p: Product): void {
  const error = worstError(p, run(machine, p));
  expect(error, `${p.dtype} ${p.sizes} ${p.a} ${p.b} ${p.c}`).toBeLessThanOrEqual(1);
}

/** Every way of laying out operands that the kernels tell apart. */
function layouts(m: number, n: number, k: number, dtype: Float): Product[] {
  const [rows, columns] = [2 * k + 3, 2 * n + 1];
  const batch = m * k + 5;
  return [
    // Batches: dense, one shared operand, both shared, in one or two axes.
    product(
      dtype,
      [2, 3, m, n, k],
      [1, 3 * batch, batch, k, 1],
      [0, 0, 0, n, 1],
      [0, 3 * m * n, m * n, n, 1],
    ),
    product(
      dtype,
      [3, 2, m, n, k],
      [0, 0, 0, 1, m],
      [2, k * n, 0, n, 1],
      [0, 2 * m * n, m * n, n, 1],
    ),
    product(
      dtype,
      [2, 2, m, n, k],
      [0, 0, m * k, k, 1],
      [0, 0, n * k, 1, k],
      [0, 2 * m * n, m * n, n, 1],
    ),
    product(dtype, [1, 4, m, n, k], [0, 0, m * k, k, 1], [3, 0, 0, 1, k], [0, 0, m * n, n, 1]),
    product(dtype, [1, 2, m, n, k], [0, 0, 0, k, 1], [0, 0, 0, n, 1], [0, 0, m * n, n, 1]),
    // No unit stride at all; C with gaps, or transposed.
    product(
      dtype,
      [1, 1, m, n, k],
      [4, 0, 0, rows, 2],
      [1, 0, 0, columns, 2],
      [3, 0, 0, columns, 2],
    ),
    product(
      dtype,
      [1, 2, m, n, k],
      [0, 0, m * rows, 2, rows],
      [0, 0, 1, 2, 2 * k],
      [0, 0, 1, 2, 2 * m],
    ),
    product(dtype, [1, 1, m, n, k], [0, 0, 0, k, 1], [0, 0, 0, n, 1], [0, 0, 0, 1, m]),
    product(dtype, [1, 1, m, n, k], [0, 0, 0, k, 1], [0, 0, 0, 1, k], [2, 0, 0, n + 7, 1]),
    // A repeated row and a repeated column.
    product(dtype, [1, 1, m, n, k], [0, 0, 0, 0, 1], [0, 0, 0, n, 1], [0, 0, 0, n, 1]),
    product(dtype, [1, 1, m, n, k], [0, 0, 0, k, 1], [0, 0, 0, 1, 0], [0, 0, 0, n, 1]),
    // The same along the inner axis.
    product(dtype, [1, 1, m, n, k], [0, 0, 0, 1, 0], [0, 0, 0, n, 1], [0, 0, 0, n, 1]),
    product(dtype, [1, 1, m, n, k], [0, 0, 0, k, 1], [0, 0, 0, 0, 1], [0, 0, 0, n, 1]),
  ];
}

describe.each(machines)('matmul, %s', (_, machine) => {
  test('all sizes up to 20, every layout', () => {
    for (let m = 1; m <= 20; m++) {
      for (let n = 1; n <= 20; n++) {
        for (const k of [1, 2, 3, 4, 7, 16, 18]) {
          check(machine, dense(m, n, k, LAYOUTS[(m + 3 * n + 5 * k) % 4]!));
        }
      }
    }
  });

  test.each(LAYOUTS)('around the sizes of blocks, %s', (layout) => {
    for (let i = 250; i <= 266; i += 3) {
      check(machine, dense(i, 24, 514 - i, layout));
      check(machine, dense(31, i, i + 1, layout));
    }
    check(machine, dense(530, 70, 300, layout));
    check(machine, dense(40, 1100, 30, layout));
    // Rows of A that no second-level cache holds, and many columns.
    check(machine, dense(1100, 270, 530, layout));
    check(machine, dense(270, 2100, 65, layout));
  });

  test.each(['f32', 'f64'] as const)('batches, shared operands and any strides, %s', (dtype) => {
    for (const [m, n, k] of [
      [1, 9, 5],
      [3, 17, 12],
      [13, 6, 9],
      [34, 35, 20],
      [70, 66, 40],
    ] as const) {
      for (const p of layouts(m, n, k, dtype)) check(machine, p);
    }
  });

  test('few rows or columns', () => {
    for (const layout of LAYOUTS) {
      for (const short of [1, 2, 3, 5, 8, 12, 13, 14, 29, 30]) {
        check(machine, dense(short, 131, 259, layout));
        check(machine, dense(131, short, 259, layout));
      }
      check(machine, dense(1, 4500, 300, layout));
      check(machine, dense(4500, 1, 300, layout));
      check(machine, dense(1, 1, 5000, layout));
    }
  });

  test('f64', () => {
    for (const layout of LAYOUTS) {
      for (let m = 1; m <= 13; m += 2) {
        for (let n = 1; n <= 11; n++) check(machine, dense(m, n, 7 + m, layout, 'f64'));
      }
      check(machine, dense(150, 70, 300, layout, 'f64'));
      check(machine, dense(3, 150, 300, layout, 'f64'));
    }
  });

  test('a long inner axis is cut in slices', () => {
    for (const layout of LAYOUTS) {
      check(machine, dense(32, 9, 20_000, layout));
      check(machine, dense(6, 40, 9_001, layout, 'f64'));
      check(machine, dense(2, 3, 4_500, layout, 'f32', 3));
    }
  });

  test('errors do not grow with the inner axis', () => {
    const p = dense(4, 5, 100_000);
    // All terms positive: rounding of one long sum would be far off.
    p.x.forEach((value, i) => {
      p.x[i] = Math.abs(value);
    });
    p.y.forEach((value, i) => {
      p.y[i] = Math.abs(value);
    });
    check(machine, p);
  });

  test('NaN, infinities and their products with zero reach the sums', () => {
    for (const [m, n, k] of [
      [1, 9, 20],
      [5, 11, 20],
      [12, 6, 300],
      [40, 40, 40],
    ] as const) {
      for (const layout of LAYOUTS) {
        const p = dense(m, n, k, layout);
        const place = (
          from: Product['x'],
          at: readonly number[],
          r: number,
          s: number,
          v: number,
        ) => {
          from[at[0]! + r * at[3]! + s * at[4]!] = v;
        };
        place(p.x, p.a, m - 1, k - 1, Infinity);
        place(p.y, p.b, k - 1, 0, 0);
        place(p.x, p.a, 0, 0, NaN);
        place(p.y, p.b, 2, n - 1, -Infinity);
        const got = run(machine, p);
        eachSum(p, (at, sum) => {
          if (!Number.isFinite(sum)) expect(got[at]).toBe(sum);
          else expect(Number.isFinite(got[at])).toBe(true);
        });
      }
    }
  });

  test('subnormal products and sums are kept', () => {
    const p = dense(9, 10, 8);
    p.x.fill(2 ** -100);
    p.y.fill(2 ** -45);
    expect(new Set(run(machine, p))).toEqual(new Set([2 ** -142]));
  });

  test('nothing to sum gives zeros', () => {
    expect([...run(machine, dense(3, 2, 0))]).toEqual([0, 0, 0, 0, 0, 0]);
  });
});

const kept = { domain: 'kept', reducedClass: 0 } as const;

/** max(acc + bias[n], c₀) + iota, with the sums themselves as a second output. */
function reluRegion(dtype: Float): RegionSpec {
  const from = dtype;
  const steps: Step[] = [
    { op: 'load', index: 0, dtype },
    { op: 'load', index: 1, dtype },
    { op: 'add', args: [0, 1], dtype, from },
    { op: 'const', index: 0, dtype },
    { op: 'maximum', args: [2, 3], dtype, from },
    { op: 'load', index: 2, dtype },
    { op: 'add', args: [4, 5], dtype, from },
  ];
  return {
    kind: 'region',
    keptRank: 4,
    reducedRank: 0,
    inputs: [
      { dtype, source: 'buffer', keptClass: 1, ...kept },
      { dtype, source: 'buffer', keptClass: 1, ...kept },
      { dtype, source: 'iota', keptClass: 2, ...kept },
    ],
    outputs: [
      { step: 6, dtype, keptClass: 1, alias: -1, ...kept },
      { step: 0, dtype, keptClass: 2, alias: -1, ...kept },
    ],
    steps,
    constants: [dtype],
  };
}

function reluExtra(p: Product): Extra & { readonly bias: ReturnType<typeof floats> } {
  const [b0, b1, m, n] = p.sizes;
  const { dtype } = p;
  const bias = floats(dtype, n + 1);
  const count = b0 * b1 * m * n;
  const words = new Int32Array(
    dtype === 'f32' ? Float32Array.of(0.25).buffer : Float64Array.of(0.25).buffer,
  );
  return {
    epilogue: reluRegion(dtype),
    bias,
    operands: [
      { place: [1, 0, 0, 0, 1], data: bias },
      { place: [7, 10_000, 1000, 3, 5], data: null },
      { place: [0, b1 * m * n, m * n, n, 1], data: floats(dtype, count) },
      { place: [0, b1 * m * n, m * n, 1, m], data: floats(dtype, count) },
    ],
    constants: [...words],
  };
}

describe.each(machines)('epilogues, %s', (_, machine) => {
  test('see each sum once, with every operand at its place', () => {
    const products = [
      dense(1, 70, 30),
      dense(5, 9, 600),
      dense(70, 90, 40, 'TN', 'f32', 3),
      dense(300, 600, 20),
      dense(50, 3, 40, 'NT'),
      dense(50, 3, 40, 'TN'),
      dense(64, 1, 40),
      dense(9, 20, 30, 'NT', 'f64', 2),
      dense(270, 300, 10, 'NN', 'f64'),
      dense(6, 7, 9000, 'NT'),
    ];
    for (const p of products) {
      const extra = reluExtra(p);
      const [, , m, n] = p.sizes;
      const results = launch(machine, p, extra);
      const [, out, sums] = results as [unknown, Product['x'], Product['x']];
      // The sums are those of the plain product, bit for bit.
      const plain = run(machine, p);
      const round = p.dtype === 'f32' ? Math.fround : Number;
      const wrong: number[] = [];
      plain.forEach((sum, at) => {
        const [q, i, j] = [Math.floor(at / m / n), Math.floor(at / n) % m, at % n];
        const moved = round(sum + extra.bias[j + 1]!);
        const index = 7 + 1000 * q + 3 * i + 5 * j;
        const wanted = round(Math.max(moved, 0.25) + index);
        if (sums[q * m * n + j * m + i] !== sum || out[at] !== wanted) wrong.push(at);
      });
      expect(wrong, `${p.sizes}`).toEqual([]);
    }
  });
});

describe('threads', () => {
  const threaded = (['simd-threads', 'relaxed-threads'] as const).filter(
    (variant) => whyNot(variant, features) === null,
  );
  test.each(threaded)('change no bit, %s', async (variant) => {
    const one = await testMachine(variant, 1);
    const two = await testMachine(variant, 2);
    const products = [
      ...LAYOUTS.flatMap((layout) => [
        dense(300, 310, 290, layout),
        dense(32, 700, 520, layout),
        dense(2, 3000, 300, layout),
        dense(3000, 2, 300, layout),
        dense(32, 9, 30_000, layout),
        dense(96, 100, 50, layout, 'f32', 24),
        dense(150, 160, 170, layout, 'f64'),
      ]),
      dense(1, 5000, 700),
    ];
    for (const p of products) {
      const wanted = run(one, p);
      for (let repeat = 0; repeat < 3; repeat++) expect(difference(run(two, p), wanted)).toBe(-1);
      const extra = reluExtra(p);
      const [, out, sums] = launch(one, p, extra);
      const [, ownOut, ownSums] = launch(two, p, extra);
      expect(difference(ownOut!, out!)).toBe(-1);
      expect(difference(ownSums!, sums!)).toBe(-1);
    }
  });
});

describe.each(machines)('linear, %s', (_, machine) => {
  const override = linearOverride(machine);

  test.each(['f32', 'f64'] as const)('is the product and the bias in one launch, %s', (dtype) => {
    const spec = { kind: 'fused', name: 'linear', dtype, epilogue: null } as const;
    const kernel = override.prepare(spec) as WasmKernel;
    for (const [rows, inner, out] of [
      [1, 20, 33],
      [7, 13, 5],
      [64, 300, 70],
      [90, 40, 2],
      [600, 20, 530],
      [16, 5000, 10],
      [4, 0, 3],
    ] as const) {
      const p = dense(rows, out, inner, 'NT', dtype);
      const bias = floats(dtype, out);
      const plain = run(machine, p);
      for (const hasBias of [false, true]) {
        const types = [[rows, inner], [out, inner], ...(hasBias ? [[out]] : [])];
        const inputs = types.map((shape) => ({ shape, dtype }));
        expect(override.supports(inputs, { hasBias })).toBe(true);
        const args = Int32Array.from(override.words(inputs, { hasBias }));
        const y = machine.alloc(rows * out * p.z.BYTES_PER_ELEMENT);
        const own = [
          machine.put(p.x),
          machine.put(p.y),
          ...(hasBias ? [machine.put(bias)] : []),
          y,
        ];
        const workspace = kernel.workspace(args);
        if (workspace > 0) own.push(machine.alloc(workspace));
        kernel.run(own, args);
        const wanted = plain.map((sum, i) => (hasBias ? sum + bias[i % out]! : sum));
        expect(difference(machine.get(y, dtype), wanted)).toBe(-1);
        for (const buffer of own) machine.free(buffer);
      }
    }
  });

  test('says what it does not take', () => {
    const types = (...dtypes: ('f32' | 'f64' | 'f16')[]) =>
      dtypes.map((dtype) => ({ shape: [2, 2], dtype }));
    expect(override.supports(types('f16', 'f16'), {})).toBe('takes f32 and f64, not f16');
    expect(override.supports(types('f32', 'f64'), {})).toBe('takes one dtype, not f32, f64');
  });
});

test('f16 is refused', () => {
  const [, machine] = machines[0]!;
  expect(() => prepareMatmul({ ...specOf('f32'), dtype: 'f16' }, machine)).toThrow(DTypeError);
});
