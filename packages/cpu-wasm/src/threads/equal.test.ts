// Whole training steps give the same bits on one thread and on several: convolution, pooling,
// attention, normalization, embedding, dropout, long sums and updates, large enough to be cut.
import {
  concat,
  conv2d,
  crossEntropy,
  dropout,
  embedding,
  layerNorm,
  linear,
  maxPool2d,
  noGrad,
  type Parameter,
  parameter,
  randn,
  relu,
  scaledDotProductAttention,
  setDefaultBackend,
  setSeed,
  softmax,
  type Tensor,
  tensor,
} from '@tenon/core';
import { afterEach, describe, expect, test } from 'vitest';
import { detectFeatures } from '../features.ts';
import { type WasmOptions, wasm } from '../index.ts';
import { whyNot } from '../variant.ts';

afterEach(() => setDefaultBackend(null));

interface Model {
  readonly filters: readonly [Parameter, Parameter];
  readonly table: Parameter;
  readonly projection: Parameter;
  readonly weight: Parameter;
  readonly bias: Parameter;
}
interface Batch {
  readonly images: Tensor;
  readonly tokens: Tensor;
  readonly labels: Tensor;
}

function makeModel(): Model {
  const of = (...shape: number[]): Parameter => parameter(randn(shape).mul(0.1));
  const filters = [of(32, 1, 3, 3), of(64, 32, 3, 3)] as const;
  const features = 64 * 49 + 64;
  return {
    filters,
    table: of(50, 64),
    projection: of(192, 64),
    weight: of(10, features),
    bias: of(10),
  };
}

function lossOf({ filters, table, projection, weight, bias }: Model, batch: Batch): Tensor {
  let x = batch.images;
  for (const filter of filters) x = maxPool2d(relu(conv2d(x, filter, { padding: 1 })), 2);
  const flat = x.flatten(1);
  const image = dropout(flat.mul(softmax(flat, -1)), 0.1);
  const rows = layerNorm(embedding(table, batch.tokens), [64]);
  const [q, k, v] = linear(rows, projection).chunk(3, -1) as [Tensor, Tensor, Tensor];
  const text = scaledDotProductAttention(q, k, v, { causal: true }).mean(1);
  return crossEntropy(linear(concat([image, text], 1), weight, bias), batch.labels);
}

/** The bits of losses and parameters of three steps. */
async function train(options: WasmOptions): Promise<readonly Uint32Array[]> {
  const backend = await wasm(options);
  setDefaultBackend(backend);
  setSeed(7);
  const model = makeModel();
  const parameters = [...model.filters, model.table, model.projection, model.weight, model.bias];
  const batch = {
    images: randn([32, 1, 28, 28]),
    tokens: tensor(
      Int32Array.from({ length: 32 * 40 }, (_, i) => (i * 17) % 50),
      { shape: [32, 40] },
    ),
    labels: tensor(Int32Array.from({ length: 32 }, (_, i) => i % 10)),
  };
  const seen: Tensor[] = [];
  for (let step = 0; step < 3; step++) {
    const loss = lossOf(model, batch);
    loss.backward();
    seen.push(loss.detach());
    noGrad(() => {
      for (const p of parameters) {
        p.assign(p.sub((p.grad as Tensor).mul(0.1)));
        p.grad = null;
      }
    });
  }
  const bits = [...seen, ...parameters].map(async (x) => {
    const data = (await x.data()) as Float32Array;
    return new Uint32Array(data.buffer, data.byteOffset, data.length);
  });
  const result = await Promise.all(bits);
  backend.dispose();
  return result;
}

describe.each(['simd', 'relaxed'] as const)('%s', (variant) => {
  const reason = whyNot(`${variant}-threads`, detectFeatures());
  if (reason !== null) test.skip(`needs another engine: ${reason}`, () => {});
  else {
    test('one, two and three threads train to the same bits', async () => {
      const one = await train({ variant, threads: 1 });
      const [loss = 0] = new Float32Array((one[0] as Uint32Array).buffer);
      expect(loss).toBeGreaterThan(1);
      for (const threads of [2, 3]) {
        expect(await train({ variant: `${variant}-threads`, threads })).toEqual(one);
      }
    });
  }
});
