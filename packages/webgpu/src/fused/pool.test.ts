// The pooling kernels against plain loops, bit for bit, in all variants.
import type { Override } from '@tenon/core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compileOnly, type TestGpu, testGpu, testNull } from '../test-gpu.ts';
import { avgPoolGradOverride, avgPoolGradShader } from './avg-pool-grad.ts';
import { sizeOf, threeAxes } from './fused-shader.ts';
import { ask, fetched, launch, numbers, type Operand, VARIANTS } from './fused-support.ts';
import {
  maxPoolGradOverride,
  maxPoolGradShader,
  maxPoolOverride,
  maxPoolShader,
} from './max-pool.ts';

interface Case {
  readonly x: readonly number[];
  readonly kernel: readonly number[];
  readonly stride?: readonly number[];
  readonly dilation?: readonly number[];
}
const CASES: readonly Case[] = [
  { x: [3, 4, 8, 6], kernel: [2, 2] },
  { x: [2, 3, 7, 11], kernel: [2, 2] },
  { x: [2, 3, 7, 9], kernel: [2, 2], stride: [1, 1] },
  { x: [2, 3, 7, 9], kernel: [2, 2], dilation: [2, 3], stride: [2, 2] },
  { x: [1, 2, 5, 25], kernel: [1, 4] },
  { x: [1, 2, 9, 15], kernel: [4, 1], stride: [2, 3] },
  { x: [2, 3, 11, 17], kernel: [3, 3], stride: [2, 2] },
  { x: [2, 3, 6, 9], kernel: [3, 3], stride: [1, 1], dilation: [2, 1] },
  { x: [2, 2, 11, 19], kernel: [3, 2], stride: [4, 4] },
  { x: [2, 2, 4, 4], kernel: [4, 4] },
  { x: [2, 2, 3, 24], kernel: [1, 16], stride: [1, 2] },
  { x: [2, 3, 17], kernel: [4], stride: [3] },
  { x: [1, 2, 5, 6, 13], kernel: [2, 3, 2], stride: [1, 2, 3] },
];

function attrsOf({ x, kernel, stride = kernel, dilation = kernel.map(() => 1) }: Case) {
  const counts = x.slice(2).map((size, i) => {
    const span = (kernel[i]! - 1) * dilation[i]! + 1;
    return Math.floor((size - span) / stride[i]!) + 1;
  });
  return { kernel, stride, dilation, counts, input: x };
}

/** Calls visit with each window and the positions of its elements in its plane, in order. */
function eachWindow(
  sample: Case,
  visit: (at: number, plane: number, positions: readonly number[]) => void,
): void {
  const attrs = attrsOf(sample);
  const size = threeAxes(sample.x.slice(2), 1);
  const [counts, kernel, stride, dilation] = [
    attrs.counts,
    attrs.kernel,
    attrs.stride,
    attrs.dilation,
  ].map((list) => threeAxes(list, 1));
  const elements = (window: readonly number[]): number[] => {
    const positions: number[] = [];
    for (let a = 0; a < kernel![0]!; a++) {
      for (let b = 0; b < kernel![1]!; b++) {
        for (let c = 0; c < kernel![2]!; c++) {
          const q = [a, b, c].map((k, i) => window[i]! * stride![i]! + k * dilation![i]!);
          positions.push((q[0]! * size[1]! + q[1]!) * size[2]! + q[2]!);
        }
      }
    }
    return positions;
  };
  let at = 0;
  for (let plane = 0; plane < sample.x[0]! * sample.x[1]!; plane++) {
    for (let z = 0; z < counts![0]!; z++) {
      for (let y = 0; y < counts![1]!; y++) {
        for (let x = 0; x < counts![2]!; x++) visit(at++, plane, elements([z, y, x]));
      }
    }
  }
}

/** Many ties, both zeros, NaN and infinities. */
function awkward(count: number, seed: number): Float32Array<ArrayBuffer> {
  const special = [0, -0, 0, -0, Number.NaN, Infinity, -Infinity, -0];
  return numbers(count, seed).map((value, i) => {
    if (i % 7 === 3) return special[Math.floor(i / 7) % special.length]!;
    return Math.round(value * 4) / 4 - 0.5;
  });
}

interface Expected {
  readonly y: Float32Array;
  readonly index: Int32Array;
  readonly slope: Float32Array;
  readonly share: Float64Array;
}
function expected(sample: Case, x: Float32Array, g: Float32Array, divisor: Float32Array): Expected {
  const elements = sizeOf(sample.x.slice(2));
  const y = new Float32Array(g.length);
  const index = new Int32Array(g.length);
  const slope = new Float32Array(x.length);
  const share = new Float64Array(x.length);
  eachWindow(sample, (at, plane, positions) => {
    const base = plane * elements;
    let best = positions[0]!;
    for (const [k, p] of positions.entries()) {
      const value = x[base + p]!;
      if (k > 0 && (value > x[base + best]! || Number.isNaN(value))) best = p;
      share[base + p] = share[base + p]! + g[at]! / divisor[at]!;
    }
    y[at] = x[base + best]!;
    index[at] = best;
    slope[base + best] = slope[base + best]! + g[at]!;
  });
  return { y, index, slope, share };
}

const ints = (list: Float32Array<ArrayBuffer>): Int32Array =>
  new Int32Array(list.buffer, list.byteOffset, list.length);
const TILED = 'has windows side by side: the decomposition is a single launch';

describe.each(VARIANTS.map((variant) => [variant] as const))('%s', (variant) => {
  let gpu: TestGpu;
  beforeAll(async () => {
    gpu = await testGpu(variant);
  });
  afterAll(() => gpu.dispose());

  test('windows of all kinds', async () => {
    const launched = CASES.flatMap((sample) =>
      [numbers, awkward].map((make) => {
        const attrs = attrsOf(sample);
        const shape = [...sample.x.slice(0, 2), ...attrs.counts];
        const windows = sizeOf(shape);
        const x = make(sizeOf(sample.x), 1);
        const g = numbers(windows, 2);
        const divisor = numbers(windows, 3).map((v) => v + 3);
        const want = expected(sample, x, g, divisor);
        const run = (
          override: Override,
          inputs: readonly Operand[],
          own: object,
          sizes: readonly number[],
        ) => launch(gpu, override, inputs, own, sizes);
        const cotangent = { shape, data: g };
        const spread = avgPoolGradOverride(gpu);
        const by = { shape, data: divisor };
        const reason = ask(spread, [shape, shape], attrs);
        return {
          sample,
          want,
          reason,
          pool: run(
            maxPoolOverride(gpu),
            [{ shape: sample.x, data: x }],
            { ...attrs, hasIndices: true },
            [windows, windows],
          ),
          slope: run(maxPoolGradOverride(gpu), [cotangent, { shape, data: want.index }], attrs, [
            x.length,
          ]),
          share: reason !== true ? null : run(spread, [cotangent, by], attrs, [x.length]),
        };
      }),
    );
    const refusals = launched.map(({ reason }) => reason);
    expect(refusals.filter((reason) => reason === TILED)).toHaveLength(4);
    expect(refusals.filter((reason) => reason === 'takes no dilation')).toHaveLength(4);
    for (const { want, pool, slope, share } of launched) {
      const [y, index] = await fetched(gpu, pool);
      // toEqual tells -0 from 0, and takes NaN as equal to NaN.
      expect(y).toEqual(want.y);
      expect(ints(index!)).toEqual(want.index);
      expect(await fetched(gpu, slope)).toEqual([want.slope]);
      if (share === null) continue;
      const [spread] = await fetched(gpu, share);
      for (const [i, value] of want.share.entries()) {
        expect(Math.abs(spread![i]! - value)).toBeLessThanOrEqual(2 ** -21);
      }
    }
  });

  test('one window by hand: first of ties, last NaN, zeros of both signs', async () => {
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
    const x = [1, 8, 2, 2];
    const attrs = { ...attrsOf({ x, kernel: [2, 2] }), hasIndices: true };
    const input = { shape: x, data: Float32Array.from(windows.flat()) };
    const [y, index] = await fetched(
      gpu,
      launch(gpu, maxPoolOverride(gpu), [input], attrs, [8, 8]),
    );
    expect([...y!]).toEqual([3, -1, Number.NaN, -0, -0, Infinity, -Infinity, -2]);
    expect([...ints(index!)]).toEqual([1, 0, 3, 0, 0, 0, 0, 3]);
  });
});

test('f16: a device with it takes the shaders', async () => {
  for (const source of [
    maxPoolShader('f16', 64),
    maxPoolGradShader('f16', 64, true),
    maxPoolGradShader('f16', 64, false),
    avgPoolGradShader('f16', 64),
  ]) {
    expect(await compileOnly(source)).toBeNull();
  }
});

test('the text of a shader', () => {
  expect(maxPoolGradShader('f32', 64, true).code).toMatchInlineSnapshot(`
    "@group(0) @binding(0) var<uniform> words: array<vec4<u32>, 5>;
    @group(0) @binding(1) var<storage, read> cotangent: array<f32>;
    @group(0) @binding(2) var<storage, read> indices: array<i32>;
    @group(0) @binding(3) var<storage, read_write> out: array<f32>;
    @compute @workgroup_size(64)
    fn main(
      @builtin(workgroup_id) group_id: vec3<u32>,
      @builtin(num_workgroups) group_count: vec3<u32>,
      @builtin(local_invocation_index) local: u32,
    ) {
      let group = group_id.x + group_count.x * (group_id.y + group_count.y * group_id.z);
      let id = group * 64u + local;
      if (id >= words[0].x) { return; }
      var rest = id / words[0].y;
      let firstX = (id - rest * words[0].y) * words[0].z;
      let lines = rest / ((words[1].x + words[3].y - 1u) / words[3].y);
      let y = rest - lines * ((words[1].x + words[3].y - 1u) / words[3].y);
      let plane = lines / ((words[0].w + words[3].x - 1u) / words[3].x);
      let z = lines - plane * ((words[0].w + words[3].x - 1u) / words[3].x);
      let endX = min(firstX + words[0].z, ((words[1].y + words[3].z - 1u) / words[3].z));
      let end_z = min((z + 1u) * words[3].x, words[0].w);
      let end_y = min((y + 1u) * words[3].y, words[1].x);
      for (var x = firstX; x < endX; x++) {
      let window = ((plane * words[1].z + z) * words[1].w + y) * words[2].x + x;
      let isThere = (z < words[1].z) & (y < words[1].w) & (x < words[2].x);
      let first = plane * (words[0].w * words[1].x * words[1].y);
      let winner = select(0xffffffffu, u32(indices[window]), isThere);
      let slope = cotangent[window];
      let end_x = min((x + 1u) * words[3].z, words[1].y);
      var ez = z * words[3].x;
      loop {
      var ey = y * words[3].y;
      loop {
      var ex = x * words[3].z;
      loop {
      let position = (ez * words[1].x + ey) * words[1].y + ex;
      let at = first + position;
      out[at] = select(0.0, slope, position == winner);
      continuing { ex++; break if ex >= end_x; }
      }
      continuing { ey++; break if ey >= end_y; }
      }
      continuing { ez++; break if ez >= end_z; }
      }
      }
    }
    "
  `);
});

test('what the pooling kernels do not take says why', async () => {
  const gpu = await testNull();
  const x = [1, 2, 4, 4];
  const attrs = { ...attrsOf({ x, kernel: [2, 2] }), hasIndices: true };
  const size = (n: number) => `takes windows of 2 to 16 elements, not ${n}`;
  const [pool, poolGrad, average] = [
    maxPoolOverride(gpu),
    maxPoolGradOverride(gpu),
    avgPoolGradOverride(gpu),
  ];
  expect(ask(pool, [x], attrs)).toBe(true);
  expect(ask(pool, [x], { ...attrs, hasIndices: false })).toBe(
    'wants no indices: the decomposition is as fast',
  );
  expect(ask(pool, [x], { ...attrs, kernel: [1, 1] })).toBe(size(1));
  expect(ask(pool, [x], { ...attrs, kernel: [4, 5] })).toBe(size(20));
  expect(ask(pool, [x], { ...attrs, counts: [1, 1, 1, 1] })).toBe('has 4 spatial axes, over 3');
  expect(ask(average, [x, x], { ...attrs, stride: [1, 1], counts: [3, 3] })).toBe(true);
  expect(ask(average, [x, x], attrs)).toBe(TILED);
  for (const override of [pool, poolGrad, average]) {
    const own = { ...attrs, stride: [1, 1], counts: [3, 3] };
    expect(override.supports([{ shape: x, dtype: 'f64' }], own)).toBe('takes f32 and f16, not f64');
  }
});
