/**
 * Training as users do it, in Node and in a browser: the digits CNN of the command line gives the
 * losses and the accuracy that cpu-js gives, and a step of an MLP, once warm, costs one submit and
 * creates nothing.
 */
import { type Backend, noGrad, setDefaultBackend, setSeed, type Tensor, tensor } from '@tenon/core';
import { cpuJs } from '@tenon/cpu-js';
import { DataLoader, digits, split } from '@tenon/data';
import {
  Adam,
  BatchNorm2d,
  Conv2d,
  crossEntropy,
  Flatten,
  Linear,
  MaxPool2d,
  ReLU,
  Sequential,
} from '@tenon/nn';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { WebGpuBackend } from '../backend.ts';
import type { Counters } from '../counters.ts';

/** What a run gave. */
interface Run {
  readonly losses: readonly number[];
  /** The share of right answers on digits that were not trained on, after the last step. */
  readonly accuracy: number;
}

/** conv 5x5, pool, conv 5x5, pool, both with batch norm, and one linear layer. */
function cnn(): Sequential {
  return new Sequential([
    new Conv2d(1, 8, 5),
    new BatchNorm2d(8),
    new MaxPool2d(2),
    new ReLU(),
    new Conv2d(8, 24, 5),
    new BatchNorm2d(24),
    new MaxPool2d(2),
    new ReLU(),
    new Flatten(),
    new Linear(24 * 4 * 4, 10),
  ]);
}

type Batch = readonly [x: Tensor, y: Tensor];
const SIZES = { train: 1500, test: 500, rest: 8000 };

/** Trains for so many steps of 50 digits, from the same weights and batches on every backend. */
async function trainDigits(backend: Backend, steps: number): Promise<Run> {
  setDefaultBackend(backend);
  setSeed(1);
  const { train, test: held, rest } = SIZES;
  const parts = split(await digits(), [train, held, rest], { seed: 1, stratify: true });
  const model = cnn();
  const optimizer = new Adam(model.parameters(), { learningRate: 5e-3 });
  const losses: number[] = [];
  for (let epoch = 0; losses.length < steps; epoch++) {
    const loader = new DataLoader(parts[0]!, { batchSize: 50, shuffle: true, seed: epoch });
    for (const [x, y] of loader as Iterable<Batch>) {
      if (losses.length === steps) break;
      const loss = crossEntropy(model.forward(x), y);
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      losses.push(await loss.item());
    }
  }
  model.eval();
  let right = 0;
  for (const [x, y] of new DataLoader(parts[1]!, { batchSize: 100 }) as Iterable<Batch>) {
    right += await noGrad(() => model.forward(x).argMax(-1).equal(y).sum()).item();
  }
  return { losses, accuracy: right / held };
}

/** Steps of 784-256-128-10 with Adam, each ended by reading its loss; counters of the last ones. */
async function countMlp(backend: WebGpuBackend, warm: number, steps: number): Promise<Counters[]> {
  setDefaultBackend(backend);
  setSeed(2);
  const model = new Sequential([
    new Linear(784, 256),
    new ReLU(),
    new Linear(256, 128),
    new ReLU(),
    new Linear(128, 10),
  ]);
  const optimizer = new Adam(model.parameters(), { learningRate: 1e-3 });
  const pixels = Float32Array.from({ length: 64 * 784 }, (_, i) => ((i * 7919) % 256) / 255);
  const labels = Int32Array.from({ length: 64 }, (_, i) => i % 10);
  const seen: Counters[] = [];
  for (let step = 0; step < warm + steps; step++) {
    const x = tensor(pixels, { shape: [64, 784] });
    const loss = crossEntropy(model.forward(x), tensor(labels));
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step();
    await loss.item();
    const counters = backend.counters();
    if (step >= warm) seen.push(counters);
  }
  return seen;
}

/** Registers the tests. `steps`: how long the CNN trains before its accuracy is measured. */
export function describeTraining(create: () => Promise<WebGpuBackend>, steps: number): void {
  let backend: WebGpuBackend;
  beforeAll(async () => {
    backend = await create();
  });
  afterAll(() => {
    setDefaultBackend(null);
    backend.dispose();
  });

  test('the digits CNN: the losses of cpu-js, and its accuracy', { timeout: 240_000 }, async () => {
    const reference = cpuJs();
    const want = await trainDigits(reference, steps);
    const got = await trainDigits(backend, steps);
    for (const [step, loss] of want.losses.slice(0, 20).entries()) {
      const error = Math.abs((got.losses[step] as number) - loss) / loss;
      expect(error, `step ${step}: ${got.losses[step]} beside ${loss}`).toBeLessThan(1e-4);
    }
    expect(want.accuracy).toBeGreaterThan(0.8);
    // Two of five hundred: where rounding decides.
    expect(Math.abs(got.accuracy - want.accuracy)).toBeLessThanOrEqual(0.004);
    reference.dispose();
  });

  test('a step of an MLP with Adam, once warm: one submit, nothing created', async () => {
    // A device of its own: when the collector finds what another model left, buffers change places.
    const own = await create();
    for (const counters of await countMlp(own, 6, 4)) {
      expect(counters).toMatchObject({ submits: 1, buffers: 0, bindGroups: 0, pipelines: 0 });
      expect(counters.dispatches).toBeLessThanOrEqual(60);
      expect(counters.dispatches).toBeGreaterThan(10);
    }
    setDefaultBackend(null);
    own.dispose();
  });
}
