import {
  linear,
  memory,
  ones,
  type Parameter,
  parameter,
  setDefaultBackend,
  tensor,
} from '@tenon/core';
import { cpuJs } from '@tenon/cpu-js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Adam, AdamW, SGD } from '../index.ts';

beforeAll(() => setDefaultBackend(cpuJs()));
afterAll(() => setDefaultBackend(null));

const OPTIMIZERS = {
  Adam: (p: Parameter) => new Adam([p], { learningRate: 0.1 }),
  AMSGrad: (p: Parameter) => new Adam([p], { learningRate: 0.1, amsgrad: true }),
  AdamW: (p: Parameter) => new AdamW([p], { learningRate: 0.1 }),
  SGD: (p: Parameter) => new SGD([p], { learningRate: 0.1 }),
  momentum: (p: Parameter) => new SGD([p], { learningRate: 0.1, momentum: 0.9 }),
};

function values(): Float32Array {
  return Float32Array.from({ length: 64 * 64 }, (_, i) => Math.sin(i));
}
function freshParameter(): Parameter {
  return parameter(values(), { shape: [64, 64] });
}
const x = (): ReturnType<typeof ones> => ones([2, 64]);

for (const [name, make] of Object.entries(OPTIMIZERS)) {
  test(`${name}: a step writes parameter and state where they are`, () => {
    const p = freshParameter();
    const optimizer = make(p);
    const step = (): number => {
      optimizer.zeroGrad();
      linear(x(), p).square().sum().backward();
      const before = memory().allocatedBytes;
      optimizer.step();
      return memory().allocatedBytes - before;
    };
    // The first step makes the state; later only scalars are new.
    step();
    expect(step()).toBeLessThan(100);
  });

  test(`${name}: values as without, and who saw the old ones still sees them`, () => {
    const [p, q] = [freshParameter(), freshParameter()];
    const [a, b] = [make(p), make(q)];
    const seen: { view: Float32Array; old: ReturnType<Parameter['detach']> }[] = [];
    for (let i = 0; i < 4; i++) {
      for (const [each, optimizer] of [[p, a] as const, [q, b] as const]) {
        optimizer.zeroGrad();
        linear(x(), each).square().sum().backward();
        // A view makes q's memory visible: no step may write it.
        if (each === q) {
          const old = q.detach();
          seen.push({ view: (old.dataSync() as Float32Array).slice(), old });
        }
        optimizer.step();
      }
      expect(p.dataSync()).toEqual(q.dataSync());
    }
    for (const { view, old } of seen) expect(old.dataSync()).toEqual(view);
    expect(p.dataSync()).not.toEqual(values());
  });

  test(`${name}: a graph that is still live keeps the old values`, () => {
    const p = freshParameter();
    const optimizer = make(p);
    for (let i = 0; i < 2; i++) {
      optimizer.zeroGrad();
      linear(x(), p).square().sum().backward();
      optimizer.step();
    }
    const old = p.dataSync();
    const input = parameter(ones([2, 64]));
    const live = linear(input, p).sum();
    optimizer.step();
    expect(p.dataSync()).not.toEqual(old);
    live.backward();
    const expected = tensor(old as Float32Array, { shape: [64, 64] }).sum(0);
    expect(input.grad?.slice([0, 1]).reshape([64]).dataSync()).toEqual(expected.dataSync());
  });
}
