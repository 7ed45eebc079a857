// The three convolution kernels against float64 loops, in all variants: many geometries, few reads.
import type { ConvAttrs, TensorType } from '@tenon/core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type TestGpu, testGpu, testNull } from '../test-gpu.ts';
import { convOverride } from './conv.ts';
import { convInputGradOverride } from './conv-input-grad.ts';
import { convWeightGradOverride } from './conv-weight-grad.ts';
import { placesShader } from './correlation-places.ts';
import { sizeOf, threeAxes } from './fused-shader.ts';
import {
  addTo,
  ask,
  eachTerm,
  fetched,
  type Launched,
  launch,
  numbers,
  picker,
  prepared,
  type Sums,
  sums,
  VARIANTS,
  worst,
} from './fused-support.ts';

interface Case {
  readonly x: readonly number[];
  readonly weight: readonly number[];
  readonly stride?: readonly number[];
  readonly dilation?: readonly number[];
  readonly padding?: readonly (readonly [number, number])[];
  readonly groups?: number;
}
const ONE = [1, 1] as const;
const SAME = [ONE, ONE];

/** What random geometries seldom meet: each kind of tile, its edges, and long sums. */
const CHOSEN: readonly Case[] = [
  { x: [2, 3, 7, 9], weight: [20, 3, 3, 3], padding: SAME },
  { x: [2, 1, 12, 12], weight: [32, 1, 3, 3], padding: SAME },
  { x: [2, 150, 4, 5], weight: [9, 150, 3, 3], padding: SAME },
  { x: [1, 70, 3, 3], weight: [130, 70, 3, 3], padding: SAME },
  { x: [3, 4, 17, 18], weight: [5, 4, 3, 3], padding: SAME },
  { x: [1, 2, 30, 31], weight: [3, 2, 19, 18], padding: [ONE, ONE] },
  { x: [3, 4, 3, 3], weight: [6, 4, 3, 3] },
  { x: [2, 3, 5, 5], weight: [4, 3, 1, 1], stride: [2, 2] },
  { x: [2, 3, 5, 5], weight: [12, 3, 1, 1], padding: SAME },
  { x: [1, 2, 11, 8], weight: [4, 2, 1, 2], stride: [3, 4] },
  { x: [2, 3, 10, 8], weight: [11, 3, 3, 3], stride: [2, 2], padding: SAME },
  { x: [2, 3, 8, 7], weight: [3, 1, 3, 3], groups: 3, padding: SAME },
  { x: [2, 3, 8, 9], weight: [6, 1, 2, 5], groups: 3, stride: [2, 2] },
  { x: [2, 24, 6, 6], weight: [20, 12, 3, 3], groups: 2, padding: SAME },
  { x: [1, 2, 1500], weight: [9, 2, 5], padding: [[2, 2]] },
  { x: [2, 3, 20], weight: [3, 1, 9], padding: [[4, 4]], groups: 3 },
  { x: [2, 2, 5, 4, 6], weight: [12, 2, 3, 2, 3], padding: [ONE, ONE, ONE], stride: [2, 1, 2] },
];

function randomCase(seed: number): Case {
  const pick = picker(seed);
  const rank = pick([1, 2, 2, 2, 3]);
  const axes = Array.from({ length: rank }, () => {
    const kernel = pick([1, 2, 3, 4]);
    const dilation = pick([1, 1, 2, 3]);
    const padding = [pick([0, 1, 2, 3]), pick([0, 1, 2])] as const;
    const least = Math.max(1, (kernel - 1) * dilation + 1 - padding[0] - padding[1]);
    return { kernel, dilation, padding, size: least + pick([0, 1, 2, 3, 5, 8]) };
  });
  const groups = pick([1, 1, 1, 2, 3]);
  const [inner, outer] = [pick([1, 2, 3, 5]), pick([1, 2, 3, 8, 9, 17])];
  return {
    x: [pick([1, 2, 3]), inner * groups, ...axes.map(({ size }) => size)],
    weight: [outer * groups, inner, ...axes.map(({ kernel }) => kernel)],
    stride: axes.map(() => pick([1, 1, 1, 2, 3])),
    dilation: axes.map(({ dilation }) => dilation),
    padding: axes.map(({ padding }) => padding),
    groups,
  };
}
const CASES: readonly Case[] = [
  ...CHOSEN,
  ...Array.from({ length: 60 }, (_, i) => randomCase(i + 1)),
];

type Shapes = Readonly<Record<'x' | 'w' | 'y', readonly number[]>>;
interface Problem {
  readonly attrs: ConvAttrs & { readonly input: readonly number[] };
  readonly shapes: Shapes;
  readonly x: Float32Array<ArrayBuffer>;
  readonly w: Float32Array<ArrayBuffer>;
  readonly g: Float32Array<ArrayBuffer>;
}

function problemOf({ x, weight, groups = 1, ...sample }: Case): Problem {
  const kernel = weight.slice(2);
  const ones = kernel.map(() => 1);
  const { stride = ones, dilation = ones, padding = kernel.map(() => [0, 0] as const) } = sample;
  const counts = x.slice(2).map((size, i) => {
    const [low, high] = padding[i]!;
    return Math.floor((size + low + high - (kernel[i]! - 1) * dilation[i]! - 1) / stride[i]!) + 1;
  });
  const y = [x[0]!, weight[0]!, ...counts];
  return {
    attrs: { kernel, stride, dilation, padding, groups, input: x.slice(2) },
    shapes: { x, w: weight, y },
    x: numbers(sizeOf(x), 1),
    w: numbers(sizeOf(weight), 2),
    g: numbers(sizeOf(y), 3),
  };
}

interface Expected {
  readonly y: Sums;
  readonly dx: Sums;
  readonly dw: Sums;
}
function expected({ attrs, shapes, x, w, g }: Problem): Expected {
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

const NO_GATHER = 'has few windows for its input: the decomposition multiplies less';
const PRODUCT = 'is a product as it stands: the decomposition copies nothing';
const REMAINDERS = 'takes 16 remainders by the strides, not 27';

/** Launches all that the kernels take; null for what they leave to the decomposition. */
function launchAll(
  gpu: TestGpu,
  problem: Problem,
): Readonly<Record<keyof Expected, Launched | null>> {
  const { attrs, shapes, x, w, g } = problem;
  const operands = {
    x: { shape: shapes.x, data: x },
    w: { shape: shapes.w, data: w },
    g: { shape: shapes.y, data: g },
  };
  const run = (
    make: typeof convOverride,
    names: readonly ('x' | 'w' | 'g')[],
    size: number,
    refusals: readonly string[],
  ): Launched | null => {
    const override = make(gpu);
    const inputs = names.map((name) => operands[name]);
    const reason = ask(
      override,
      inputs.map(({ shape }) => shape),
      attrs,
    );
    if (reason === true) return launch(gpu, override, inputs, attrs, [size]);
    expect(refusals).toContain(reason);
    return null;
  };
  return {
    y: run(convOverride, ['x', 'w'], g.length, [PRODUCT]),
    dx: run(convInputGradOverride, ['g', 'w'], x.length, [PRODUCT, NO_GATHER, REMAINDERS]),
    dw: run(convWeightGradOverride, ['x', 'g'], w.length, []),
  };
}

/** As many half units of the terms' magnitudes as sums of f32 in blocks of products may be off. */
const BOUND = 6;

describe.each(VARIANTS.map((variant) => [variant] as const))('%s', (variant) => {
  let gpu: TestGpu;
  beforeAll(async () => {
    gpu = await testGpu(variant);
  });
  afterAll(() => gpu.dispose());

  test('random geometries, all tiles', async () => {
    // The variant with subgroups has the same shaders as that with workgroup memory.
    const cases = variant === 'subgroup' ? CHOSEN : CASES;
    const problems = cases.map(problemOf);
    const launched = problems.map((problem) => launchAll(gpu, problem));
    const counts = { y: 0, dx: 0, dw: 0 };
    for (const [i, problem] of problems.entries()) {
      const want = expected(problem);
      for (const name of ['y', 'dx', 'dw'] as const) {
        const one = launched[i]![name];
        if (one === null) continue;
        counts[name]++;
        const [got] = await fetched(gpu, one);
        const error = worst(got!, want[name]);
        if (!(error <= BOUND)) {
          expect.fail(`${name} of case ${i} ${JSON.stringify(cases[i])} is off by ${error}`);
        }
      }
    }
    // The decomposition serves few of them.
    expect(counts.y).toBeGreaterThan(0.9 * cases.length);
    expect(counts.dx).toBeGreaterThan(0.6 * cases.length);
    expect(counts.dw).toBe(cases.length);
  });

  /** Finite values, and which infinity or NaN: what lies outside must not count as a term. */
  const kinds = (list: ArrayLike<number>): number[] =>
    Array.from(list, (v) => (Number.isFinite(v) ? 0 : v));

  test.each(['x', 'w', 'g'] as const)('NaN and infinities in %s', async (name) => {
    const problems = [
      { x: [2, 3, 6, 6], weight: [3, 1, 3, 3], padding: SAME, groups: 3 },
      { x: [2, 3, 6, 6], weight: [12, 3, 3, 3], padding: SAME },
      { x: [2, 1, 6, 6], weight: [3, 1, 3, 3], padding: SAME },
      { x: [1, 2, 7, 6], weight: [10, 2, 3, 2], padding: SAME, stride: [2, 1] },
    ].map(problemOf);
    for (const problem of problems) {
      const list = problem[name];
      list[1] = Infinity;
      list[Math.floor(list.length / 2)] = Number.NaN;
      list[list.length - 1] = -Infinity;
    }
    const launched = problems.map((problem) => launchAll(gpu, problem));
    for (const [i, problem] of problems.entries()) {
      const want = expected(problem);
      for (const result of ['y', 'dx', 'dw'] as const) {
        const [got] = await fetched(gpu, launched[i]![result]!);
        expect(kinds(got!)).toEqual(kinds(want[result].value));
      }
    }
  });

  test('equal bits from run to run; sums of nothing but -0 are 0', async () => {
    const problem = problemOf({ x: [2, 5, 9, 9], weight: [20, 5, 3, 3], padding: SAME });
    const [one, two] = [launchAll(gpu, problem), launchAll(gpu, problem)];
    for (const name of ['y', 'dx', 'dw'] as const) {
      expect(await fetched(gpu, two[name]!)).toEqual(await fetched(gpu, one[name]!));
    }
    problem.x.fill(0);
    problem.w.fill(-1);
    const [zeros] = await fetched(gpu, launchAll(gpu, problem).y!);
    expect(zeros).toEqual(new Float32Array(problem.g.length));
  });
});

test('register tiles without quads', async () => {
  const device = await testGpu('register');
  const gpu = Object.create(device, {
    profile: { value: { ...device.profile, subgroupSize: 0 } },
  }) as TestGpu;
  const problem = problemOf(CHOSEN[0]!);
  const want = expected(problem);
  const launched = launchAll(gpu, problem);
  for (const name of ['y', 'dx', 'dw'] as const) {
    const [got] = await fetched(device, launched[name]!);
    expect(worst(got!, want[name])).toBeLessThanOrEqual(BOUND);
  }
  device.dispose();
});

test('f16: a device with it takes the shaders of every tile', async () => {
  const gpu = await testNull();
  for (const variant of VARIANTS) {
    const profile = { ...gpu.profile, variant };
    const view = Object.create(gpu, { profile: { value: profile } }) as TestGpu;
    for (const outer of [1, 4, 16]) {
      const { attrs, shapes } = problemOf({ x: [1, 2, 5, 5], weight: [outer, 2, 3, 3] });
      for (const [make, names, result] of [
        [convOverride, ['x', 'w'], 'y'],
        [convInputGradOverride, ['y', 'w'], 'x'],
        [convWeightGradOverride, ['x', 'y'], 'w'],
      ] as const) {
        const types = names.map((name): TensorType => ({ shape: shapes[name], dtype: 'f16' }));
        const override = make(view);
        expect(override.supports(types, attrs)).toBe(true);
        const kernel = prepared(override, 'f16');
        const args = Int32Array.from(override.words(types, attrs));
        const bytes = [...names, result].map((name) => 2 * sizeOf(shapes[name]));
        const scratch = kernel.workspace(args);
        if (scratch > 0) bytes.push(scratch);
        const { pipelines } = gpu.pipelines.collect(() =>
          gpu.launch(
            kernel,
            bytes.map((size) => gpu.alloc(size)),
            args,
          ),
        );
        expect(pipelines.length).toBeGreaterThan(0);
        await Promise.all(pipelines.map(({ compiling }) => compiling));
        for (const { failure } of pipelines) expect(failure?.message).toBeUndefined();
      }
    }
  }
});

test('the text of a shader', () => {
  const tile = { rows: 4, columns: 2, unroll: 1, isSingle: false, hasQuads: true };
  expect(placesShader('conv', 'f32', tile, 64).code).toMatchInlineSnapshot(`
    "enable subgroups;
    @group(0) @binding(0) var<uniform> words: array<vec4<u32>, 10>;
    @group(0) @binding(1) var<storage, read> source: array<f32>;
    @group(0) @binding(2) var<storage, read> factor: array<f32>;
    @group(0) @binding(3) var<storage, read_write> out: array<f32>;
    fn is_nan(x: f32) -> bool {
      return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
    }
    fn placeOf(index: u32) -> vec4<u32> {
      var rest = index;
      let x = rest % words[2].y;
      rest /= words[2].y;
      let y = rest % words[2].x;
      rest /= words[2].x;
      return vec4<u32>(rest / words[1].w, rest % words[1].w, y, x);
    }
    fn startOf(place: vec4<u32>) -> vec3<u32> {
      return place.yzw * vec3<u32>(words[2].z, words[2].w, words[3].x) +
        vec3<u32>(words[3].y, words[3].z, words[3].w);
    }
    fn targetOf(place: vec4<u32>, part: u32) -> u32 {
      let channel = place[0] * (words[0].y * words[0].w) + part * words[0].w;
      return ((channel * words[5].z + (place[1] * words[7].x + words[6].y)) * words[5].w + (place[2] * words[7].y + words[6].z)) *
        words[6].x + (place[3] * words[7].z + words[6].w);
    }
    fn placeAgain(place: vec4<u32>, part: u32, row: u32) -> f32 {
      let start = startOf(place);
      var total = 0.0;
      for (var tz = 0u; tz < words[4].x; tz++) {
        for (var ty = 0u; ty < words[4].y; ty++) {
          for (var tx = 0u; tx < words[4].z; tx++) {
            let z = start.x + tz * words[4].w;
            let y = start.y + ty * words[5].x;
            let x = start.z + tx * words[5].y;
            if (!((z < words[1].x) & (y < words[1].y) & (x < words[1].z))) { continue; }
            var read = (place[0] * (words[0].y * words[0].z) + part * words[0].z) * (words[1].x * words[1].y * words[1].z) +
              ((z) * words[1].y + y) * words[1].z + x;
            var by = part * words[7].w + row * words[8].x + words[9].y + tz * words[8].z + ty * words[8].w + tx * words[9].x;
            var sum = 0.0;
            for (var c = 0u; c < words[0].z; c++) {
              sum += source[read] * factor[by];
              read += (words[1].x * words[1].y * words[1].z);
              by += words[8].y;
            }
            if (is_nan(sum)) { return sum; }
            total += sum;
          }
        }
      }
      return total;
    }
    @compute @workgroup_size(64)
    fn main(
      @builtin(workgroup_id) group_id: vec3<u32>,
      @builtin(num_workgroups) group_count: vec3<u32>,
      @builtin(local_invocation_index) local: u32,
      @builtin(subgroup_invocation_id) lane: u32,
      @builtin(subgroup_size) lanes: u32,
    ) {
      let group = group_id.x + group_count.x * (group_id.y + group_count.y * group_id.z);
      let outer = words[0].w;
      let inner = words[0].z;
      let plane = (words[1].x * words[1].y * words[1].z);
      let pitch = words[8].y;
      let targetPlane = words[5].z * words[5].w * words[6].x;
      let places = words[0].x * (words[1].w * words[2].x * words[2].y);
      let across = (places + 7u) / 8u;
      let blocks = (outer + 3u) / 4u;
      let units = across * blocks * words[0].y;
      if (group * 16u >= units) { return; }
      let quad = lane & 3u;
      let index = group * 64u + local;
      let unit = index / 4u;
      let place = (unit % across) * 8u + (index % 4u) * 2u;
      let firstRow = unit / across % blocks * 4u;
      let part = unit / across / blocks;
      let place0 = placeOf(place + 0u);
      let start0 = startOf(place0);
      let z0 = start0[0]; let y0 = start0[1]; let x0 = start0[2];
      let column0 = (place0[0] * (words[0].y * words[0].z) + part * inner) * plane +
      ((z0) * words[1].y + y0) * words[1].z + x0;
      let isReal0 = (unit < units) & (place + 0u < places);
      let place1 = placeOf(place + 1u);
      let start1 = startOf(place1);
      let z1 = start1[0]; let y1 = start1[1]; let x1 = start1[2];
      let column1 = (place1[0] * (words[0].y * words[0].z) + part * inner) * plane +
      ((z1) * words[1].y + y1) * words[1].z + x1;
      let isReal1 = (unit < units) & (place + 1u < places);
      let from0 = part * words[7].w + min(firstRow + 0u + quad, outer - 1u) * words[8].x;
      var sum0_0 = 0.0; var total0_0 = 0.0; var sum0_1 = 0.0; var total0_1 = 0.0;
      var sum1_0 = 0.0; var total1_0 = 0.0; var sum1_1 = 0.0; var total1_1 = 0.0;
      var sum2_0 = 0.0; var total2_0 = 0.0; var sum2_1 = 0.0; var total2_1 = 0.0;
      var sum3_0 = 0.0; var total3_0 = 0.0; var sum3_1 = 0.0; var total3_1 = 0.0;
      var tz = 0u; var ty = 0u; var tx = 0u;
      let taps = (words[4].x * words[4].y * words[4].z);
      var tap = 0u;
      var channel = 0u;
      loop {
      let dz = tz * words[4].w;
      let dy = ty * words[5].x;
      let dx = tx * words[5].y;
      let isIn0 = isReal0 & (tap < taps) & (z0 + dz < words[1].x) & (y0 + dy < words[1].y) & (x0 + dx < words[1].z);
      let isIn1 = isReal1 & (tap < taps) & (z1 + dz < words[1].x) & (y1 + dy < words[1].y) & (x1 + dx < words[1].z);
      let sourceTap = ((dz) * words[1].y + dy) * words[1].z + dx;
      let factorTap = words[9].y + tz * words[8].z + ty * words[8].w + tx * words[9].x;
      let stop = min(inner, channel + 128u);
      for (var k = channel; k < stop; k += 1u) {
      let s0 = sourceTap + k * plane;
      let f0 = factorTap + k * pitch;

      let c0_0 = select(0.0, source[column0 + s0], isIn0);
      let c1_0 = select(0.0, source[column1 + s0], isIn1);
      let r0_0 = factor[from0 + f0];
      let r1_0 = quadSwapX(r0_0);
      let r2_0 = quadSwapY(r0_0);
      let r3_0 = quadSwapDiagonal(r0_0);
      sum0_0 += r0_0 * c0_0; sum0_1 += r0_0 * c1_0;
      sum1_0 += r1_0 * c0_0; sum1_1 += r1_0 * c1_0;
      sum2_0 += r2_0 * c0_0; sum2_1 += r2_0 * c1_0;
      sum3_0 += r3_0 * c0_0; sum3_1 += r3_0 * c1_0;
      }
      total0_0 += sum0_0; sum0_0 = 0.0; total0_1 += sum0_1; sum0_1 = 0.0;
      total1_0 += sum1_0; sum1_0 = 0.0; total1_1 += sum1_1; sum1_1 = 0.0;
      total2_0 += sum2_0; sum2_0 = 0.0; total2_1 += sum2_1; sum2_1 = 0.0;
      total3_0 += sum3_0; sum3_0 = 0.0; total3_1 += sum3_1; sum3_1 = 0.0;
      continuing {
      channel += 128u;
      let isLast = channel >= inner;
      tap += u32(isLast);
      tx += u32(isLast);
      let isLine = tx == words[4].z;
      tx = select(tx, 0u, isLine);
      ty += u32(isLine);
      let isSlice = ty == words[4].y;
      ty = select(ty, 0u, isSlice);
      tz += u32(isSlice);
      channel = select(channel, 0u, isLast);
      break if tap >= taps;
      }
      }
      var totals = array<f32, 8>(
      total0_0, total0_1, 
      total1_0, total1_1, 
      total2_0, total2_1, 
      total3_0, total3_1);
      var worst = 0u;
      worst = max(worst, bitcast<u32>(total0_0) & 0x7fffffffu); worst = max(worst, bitcast<u32>(total0_1) & 0x7fffffffu); 
      worst = max(worst, bitcast<u32>(total1_0) & 0x7fffffffu); worst = max(worst, bitcast<u32>(total1_1) & 0x7fffffffu); 
      worst = max(worst, bitcast<u32>(total2_0) & 0x7fffffffu); worst = max(worst, bitcast<u32>(total2_1) & 0x7fffffffu); 
      worst = max(worst, bitcast<u32>(total3_0) & 0x7fffffffu); worst = max(worst, bitcast<u32>(total3_1) & 0x7fffffffu);
      let row0 = firstRow + 0u + (quad ^ 0u);
      let row1 = firstRow + 0u + (quad ^ 1u);
      let row2 = firstRow + 0u + (quad ^ 2u);
      let row3 = firstRow + 0u + (quad ^ 3u);
      var j = 0u;
      loop {
      let one = placeOf(place + j);
      let goal = targetOf(one, part);
      let isThere = (unit < units) & (place + j < places);
      if (isThere & (row0 < outer)) {
      out[goal + row0 * targetPlane] = totals[j + 0u];
      }
      if (isThere & (row1 < outer)) {
      out[goal + row1 * targetPlane] = totals[j + 2u];
      }
      if (isThere & (row2 < outer)) {
      out[goal + row2 * targetPlane] = totals[j + 4u];
      }
      if (isThere & (row3 < outer)) {
      out[goal + row3 * targetPlane] = totals[j + 6u];
      }
      continuing {
      j++;
      break if j >= 2u;
      }
      }
      let again = select(0u, 2u, worst > 0x7f800000u);
      for (j = 0u; j < again; j++) {
      let one = placeOf(place + j);
      let goal = targetOf(one, part);
      let endRow = select(0u, min(firstRow + 4u, outer), (unit < units) & (place + j < places));
      for (var row = firstRow; row < endRow; row++) {
      let to = goal + row * targetPlane;
      if (is_nan(out[to])) { out[to] = placeAgain(one, part, row); }
      }
      }
    }
    "
  `);
});

test('what the kernels do not take says why', async () => {
  const gpu = await testNull();
  const attrs = (rank: number, stride: number, kernel: number, low: number): object => ({
    kernel: new Array<number>(rank).fill(kernel),
    stride: new Array<number>(rank).fill(stride),
    dilation: new Array<number>(rank).fill(1),
    padding: Array.from({ length: rank }, () => [low, low]),
    groups: 1,
    input: new Array<number>(rank).fill(6),
  });
  const [conv, inputGrad, weightGrad] = [
    convOverride(gpu),
    convInputGradOverride(gpu),
    convWeightGradOverride(gpu),
  ];
  const x = [1, 2, 6, 6];
  const w = [4, 2, 1, 1];
  const [y, small] = [
    [1, 4, 6, 6],
    [1, 4, 2, 2],
  ];
  expect(ask(conv, [x, w], attrs(2, 1, 1, 0))).toBe(PRODUCT);
  expect(ask(inputGrad, [y, w], attrs(2, 1, 1, 0))).toBe(PRODUCT);
  expect(ask(conv, [x, w], attrs(2, 1, 1, 1))).toBe(true);
  expect(ask(conv, [x, w], attrs(2, 2, 1, 0))).toBe(true);
  expect(ask(weightGrad, [x, y], attrs(2, 1, 1, 0))).toBe(true);
  expect(ask(inputGrad, [small, [4, 2, 5, 5]], attrs(2, 1, 5, 0))).toBe(NO_GATHER);
  expect(ask(inputGrad, [small, [4, 2, 5, 5]], attrs(2, 5, 5, 0))).toBe(
    'takes 16 remainders by the strides, not 25',
  );
  const four = [1, 1, 2, 2, 2, 2];
  expect(ask(conv, [four, four], attrs(4, 1, 2, 0))).toBe('has 4 spatial axes, over 3');
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
  const typed = (dtype: 'f64' | 'f16') => [x, w].map((shape) => ({ shape, dtype }));
  expect(conv.supports(typed('f64'), attrs(2, 1, 1, 1))).toBe('takes f32 and f16, not f64');
  expect(conv.supports(typed('f16'), attrs(2, 1, 1, 1))).toBe(true);
  const without = Object.create(gpu, {
    profile: { value: { ...gpu.profile, hasF16: false } },
  }) as TestGpu;
  expect(convOverride(without).supports(typed('f16'), attrs(2, 1, 1, 1))).toBe(
    'takes f32, not f16',
  );
});
