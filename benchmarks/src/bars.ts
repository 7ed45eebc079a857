// The figures of each part, as its issue and the settled decisions give them.
import type { Bar } from './check.ts';
import { DISPATCHES } from './workloads/index.ts';

const relaxed = 'tenon-cpu-wasm-relaxed';
const relaxed2 = 'tenon-cpu-wasm-relaxed-2t';
const simd = 'tenon-cpu-wasm-simd';
const wasmRivals = ['tfjs-wasm', 'jax-js-wasm', 'ort-web-wasm'];

const ratio = (
  workload: string,
  bar: number,
  own: string = relaxed,
  rivals: readonly string[] = wasmRivals,
): Bar => ({ kind: 'ratio', workload, own, rivals, bar });

const part1 = [
  ['matmul-512', 4.5],
  ['conv3x3-56x56x64', 3.5],
  ['softmax-1024', 20],
  ['layernorm-1024', 20],
  ['train-cnn', 60],
] as const;

const variants = [relaxed, simd];
const squares = [256, 512, 1024, 2048] as const;
const layouts = ['nt', 'tn', 'tt'] as const;
const memoryBound = [
  'softmax-1024',
  'layernorm-1024',
  'sum-last-1024',
  'sum-first-1024',
  'tanh-chain-1m',
  'add-1m',
] as const;

const part2: readonly Bar[] = [
  ...variants.flatMap((own) =>
    squares.map(
      (size): Bar => ({
        kind: 'peak',
        workload: `matmul-${size}`,
        own,
        bar: size === 256 ? 84 : 88,
      }),
    ),
  ),
  ...variants.flatMap((own): Bar[] => [
    ...layouts.map(
      (layout): Bar => ({
        kind: 'layout',
        workload: `matmul-512-${layout}`,
        plain: 'matmul-512',
        own,
        bar: 90,
      }),
    ),
    {
      kind: 'layout',
      workload: 'matmul-32x128x128x64-batched',
      plain: 'matmul-128x128x64',
      own,
      bar: 90,
    },
  ]),
  ...[128, ...squares].map((size) => ratio(`matmul-${size}`, 1.5)),
  ratio('matmul-64x784x128', 1.5),
  ratio('matmul-32x512x2048', 1.5),
  ratio('conv3x3-56x56x64', 1.25),
  ratio('conv1x1-28x28x256', 1.4),
  ratio('depthwise3x3-56x56x64', 1.25),
  ...memoryBound.map((workload) => ratio(workload, 1)),
  {
    kind: 'most',
    workloads: memoryBound,
    own: relaxed,
    rivals: wasmRivals,
    bar: 1.5,
    least: 3,
  },
  ratio('train-mlp', 1.3, relaxed, ['jax-js-wasm']),
  ratio('train-cnn', 60, relaxed, ['jax-js-wasm']),
  ratio('train-transformer', 1.4, relaxed, ['jax-js-wasm']),
  ...squares.map((size) => ratio(`matmul-${size}`, 1.9, relaxed2, [relaxed])),
  ratio('train-cnn', 1.7, relaxed2, [relaxed]),
  { kind: 'cost', workload: 'dispatch-16-100k', own: relaxed, count: DISPATCHES, bar: 3 },
  { kind: 'cost', workload: 'dispatch-16-100k-taped', own: relaxed, count: DISPATCHES, bar: 5 },
];

const gpu = 'tenon-webgpu';
const gpuRivals = ['jax-js-webgpu', 'tfjs-webgpu'];

const step = { workload: 'train-mlp', own: gpu } as const;
const gpuRecords = [
  'add-1m',
  'tanh-chain-1m',
  'softmax-1024',
  'layernorm-1024',
  'train-cnn',
  'train-transformer',
] as const;

const part3: readonly Bar[] = [
  ratio('matmul-512', 1, gpu, ['jax-js-webgpu']),
  ratio('train-mlp', 1, gpu, ['jax-js-webgpu']),
  { kind: 'count', ...step, field: 'launches', bar: 60 },
  { kind: 'count', ...step, field: 'submits', bar: 1 },
  { kind: 'count', ...step, field: 'buffers_created', bar: 0 },
  { kind: 'count', ...step, field: 'bind_groups_created', bar: 0 },
  { kind: 'count', ...step, field: 'pipelines_created', bar: 0 },
  ...['matmul-512', 'train-mlp'].map(
    (workload): Bar => ({ kind: 'record', workload, own: gpu, rivals: ['tfjs-webgpu'] }),
  ),
  ...gpuRecords.map((workload): Bar => ({ kind: 'record', workload, own: gpu, rivals: gpuRivals })),
];

/** The bars of each part that has any. */
export const bars: Readonly<Record<'part1' | 'part2' | 'part3', readonly Bar[]>> = {
  part1: part1.map(([workload, bar]) => ratio(workload, bar, 'tenon-cpu-js', ['tfjs-cpu'])),
  part2,
  part3,
};
