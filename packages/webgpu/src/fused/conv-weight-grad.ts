/**
 * convWeightGrad: a product over the places of all images. Few results share long sums, so these
 * are cut into chunks that run side by side, and a second dispatch adds those up: the same bits
 * each time. Buffers: x [N, C, …], g [N, O, P…], out [O, C/G, K…], chunks. Words: sumsWords.
 */
import type { ConvGradAttrs, DType, FusedSpec, Override, TensorType } from '@tenon/core';
import { type Gpu, type GpuBuffer, GpuKernel, type Pipeline } from '../kernel.ts';
import { hasQuads } from './conv-places.ts';
import {
  AT,
  type Correlation,
  convSupports,
  forwardAxes,
  SUMS_AT,
  segmentsOf,
  sumsWords,
  type Width,
  widthOf,
  windowOf,
} from './correlation.ts';
import { type RegisterTile, sharing } from './correlation-register.ts';
import { sumsShader, totalShader } from './correlation-sums.ts';
import { sumsTileShader, TILE } from './correlation-tiles.ts';
import { groupSize } from './fused-shader.ts';

/** Elements of all chunks together. */
const MAX_CHUNK_ELEMENTS = 2 ** 22;
/** A chunk has at least so many places. */
const LEAST_PLACES = 128;

function registerTile(gpu: Gpu, width: Width): RegisterTile | null {
  const isRegister = gpu.profile.variant === 'register';
  if (width === 'thin')
    return { rows: 1, columns: isRegister ? 4 : 1, unroll: 1, isSingle: false, hasQuads: false };
  if (width === 'narrow') {
    const columns = isRegister ? 8 : 2;
    return { rows: 4, columns, unroll: 1, isSingle: false, hasQuads: hasQuads(gpu) };
  }
  return isRegister
    ? { rows: 16, columns: 4, unroll: 2, isSingle: false, hasQuads: hasQuads(gpu) }
    : null;
}

function correlationOf(inputs: readonly TensorType[], attrs: ConvGradAttrs): Correlation {
  const [x, g] = inputs.map(({ shape }) => shape) as [readonly number[], readonly number[]];
  return {
    images: x[0]!,
    groups: attrs.groups,
    inner: x[1]! / attrs.groups,
    outer: g[1]! / attrs.groups,
    axes: forwardAxes(x.slice(2), attrs),
  };
}

/** Workgroups' worth of work of one chunk, and how many are wanted in all. */
function unitsOf(gpu: Gpu, { outer, inner, groups }: Correlation, window: number): number {
  const tile = registerTile(gpu, widthOf(outer));
  if (tile === null) {
    return Math.ceil(outer / TILE) * Math.ceil((inner * window) / TILE) * groups;
  }
  const share = sharing(tile);
  const across = Math.ceil((inner * window) / (share * tile.columns));
  return (across * Math.ceil(outer / tile.rows) * groups * share) / groupSize(gpu);
}

/** A CPU wants enough pieces to share out evenly, a GPU enough to be full. */
function wantedGroups({ profile }: Gpu): number {
  return profile.isCpu || profile.variant === 'register' ? 16 : 512;
}

function gradWords(gpu: Gpu, c: Correlation): number[] {
  const window = windowOf(c);
  const [z, y, x] = c.axes;
  const segments = segmentsOf(c);
  const elements = c.groups * c.outer * c.inner * window;
  const wanted = Math.ceil(wantedGroups(gpu) / unitsOf(gpu, c, window));
  const most = Math.min(
    segments,
    Math.max(1, Math.floor((c.images * z.count * y.count * x.count) / LEAST_PLACES)),
    Math.max(1, Math.floor(MAX_CHUNK_ELEMENTS / elements)),
  );
  const perChunk = Math.ceil(segments / Math.min(wanted, most));
  return sumsWords(c, Math.ceil(segments / perChunk), perChunk);
}

/** Elements of the result. */
function elementsOf(args: Int32Array): number {
  const [z, y, x] = [0, 1, 2].map((axis) => args[AT.taps + axis]!);
  return args[AT.groups]! * args[AT.outer]! * args[AT.inner]! * z! * y! * x!;
}

interface Choice {
  readonly pipeline: Pipeline;
  readonly rows: number;
  readonly columns: number;
  /** Such tiles of a workgroup. */
  readonly tiles: number;
}
function choose(gpu: Gpu, dtype: DType, outer: number): Choice {
  const tile = registerTile(gpu, widthOf(outer));
  if (tile === null) {
    return { pipeline: gpu.pipeline(sumsTileShader(dtype)), rows: TILE, columns: TILE, tiles: 1 };
  }
  const size = groupSize(gpu);
  const share = sharing(tile);
  return {
    pipeline: gpu.pipeline(sumsShader(dtype, tile, size)),
    rows: tile.rows,
    columns: share * tile.columns,
    tiles: size / share,
  };
}

function prepareWeightGrad(spec: FusedSpec, gpu: Gpu): GpuKernel {
  const size = groupSize(gpu);
  choose(gpu, spec.dtype, TILE);
  const addUp = gpu.pipeline(totalShader(spec.dtype, size));
  return new GpuKernel(
    spec,
    (recorder, buffers, args) => {
      const [x, g, out, sums] = buffers as [GpuBuffer, GpuBuffer, GpuBuffer, GpuBuffer];
      const elements = elementsOf(args);
      const outer = args[AT.outer]!;
      const chunks = args[SUMS_AT.chunks]!;
      const weights = elements / (args[AT.groups]! * outer);
      const { pipeline, rows, columns, tiles } = choose(gpu, spec.dtype, outer);
      const units = Math.ceil(weights / columns) * Math.ceil(outer / rows) * args[AT.groups]!;
      recorder.dispatch(pipeline, [x, g, sums], args, Math.ceil((units * chunks) / tiles));
      recorder.dispatch(addUp, [sums, out], [elements, chunks], Math.ceil(elements / size));
    },
    (args) => elementsOf(args) * args[SUMS_AT.chunks]! * 4,
  );
}

export function convWeightGradOverride(gpu: Gpu): Override {
  return {
    epilogue: false,
    supports: (inputs, attrs) => convSupports(gpu, inputs, attrs as ConvGradAttrs),
    words: (inputs, attrs) => gradWords(gpu, correlationOf(inputs, attrs as ConvGradAttrs)),
    prepare: (spec) => prepareWeightGrad(spec, gpu),
  };
}
