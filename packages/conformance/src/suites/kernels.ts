/**
 * The interface itself, without core: specs prepared and launched by hand, with the strides,
 * domains, aliases and constants that canonical regions have.
 */
import type { KernelSpec, RegionSpec, Step } from '@tenon/core';
import { assertSame } from '../compare.ts';
import {
  download,
  launch,
  prepare,
  type RegionSample,
  regionSpec,
  regionWords,
  upload,
} from '../raw.ts';
import type { Suite, SuiteContext } from '../suite.ts';

const load = (index: number, dtype: 'f32' | 'i32' = 'f32'): Step => ({ op: 'load', index, dtype });
const f32Step = (op: 'add' | 'sub' | 'mul' | 'exp' | 'div' | 'neg', ...args: number[]): Step => ({
  op,
  args,
  dtype: 'f32',
  from: 'f32',
});
const sumOf = (arg: number): Step => ({ op: 'reduce', reducer: 'sum', args: [arg], dtype: 'f32' });

/** Prepares, launches and reads the outputs; every output starts full of 77. */
async function run(
  { backend }: SuiteContext,
  sample: RegionSample,
  inputs: readonly (readonly number[])[],
  lengths: readonly number[],
): Promise<number[][]> {
  const given = sample.inputs.filter(({ isIota = false }) => !isIota);
  const buffers = inputs.map((values, i) => upload(backend, given[i]!.dtype, values));
  const outs = sample.outputs.map(({ dtype, alias = -1 }, i) =>
    alias >= 0 ? buffers[alias]! : upload(backend, dtype, new Array(lengths[i]).fill(77)),
  );
  const kernel = prepare(backend, regionSpec(sample));
  launch(backend, kernel, [...buffers, ...outs], regionWords(sample));
  return Promise.all(
    outs.map(async (out, i) => [...(await download(backend, sample.outputs[i]!.dtype, out))]),
  );
}

function regions(context: SuiteContext): void {
  const { test } = context;
  test('a map over shifted, transposed, reversed and repeated operands', async () => {
    // The output lies inside a larger buffer: what is between its elements stays.
    const sample: RegionSample = {
      kept: [2, 3],
      inputs: [
        { dtype: 'f32', strides: [1, 2], offset: 1 },
        { dtype: 'f32', strides: [-3, -1], offset: 5 },
        { dtype: 'f32', strides: [0, 0], offset: 2 },
      ],
      outputs: [{ dtype: 'f32', strides: [6, 2], offset: 1, step: 4 }],
      steps: [load(0), load(1), load(2), f32Step('mul', 0, 1), f32Step('add', 3, 2)],
    };
    const a = [0, 1, 2, 3, 4, 5, 6];
    const b = [10, 20, 30, 40, 50, 60];
    const [out] = await run(context, sample, [a, b, [0, 0, 1000]], [12]);
    const want = new Array<number>(12).fill(77);
    for (let i = 0; i < 2; i++) {
      for (let j = 0; j < 3; j++)
        want[1 + 6 * i + 2 * j] = a[1 + i + 2 * j]! * b[5 - 3 * i - j]! + 1000;
    }
    assertSame('out', out!, want);
  });
  test('iota and constant operands need no buffer', async () => {
    const sample: RegionSample = {
      kept: [2, 3],
      inputs: [{ dtype: 'i32', strides: [10, -1], offset: 5, isIota: true }],
      outputs: [{ dtype: 'i32', strides: [3, 1], step: 2 }],
      steps: [
        load(0, 'i32'),
        { op: 'const', index: 0, dtype: 'i32' },
        { op: 'mul', args: [0, 1], dtype: 'i32', from: 'i32' },
      ],
      constants: [{ dtype: 'i32', value: -7 }],
    };
    const [out] = await run(context, sample, [], [6]);
    assertSame(
      'out',
      out!,
      [5, 4, 3, 15, 14, 13].map((x) => x * -7),
    );
  });
  test(
    'an f64 constant takes two words',
    async () => {
      const sample: RegionSample = {
        kept: [2],
        inputs: [{ dtype: 'f64', strides: [1] }],
        outputs: [{ dtype: 'f64', strides: [1], step: 4 }],
        steps: [
          { op: 'load', index: 0, dtype: 'f64' },
          { op: 'const', index: 0, dtype: 'f64' },
          { op: 'const', index: 1, dtype: 'f64' },
          { op: 'mul', args: [0, 1], dtype: 'f64', from: 'f64' },
          { op: 'add', args: [3, 2], dtype: 'f64', from: 'f64' },
        ],
        constants: [
          { dtype: 'f64', value: Math.PI },
          { dtype: 'f64', value: 1e-300 },
        ],
      };
      const [out] = await run(context, sample, [[2, 0]], [2]);
      assertSame('out', out!, [2 * Math.PI + 1e-300, 1e-300]);
    },
    { needs: ['f64'] },
  );
  test('several outputs of one region, one over a kept and one over the full domain', async () => {
    const sample: RegionSample = {
      kept: [2],
      reduced: [3],
      inputs: [{ dtype: 'f32', strides: [3, 1] }],
      outputs: [
        { dtype: 'f32', strides: [1, 0], step: 1, domain: 'kept' },
        { dtype: 'f32', strides: [1, 2], step: 2, domain: 'full' },
      ],
      steps: [load(0), sumOf(0), f32Step('sub', 0, 1)],
    };
    const [sums, rest] = await run(context, sample, [[1, 2, 3, 10, 20, 30]], [2, 6]);
    assertSame('sums', sums!, [6, 60]);
    assertSame('rest', rest!, [-5, -50, -4, -40, -3, -30]);
  });
  test('reductions that depend on each other (two phases), with a kept operand', async () => {
    const sample: RegionSample = {
      kept: [2],
      reduced: [4],
      inputs: [
        { dtype: 'f32', strides: [4, 1] },
        { dtype: 'f32', strides: [1, 0] },
      ],
      outputs: [{ dtype: 'f32', strides: [4, 1], step: 7, domain: 'full' }],
      steps: [
        load(0),
        load(1),
        { op: 'reduce', reducer: 'max', args: [0], dtype: 'f32' },
        f32Step('sub', 0, 2),
        f32Step('mul', 3, 1),
        sumOf(4),
        f32Step('div', 4, 5),
        f32Step('neg', 6),
      ],
    };
    const x = [1, 2, 4, 8, 3, 3, 1, 2];
    const [out] = await run(context, sample, [x, [2, -1]], [8]);
    const want = [0, 1].flatMap((row) => {
      const values = x.slice(4 * row, 4 * row + 4);
      const scaled = values.map((v) => (v - Math.max(...values)) * [2, -1][row]!);
      const total = scaled.reduce((a, b) => a + b, 0);
      return scaled.map((v) => Math.fround(-Math.fround(v / total)));
    });
    assertSame('out', out!, want);
  });
  test('an output that aliases its input', async () => {
    const sample: RegionSample = {
      kept: [5],
      inputs: [
        { dtype: 'f32', strides: [1] },
        { dtype: 'f32', strides: [1] },
      ],
      outputs: [{ dtype: 'f32', strides: [1], step: 2, alias: 0 }],
      steps: [load(0), load(1), f32Step('add', 0, 1)],
    };
    const [out] = await run(
      context,
      sample,
      [
        [1, 2, 3, 4, 5],
        [10, 20, 30, 40, 50],
      ],
      [5],
    );
    assertSame('out', out!, [11, 22, 33, 44, 55]);
  });
}

const MATMUL_OUT: RegionSpec = regionSpec({
  kept: [1, 1, 1, 1],
  inputs: [
    { dtype: 'f32', strides: [0, 0, 0, 1] },
    { dtype: 'f32', strides: [0, 0, 0, 1] },
  ],
  outputs: [{ dtype: 'f32', strides: [0, 0, 0, 1], step: 2 }],
  steps: [load(0), load(1), f32Step('add', 0, 1)],
});

function products(context: SuiteContext): void {
  const { backend, test } = context;
  test('matmul: transposed operands, two batch axes, an epilogue with a row', async () => {
    const [b0, b1, m, n, k] = [2, 2, 3, 5, 4];
    // A is stored [b1, k, m] and shared by b0; B is stored [b0, n, k] and shared by b1.
    const a = Array.from({ length: b1 * k * m }, (_, i) => (i % 7) - 3);
    const b = Array.from({ length: b0 * n * k }, (_, i) => (i % 5) - 2);
    const bias = Array.from({ length: n }, (_, i) => 100 * i);
    const spec: KernelSpec = {
      kind: 'matmul',
      dtype: 'f32',
      aClasses: [1, 2],
      bClasses: [1, 2],
      epilogue: MATMUL_OUT,
    };
    const dense = [b1 * m * n, m * n, n, 1];
    const words = [
      ...[b0, b1, m, n, k],
      ...[0, 0, k * m, 1, m],
      ...[0, n * k, 0, 1, k],
      ...[b0, b1, m, n],
      ...[0, 0, 0, 0, 0],
      ...[0, 0, 0, 0, 1],
      ...[0, ...dense],
    ];
    const buffers = [a, b, bias, new Array<number>(b0 * b1 * m * n).fill(77)].map((values) =>
      upload(backend, 'f32', values),
    );
    launch(backend, prepare(backend, spec), buffers, Int32Array.from(words));
    const want: number[] = [];
    for (let p = 0; p < b0; p++) {
      for (let q = 0; q < b1; q++) {
        for (let i = 0; i < m; i++) {
          for (let j = 0; j < n; j++) {
            let sum = 0;
            for (let l = 0; l < k; l++)
              sum += a[q * k * m + l * m + i]! * b[p * n * k + j * k + l]!;
            want.push(sum + bias[j]!);
          }
        }
      }
    }
    assertSame('out', await download(backend, 'f32', buffers[3]!), want);
  });
}

const KERNELS: readonly {
  readonly name: string;
  readonly spec: KernelSpec;
  readonly words: readonly number[];
  readonly inputs: readonly (readonly ['f32' | 'i32' | 'bool', readonly number[]])[];
  readonly out: readonly ['f32' | 'i32' | 'bool', readonly number[]];
}[] = [
  {
    name: 'gather',
    spec: { kind: 'gather', dtype: 'f32', bounds: 'throw' },
    words: [2, 1, 3, 2, 2],
    inputs: [
      ['f32', [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]],
      ['i32', [2, 0, 1, 1]],
    ],
    out: ['f32', [4, 5, 0, 1, 8, 9, 8, 9]],
  },
  {
    name: 'scatterAdd, in the order of the index',
    spec: { kind: 'scatterAdd', dtype: 'f32', bounds: 'throw' },
    words: [1, 1, 3, 4, 1],
    // (1e8 + 1) - 1e8 is 0 in f32, so another order would show.
    inputs: [
      ['f32', [1e8, 5, 1, -1e8]],
      ['i32', [2, 0, 2, 2]],
    ],
    out: ['f32', [5, 0, 0]],
  },
  {
    name: 'fold',
    spec: { kind: 'fold', dtype: 'f32' },
    words: [1, 6, 2, 3, 1, 2, 1],
    inputs: [['f32', [1, 2, 3, 10, 20, 30]]],
    out: ['f32', [1, 10, 2, 20, 3, 30]],
  },
  {
    name: 'fold where windows overlap',
    spec: { kind: 'fold', dtype: 'f32' },
    words: [1, 4, 3, 2, 1, 1, 2],
    inputs: [['f32', [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]]],
    out: ['f32', [1, 2, 8, 10, 16, 18, 11, 12]],
  },
  {
    name: 'fold of bools: any of the windows',
    spec: { kind: 'fold', dtype: 'bool' },
    words: [1, 5, 3, 3, 1, 1, 1],
    inputs: [['bool', [1, 0, 0, 0, 1, 0, 1, 0, 0]]],
    out: ['bool', [1, 0, 1, 0, 0]],
  },
  {
    name: 'pad',
    spec: { kind: 'pad', rank: 2, dtype: 'i32' },
    words: [3, 4, 2, 2, 1, 1, -9],
    inputs: [['i32', [1, 2, 3, 4]]],
    out: ['i32', [-9, -9, -9, -9, -9, 1, 2, -9, -9, 3, 4, -9]],
  },
  {
    name: 'argReduce',
    spec: { kind: 'argReduce', reducer: 'max', dtype: 'f32' },
    words: [2, 3, 2],
    inputs: [['f32', [1, 5, 7, 5, 7, 2, 0, Number.NaN, 9, 1, 3, Number.NaN]]],
    out: ['i32', [1, 0, 1, 0]],
  },
  {
    name: 'scan',
    spec: { kind: 'scan', reducer: 'sum', dtype: 'i32' },
    words: [1, 3, 2],
    inputs: [['i32', [1, 10, 2, 20, 3, 30]]],
    out: ['i32', [1, 10, 3, 30, 6, 60]],
  },
  {
    name: 'argSort',
    spec: { kind: 'argSort', dtype: 'f32', descending: true },
    words: [1, 6, 1],
    inputs: [['f32', [1, Number.NaN, 3, 1, Infinity, 3]]],
    out: ['i32', [1, 4, 2, 5, 0, 3]],
  },
];

function irregular({ backend, capabilities, test }: SuiteContext): void {
  for (const { name, spec, words, inputs, out } of KERNELS) {
    test(name, async () => {
      const own = 'bounds' in spec ? { ...spec, bounds: capabilities.bounds } : spec;
      const buffers = inputs.map(([dtype, values]) => upload(backend, dtype, values));
      const result = upload(
        backend,
        out[0],
        out[1].map(() => 77),
      );
      launch(backend, prepare(backend, own), [...buffers, result], Int32Array.from(words));
      assertSame(name, await download(backend, out[0], result), out[1]);
    });
  }
}

export const kernelSuite: Suite = {
  name: 'kernels',
  define(context) {
    regions(context);
    products(context);
    irregular(context);
  },
};
