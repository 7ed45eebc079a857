// What every consumer of the packed packages computes, on the default backend: a product and a few
// steps of training. Plain JavaScript: nothing compiles it.
import { parameter, tensor } from '@tenon/core';

const M = 70;
const K = 33;
const N = 45;

export async function compute() {
  return {
    product: Array.from(await product().data()),
    losses: await train(),
    large: await large(),
  };
}

/** Whole numbers, so that every order of summation gives the same sums. */
function product() {
  const a = Float32Array.from({ length: M * K }, (_, i) => (i % 13) - 6);
  const b = Float32Array.from({ length: K * N }, (_, i) => (i % 7) - 3);
  return tensor(a, { shape: [M, K] }).matmul(tensor(b, { shape: [K, N] }));
}

/** y = w·x + b by gradient descent: the loss of each step. */
async function train() {
  const x = tensor([[-1], [0], [1], [2]]);
  const y = tensor([[-3], [-1], [1], [3]]);
  const weight = parameter([[0]]);
  const bias = parameter([0]);
  const losses = [];
  for (let step = 0; step < 20; step++) {
    const loss = x.matmul(weight).add(bias).sub(y).square().mean();
    weight.grad = null;
    bias.grad = null;
    loss.backward();
    for (const p of [weight, bias]) p.assign(p.detach().sub(p.grad.mul(0.1)));
    losses.push(await loss.item());
  }
  return losses;
}

/** Enough work for every thread: the sum of 4 million ones. */
async function large() {
  return tensor(new Float32Array(4_000_000).fill(1)).mul(0.5).add(0.5).sum().item();
}
