// Addresses are unsigned: with the lower 2 GiB taken, every kind of kernel gives the same bits as
// below. The block that takes them is never touched, so it costs no real memory.
import {
  argMax,
  conv2d,
  crossEntropy,
  cumSum,
  layerNorm,
  maxPool2d,
  pad,
  parameter,
  randn,
  relu,
  setDefaultBackend,
  setSeed,
  softmax,
  sort,
  type Tensor,
  take,
  tensor,
} from '@tenon/core';
import { afterEach, expect, test } from 'vitest';
import { detectFeatures } from './features.ts';
import { wasm } from './index.ts';
import { type Variant, whyNot } from './variant.ts';

afterEach(() => setDefaultBackend(null));

/** Results and gradients of one kernel of each kind. */
function results(): Tensor[] {
  setSeed(3);
  const images = parameter(randn([4, 8, 20, 20]));
  const filters = parameter(randn([16, 8, 3, 3]));
  const table = parameter(randn([30, 1200]));
  const rows = take(table, tensor([3, 29, 0, 3], { dtype: 'i32' }), 0);
  const pooled = maxPool2d(relu(conv2d(images, filters, { padding: 1 })), 2);
  const product = rows.matmul(randn([1200, 50])).add(layerNorm(randn([4, 50]), [50]));
  const loss = crossEntropy(product, tensor([1, 2, 3, 4], { dtype: 'i32' })).add(pooled.mean());
  loss.backward();
  const wide = randn([64, 700]);
  return [
    loss,
    ...[images, filters, table].map((p) => p.grad as Tensor),
    softmax(wide, -1),
    wide.transpose(0, 1).contiguous(),
    wide.sum(0),
    sort(wide, -1).values,
    argMax(wide, 0),
    cumSum(wide, 1),
    pad(wide, [
      [1, 2],
      [3, 4],
    ]),
  ];
}

async function bits(variant: Variant, isHigh: boolean): Promise<readonly Uint8Array[]> {
  const backend = await wasm({ variant, threads: variant.endsWith('threads') ? 2 : 1 });
  setDefaultBackend(backend);
  if (isHigh) {
    backend.allocate(2 ** 31);
    const next = backend.allocate(64);
    expect(next.address).toBeGreaterThan(2 ** 31);
    backend.free(next);
  }
  const found = await Promise.all(results().map((x) => x.data()));
  backend.dispose();
  return found.map((x) => new Uint8Array(x.buffer, x.byteOffset, x.byteLength));
}

for (const variant of ['scalar', 'simd', 'relaxed', 'relaxed-threads'] as const) {
  const reason = whyNot(variant, detectFeatures());
  test.skipIf(reason !== null)(`${variant}: the same bits above 2 GiB`, async () => {
    expect(await bits(variant, true)).toEqual(await bits(variant, false));
  });
}
