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

type MatmulOptions = Partial<Pick<MatmulTask, 'batch' | 'transposeA' | 'transposeB'>> & {
  readonly isHeadline?: boolean;
};

function matmul(
  name: string,
  [m, k, n]: readonly [number, number, number],
  options: MatmulOptions = {},
): OpWorkload {
  const { batch = 0, transposeA = false, transposeB = false, isHeadline = false } = options;
  const axes = batch > 0 ? [batch] : [];
  const a = [...axes, ...(transposeA ? [k, m] : [m, k])];
  const b = [...axes, ...(transposeB ? [n, k] : [k, n])];
  const show = (shape: number[], isTransposed: boolean): string =>
    `[${shape.join(', ')}]${isTransposed ? ' transposed' : ''}`;
  const task: MatmulTask = { kind: 'matmul', batch, m, k, n, transposeA, transposeB };
  return op(name, task, [a, b], [...axes, m, n], {
    description: `${show(a, transposeA)} · ${show(b, transposeB)}`,
    isHeadline,
    flops: 2 * Math.max(1, batch) * m * k * n,
  });
}

function dispatch(name: string, isTaped: boolean): OpWorkload {
  const shape = [16, 16];
  const task: OpTask = { kind: 'dispatch', shape, count: DISPATCHES, isTaped };
  return op(name, task, [shape, shape], shape, {
    description: `x + y, 16x16, 100,000 times${isTaped ? ', with a tape' : ''}`,
    isHeadline: false,
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

/** How many additions one run of a dispatch workload makes. */
export const DISPATCHES = 100_000;

const square = [1024, 1024];
const rows = { rows: 1024, columns: 1024 };

const gather: OpWorkload = {
  name: 'gather-8192x128',
  description: '8,192 rows of a table [10000, 128]: an embedding',
  isHeadline: false,
  task: { kind: 'gather', rows: 8192, columns: 128 },
  inputs: [
    { shape: [10_000, 128], seed: 1 },
    { shape: [8192], seed: 2, below: 10_000 },
  ],
  outputShape: [8192, 128],
  flops: null,
};

/** Every workload, in the order of the table. */
export const workloads: readonly Workload[] = [
  matmul('matmul-128', [128, 128, 128]),
  matmul('matmul-256', [256, 256, 256]),
  matmul('matmul-512', [512, 512, 512], { isHeadline: true }),
  matmul('matmul-1024', [1024, 1024, 1024]),
  matmul('matmul-2048', [2048, 2048, 2048]),
  matmul('matmul-512-nt', [512, 512, 512], { transposeB: true }),
  matmul('matmul-512-tn', [512, 512, 512], { transposeA: true }),
  matmul('matmul-512-tt', [512, 512, 512], { transposeA: true, transposeB: true }),
  matmul('matmul-64x784x128', [64, 784, 128], { isHeadline: true }),
  matmul('matmul-32x512x2048', [32, 512, 2048]),
  matmul('matmul-1x784x128', [1, 784, 128]),
  matmul('matmul-128x128x64', [128, 128, 64]),
  matmul('matmul-32x128x128x64-batched', [128, 128, 64], { batch: 32 }),
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
  op('argmax-last-1024', { kind: 'argmax', ...rows }, [square], [1024], {
    description: 'index of the largest over the last axis of [1024, 1024]',
    isHeadline: false,
  }),
  op('sort-last-1024', { kind: 'sort', ...rows }, [square], square, {
    description: 'ascending values over the last axis of [1024, 1024]',
    isHeadline: false,
  }),
  gather,
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
  dispatch('dispatch-16-100k', false),
  dispatch('dispatch-16-100k-taped', true),
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
