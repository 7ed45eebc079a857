// The table of workloads. Names are stable: results of different machines and years meet by them.
import type {
  ConvTask,
  MatmulTask,
  ModelName,
  OpTask,
  OpWorkload,
  TrainWorkload,
  Workload,
} from './types.ts';

function op(
  name: string,
  task: OpTask,
  shapes: readonly (readonly number[])[],
  outputShape: readonly number[],
  options: { description: string; isHeadline: boolean; flops?: number },
): OpWorkload {
  const inputs = shapes.map((shape, i) => ({ shape, seed: i + 1 }));
  const { description, isHeadline, flops = null } = options;
  return { name, description, isHeadline, task, inputs, outputShape, flops };
}

function matmul(name: string, task: Omit<MatmulTask, 'kind'>, isHeadline: boolean): OpWorkload {
  const { m, k, n, transposeB } = task;
  const b = transposeB ? [n, k] : [k, n];
  const description = `[${m}, ${k}] · [${b.join(', ')}]${transposeB ? ' transposed' : ''}`;
  const flops = 2 * m * k * n;
  return op(name, { kind: 'matmul', ...task }, [[m, k], b], [m, n], {
    description,
    isHeadline,
    flops,
  });
}

function conv(name: string, task: Omit<ConvTask, 'kind'>, isHeadline: boolean): OpWorkload {
  const { batch, channels, size, outChannels, kernel, groups } = task;
  const weight = [outChannels, channels / groups, kernel, kernel];
  const output = [batch, outChannels, size, size];
  const description =
    `conv ${kernel}x${kernel} same, ${batch}x${size}x${size}, ${channels} to ${outChannels}` +
    (groups > 1 ? `, ${groups} groups` : '');
  const flops = 2 * batch * size * size * outChannels * (channels / groups) * kernel * kernel;
  return op(name, { kind: 'conv', ...task }, [[batch, channels, size, size], weight], output, {
    description,
    isHeadline,
    flops,
  });
}

function train(model: ModelName, isHeadline: boolean): TrainWorkload {
  const description = `one training step, models/${model}.json (forward, backward, Adam)`;
  return {
    name: `train-${model}`,
    description,
    isHeadline,
    task: { kind: 'train', model },
    flops: null,
  };
}

const square = [1024, 1024];
const rows = { rows: 1024, columns: 1024 };

/** Every workload, in the order of the table. */
export const workloads: readonly Workload[] = [
  matmul('matmul-512', { m: 512, k: 512, n: 512, transposeB: false }, true),
  matmul('matmul-512-nt', { m: 512, k: 512, n: 512, transposeB: true }, false),
  matmul('matmul-64x784x128', { m: 64, k: 784, n: 128, transposeB: false }, true),
  conv(
    'conv3x3-56x56x64',
    { batch: 8, channels: 64, size: 56, outChannels: 64, kernel: 3, groups: 1 },
    true,
  ),
  conv(
    'conv1x1-28x28x256',
    { batch: 8, channels: 256, size: 28, outChannels: 256, kernel: 1, groups: 1 },
    false,
  ),
  conv(
    'depthwise3x3-56x56x64',
    { batch: 8, channels: 64, size: 56, outChannels: 64, kernel: 3, groups: 64 },
    true,
  ),
  op('softmax-1024', { kind: 'softmax', ...rows }, [square], square, {
    description: 'softmax over the last axis of [1024, 1024]',
    isHeadline: true,
  }),
  op(
    'layernorm-1024',
    { kind: 'layernorm', ...rows, epsilon: 1e-5 },
    [square, [1024], [1024]],
    square,
    { description: 'layer norm over the last axis of [1024, 1024]', isHeadline: true },
  ),
  op('sum-last-1024', { kind: 'sum', ...rows, axis: 1 }, [square], [1024], {
    description: 'sum over the last axis of [1024, 1024]',
    isHeadline: true,
  }),
  op('sum-first-1024', { kind: 'sum', ...rows, axis: 0 }, [square], [1024], {
    description: 'sum over the first axis of [1024, 1024]',
    isHeadline: false,
  }),
  op('tanh-chain-1m', { kind: 'tanh-chain', shape: square }, [square, square, square], square, {
    description: 'tanh(x * y + z) * 0.5, 1,048,576 elements',
    isHeadline: true,
  }),
  op('add-1m', { kind: 'add', shape: square }, [square, square], square, {
    description: 'x + y, 1,048,576 elements',
    isHeadline: true,
  }),
  op(
    'dispatch-16',
    { kind: 'add', shape: [16, 16] },
    [
      [16, 16],
      [16, 16],
    ],
    [16, 16],
    {
      description: 'x + y, 16x16: the cost of one small operation',
      isHeadline: true,
    },
  ),
  train('mlp', true),
  train('cnn', true),
  train('transformer', false),
];

/** The workload called `name`. Throws RangeError for a name that is not in the table. */
export function findWorkload(name: string): Workload {
  const found = workloads.find((w) => w.name === name);
  if (!found) {
    throw new RangeError(`findWorkload: expected a name that --list shows, got '${name}'`);
  }
  return found;
}
