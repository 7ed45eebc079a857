/** What is compiled when: nothing after a warm-up, and nothing for another batch size. */
import { crossEntropy, setDefaultBackend, setSeed, tensor } from '@tenon/core';
import { Adam, Linear, ReLU, Sequential, warmUp } from '@tenon/nn';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type WebGpuBackend, webgpu } from '../node.ts';

let backend: WebGpuBackend;
beforeAll(async () => {
  backend = await webgpu();
  setDefaultBackend(backend);
});
afterAll(() => {
  setDefaultBackend(null);
  backend.dispose();
});

const FEATURES = 12;
function modelOf(): Sequential {
  setSeed(1);
  return new Sequential([new Linear(FEATURES, 24), new ReLU(), new Linear(24, 5)]);
}

function lossOf(model: Sequential, batch: number): ReturnType<typeof crossEntropy> {
  const x = Float32Array.from({ length: batch * FEATURES }, (_, i) => Math.sin(i));
  const y = Int32Array.from({ length: batch }, (_, i) => i % 5);
  return crossEntropy(model.forward(tensor(x, { shape: [batch, FEATURES] })), tensor(y));
}

async function step(model: Sequential, optimizer: Adam, batch: number): Promise<number> {
  const loss = lossOf(model, batch);
  optimizer.zeroGrad();
  loss.backward();
  optimizer.step();
  return loss.item();
}

test('warmUp compiles a training step, for every batch size, and changes nothing', async () => {
  const model = modelOf();
  const before = await model.stateDict();
  const labels = tensor(new Int32Array(64));
  await warmUp(model, [FEATURES], {
    batchSize: 64,
    loss: (logits) => crossEntropy(logits, labels),
    optimizer: (parameters) => new Adam(parameters),
  });
  expect(await model.stateDict()).toEqual(before);
  expect(backend.counters().pipelines).toBeGreaterThan(5);

  const optimizer = new Adam(model.parameters());
  const losses: number[] = [];
  for (const batch of [64, 64, 48, 33]) losses.push(await step(model, optimizer, batch));
  expect(backend.counters().pipelines).toBe(0);
  // A few rows want narrower tiles, which every other size of few rows then finds.
  await step(model, optimizer, 7);
  expect(backend.counters().pipelines).toBeLessThan(5);
  await step(model, optimizer, 5);
  expect(backend.counters().pipelines).toBe(0);
  expect((losses[1] as number) < (losses[0] as number)).toBe(true);
});
