// The three training workloads in TensorFlow.js: variables, minimize and its Adam.
import * as tf from '@tensorflow/tfjs-core';
import {
  type ModelData,
  makeModelData,
  type ParameterData,
  readModel,
} from '../workloads/model.ts';
import type { ModelName } from '../workloads/types.ts';
import { permute, TO_HWIO, TO_NHWC } from './layout.ts';
import type { Prepared } from './types.ts';

/** The formula; this library has no layer norm kernel. */
export function layerNorm(
  x: tf.Tensor,
  weight: tf.Tensor,
  bias: tf.Tensor,
  epsilon: number,
): tf.Tensor {
  const { mean, variance } = tf.moments(x, -1, true);
  const scaled = tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, epsilon)));
  return tf.add(tf.mul(scaled, weight), bias);
}

type Variables = ReadonlyMap<string, tf.Variable>;
type Forward = (x: tf.Tensor) => tf.Tensor;

/** PyTorch's layout to this library's: linear weights [in, out], filters HWIO. */
function convert(p: ParameterData): { data: Float32Array; shape: readonly number[] } {
  if (p.shape.length === 4) return permute(p.data, p.shape, TO_HWIO);
  const isTable = p.name.startsWith('token') || p.name.startsWith('position');
  if (p.shape.length === 2 && !isTable) return permute(p.data, p.shape, [1, 0]);
  return p;
}

/** The first dense layer of the CNN reads [channel, row, column]; here features come [r, c, ch]. */
function reorderFlattened(p: ParameterData): ParameterData {
  const [out, features] = p.shape as [number, number];
  const side = 7;
  const channels = features / side ** 2;
  const moved = permute(p.data, [out, channels, side, side], TO_NHWC);
  return { ...p, data: moved.data };
}

function makeVariables(model: ModelData): Variables {
  const out = new Map<string, tf.Variable>();
  for (const p of model.parameters) {
    const isAfterFlatten = model.spec.name === 'cnn' && p.name === '7.weight';
    const { data, shape } = convert(isAfterFlatten ? reorderFlattened(p) : p);
    out.set(p.name, tf.variable(tf.tensor(data, [...shape])));
  }
  return out;
}

function linearOf(v: Variables): (x: tf.Tensor, name: string) => tf.Tensor {
  return (x, name) => {
    const weight = v.get(`${name}.weight`)!;
    const bias = v.get(`${name}.bias`)!;
    const flat = tf.reshape(x, [-1, x.shape.at(-1)!]);
    const y = tf.add(tf.matMul(flat, weight), bias);
    return x.rank === 2 ? y : tf.reshape(y, [...x.shape.slice(0, -1), weight.shape[1]!]);
  };
}

function mlp(v: Variables): Forward {
  const linear = linearOf(v);
  return (x) => {
    const y = tf.relu(linear(x, '0'));
    return linear(tf.relu(linear(y, '2')), '4');
  };
}

function cnn(v: Variables): Forward {
  const linear = linearOf(v);
  const block = (x: tf.Tensor, name: string): tf.Tensor => {
    const weight = v.get(`${name}.weight`) as tf.Tensor4D;
    const y = tf.add(tf.conv2d(x as tf.Tensor4D, weight, 1, 'same'), v.get(`${name}.bias`)!);
    return tf.maxPool(tf.relu(y) as tf.Tensor4D, 2, 2, 'valid');
  };
  return (x) => {
    const y = block(block(x, '0'), '3');
    return linear(tf.relu(linear(tf.reshape(y, [y.shape[0]!, -1]), '7')), '9');
  };
}

function gelu(x: tf.Tensor): tf.Tensor {
  const cubic = tf.mul(tf.mul(tf.mul(x, x), x), 0.044715);
  const inner = tf.mul(tf.add(x, cubic), Math.sqrt(2 / Math.PI));
  return tf.mul(tf.mul(x, 0.5), tf.add(tf.tanh(inner), 1));
}

function transformer(v: Variables, model: ModelData, backend: string): Forward {
  const { layers = 0, heads = 1, width = 0, length = 0, normEpsilon = 0 } = model.spec;
  const [batch] = model.spec.input.shape as [number];
  const vocabulary = model.spec.vocabulary ?? 0;
  const linear = linearOf(v);
  const hidden = Float32Array.from({ length: length * length }, (_, i) =>
    i % length > Math.floor(i / length) ? -1e9 : 0,
  );
  const mask = tf.tensor(hidden, [length, length]);
  const norm = (x: tf.Tensor, name: string): tf.Tensor =>
    layerNorm(x, v.get(`${name}.weight`)!, v.get(`${name}.bias`)!, normEpsilon);
  const split = (x: tf.Tensor): tf.Tensor =>
    tf.transpose(tf.reshape(x, [batch, length, heads, width / heads]), [0, 2, 1, 3]);
  const attention = (x: tf.Tensor, name: string): tf.Tensor => {
    const weight = v.get(`${name}.in_proj_weight`)!;
    const bias = v.get(`${name}.in_proj_bias`)!;
    const qkv = tf.add(tf.matMul(tf.reshape(x, [-1, width]), weight), bias);
    const [q, k, value] = tf.split(qkv, 3, 1).map(split) as [tf.Tensor, tf.Tensor, tf.Tensor];
    const scores = tf.mul(tf.matMul(q, k, false, true), 1 / Math.sqrt(width / heads));
    const mixed = tf.matMul(tf.softmax(tf.add(scores, mask)), value);
    const joined = tf.reshape(tf.transpose(mixed, [0, 2, 1, 3]), [batch, length, width]);
    return linear(joined, `${name}.out_proj`);
  };
  const table = v.get('token.weight')!;
  // Only the cpu backend has the gradient of gather (UnsortedSegmentSum): a product with one-hot
  // rows.
  const embed = (x: tf.Tensor): tf.Tensor => {
    if (backend === 'cpu') return tf.gather(table, x as tf.Tensor2D);
    const rows = tf.cast(tf.oneHot(tf.reshape(x, [-1]), vocabulary), 'float32');
    return tf.reshape(tf.matMul(rows, table), [batch, length, width]);
  };
  return (tokens) => {
    let x = tf.add(embed(tokens), v.get('position.weight')!);
    for (let b = 0; b < layers; b++) {
      const name = `blocks.${b}`;
      x = tf.add(x, attention(norm(x, `${name}.norm1`), `${name}.attention`));
      const h = gelu(linear(norm(x, `${name}.norm2`), `${name}.mlp.0`));
      x = tf.add(x, linear(h, `${name}.mlp.2`));
    }
    return tf.reshape(linear(norm(x, 'norm'), 'head'), [batch * length, vocabulary]);
  };
}

function makeForward(v: Variables, model: ModelData, backend: string): Forward {
  if (model.spec.name === 'mlp') return mlp(v);
  if (model.spec.name === 'cnn') return cnn(v);
  return transformer(v, model, backend);
}

function makeInput(model: ModelData): tf.Tensor {
  const { input } = model.spec;
  if (model.input instanceof Int32Array) return tf.tensor(model.input, [...input.shape], 'int32');
  if (model.spec.name !== 'cnn') return tf.tensor(model.input, [...input.shape]);
  const moved = permute(model.input, input.shape, TO_NHWC);
  return tf.tensor(moved.data, moved.shape);
}

/** A training step of `name`; each run reads its loss, as a training loop would. */
export function prepareTraining(name: ModelName, backend: string): Prepared {
  const model = makeModelData(readModel(name));
  const { optimizer: o, parameters } = model.spec;
  const variables = makeVariables(model);
  const forward = makeForward(variables, model, backend);
  const x = makeInput(model);
  const classes = parameters.at(-1)!.shape[0]!;
  const y = tf.cast(tf.oneHot(tf.tensor1d(model.target, 'int32'), classes), 'float32');
  const loss = (): tf.Scalar => tf.losses.softmaxCrossEntropy(y, forward(x)) as tf.Scalar;
  const adam = tf.train.adam(o.learningRate, o.beta1, o.beta2, o.epsilon);
  const list = [...variables.values()];
  const losses: number[] = [];
  const readLater = async (cost: tf.Scalar): Promise<void> => {
    losses.push((await cost.data())[0]!);
    cost.dispose();
  };
  return {
    run() {
      const cost = adam.minimize(loss, true, list)!;
      if (backend === 'webgpu') return readLater(cost);
      losses.push(cost.dataSync()[0]!);
      cost.dispose();
    },
    async result() {
      const last = tf.tidy(loss);
      const value = (await last.data())[0]!;
      last.dispose();
      return [...losses, value];
    },
  };
}
