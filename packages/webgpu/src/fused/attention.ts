/**
 * The overrides of attention and attentionGrad; the shaders are in attention-shader.ts. Masks come
 * as they are, with 1 where they repeat: the launch words hold their strides.
 */
import type { AttentionAttrs, Override, TensorType } from '@tenon/core';
import { type Gpu, GpuKernel } from '../kernel.ts';
import { cachedPipelines } from '../kernels/cached-pipelines.ts';
import {
  attentionKeyGradShader,
  attentionQueryGradShader,
  attentionShader,
  attentionStatsShader,
} from './attention-shader.ts';
import { blockOf, groupOf, type MaskKind, type Tiling, tilingOf } from './attention-tile.ts';
import { sizeOf } from './fused-shader.ts';

/** Largest head: a row of it is held in registers. */
const MOST = 256;
/**
 * A CPU adapter keeps smaller matrices of scores: there the products are what takes time, and those
 * of matmul run 1.8 times as fast (SwiftShader, 8 heads of 512 x 64, forwards and backwards).
 */
const CPU_SCORE_BYTES = 2 ** 24;
const MASKS: readonly MaskKind[] = ['none', 'bool', 'float'];
/** Vectors of one owned row's length that an invocation on a CPU keeps in its cache. */
const REGISTERS = 64;
const GRAD_REGISTERS = 32;

function supports(gpu: Gpu, inputs: readonly TensorType[], attrs: AttentionAttrs): true | string {
  const [q, k, v] = inputs;
  if (q === undefined || k === undefined || v === undefined) return 'takes q, k and v';
  const floats = attrs.mask === 'bool' ? inputs.slice(0, 3) : inputs;
  const other = floats.find(({ dtype }) => dtype !== 'f32');
  if (other !== undefined) return `takes f32, not ${other.dtype}`;
  if (q.shape.length > 4) return `takes at most two batch axes, not ${q.shape.length - 2}`;
  for (const size of [q.shape.at(-1)!, v.shape.at(-1)!]) {
    if (size % 4 === 0 && size <= MOST) continue;
    return `takes head sizes that are multiples of 4 up to ${MOST}, not ${size}`;
  }
  const { limits, variant } = gpu.profile;
  if (limits.maxStorageBuffers < 8) return 'wants 8 storage buffers';
  const bytes = 4 * sizeOf(q.shape.slice(0, -1)) * k.shape.at(-2)!;
  const isStored = variant === 'register' && bytes <= CPU_SCORE_BYTES;
  return (
    !isStored || `leaves up to ${CPU_SCORE_BYTES} bytes of scores to matmul in variant register`
  );
}

/** Strides over [batch, head, query, key] of a dense mask, 0 where it repeats. */
function maskStrides(mask: TensorType | undefined): number[] {
  if (mask === undefined) return [0, 0, 0, 0];
  const strides: number[] = [];
  let stride = 1;
  for (const size of [...mask.shape].reverse()) {
    strides.unshift(size === 1 ? 0 : stride);
    stride *= size;
  }
  while (strides.length < 4) strides.unshift(0);
  return strides;
}

/** Words: batch, queries, keys, depth, width, mask kind, then heads … as in the shaders' words. */
function launchWords(
  operands: readonly (TensorType | undefined)[],
  { scale, causal, mask }: AttentionAttrs,
): readonly number[] {
  const [q, k, v, bias] = operands as [TensorType, TensorType, TensorType, TensorType?];
  const batch = sizeOf(q.shape.slice(0, -2));
  const heads = q.shape.length > 2 ? q.shape.at(-3)! : 1;
  const [bits] = new Int32Array(Float32Array.of(scale).buffer);
  const sizes = [batch, q.shape.at(-2)!, k.shape.at(-2)!, q.shape.at(-1)! / 4, v.shape.at(-1)! / 4];
  return [...sizes, MASKS.indexOf(mask), heads, causal ? 1 : 0, bits!, ...maskStrides(bias)];
}

/** What the launch words say. */
interface Sizes {
  readonly batch: number;
  readonly queries: number;
  readonly keys: number;
  readonly depth: number;
  readonly width: number;
  readonly mask: MaskKind;
  /** What the texts of shaders depend on. */
  readonly key: string;
}
function sizesOf(args: Int32Array): Sizes {
  return {
    batch: args[0]!,
    queries: args[1]!,
    keys: args[2]!,
    depth: args[3]!,
    width: args[4]!,
    mask: MASKS[args[5]!]!,
    key: args.subarray(3, 6).join(),
  };
}

/** The shaders' words and the number of groups, where `count` rows of each batch are owned. */
function wordsFor(args: Int32Array, tiling: Tiling, count: number): [number[], number] {
  const blocks = Math.ceil(count / blockOf(tiling));
  const total = args[0]! * blocks;
  const words = [total, blocks, args[1]!, args[2]!, ...args.subarray(6)];
  return [words, tiling.isShared ? total : Math.ceil(total / groupOf(tiling))];
}

export function attentionOverride(gpu: Gpu): Override {
  return {
    epilogue: false,
    supports: (inputs, attrs) => supports(gpu, inputs, attrs as AttentionAttrs),
    words: (inputs, attrs) => launchWords(inputs, attrs as AttentionAttrs),
    prepare: (spec) => {
      const pipelines = cachedPipelines(gpu);
      return new GpuKernel(spec, (recorder, buffers, args) => {
        const sizes = sizesOf(args);
        const tiling = tilingOf(gpu, sizes, REGISTERS);
        const [words, groups] = wordsFor(args, tiling, sizes.queries);
        const pipeline = pipelines(sizes.key, () => attentionShader(tiling));
        recorder.dispatch(pipeline, buffers, words, groups);
      });
    },
  };
}

export function attentionGradOverride(gpu: Gpu): Override {
  return {
    epilogue: false,
    supports: ([, q, k, v, , , ...mask], attrs) =>
      supports(gpu, [q, k, v, ...mask] as TensorType[], attrs as AttentionAttrs),
    words: ([, q, k, v, , , mask], attrs) => launchWords([q, k, v, mask], attrs as AttentionAttrs),
    prepare: (spec) => {
      const pipelines = cachedPipelines(gpu);
      return new GpuKernel(
        spec,
        (recorder, buffers, args) => {
          const sizes = sizesOf(args);
          const { key, width } = sizes;
          const [g, q, k, v, out, lse] = buffers;
          const mask = buffers.slice(6, sizes.mask === 'none' ? 6 : 7);
          const [dq, dk, dv, stats] = buffers.slice(6 + mask.length);
          const rows = sizes.batch * sizes.queries;
          const each = pipelines(width, () => attentionStatsShader(width));
          recorder.dispatch(each, [g!, out!, lse!, stats!], [rows], Math.ceil(rows / 64));
          const tiling = tilingOf(gpu, sizes, GRAD_REGISTERS);
          const inputs = [g!, q!, k!, v!, ...mask, stats!];
          const queries = pipelines(`queries ${key}`, () => attentionQueryGradShader(tiling));
          recorder.dispatch(queries, [...inputs, dq!], ...wordsFor(args, tiling, sizes.queries));
          const keys = pipelines(`keys ${key}`, () => attentionKeyGradShader(tiling));
          recorder.dispatch(keys, [...inputs, dk!, dv!], ...wordsFor(args, tiling, sizes.keys));
        },
        (args) => 8 * args[0]! * args[1]!,
      );
    },
  };
}
