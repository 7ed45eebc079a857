import { afterAll, beforeAll, expect, test } from 'vitest';
import type { GpuKernel } from '../kernel.ts';
import { dense, floats, recording, worstError } from '../kernels/matmul-test-support.ts';
import { compileOnly, type TestGpu, testGpu, testNull } from '../test-gpu.ts';
import { linearOverride } from './linear.ts';

let gpu: TestGpu;
beforeAll(async () => {
  gpu = await testGpu('register');
});
afterAll(() => {
  gpu.dispose();
});

const SIZES = [
  [1, 20, 33],
  [7, 13, 5],
  [64, 300, 70],
  [90, 40, 2],
  [4, 5000, 10],
  [4, 0, 3],
] as const;

test('is the product and the bias in one launch', async () => {
  const override = linearOverride(gpu);
  const spec = { kind: 'fused', name: 'linear', dtype: 'f32', epilogue: null } as const;
  const kernel = override.prepare(spec) as GpuKernel;
  const launched = SIZES.map(([rows, inner, out]) => {
    const p = dense(rows, out, inner, 'NT');
    const bias = floats(out);
    const [x, weight, b] = [gpu.put(p.x), gpu.put(p.y), gpu.put(bias)];
    const results = [false, true].map((hasBias) => {
      const shapes = [[rows, inner], [out, inner], ...(hasBias ? [[out]] : [])];
      const inputs = shapes.map((shape) => ({ shape, dtype: 'f32' as const }));
      expect(override.supports(inputs, { hasBias })).toBe(true);
      const args = Int32Array.from(override.words(inputs, { hasBias }));
      const y = gpu.alloc(rows * out * 4);
      const workspace = kernel.workspace(args);
      const own = [x, weight, ...(hasBias ? [b] : []), y];
      gpu.launch(kernel, workspace > 0 ? [...own, gpu.alloc(workspace)] : own, args);
      return y;
    });
    return { p, bias, results };
  });
  for (const { p, bias, results } of launched) {
    const [plain, biased] = results;
    const sums = await gpu.get(plain!, 'f32');
    expect(worstError(p, sums), `${p.sizes}`).toBeLessThanOrEqual(1);
    // The bias is added to the rounded sum.
    const wanted = sums.map((sum, i) => sum + bias[i % bias.length]!);
    expect(await gpu.get(biased!, 'f32'), `${p.sizes}`).toEqual(wanted);
  }
});

test('a launch is one dispatch', async () => {
  const kernel = linearOverride(gpu).prepare({
    kind: 'fused',
    name: 'linear',
    dtype: 'f32',
    epilogue: null,
  }) as GpuKernel;
  const [x, weight, bias] = [floats(64 * 300), floats(70 * 300), floats(70)].map((v) => gpu.put(v));
  const y = gpu.alloc(64 * 70 * 4);
  await gpu.get(y, 'f32');
  gpu.counters();
  gpu.launch(kernel, [x!, weight!, bias!, y], [64, 300, 70, 1]);
  await gpu.get(y, 'f32');
  expect(gpu.counters().dispatches).toBe(1);
});

test('f16: a shader that devices with f16 take', async () => {
  const nothing = await testNull();
  const device = recording(nothing, 'register');
  const kernel = linearOverride(device).prepare({
    kind: 'fused',
    name: 'linear',
    dtype: 'f16',
    epilogue: null,
  }) as GpuKernel;
  const buffers = [1, 2, 3, 4].map(() => nothing.alloc(4096));
  nothing.launch(kernel, buffers, [8, 16, 32, 1]);
  const [source] = device.sources;
  expect(source?.access).toBe('rrrw');
  expect(await compileOnly(source!)).toBeNull();
});

test('says what it does not take', () => {
  const { supports } = linearOverride(gpu);
  const types = (...dtypes: ('f32' | 'f64' | 'f16')[]) =>
    dtypes.map((dtype) => ({ shape: [2, 2], dtype }));
  expect(supports(types('f64', 'f64'), {})).toMatch(/^takes f32( and f16)?, not f64$/);
  expect(supports(types('f32', 'f16'), {})).toBe('takes one dtype, not f32, f16');
});
