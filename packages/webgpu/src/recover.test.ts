/** After the loss of a device training goes on: parameters, buffers and random numbers. */
import {
  crossEntropy,
  DeviceLostError,
  rand,
  randn,
  setDefaultBackend,
  setSeed,
  takeSnapshot,
  tensor,
  zeros,
} from '@tenon/core';
import { Adam, BatchNorm1d, Dropout, Linear, ReLU, Sequential } from '@tenon/nn';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { WebGpuBackend } from './backend.ts';
import { webgpu } from './node.ts';

let backend: WebGpuBackend;
beforeAll(async () => {
  backend = await webgpu();
});
beforeEach(() => setDefaultBackend(backend));
afterAll(() => {
  setDefaultBackend(null);
  backend.dispose();
});

async function lose(): Promise<void> {
  backend.device.destroy();
  await backend.lost;
}

test('random numbers go on where they were', async () => {
  const draw = async (isLost: boolean): Promise<unknown[]> => {
    setSeed(7);
    const first = await rand([4]).data();
    await rand([4]).data();
    if (isLost) {
      await lose();
      await backend.recover();
    }
    return [first, await rand([4]).data(), await rand([4]).data()];
  };
  expect(await draw(true)).toEqual(await draw(false));
});

test('training goes on with the same losses', async () => {
  const train = async (isLost: boolean): Promise<number[]> => {
    setSeed(3);
    const layers = [new Linear(4, 8), new BatchNorm1d(8), new ReLU(), new Dropout(0.5)];
    const model = new Sequential([...layers, new Linear(8, 2)]);
    let adam = new Adam(model.parameters(), { learningRate: 0.1 });
    const losses: number[] = [];
    for (let step = 0; step < 6; step++) {
      if (isLost && step === 3) {
        const buffers = model.namedBuffers().map(([, buffer]) => buffer);
        const state = await takeSnapshot([...model.parameters(), ...buffers]);
        const moments = await adam.stateDict();
        await lose();
        await backend.recover({ state });
        adam = new Adam(model.parameters());
        adam.loadStateDict(moments);
      }
      adam.zeroGrad();
      const loss = crossEntropy(model.forward(randn([8, 4])), zeros([8], { dtype: 'i32' }));
      loss.backward();
      adam.step();
      losses.push(await loss.item());
    }
    return losses;
  };
  expect(await train(true)).toEqual(await train(false));
});

test('what the host knows is there by itself, the rest is an error with advice', async () => {
  const [known, made] = [tensor([1, 2]), tensor([1, 2]).mul(3)];
  await made.sum().item();
  await lose();
  await expect(made.data()).rejects.toThrow('backend.recover() goes on with a fresh one');
  await backend.recover();
  expect(await known.mul(2).toArray()).toEqual([2, 4]);
  for (const use of [made.data(), Promise.resolve().then(() => made.mul(2))]) {
    await expect(use).rejects.toThrow(DeviceLostError);
    await expect(use).rejects.toThrow('takeSnapshot(variables)');
  }
});
