import { inspect } from 'node:util';
import { setDefaultBackend, setSeed } from '@tenon/core';
import { cpuJs } from '@tenon/cpu-js';
import { describe, expect, it } from 'vitest';
import { ReLU } from './layers/activations.ts';
import { BatchNorm2d } from './layers/batch-norm.ts';
import { Conv2d } from './layers/conv.ts';
import { Dropout } from './layers/dropout.ts';
import { Embedding } from './layers/embedding.ts';
import { Linear } from './layers/linear.ts';
import { Sequential } from './layers/sequential.ts';
import { Flatten } from './layers/shape.ts';

setDefaultBackend(cpuJs());

describe('text', () => {
  it('prints the tree as PyTorch does', () => {
    const model = new Sequential([
      new Conv2d(1, 8, 3, { padding: 1, bias: false }),
      new Sequential([new BatchNorm2d(8), new Dropout(0.25)]),
      new Flatten(),
    ]);
    expect(String(model)).toBe(`Sequential(
  (0): Conv2d(1, 8, kernelSize=[3, 3], stride=[1, 1], padding=[1, 1], bias=false)
  (1): Sequential(
    (0): BatchNorm2d(8, eps=0.00001, momentum=0.1, affine=true, trackRunningStats=true)
    (1): Dropout(p=0.25)
  )
  (2): Flatten(startAxis=1, endAxis=-1)
)`);
  });

  it('is what console.log shows', () => {
    expect(inspect(new Sequential([new ReLU()]))).toBe('Sequential(\n  (0): ReLU()\n)');
  });

  it('summary shows layers, shapes and counts, and touches nothing', async () => {
    const model = new Sequential([
      new Conv2d(1, 8, 3, { padding: 1 }),
      new BatchNorm2d(8),
      new Flatten(),
      new Dropout(0.5),
      new Linear(6272, 10),
    ]);
    model.at(0).freeze();
    model.at(3).training = false;
    const before = await model.stateDict();
    setSeed(3);
    expect(model.summary([1, 28, 28])).toBe(`Sequential, input [N, 1, 28, 28]
───────────────────────────────────────────
Layer            Output          Parameters
───────────────────────────────────────────
0 (Conv2d)       [N, 8, 28, 28]          80
1 (BatchNorm2d)  [N, 8, 28, 28]          16
2 (Flatten)      [N, 6272]                0
3 (Dropout)      [N, 6272]                0
4 (Linear)       [N, 10]             62,730
───────────────────────────────────────────
Parameters: 62,826 (62,746 trainable, 80 frozen)
Memory: 245.4 KiB of parameters, 98.0 KiB of outputs a sample`);
    expect(await model.stateDict()).toEqual(before);
    expect(model.namedModules().map(([, m]) => m.training)).toEqual([
      true,
      true,
      true,
      true,
      false,
      true,
    ]);
  });

  it('summary of an embedding takes indices; errors name the layer', () => {
    expect(new Embedding(5, 3).summary([7], { dtype: 'i32' })).toContain('(Embedding)  [N, 7, 3]');
    expect(() => new Sequential([new Linear(3, 2)]).summary([4])).toThrow(
      /^Sequential\.0 \(Linear\): /,
    );
    expect(() => new Linear(3, 2).summary([-1])).toThrow(
      'summary: expected the shape of one sample (without the batch axis), got [-1]',
    );
  });
});
