/** An ordinary eager loop, without dispose, scope or ref, stays flat. */
import { randn, setDefaultBackend, setSeed, tensor } from '@tenon/core';
import { cpuJs } from '@tenon/cpu-js';
import { expect, it } from 'vitest';
import { ReLU } from './layers/activations.ts';
import { Linear } from './layers/linear.ts';
import { Sequential } from './layers/sequential.ts';
import { crossEntropy } from './losses/classification.ts';
import { Adam } from './optimizers/adam.ts';

/** Bytes in ArrayBuffers and resident, after a collection. */
function used(): { arrays: number; resident: number } {
  globalThis.gc?.();
  const { arrayBuffers, rss } = process.memoryUsage();
  return { arrays: arrayBuffers, resident: rss };
}

it('2,000 steps of an MLP with Adam in a synchronous loop', () => {
  setDefaultBackend(cpuJs());
  setSeed(1);
  const model = new Sequential([new Linear(64, 64), new ReLU(), new Linear(64, 10)]);
  const optimizer = new Adam(model.parameters());
  const x = randn([64, 64]);
  const labels = tensor(Int32Array.from({ length: 64 }, (_, i) => i % 10));
  const steps = (count: number): number => {
    let last = 0;
    for (let i = 0; i < count; i++) {
      const loss = crossEntropy(model.forward(x), labels);
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      last = loss.itemSync();
    }
    return last;
  };
  const first = steps(1000);
  const before = used();
  const last = steps(1000);
  const after = used();
  expect(last).toBeLessThan(first);
  // One step makes more than 200 kB of tensors, so 1,000 steps 200 MB: a leak of the least of them
  // (the biases' gradients, 296 bytes) would be 296 kB of arrays. V8's heap moves by some MB.
  expect(after.arrays - before.arrays).toBeLessThan(250_000);
  expect(after.resident - before.resident).toBeLessThan(32_000_000);
});
