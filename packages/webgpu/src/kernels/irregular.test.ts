import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Gpu, ShaderSource } from '../kernel.ts';
import { compileOnly, type TestGpu, testGpu } from '../test-gpu.ts';
import { argReduceShader } from './arg-reduce.ts';
import { foldShader } from './fold.ts';
import { gatherShader } from './gather.ts';
import { oracle } from './irregular-oracle.ts';
import { type Data, dataOf, type Sample } from './irregular-samples.ts';
import { expectOracle, makeRandom, prepare, runAll } from './irregular-test-support.ts';
import { padShader } from './pad.ts';
import { scanShader } from './scan.ts';
import { scatterFewShader, scatterSortedShader } from './scatter-add.ts';
import { blockShader } from './sort-steps.ts';

const MOVE = { dtype: 'f32', bounds: 'nan' } as const;

const FEW = [NaN, -0, 0, Infinity, -Infinity, 3, 2 ** -149];

/** Many equal values, NaN, zeros of both signs; a subnormal, which sums may flush, as the last. */
function mixed(seed: number, count: number, kinds: number = FEW.length): Float32Array {
  const random = makeRandom(seed);
  return Float32Array.from({ length: count }, () => FEW[random(kinds)] ?? 0);
}

describe.each(['register', 'workgroup'] as const)('%s', (variant) => {
  let gpu: TestGpu;
  beforeAll(async () => {
    gpu = await testGpu(variant);
  });
  afterAll(() => gpu.dispose());

  async function result(sample: Sample): Promise<Data> {
    const [data] = await runAll(gpu, [sample]);
    return data ?? new Int32Array(0);
  }

  test('gather out of range gives NaN or 0, scatterAdd drops it, negative ones too', async () => {
    const index = dataOf('i32', [0, 3, -1, 2, -(2 ** 31), 2 ** 31 - 1]);
    const taken = { args: [1, 1, 3, 6, 1], length: 6 };
    const x = [-0, 2, 3];
    const [floats, wholes, sums] = await runAll(gpu, [
      { spec: { kind: 'gather', ...MOVE }, inputs: [dataOf('f32', x), index], ...taken },
      {
        spec: { kind: 'gather', dtype: 'u32', bounds: 'nan' },
        inputs: [dataOf('u32', [5, 2, 3]), index],
        ...taken,
      },
      {
        spec: { kind: 'scatterAdd', ...MOVE },
        inputs: [dataOf('f32', [1, 2, 4, 8, 16, 32]), index],
        args: [1, 1, 3, 6, 1],
        length: 3,
      },
    ]);
    expect(Array.from(floats ?? [])).toEqual([-0, NaN, NaN, 3, NaN, NaN]);
    expect(Array.from(wholes ?? [])).toEqual([5, 0, 0, 3, 0, 0]);
    expect(Array.from(sums ?? [])).toEqual([1, 0, 8]);
  });

  test('nothing to gather from, no indices: NaN, zeros', async () => {
    const none = dataOf('f32', []);
    await expectOracle(gpu, [
      {
        spec: { kind: 'gather', ...MOVE },
        inputs: [none, dataOf('i32', [0])],
        args: [1, 1, 0, 1, 2],
        length: 2,
      },
      {
        spec: { kind: 'scatterAdd', ...MOVE },
        inputs: [none, dataOf('i32', [])],
        args: [1, 1, 3, 0, 20],
        length: 60,
      },
    ]);
  });

  test('sums of scatterAdd run in the order of the index, however many there are', async () => {
    // (1e8 + 1) - 1e8 is 0 in f32; another order gives 1.
    for (const filler of [0, 200]) {
      for (const width of [1, 3, 40]) {
        const rows = [1e8, 5, 1, ...new Array<number>(filler).fill(9), -1e8];
        const index = [2, 0, 2, ...new Array<number>(filler).fill(1), 2];
        const got = await result({
          spec: { kind: 'scatterAdd', ...MOVE },
          inputs: [
            dataOf(
              'f32',
              rows.flatMap((value) => new Array<number>(width).fill(value)),
            ),
            dataOf('i32', index),
          ],
          args: [1, 1, 3, rows.length, width],
          length: 3 * width,
        });
        const wanted = [5, 9 * filler, 0].flatMap((value) => new Array<number>(width).fill(value));
        expect(Array.from(got)).toEqual(wanted);
      }
    }
  });

  test('the gradient of an embedding: a large table, hit once, often, out of range', async () => {
    const random = makeRandom(8);
    const [n, j, i] = [5000, 1500, 8];
    const index = Int32Array.from(
      { length: j },
      (_, p) => (p % 3 ? random(n) : 17) - (p % 50 < 1 ? n : 0),
    );
    const x = Float32Array.from({ length: j * i }, () => random(1000) - 500);
    await expectOracle(gpu, [
      {
        spec: { kind: 'scatterAdd', ...MOVE },
        inputs: [x, index],
        args: [1, 1, n, j, i],
        length: n * i,
      },
    ]);
  });

  test('long rows are cut into parts: extremes and running values over all of them', async () => {
    const n = 5000;
    const samples: Sample[] = [];
    for (const i of [1, 3]) {
      const random = makeRandom(i);
      const x = Float32Array.from({ length: 2 * n * i }, () => random(4000) - 2000);
      const late = x.slice();
      late[x.length - 1 - i] = NaN;
      const inputs = [[x], [late], [mixed(i, 2 * n * i, 6)]];
      const args = [2, n, i];
      for (const input of inputs) {
        for (const reducer of ['max', 'min'] as const) {
          const spec = { kind: 'argReduce', reducer, dtype: 'f32' } as const;
          samples.push({ spec, inputs: input, args, length: 2 * i });
        }
        for (const reducer of ['max', 'sum'] as const) {
          const spec = { kind: 'scan', reducer, dtype: 'f32' } as const;
          samples.push({ spec, inputs: input, args, length: 2 * n * i });
        }
      }
    }
    await expectOracle(gpu, samples);
  });

  test('argSort is stable both ways around every change of method', async () => {
    const samples: Sample[] = [];
    for (const n of [1, 2, 8, 9, 16, 17, 33, 255, 256, 257, 512, 513, 3000]) {
      for (const descending of [false, true]) {
        const spec = { kind: 'argSort', dtype: 'f32', descending } as const;
        samples.push({ spec, inputs: [mixed(n, n)], args: [1, n, 1], length: n });
      }
    }
    await expectOracle(gpu, samples);
  });

  test('rows that do not fit one binding together are sorted in turns', async () => {
    const random = makeRandom(5);
    const limits = { ...gpu.profile.limits, maxBindingBytes: 16 * 300 * 2 };
    const small: Gpu = {
      profile: { ...gpu.profile, limits },
      pipeline: (source) => gpu.pipeline(source),
    };
    const sort: Sample = {
      spec: { kind: 'argSort', dtype: 'i32', descending: false },
      inputs: [Int32Array.from({ length: 5 * 300 }, () => random(50) - 25)],
      args: [1, 300, 5],
      length: 1500,
    };
    const scatter: Sample = {
      spec: { kind: 'scatterAdd', dtype: 'i32', bounds: 'nan' },
      inputs: [
        Int32Array.from({ length: 3 * 2 * 300 }, () => random(50)),
        Int32Array.from({ length: 3 * 300 }, () => random(9) - 1),
      ],
      args: [3, 2, 7, 300, 1],
      length: 3 * 2 * 7,
    };
    for (const sample of [sort, scatter]) {
      const words = Int32Array.from(sample.args);
      const kernel = prepare(sample.spec, small);
      expect(kernel.workspace(words)).toBe(16 * 300 * 2);
      const inputs = sample.inputs.map((data) => gpu.put(data));
      const out = gpu.alloc(4 * sample.length);
      gpu.launch(kernel, [...inputs, out, gpu.alloc(16 * 300 * 2)], words);
      const got = await gpu.get(out, 'i32');
      expect(got.slice(0, sample.length)).toEqual(oracle(sample));
    }
  });

  test('a long running sum keeps its digits, infinities and NaN', async () => {
    const n = 100_000;
    const spec = { kind: 'scan', reducer: 'sum', dtype: 'f32' } as const;
    const got = await result({
      spec,
      inputs: [new Float32Array(n).fill(0.1)],
      args: [1, n, 1],
      length: n,
    });
    expect(got[n - 1]).toBe(Math.fround(n * Math.fround(0.1)));
    const x = dataOf('f32', [1, Infinity, 2, 1e38, -Infinity, 3]);
    const last = await result({ spec, inputs: [x], args: [1, 6, 1], length: 6 });
    expect(Array.from(last)).toEqual([1, Infinity, Infinity, Infinity, NaN, NaN]);
  });

  test('a running maximum keeps NaN of either sign and puts -0 before 0', async () => {
    const x = dataOf('f32', [-3, -0, 0, -1, 2, NaN, 5]);
    new Int32Array(x.buffer)[5] = -1;
    const spec = { kind: 'scan', reducer: 'max', dtype: 'f32' } as const;
    const got = await result({ spec, inputs: [x], args: [1, 7, 1], length: 7 });
    expect(Array.from(got)).toEqual([-3, -0, 0, 0, 2, NaN, NaN]);
  });
});

test('every kernel compiles for f16', async () => {
  const sources: ShaderSource[] = [
    gatherShader('f16'),
    foldShader('f16', 4),
    padShader('f16', 3),
    scatterFewShader('f16', 1),
    scatterSortedShader('f16', 4),
    argReduceShader({ kind: 'argReduce', reducer: 'min', dtype: 'f16' }, false),
    argReduceShader({ kind: 'argReduce', reducer: 'max', dtype: 'f16' }, true),
    blockShader('f16', 'places', true),
    blockShader('f16', 'pairs', false),
    ...(['sum', 'max'] as const).flatMap((reducer) =>
      (['whole', 'totals', 'results'] as const).map((stage) =>
        scanShader({ kind: 'scan', reducer, dtype: 'f16' }, stage),
      ),
    ),
  ];
  const failures = await Promise.all(sources.map(compileOnly));
  expect(failures).toEqual(sources.map(() => null));
});

test('the text of gather', () => {
  expect(gatherShader('f32').code).toMatchInlineSnapshot(`
    "@group(0) @binding(0) var<uniform> words: array<vec4<u32>, 2>;
    @group(0) @binding(1) var<storage, read> x: array<u32>;
    @group(0) @binding(2) var<storage, read> index: array<i32>;
    @group(0) @binding(3) var<storage, read_write> out: array<u32>;

    @compute @workgroup_size(64)
    fn main(
      @builtin(workgroup_id) group_id: vec3<u32>,
      @builtin(num_workgroups) group_count: vec3<u32>,
      @builtin(local_invocation_index) local: u32,
    ) {
      let group = group_id.x + group_count.x * (group_id.y + group_count.y * group_id.z);
      let id = group * 64u + local;
      if (id >= words[0].x) { return; }
      let row = id / words[0].y;
      let slice = row / words[1].y;
      let place = u32(index[slice / words[0].w * words[1].y + row % words[1].y]);
      let first = id % words[0].y * words[0].z;
      let end = min(first + words[0].z, words[1].z);
      let to = row * words[1].z;
      if (place >= words[1].x) {
        for (var c = first; c < end; c++) { out[to + c] = words[1].w; }
        return;
      }
      let source = (slice * words[1].x + place) * words[1].z;
      for (var c = first; c < end; c++) { out[to + c] = x[source + c]; }
    }
    "
  `);
});
