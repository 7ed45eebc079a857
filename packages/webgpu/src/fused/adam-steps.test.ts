import {
  type AdamStepsAttrs,
  adamUpdate,
  ShapeError,
  type Tensor,
  tensor,
  type Variable,
  variable,
} from '@tenon/core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { GpuBuffer } from '../kernel.ts';
import { type WebGpuBackend, webgpu } from '../node.ts';
import { type TestGpu, testGpu } from '../test-gpu.ts';
import { adamStepsOverride, adamStepsShader } from './adam-steps.ts';

let gpu: TestGpu;
beforeAll(async () => {
  gpu = await testGpu();
});
afterAll(() => gpu.dispose());

const SIZES = [1, 67, 130];
const BETAS = [0.9, 0.999] as const;
const [STEP_SIZE, ROOT, DECAY, EPS] = [0.02, 0.3, 0.01, 1e-8];

/** Reproducible numbers in [-1, 1). */
function noise(size: number, seed: number): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: size }, (_, i) => Math.sin(12.9898 * (i + 1) + 78.233 * seed));
}

interface State {
  p: Float32Array<ArrayBuffer>;
  g: Float32Array<ArrayBuffer>;
  m: Float32Array<ArrayBuffer>;
  v: Float32Array<ArrayBuffer>;
  largest: Float32Array<ArrayBuffer>;
}
function stateOf(size: number, seed: number): State {
  const square = (x: Float32Array<ArrayBuffer>): Float32Array<ArrayBuffer> => x.map((e) => e * e);
  return {
    p: noise(size, seed),
    g: noise(size, seed + 1),
    m: noise(size, seed + 2),
    v: square(noise(size, seed + 3)),
    largest: square(noise(size, seed + 4)),
  };
}

/** Kingma and Ba, Reddi et al., Loshchilov and Hutter, in doubles. */
function expected(s: State, i: number, attrs: AdamStepsAttrs): number[] {
  const at = (list: Float32Array): number => list[i] ?? Number.NaN;
  const old = attrs.hasDecay ? at(s.p) * (1 - Math.fround(DECAY)) : at(s.p);
  const g = at(s.g) + attrs.weightDecay * at(s.p);
  const m = BETAS[0] * at(s.m) + (1 - BETAS[0]) * g;
  const v = BETAS[1] * at(s.v) + (1 - BETAS[1]) * g * g;
  const peak = attrs.hasLargest ? Math.max(at(s.largest), v) : v;
  const next = old - (m * STEP_SIZE) / (Math.sqrt(peak) / ROOT + EPS);
  return attrs.hasLargest ? [next, m, v, peak] : [next, m, v];
}

function attrsOf(count: number, more: Partial<AdamStepsAttrs>): AdamStepsAttrs {
  return {
    betas: BETAS,
    eps: EPS,
    weightDecay: 0,
    hasLargest: false,
    hasDecay: false,
    count,
    ...more,
  };
}

const CASES: Readonly<Record<string, AdamStepsAttrs>> = {
  'two parameters': attrsOf(2, {}),
  'an L2 penalty': attrsOf(2, { weightDecay: 0.1 }),
  'decoupled decay': attrsOf(2, { hasDecay: true }),
  'the largest second moment': attrsOf(1, { hasLargest: true }),
};

for (const [name, attrs] of Object.entries(CASES)) {
  test(`updates in place: ${name}`, async () => {
    const states = SIZES.slice(3 - attrs.count).map((size, k) => stateOf(size, 10 * k));
    const buffers: GpuBuffer[][] = states.map(({ p, g, m, v, largest }) =>
      [p, g, m, v, ...(attrs.hasLargest ? [largest] : [])].map((list) => gpu.put(list)),
    );
    const scalars = [STEP_SIZE, ROOT, ...(attrs.hasDecay ? [DECAY] : [])];
    const shared = scalars.map((value) => gpu.put(Float32Array.of(value)));
    const override = adamStepsOverride(gpu);
    const types = [...buffers.flat(), ...shared].map(({ byteLength }) => ({
      shape: [byteLength / 4],
      dtype: 'f32' as const,
    }));
    expect(override.supports(types, attrs)).toBe(true);
    const kernel = override.prepare({
      kind: 'fused',
      name: 'adamSteps',
      dtype: 'f32',
      epilogue: null,
    });
    const words = override.words(types, attrs);
    gpu.launch(kernel as never, [...buffers.flat(), ...shared], words);
    for (const [k, state] of states.entries()) {
      const lists = await Promise.all((buffers[k] ?? []).map((buffer) => gpu.get(buffer, 'f32')));
      const [p, g, m, v, largest] = lists;
      expect(g).toEqual(state.g);
      for (let i = 0; i < state.p.length; i++) {
        const got = [p, m, v, ...(attrs.hasLargest ? [largest] : [])].map((list) => list?.[i]);
        expected(state, i, attrs).forEach((want, j) => {
          expect(Math.abs((got[j] ?? Number.NaN) - want)).toBeLessThan(2e-6);
        });
      }
    }
  });
}

/** One entry of adamUpdate's list: the first step from zero moments moves by stepSize · sign(g). */
function entryOf(backend: WebGpuBackend, gradient: readonly number[], shared: Shared) {
  const zeros = (): Variable => variable(new Float32Array(gradient.length), { backend });
  const state = { parameter: zeros(), first: zeros(), second: zeros(), largest: null, decay: null };
  return { ...state, ...shared, gradient: tensor([...gradient], { backend }) };
}
interface Shared {
  readonly stepSize: Tensor;
  readonly root: Tensor;
}

test('only what shares the scalars of a step goes into one launch', async () => {
  const backend = await webgpu();
  const settings = { betas: BETAS, eps: 0, weightDecay: 0 };
  const root = tensor(Math.sqrt(1 - BETAS[1]), { backend });
  // After one step m is a tenth of the gradient.
  const same = { stepSize: tensor(10, { backend }), root };
  const other = { stepSize: tensor(30, { backend }), root };
  const list = [
    entryOf(backend, [1, -1], same),
    entryOf(backend, [2, 2, -2], other),
    entryOf(backend, [1], other),
  ];
  await backend.synchronize();
  backend.counters();
  adamUpdate(list, settings);
  const moved = await Promise.all(list.map(({ parameter }) => parameter.data()));
  expect(backend.counters().dispatches).toBe(2);
  for (const [i, wanted] of [[-1, 1], [-3, -3, 3], [-3]].entries()) {
    for (const [j, want] of wanted.entries()) expect(moved[i]?.[j]).toBeCloseTo(want, 4);
  }
  const wrong = { ...entryOf(backend, [1, 1], same), gradient: tensor([1, 1, 1], { backend }) };
  expect(() => adamUpdate([entryOf(backend, [1, 1], same), wrong], settings)).toThrow(ShapeError);
  backend.dispose();
});

test('takes no more buffers than the device', () => {
  const override = adamStepsOverride(gpu);
  const types = new Array(40).fill({ shape: [2], dtype: 'f32' });
  expect(override.supports(types, attrsOf(9, {}))).toMatch(/^takes \d+ buffers, not 40$/);
});

test('the text', () => {
  expect(adamStepsShader(2, false, false, 64).code).toMatchInlineSnapshot(`
    "@group(0) @binding(0) var<uniform> words: array<vec4<u32>, 3>;
    @group(0) @binding(1) var<storage, read_write> p0: array<f32>;
    @group(0) @binding(2) var<storage, read> g0: array<f32>;
    @group(0) @binding(3) var<storage, read_write> m0: array<f32>;
    @group(0) @binding(4) var<storage, read_write> v0: array<f32>;
    @group(0) @binding(5) var<storage, read_write> p1: array<f32>;
    @group(0) @binding(6) var<storage, read> g1: array<f32>;
    @group(0) @binding(7) var<storage, read_write> m1: array<f32>;
    @group(0) @binding(8) var<storage, read_write> v1: array<f32>;
    @group(0) @binding(9) var<storage, read> stepSize: array<f32>;
    @group(0) @binding(10) var<storage, read> root: array<f32>;
    // The leading 12 bits of x: the product of two such numbers is exact. Bits, because the usual
    // splitting by sums is at the mercy of compilers that reorder them.
    fn mask12(x: f32) -> f32 {
      return bitcast<f32>(bitcast<u32>(x) & 0xfffff000u);
    }
    fn nan() -> f32 {
      var bits = 0x7fc00000u;
      return bitcast<f32>(bits);
    }
    fn sqrt_(x: f32) -> f32 {
      // small numbers times 2^48, so that no part of the residual is subnormal
      let is_small = x < 8.673617379884035e-19f;
      let t = select(x, x * 281474976710656f, is_small);
      let s = sqrt(t);
      let high = mask12(s);
      let low = s - high;
      let residual = ((t - high * high) - 2f * high * low) - low * low;
      // s is right where the residual is at most s times its last place; elsewhere the step is made
      // larger by 2^-22, because rounded to one half of a place it would stop at a tie
      let place = bitcast<f32>((bitcast<u32>(s) & 0x7f800000u) - 0x0b800000u);
      let step = select(0.5000001192092896f * residual / s, 0f, abs(residual) <= s * place);
      // zeros, infinity and NaN have no residual
      let is_usual = bitcast<u32>(t) - 0x00800000u < 0x7f000000u;
      let y = select(s, s + step, is_usual) * select(1f, 5.960464477539063e-8f, is_small);
      return select(y, nan(), x < 0f);
    }
    @compute @workgroup_size(64)
    fn main(
      @builtin(workgroup_id) group_id: vec3<u32>,
      @builtin(num_workgroups) group_count: vec3<u32>,
      @builtin(local_invocation_index) local: u32,
    ) {
      let group = group_id.x + group_count.x * (group_id.y + group_count.y * group_id.z);
      let beta1 = bitcast<f32>(words[0].z);
      let rest1 = bitcast<f32>(words[0].w);
      let beta2 = bitcast<f32>(words[1].x);
      let rest2 = bitcast<f32>(words[1].y);
      let eps = bitcast<f32>(words[1].z);
      let weightDecay = bitcast<f32>(words[1].w);
      var i = group * 64u + local;
      if (i < words[2].x) {
        let old = p0[i];
        let slope = select(g0[i] + p0[i] * weightDecay, g0[i], weightDecay == 0.0);
        let first = m0[i] * beta1 + slope * rest1;
        let second = v0[i] * beta2 + (slope * slope) * rest2;
        let peak = second;
        let denominator = sqrt_(peak) / root[0] + eps;
        p0[i] = old - (first * stepSize[0]) / denominator;
        m0[i] = first;
        v0[i] = second;
        
        return;
      }
      i -= words[2].x;
      if (i < words[2].y) {
        let old = p1[i];
        let slope = select(g1[i] + p1[i] * weightDecay, g1[i], weightDecay == 0.0);
        let first = m1[i] * beta1 + slope * rest1;
        let second = v1[i] * beta2 + (slope * slope) * rest2;
        let peak = second;
        let denominator = sqrt_(peak) / root[0] + eps;
        p1[i] = old - (first * stepSize[0]) / denominator;
        m1[i] = first;
        v1[i] = second;
        
        return;
      }
      i -= words[2].y;
    }
    "
  `);
});
