import { describe, expect, it } from 'vitest';
import { findWorkload, workloads } from './index.ts';
import { makeModelData, readGolden, readModel } from './model.ts';

// Counted by hand from the layers, not from the parameter lists.
const block = 2 * 128 + (384 * 128 + 384) + (128 * 128 + 128) + 2 * 128;
const feedForward = 128 * 512 + 512 + (512 * 128 + 128);
const counts = {
  mlp: 784 * 256 + 256 + (256 * 128 + 128) + (128 * 10 + 10),
  cnn: 9 * 32 + 32 + (32 * 9 * 64 + 64) + (3136 * 128 + 128) + (128 * 10 + 10),
  transformer: (96 + 128) * 128 + 4 * (block + feedForward) + 2 * 128 + (128 * 96 + 96),
} as const;

describe.each(Object.entries(counts))('model %s', (name, count) => {
  const spec = readModel(name as keyof typeof counts);
  const data = makeModelData(spec);

  it('has the stated number of parameters', () => {
    expect(spec.parameterCount).toBe(count);
    expect(data.parameters.reduce((sum, p) => sum + p.data.length, 0)).toBe(count);
    expect(new Set(spec.parameters.map((p) => p.name)).size).toBe(spec.parameters.length);
  });

  it('has targets for its batch and 21 losses that fall', () => {
    const golden = readGolden(spec.name);
    expect(golden).toHaveLength(21);
    expect(golden.at(-1)!).toBeLessThan(golden[0]! * 0.6);
    // An untrained classifier guesses: its loss is near the logarithm of the number of classes.
    const guess = Math.log(spec.target.below);
    expect(Math.abs(golden[0]! - guess)).toBeLessThan(0.1 * guess);
    expect(Math.max(...data.target)).toBeLessThan(spec.target.below);
  });

  it('draws weights within their bounds', () => {
    data.parameters.forEach((p, i) => {
      const { init } = spec.parameters[i]!;
      if (init.kind !== 'uniform') return;
      expect(p.data.every((v) => Math.abs(v) <= Math.fround(init.bound))).toBe(true);
      expect(new Set(p.data).size).toBeGreaterThan(p.data.length / 2);
    });
  });
});

describe('the table of workloads', () => {
  it('has the stable names', () => {
    expect(workloads.map((w) => w.name).join(' ')).toBe(
      'matmul-128 matmul-256 matmul-512 matmul-1024 matmul-2048 ' +
        'matmul-512-nt matmul-512-tn matmul-512-tt ' +
        'matmul-64x784x128 matmul-32x512x2048 matmul-1x784x128 ' +
        'matmul-128x128x64 matmul-32x128x128x64-batched ' +
        'conv3x3-56x56x64 conv1x1-28x28x256 depthwise3x3-56x56x64 ' +
        'softmax-1024 layernorm-1024 sum-last-1024 sum-first-1024 ' +
        'tanh-chain-1m add-1m argmax-last-1024 sort-last-1024 gather-8192x128 ' +
        'dispatch-16 dispatch-16-100k dispatch-16-100k-taped ' +
        'train-mlp train-cnn train-transformer',
    );
  });

  it('counts operations', () => {
    // 2 · 8 · 56² · 64 · 64 · 9 and 2 · 512³
    expect(findWorkload('conv3x3-56x56x64').flops).toBe(1_849_688_064);
    expect(findWorkload('matmul-512').flops).toBe(268_435_456);
    expect(findWorkload('depthwise3x3-56x56x64').flops).toBe(28_901_376);
    expect(() => findWorkload('matmul-513')).toThrowErrorMatchingInlineSnapshot(
      `[RangeError: findWorkload: expected a name that --list shows, got 'matmul-513']`,
    );
  });
});
