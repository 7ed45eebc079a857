// The three training workloads in jax-js: one jitted step of valueAndGrad and Adam, the latter
// written out because its optimizers are a package of their own. Each array is consumed once;
// `.ref` marks every further use.
import { jit, lax, nn, numpy as np, tree, valueAndGrad } from '@jax-js/jax';
import { type ModelData, makeModelData, readModel } from '../workloads/model.ts';
import type { ModelName } from '../workloads/types.ts';
import type { Prepared } from './types.ts';

type Tree = Record<string, np.Array>;
type Forward = (p: Tree, x: np.Array) => np.Array;

function linear(p: Tree, x: np.Array, name: string): np.Array {
  return np.matmul(x, p[`${name}.weight`]!.transpose()).add(p[`${name}.bias`]!);
}

const mlp: Forward = (p, x) => linear(p, nn.relu(linear(p, nn.relu(linear(p, x, '0')), '2')), '4');

function convBlock(p: Tree, x: np.Array, name: string): np.Array {
  const bias = p[`${name}.bias`]!.reshape([-1, 1, 1]);
  const y = nn.relu(lax.conv(x, p[`${name}.weight`]!, [1, 1], 'SAME').add(bias));
  const [batch, channels, height, width] = y.shape as [number, number, number, number];
  return np.max(y.reshape([batch, channels, height / 2, 2, width / 2, 2]), [3, 5]);
}

const cnn: Forward = (p, x) => {
  const y = convBlock(p, convBlock(p, x, '0'), '3');
  return linear(p, nn.relu(linear(p, y.reshape([y.shape[0]!, -1]), '7')), '9');
};

function transformer(model: ModelData): Forward {
  const { layers = 0, heads = 1, width = 0, length = 0, normEpsilon = 0 } = model.spec;
  const batch = model.spec.input.shape[0]!;
  const norm = (p: Tree, x: np.Array, name: string): np.Array =>
    nn
      .standardize(x, -1, { epsilon: normEpsilon })
      .mul(p[`${name}.weight`]!)
      .add(p[`${name}.bias`]!);
  const attention = (p: Tree, x: np.Array, name: string): np.Array => {
    const weight = p[`${name}.in_proj_weight`]!.transpose();
    const qkv = np.matmul(x, weight).add(p[`${name}.in_proj_bias`]!);
    const [q, k, v] = np
      .split(qkv, 3, -1)
      .map((t) => t.reshape([batch, length, heads, width / heads])) as [
      np.Array,
      np.Array,
      np.Array,
    ];
    const mixed = nn.dotProductAttention(q, k, v, { isCausal: true });
    return linear(p, mixed.reshape([batch, length, width]), `${name}.out_proj`);
  };
  return (p, tokens) => {
    let x = np.take(p['token.weight']!, tokens, 0).add(p['position.weight']!);
    for (let b = 0; b < layers; b++) {
      const name = `blocks.${b}`;
      x = x.ref.add(attention(p, norm(p, x, `${name}.norm1`), `${name}.attention`));
      const h = nn.gelu(linear(p, norm(p, x.ref, `${name}.norm2`), `${name}.mlp.0`));
      x = x.add(linear(p, h, `${name}.mlp.2`));
    }
    return linear(p, norm(p, x, 'norm'), 'head').reshape([batch * length, -1]);
  };
}

function makeForward(model: ModelData): Forward {
  if (model.spec.name === 'mlp') return mlp;
  return model.spec.name === 'cnn' ? cnn : transformer(model);
}

function asArray(data: Float32Array | Int32Array, shape: readonly number[]): np.Array {
  const dtype = data instanceof Int32Array ? np.int32 : np.float32;
  return np.array(data as Float32Array<ArrayBuffer>, { shape: [...shape], dtype });
}

// A type, not an interface: only that has the index signature which jit's trees want.
type State = {
  params: Tree;
  m: Tree;
  v: Tree;
  /** beta1^t and beta2^t. */
  power1: np.Array;
  power2: np.Array;
};

function makeState(model: ModelData): State {
  const zeros = (): Tree =>
    Object.fromEntries(model.parameters.map((p) => [p.name, np.zeros([...p.shape])]));
  const params = Object.fromEntries(
    model.parameters.map((p) => [p.name, asArray(p.data, p.shape)]),
  );
  return { params, m: zeros(), v: zeros(), power1: np.array([1]), power2: np.array([1]) };
}

type LossFn = (params: Tree, x: np.Array, y: np.Array) => np.Array;

function adamStep(model: ModelData, loss: LossFn) {
  const { learningRate, beta1, beta2, epsilon } = model.spec.optimizer;
  return (s: State, x: np.Array, y: np.Array): { state: State; loss: np.Array } => {
    const [value, gradients] = valueAndGrad(loss)(tree.ref(s.params), x, y);
    const grads = gradients as Tree;
    const power1 = s.power1.mul(beta1);
    const power2 = s.power2.mul(beta2);
    const next: State = { params: {}, m: {}, v: {}, power1: power1.ref, power2: power2.ref };
    const correction1 = np.subtract(1, power1);
    const correction2 = np.subtract(1, power2);
    for (const name of Object.keys(s.params)) {
      const g = grads[name]!;
      const m = s.m[name]!.mul(beta1).add(g.ref.mul(1 - beta1));
      const v = s.v[name]!.mul(beta2).add(g.ref.mul(g).mul(1 - beta2));
      next.m[name] = m.ref;
      next.v[name] = v.ref;
      const step = m.div(correction1.ref);
      const scale = np.sqrt(v.div(correction2.ref)).add(epsilon);
      next.params[name] = s.params[name]!.sub(step.div(scale).mul(learningRate));
    }
    correction1.dispose();
    correction2.dispose();
    return { state: next, loss: value };
  };
}

/** A training step of `name`; each run reads its loss, as a training loop would. */
export function prepareTraining(name: ModelName): Prepared {
  const model = makeModelData(readModel(name));
  const classes = model.spec.parameters.at(-1)!.shape[0]!;
  const forward = makeForward(model);
  const loss: LossFn = (params, x, y) => {
    const logProbabilities = nn.logSoftmax(forward(params, x), -1);
    return np.mean(logProbabilities.mul(y).sum(-1)).mul(-1);
  };
  const step = jit(adamStep(model, loss));
  const x = asArray(model.input, model.spec.input.shape);
  const labels = asArray(model.target, [model.target.length]);
  const y = nn.oneHot(labels, classes).astype(np.float32);
  let state = makeState(model);
  const losses: number[] = [];
  return {
    async run() {
      const out = step(state, x.ref, y.ref);
      state = out.state;
      losses.push(((await out.loss.data()) as Float32Array)[0]!);
    },
    async result() {
      const last = loss(tree.ref(state.params), x.ref, y.ref);
      return [...losses, ((await last.data()) as Float32Array)[0]!];
    },
  };
}
