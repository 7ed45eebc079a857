import { parameter, ShapeError, setDefaultBackend, setSeed, ValueError } from '@tenon/core';
import { cpuJs } from '@tenon/cpu-js';
import { describe, expect, it } from 'vitest';
import {
  constantInit,
  fansOf,
  gainOf,
  type Initializer,
  initialize,
  initialParameter,
  kaimingNormalInit,
  kaimingUniformInit,
  normalInit,
  truncatedNormalInit,
  uniformInit,
  xavierNormalInit,
  xavierUniformInit,
  zerosInit,
} from './init.ts';
import { Conv2d } from './layers/conv.ts';
import { Embedding } from './layers/embedding.ts';
import { Linear } from './layers/linear.ts';
import { golden } from './testing/golden.ts';

setDefaultBackend(cpuJs());

function spreadOf(values: ArrayLike<number>) {
  let [sum, squares, min, max] = [0, 0, Infinity, -Infinity];
  for (let i = 0; i < values.length; i++) {
    const x = values[i] ?? Number.NaN;
    sum += x;
    squares += x * x;
    min = Math.min(min, x);
    max = Math.max(max, x);
  }
  const mean = sum / values.length;
  return { mean, std: Math.sqrt(squares / values.length - mean ** 2), min, max };
}

/** Samples of 60,000: mean and deviation agree to a few standard errors. */
function expectSpread(values: ArrayLike<number>, like: { mean: number; std: number }): void {
  const spread = spreadOf(values);
  const error = like.std / Math.sqrt(values.length);
  expect(Math.abs(spread.mean - like.mean)).toBeLessThan(6 * error);
  expect(Math.abs(spread.std - like.std)).toBeLessThan(6 * error);
}

describe('default values of layers', () => {
  it('spread as PyTorch’s do', () => {
    setSeed(1);
    const layers = {
      Linear: new Linear(200, 300),
      Conv2d: new Conv2d(20, 60, 3, { groups: 2 }),
      Embedding: new Embedding(200, 300),
    };
    for (const [kind, layer] of Object.entries(layers)) {
      for (const [name, parameter] of layer.namedParameters()) {
        const like = golden.spreads.layers[kind]?.[name];
        if (like === undefined) throw new Error(`no golden of ${kind}.${name}`);
        expectSpread(parameter.dataSync(), like);
      }
    }
    const bound = 1 / Math.sqrt(90);
    const conv = spreadOf(layers.Conv2d.weight.dataSync());
    expect(conv.max).toBeLessThanOrEqual(bound);
    expect(conv.max).toBeGreaterThan(0.99 * bound);
    expect(conv.min).toBeLessThan(-0.99 * bound);
  });

  it('follow the seed, on any backend of it', () => {
    const draw = (): unknown =>
      [new Linear(3, 2), new Embedding(2, 2)].map((l) => l.weight.dataSync());
    setSeed(5);
    const first = draw();
    const second = draw();
    setDefaultBackend(cpuJs());
    setSeed(5);
    expect(draw()).toEqual(first);
    expect(second).not.toEqual(first);
  });
});

describe('initializers', () => {
  const shape = [300, 20, 10];
  const cases: Record<string, { init: Initializer; shape: number[] }> = {
    xavierUniform: { init: xavierUniformInit(2), shape },
    xavierNormal: { init: xavierNormalInit(), shape },
    kaimingUniform: { init: kaimingUniformInit({ nonlinearity: 'relu' }), shape },
    kaimingNormal: { init: kaimingNormalInit({ negativeSlope: 0.2, mode: 'out' }), shape },
    truncatedNormal: { init: truncatedNormalInit(0.5, 2, -1, 3), shape: [300, 200] },
  };
  for (const [name, { init, shape }] of Object.entries(cases)) {
    it(`${name} spreads as PyTorch’s`, () => {
      setSeed(2);
      const values = initialParameter(shape, init).dataSync();
      const like = golden.spreads.init[name];
      if (like === undefined) throw new Error(`no golden of ${name}`);
      expectSpread(values, like);
      const { min, max } = spreadOf(values);
      if (name.endsWith('Uniform') || name.startsWith('truncated')) {
        expect(max).toBeGreaterThan(0.99 * like.max);
        expect(max).toBeLessThan(1.01 * like.max);
        expect(min).toBeLessThan(0.99 * like.min);
      }
    });
  }

  it('uniform, normal, constant and zeros', () => {
    setSeed(3);
    const values = initialParameter([10000], uniformInit(2, 3)).dataSync();
    expectSpread(values, { mean: 2.5, std: Math.sqrt(1 / 12) });
    expectSpread(initialParameter([10000], normalInit(-1, 0.5)).dataSync(), { mean: -1, std: 0.5 });
    expect(initialParameter([2], constantInit(0.5)).dataSync()).toEqual(Float32Array.of(0.5, 0.5));
    const p = parameter([1, 2]);
    initialize(p, zerosInit());
    expect(p.dataSync()).toEqual(Float32Array.of(0, 0));
    expect(p.requiresGrad).toBe(true);
  });

  it('gains and fans are PyTorch’s', () => {
    expect(gainOf('tanh')).toBe(5 / 3);
    expect(gainOf('relu')).toBe(Math.SQRT2);
    expect(gainOf('leakyRelu', 0.2)).toBeCloseTo(1.38675, 5);
    expect(fansOf([8, 4, 3, 3])).toEqual({ fanIn: 36, fanOut: 72 });
  });

  it('refuses what has no meaning', () => {
    expect(() => fansOf([3])).toThrow(
      new ShapeError('init: fans need a weight of at least 2 axes [out, in, …], got [3]'),
    );
    expect(() => truncatedNormalInit(0, 1, 9, 10)).toThrow(
      new ValueError(
        'truncatedNormalInit: expected low < high within 4 std of the mean, got [9, 10]',
      ),
    );
  });
});
