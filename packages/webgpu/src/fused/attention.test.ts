import type { AttentionAttrs, TensorType } from '@tenon/core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { GpuBuffer, GpuKernel } from '../kernel.ts';
import { type TestGpu, testGpu } from '../test-gpu.ts';
import { attentionGradOverride, attentionOverride } from './attention.ts';
import {
  type AttentionData,
  type AttentionResult,
  type AttentionSample,
  attentionOracle,
} from './attention-oracle.ts';
import { attentionShader } from './attention-shader.ts';

const PLAIN: AttentionAttrs = { scale: 0.3, causal: false, mask: 'none' };

const SAMPLES: readonly AttentionSample[] = [
  { name: 'one query, one key', sizes: [1, 1, 1, 1, 8, 8], attrs: PLAIN },
  { name: 'plain, tails on both sides', sizes: [2, 2, 7, 9, 8, 8], attrs: PLAIN },
  { name: 'causal', sizes: [1, 3, 70, 70, 8, 8], attrs: { ...PLAIN, causal: true } },
  { name: 'causal, fewer keys', sizes: [1, 2, 70, 37, 8, 8], attrs: { ...PLAIN, causal: true } },
  { name: 'causal, more keys', sizes: [1, 1, 5, 90, 8, 8], attrs: { ...PLAIN, causal: true } },
  { name: 'values of another size', sizes: [1, 2, 33, 66, 16, 4], attrs: PLAIN },
  {
    name: 'bool mask per head and key',
    sizes: [2, 3, 6, 40, 8, 8],
    attrs: { ...PLAIN, mask: 'bool' },
    maskShape: [1, 3, 1, 40],
  },
  {
    name: 'bool mask, causal',
    sizes: [2, 2, 40, 40, 8, 8],
    attrs: { ...PLAIN, mask: 'bool', causal: true },
    maskShape: [2, 1, 40, 40],
  },
  {
    name: 'float mask per query',
    sizes: [2, 2, 9, 35, 8, 8],
    attrs: { ...PLAIN, mask: 'float' },
    maskShape: [1, 1, 9, 35],
  },
];

/** Relative to the largest magnitude, in epsilons of f32. */
const TOLERANCE = 16;
const OUTPUTS = ['out', 'lse', 'dq', 'dk', 'dv'] as const;

function makeData(sample: AttentionSample, seed: number): AttentionData {
  const [batch, heads, queries, keys, depth, width] = sample.sizes;
  let state = seed;
  const random = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const floats = (count: number): Float32Array =>
    Float32Array.from({ length: count }, () => 4 * random() - 2);
  const rows = batch * heads;
  const count = (sample.maskShape ?? [0]).reduce((a, b) => a * b, 1);
  const bools = Int32Array.from({ length: count }, () => (random() < 0.7 ? 1 : 0));
  // A row without any key, where the mask has rows.
  if (sample.maskShape !== undefined && sample.maskShape[2] > 1) {
    bools.fill(0, keys, 2 * keys);
  }
  const { mask } = sample.attrs;
  const added = Float32Array.from(bools, (keep) => (keep ? 2 * random() - 1 : -Infinity));
  return {
    q: floats(rows * queries * depth),
    k: floats(rows * keys * depth),
    v: floats(rows * keys * width),
    g: floats(rows * queries * width),
    mask: mask === 'none' ? null : mask === 'bool' ? bools : added,
  };
}

function typesOf({ sizes, attrs, maskShape }: AttentionSample): readonly TensorType[] {
  const [batch, heads, queries, keys, depth, width] = sizes;
  const float = (...shape: number[]): TensorType => ({ shape, dtype: 'f32' });
  const operands = [
    float(batch, heads, queries, depth),
    float(batch, heads, keys, depth),
    float(batch, heads, keys, width),
  ];
  if (maskShape === undefined) return operands;
  return [...operands, { shape: maskShape, dtype: attrs.mask === 'bool' ? 'bool' : 'f32' }];
}

type Buffers = Record<(typeof OUTPUTS)[number], GpuBuffer>;

/** Launches forwards and backwards; the results lie in the buffers. */
function launchBoth(gpu: TestGpu, sample: AttentionSample, data: AttentionData): Buffers {
  const [forward, backward] = [attentionOverride(gpu), attentionGradOverride(gpu)];
  const types = typesOf(sample);
  const [q, k, v] = types as [TensorType, TensorType, TensorType];
  const gradTypes = [v, q, k, v, v, v, ...types.slice(3)];
  const prepare = (name: string): GpuKernel => {
    const override = name === 'attention' ? forward : backward;
    return override.prepare({ kind: 'fused', name, dtype: 'f32', epilogue: null }) as GpuKernel;
  };
  const inputs = [data.q, data.k, data.v].map((array) => gpu.put(array));
  const mask = data.mask === null ? [] : [gpu.put(data.mask)];
  const [rows, width] = [data.g.length / sample.sizes[5], sample.sizes[5]];
  const out = gpu.put(new Float32Array(rows * width).fill(77));
  const lse = gpu.put(new Float32Array(rows).fill(77));
  const grads = [data.q, data.k, data.v].map((array) =>
    gpu.put(new Float32Array(array.length).fill(77)),
  );
  const [dq, dk, dv] = grads as [GpuBuffer, GpuBuffer, GpuBuffer];
  const words = forward.words(types, sample.attrs);
  gpu.launch(prepare('attention'), [...inputs, ...mask, out, lse], words);
  const kernel = prepare('attentionGrad');
  const gradWords = Int32Array.from(backward.words(gradTypes, sample.attrs));
  const work = gpu.alloc(kernel.workspace(gradWords));
  const all = [gpu.put(data.g), ...inputs, out, lse, ...mask, ...grads, work];
  gpu.launch(kernel, all, gradWords);
  return { out, lse, dq, dk, dv };
}

function expectClose(name: string, got: Float32Array, wanted: Float64Array): void {
  let largest = 0;
  for (const value of wanted)
    if (Number.isFinite(value)) largest = Math.max(largest, Math.abs(value));
  let worst = 0;
  for (const [p, value] of wanted.entries()) {
    const error = got[p] === value ? 0 : Math.abs(got[p]! - value) / largest;
    worst = Math.max(worst, Number.isNaN(error) ? Infinity : error);
  }
  expect({ name, epsilons: worst * 2 ** 23 }).toSatisfy(
    ({ epsilons }: { epsilons: number }) => epsilons < TOLERANCE,
  );
}

describe.each(['register', 'workgroup'] as const)('%s', (variant) => {
  let gpu: TestGpu;
  beforeAll(async () => {
    gpu = await testGpu(variant);
  });
  afterAll(() => gpu.dispose());

  async function read(buffers: Buffers, name: keyof AttentionResult): Promise<Float32Array> {
    return gpu.get(buffers[name], 'f32');
  }

  test('forwards and backwards as the definition says, in float64', async () => {
    const runs = SAMPLES.map((sample, seed) => {
      const data = makeData(sample, seed + 1);
      return { sample, data, buffers: launchBoth(gpu, sample, data) };
    });
    for (const { sample, data, buffers } of runs) {
      const wanted = attentionOracle(sample, data);
      for (const name of OUTPUTS) {
        const got = await read(buffers, name);
        expectClose(`${sample.name}: ${name}`, got.slice(0, wanted[name].length), wanted[name]);
      }
    }
  });

  test('a query without keys gives zeros and no gradient', async () => {
    const sample = SAMPLES.at(-2)!;
    const data = makeData(sample, 3);
    const buffers = launchBoth(gpu, sample, data);
    const [, , , , depth, width] = sample.sizes;
    for (const [name, length, value] of [
      ['out', width, 0],
      ['dq', depth, 0],
      ['lse', 1, Infinity],
    ] as const) {
      // makeData hides all keys from the second query.
      const row = (await read(buffers, name)).slice(length, 2 * length);
      expect(Array.from(row)).toEqual(Array(length).fill(value));
    }
  });

  test('NaN in a query stays in its row, NaN in a value reaches all rows that see it', async () => {
    const sample = SAMPLES[2]!;
    const data = makeData(sample, 5);
    data.q[3 * 8 + 2] = NaN;
    data.v[60 * 8 + 1] = NaN;
    const out = await read(launchBoth(gpu, sample, data), 'out');
    expect(Array.from(out.slice(3 * 8, 4 * 8))).toEqual(Array(8).fill(NaN));
    // Rows before it may see 0 · NaN, as in the decomposition; other columns and heads do not.
    expect(out.slice(4 * 8, 70 * 8).some((x, p) => p % 8 !== 1 && Number.isNaN(x))).toBe(false);
    for (let row = 60; row < 70; row++) expect(out[row * 8 + 1]).toBe(NaN);
    expect(out.slice(70 * 8).some(Number.isNaN)).toBe(false);
  });

  test('the same bits each time', async () => {
    const sample = SAMPLES[2]!;
    const data = makeData(sample, 9);
    const runs = [launchBoth(gpu, sample, data), launchBoth(gpu, sample, data)] as const;
    for (const name of OUTPUTS) {
      expect(await read(runs[0], name)).toEqual(await read(runs[1], name));
    }
  });

  test('declines with a reason', () => {
    const float = (...shape: number[]): TensorType => ({ shape, dtype: 'f32' });
    const { supports } = attentionOverride(gpu);
    const reason = (...types: TensorType[]): true | string => supports(types, PLAIN);
    const [large, odd] = [float(2, 9, 260), float(2, 9, 6)];
    expect(reason(large, large, large)).toMatchInlineSnapshot(
      `"takes head sizes that are multiples of 4 up to 256, not 260"`,
    );
    expect(reason(odd, odd, odd)).toMatchInlineSnapshot(
      `"takes head sizes that are multiples of 4 up to 256, not 6"`,
    );
    const half: TensorType = { shape: [2, 9, 8], dtype: 'f16' };
    expect(reason(half, half, half)).toMatchInlineSnapshot(`"takes f32, not f16"`);
    const deep = float(1, 1, 1, 2, 9, 8);
    const small = float(2, 9, 8);
    const isTaken = variant !== 'register';
    expect(reason(small, small, small) === true).toBe(isTaken);
    const long = float(2, 1500, 8);
    expect(reason(long, long, long)).toBe(true);
    expect(reason(deep, deep, deep)).toMatchInlineSnapshot(`"takes at most two batch axes, not 4"`);
  });
});

test('the text of the forward shader', () => {
  const tiling = { depth: 1, width: 1, mask: 'bool', isShared: true, rows: 1, tile: 32 } as const;
  expect(attentionShader(tiling).code).toMatchInlineSnapshot(`
    "@group(0) @binding(0) var<uniform> words: array<vec4<u32>, 3>;
    @group(0) @binding(1) var<storage, read> q: array<vec4<f32>>;
    @group(0) @binding(2) var<storage, read> k: array<vec4<f32>>;
    @group(0) @binding(3) var<storage, read> v: array<vec4<f32>>;
    @group(0) @binding(4) var<storage, read> mask: array<i32>;
    @group(0) @binding(5) var<storage, read_write> out: array<vec4<f32>>;
    @group(0) @binding(6) var<storage, read_write> lse: array<f32>;
    // k·ln2 + ln(1 + f)
    fn log_parts(k: f32, f: f32) -> f32 {
      let tail = fma(f * f, fma(fma(fma(fma(fma(fma(fma(fma(-0.12880036234855652f, f, 0.1398461014032364f), f, -0.12187480181455612f), f, 0.14005732536315918f), f, -0.16680195927619934f), f, 0.2001042664051056f), f, -0.2499980628490448f), f, 0.3333321511745453f), f, -0.5f), k * 0.000001428606765330187f);
      return fma(k, 0.693145751953125f, f + tail);
    }
    fn inf() -> f32 {
      var bits = 0x7f800000u;
      return bitcast<f32>(bits);
    }
    fn nan() -> f32 {
      var bits = 0x7fc00000u;
      return bitcast<f32>(bits);
    }
    fn log_(x: f32) -> f32 {
      let bits = bitcast<i32>(x);
      let is_small = (bits & -0x800000) == 0;
      let normal = select(bits, bitcast<i32>(f32(bits)), is_small);
      let offset = normal - 0x3f2aaaab;
      let exponent = offset & -0x800000;
      let k = f32(exponent) * 1.1920928955078125e-7f - select(0f, 149f, is_small);
      let y = log_parts(k, bitcast<f32>(normal - exponent) - 1f);
      let limit = select(select(nan(), x, x > 0f), -inf(), (bits & 0x7fffffff) == 0);
      // 0, negative numbers, infinity and NaN: one range once 0 has wrapped to the top
      return select(y, limit, bitcast<u32>(bits - 1) >= 0x7f7fffffu);
    }
    var<workgroup> k_tile: array<vec4<f32>, 32>;
    var<workgroup> v_tile: array<vec4<f32>, 32>;
    fn masked(scores: vec4<f32>, b: u32, query: vec4<u32>, key: vec4<u32>) -> vec4<f32> {
      let plane = b / words[1].x * words[1].w + b % words[1].x * words[2].x;
      let at = plane + query * words[2].y + key * words[2].z;
      let is_future = (key > query) & vec4<bool>(words[1].y != 0u);
      let is_outside = (query >= vec4<u32>(words[0].z)) | (key >= vec4<u32>(words[0].w));
      let scaled = scores * bitcast<f32>(words[1].z);
      return select(scaled, vec4<f32>(-inf()), is_future | is_outside | (vec4<i32>(mask[at.x], mask[at.y], mask[at.z], mask[at.w]) == vec4<i32>()));
    }
    fn exp4(x: vec4<f32>) -> vec4<f32> {
      let clamped = clamp(x, vec4<f32>(-88f), vec4<f32>(88f));
      let powers = clamped * 1.4426950216293335f;
      let n = bitcast<vec4<i32>>(powers + 12582912f) - 0x4b400000;
      let k = vec4<f32>(n);
      let r = (clamped - k * 0.693145751953125f) - k * 0.000001428606765330187f;
      var p = vec4<f32>(0.0013820918975397944f);
      p = p * r + 0.00836868304759264f;
      p = p * r + 0.04166826605796814f;
      p = p * r + 0.1666652113199234f;
      p = p * r + 0.4999999403953552f;
      p = p * r + 1f;
      p = p * r + 1f;
      let is_nan4 = (bitcast<vec4<u32>>(x) & vec4<u32>(0x7fffffffu)) > vec4<u32>(0x7f800000u);
      return select(p * bitcast<vec4<f32>>((n + 127) * 0x800000), x, is_nan4);
    }
    @compute @workgroup_size(64)
    fn main(
      @builtin(workgroup_id) group_id: vec3<u32>,
      @builtin(num_workgroups) group_count: vec3<u32>,
      @builtin(local_invocation_index) local: u32,
    ) {
      let group = group_id.x + group_count.x * (group_id.y + group_count.y * group_id.z);
      if (group >= words[0].x) { return; }
      let b = group / words[0].y;
      let block = group % words[0].y * 64u;
      let own = block + local;
      let row0 = b * words[0].z + min(own + 0u, words[0].z - 1u);
      var q0_0 = vec4<f32>();
      {
      q0_0 = q[row0 * 1u + 0];
      }
      var out0_0 = vec4<f32>();
      var top0 = -0x1.fffffep+127f;
      var sum0 = 0f;
      for (var start = 0u; start < select(words[0].w, min(words[0].w, block + 64u), words[1].y != 0u); start += 32u) {
      workgroupBarrier();
      for (var p = local; p < 32u; p += 64u) {
        let at = b * words[0].w + min(start + p / 1u, words[0].w - 1u);
        k_tile[p] = k[at * 1u + p % 1u];
      }
      for (var p = local; p < 32u; p += 64u) {
        let at = b * words[0].w + min(start + p / 1u, words[0].w - 1u);
        v_tile[p] = v[at * 1u + p % 1u];
      }
      workgroupBarrier();
      for (var j = start; j < min(start + 32u, select(words[0].w, min(words[0].w, block + 64u), words[1].y != 0u)); j += 4u) {
      let at0 = b * words[0].w + min(j + 0u, words[0].w - 1u);
      let at1 = b * words[0].w + min(j + 1u, words[0].w - 1u);
      let at2 = b * words[0].w + min(j + 2u, words[0].w - 1u);
      let at3 = b * words[0].w + min(j + 3u, words[0].w - 1u);
      var dots0 = vec4<f32>();
      {
      let pass0 = k_tile[(j - start + 0u) * 1u + 0];
      let pass1 = k_tile[(j - start + 1u) * 1u + 0];
      let pass2 = k_tile[(j - start + 2u) * 1u + 0];
      let pass3 = k_tile[(j - start + 3u) * 1u + 0];
      dots0 += vec4<f32>(dot(q0_0, pass0), dot(q0_0, pass1), dot(q0_0, pass2), dot(q0_0, pass3));
      }
      let s0 = masked(dots0, b, vec4<u32>(own + 0u), j + vec4<u32>(0u, 1u, 2u, 3u));
      let peak0 = max(max(s0.x, s0.y), max(s0.z, s0.w));
      let next0 = select(top0, peak0, peak0 > top0);
      let fades = exp4(vec4<f32>(top0 - next0, 0f, 0f, 0f));
      let p0 = exp4(s0 - next0);
      top0 = next0;
      sum0 = sum0 * fades.x + ((p0.x + p0.y) + (p0.z + p0.w));
      {
      let pass0 = v_tile[(j - start + 0u) * 1u + 0];
      let pass1 = v_tile[(j - start + 1u) * 1u + 0];
      let pass2 = v_tile[(j - start + 2u) * 1u + 0];
      let pass3 = v_tile[(j - start + 3u) * 1u + 0];
      out0_0 = out0_0 * fades.x + (p0.x * pass0 + p0.y * pass1 + p0.z * pass2 + p0.w * pass3);
      }
      }
      }
      let share0 = select(1f / sum0, 0f, sum0 == 0f);
      if (own + 0u < words[0].z) {
      {
      out[row0 * 1u + 0] = out0_0 * share0;
      }
      }
      if (own + 0u < words[0].z) {
        lse[row0] = select(top0 + log_(sum0), inf(), sum0 == 0f);
      }
    }
    "
  `);
});
