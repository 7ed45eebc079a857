/** Fifty steps of small models beside PyTorch's, from the same weights and batches. */
import { setDefaultBackend, type Tensor, tensor } from '@tenon/core';
import { cpuJs } from '@tenon/cpu-js';
import { describe, expect, it } from 'vitest';
import { ReLU } from './layers/activations.ts';
import { Conv2d } from './layers/conv.ts';
import { Linear } from './layers/linear.ts';
import { MaxPool2d } from './layers/pool.ts';
import { Sequential } from './layers/sequential.ts';
import { Flatten } from './layers/shape.ts';
import { crossEntropy } from './losses/classification.ts';
import { Adam } from './optimizers/adam.ts';
import { SGD } from './optimizers/sgd.ts';
import type { StateDict } from './state-dict.ts';
import { readJson } from './testing/golden.ts';

setDefaultBackend(cpuJs());

interface Run {
  readonly name: string;
  readonly optimizer: {
    readonly kind: 'sgd' | 'adam';
    readonly lr: number;
    readonly momentum?: number;
    readonly weight_decay: number;
  };
  readonly steps: number;
  readonly batches: {
    readonly seed: number;
    readonly shape: readonly number[];
    readonly scale: number;
    readonly offset: number;
    readonly classes: number;
    readonly count: number;
  };
  readonly parameters: readonly {
    readonly name: string;
    readonly shape: readonly number[];
    readonly seed: number;
    readonly scale: number;
    readonly offset: number;
    readonly initialSum: number;
    readonly finalSum: number;
    readonly finalSumOfSquares: number;
  }[];
  readonly losses: readonly number[];
}

const { runs } = readJson<{ runs: Run[] }>(
  new URL('../../conformance/golden/training.json', import.meta.url),
);

/** The generator that tooling/goldens/README.md describes. */
function hash24(seed: number, i: number): number {
  let h = (i + Math.imul(seed, 0x9e3779b1)) >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return ((h ^ (h >>> 16)) >>> 0) >>> 8;
}

function floats(
  seed: number,
  shape: readonly number[],
  scale: number,
  offset: number,
): Float32Array {
  const length = shape.reduce((a, b) => a * b, 1);
  const range = Math.fround(scale);
  return Float32Array.from(
    { length },
    (_, i) => offset + range * ((2 * hash24(seed, i)) / 2 ** 24 - 1),
  );
}

const MODELS: Record<string, () => Sequential> = {
  mlp: () =>
    new Sequential([
      new Linear(64, 32),
      new ReLU(),
      new Linear(32, 16),
      new ReLU(),
      new Linear(16, 10),
    ]),
  cnn: () =>
    new Sequential([
      new Conv2d(1, 4, 3, { padding: 1 }),
      new ReLU(),
      new MaxPool2d(2),
      new Conv2d(4, 8, 3),
      new ReLU(),
      new MaxPool2d(2),
      new Flatten(),
      new Linear(32, 10),
    ]),
};

function sums(values: ArrayLike<number>): [sum: number, squares: number] {
  let [sum, squares] = [0, 0];
  for (let i = 0; i < values.length; i++) {
    const x = values[i] ?? Number.NaN;
    sum += x;
    squares += x * x;
  }
  return [sum, squares];
}

function batches({ batches: spec }: Run): [x: Tensor, labels: Tensor][] {
  return Array.from({ length: spec.count }, (_, b) => {
    const seed = spec.seed + 2 * b;
    const labels = Int32Array.from(
      { length: spec.shape[0] ?? 0 },
      (_, i) => hash24(seed + 1, i) % spec.classes,
    );
    const x = floats(seed, spec.shape, spec.scale, spec.offset);
    return [tensor(x, { shape: spec.shape }), tensor(labels)];
  });
}

describe('50 steps follow PyTorch', () => {
  for (const run of runs) {
    it(run.name, async () => {
      const model = MODELS[run.name.split('-')[0] ?? '']?.();
      if (model === undefined) throw new Error(`no model for ${run.name}`);
      const dict: StateDict = new Map(
        run.parameters.map(({ name, shape, seed, scale, offset }) => [
          name,
          { dtype: 'f32', shape, data: floats(seed, shape, scale, offset) },
        ]),
      );
      model.loadStateDict(dict);
      const { kind, lr, momentum = 0, weight_decay } = run.optimizer;
      const options = { learningRate: lr, weightDecay: weight_decay };
      const optimizer =
        kind === 'sgd'
          ? new SGD(model.parameters(), { ...options, momentum })
          : new Adam(model.parameters(), options);
      const data = batches(run);
      for (let step = 0; step < run.steps; step++) {
        const [x, labels] = data[step % data.length] ?? [];
        if (x === undefined || labels === undefined) throw new Error('no batch');
        const loss = crossEntropy(model.forward(x), labels);
        const expected = run.losses[step] ?? Number.NaN;
        const relative = Math.abs(loss.itemSync() - expected) / expected;
        expect(relative, `step ${step}: ${loss.itemSync()} against ${expected}`).toBeLessThan(1e-4);
        optimizer.zeroGrad();
        loss.backward();
        optimizer.step();
      }
      const state = await model.stateDict();
      for (const { name, finalSum, finalSumOfSquares } of run.parameters) {
        const [sum, squares] = sums(state.get(name)?.data as Float32Array);
        expect(Math.abs(sum - finalSum), name).toBeLessThan(1e-3 * Math.max(1, Math.abs(finalSum)));
        expect(Math.abs(squares / finalSumOfSquares - 1), name).toBeLessThan(1e-4);
      }
    });
  }
});
