// The three training workloads in Tenon: nn's modules and Adam where Part 1 has the layers, core's
// composites on named parameters for the transformer.
import {
  crossEntropy,
  embedding,
  gelu,
  layerNorm,
  linear,
  type Parameter,
  parameter,
  scaledDotProductAttention,
  type Tensor,
  tensor,
} from '@tenon/core';
import { Adam, Conv2d, Flatten, Linear, MaxPool2d, type Module, ReLU, Sequential } from '@tenon/nn';
import { type ModelData, makeModelData, readModel } from '../workloads/model.ts';
import type { ModelName } from '../workloads/types.ts';
import type { Prepared } from './types.ts';

interface Network {
  forward(x: Tensor): Tensor;
  readonly parameters: Parameter[];
}

function sequential(model: ModelData, module: Module & { forward(x: Tensor): Tensor }): Network {
  const entries = model.parameters.map(
    ({ name, shape, data }) => [name, { dtype: 'f32', shape: [...shape], data }] as const,
  );
  module.loadStateDict(new Map(entries));
  return { forward: (x) => module.forward(x), parameters: module.parameters() };
}

function mlp(model: ModelData): Network {
  const layers = [new Linear(784, 256), new ReLU(), new Linear(256, 128), new ReLU()];
  return sequential(model, new Sequential([...layers, new Linear(128, 10)]));
}

function cnn(model: ModelData): Network {
  const features = [
    new Conv2d(1, 32, 3, { padding: 1 }),
    new ReLU(),
    new MaxPool2d(2),
    new Conv2d(32, 64, 3, { padding: 1 }),
    new ReLU(),
    new MaxPool2d(2),
  ];
  const head = [new Flatten(), new Linear(3136, 128), new ReLU(), new Linear(128, 10)];
  return sequential(model, new Sequential([...features, ...head]));
}

function transformer(model: ModelData): Network {
  const { layers = 0, heads = 1, width = 0, length = 0, normEpsilon = 0 } = model.spec;
  const batch = model.spec.input.shape[0]!;
  const table = new Map(
    model.parameters.map((p) => [p.name, parameter(tensor(p.data, { shape: p.shape }))]),
  );
  const get = (name: string): Parameter => table.get(name)!;
  const dense = (x: Tensor, name: string): Tensor =>
    linear(x, get(`${name}.weight`), get(`${name}.bias`));
  const norm = (x: Tensor, name: string): Tensor =>
    layerNorm(x, [width], {
      weight: get(`${name}.weight`),
      bias: get(`${name}.bias`),
      eps: normEpsilon,
    });
  const split = (x: Tensor): Tensor =>
    x.reshape([batch, length, heads, width / heads]).transpose(1, 2);
  const attention = (x: Tensor, name: string): Tensor => {
    const qkv = linear(x, get(`${name}.in_proj_weight`), get(`${name}.in_proj_bias`));
    const [q, k, v] = qkv.chunk(3, -1).map(split) as [Tensor, Tensor, Tensor];
    const mixed = scaledDotProductAttention(q, k, v, { causal: true });
    return dense(mixed.transpose(1, 2).reshape([batch, length, width]), `${name}.out_proj`);
  };
  const forward = (tokens: Tensor): Tensor => {
    let x = embedding(get('token.weight'), tokens).add(get('position.weight'));
    for (let b = 0; b < layers; b++) {
      const name = `blocks.${b}`;
      x = x.add(attention(norm(x, `${name}.norm1`), `${name}.attention`));
      const h = gelu(dense(norm(x, `${name}.norm2`), `${name}.mlp.0`), { approximate: 'tanh' });
      x = x.add(dense(h, `${name}.mlp.2`));
    }
    return dense(norm(x, 'norm'), 'head').reshape([batch * length, -1]);
  };
  return { forward, parameters: [...table.values()] };
}

const builders = { mlp, cnn, transformer } satisfies Record<ModelName, (m: ModelData) => Network>;

/** A training step of `name`; each run reads its loss, as a training loop would. */
export function prepareTraining(name: ModelName): Prepared {
  const model = makeModelData(readModel(name));
  const network = builders[name](model);
  const { learningRate, beta1, beta2, epsilon } = model.spec.optimizer;
  const optimizer = new Adam(network.parameters, {
    learningRate,
    betas: [beta1, beta2],
    eps: epsilon,
  });
  const x = tensor(model.input, { shape: model.spec.input.shape });
  const y = tensor(model.target, { shape: [model.target.length] });
  const losses: number[] = [];
  return {
    async run() {
      const loss = crossEntropy(network.forward(x), y);
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      losses.push(await loss.item());
    },
    async result() {
      return [...losses, await crossEntropy(network.forward(x), y).item()];
    },
  };
}
