/**
 * Launches of conv and convInputGrad: one dispatch for each correlation, with the shader that suits
 * its number of channels. Words: how many correlations, then their words.
 */
import type { DType, FusedSpec } from '@tenon/core';
import { type Gpu, GpuKernel, type Pipeline } from '../kernel.ts';
import {
  AT,
  type Correlation,
  PLACES_WORDS,
  placesWords,
  type Weights,
  type Width,
  widthOf,
} from './correlation.ts';
import { placesShader } from './correlation-places.ts';
import { type RegisterTile, sharing } from './correlation-register.ts';
import { placesTileShader, TILE } from './correlation-tiles.ts';
import { groupSize } from './fused-shader.ts';

export interface Job {
  readonly correlation: Correlation;
  readonly weights: Weights;
}
export function jobsWords(jobs: readonly Job[]): number[] {
  return [
    jobs.length,
    ...jobs.flatMap(({ correlation, weights }) => placesWords(correlation, weights)),
  ];
}

/** Whether the four invocations of a quad may exchange values. */
export function hasQuads({ profile }: Gpu): boolean {
  return profile.variant === 'register' && profile.subgroupSize >= 4;
}

/** Null: tiles in workgroup memory. Neighbours on a GPU take neighbouring places. */
function registerTile(gpu: Gpu, width: Width, inner: number): RegisterTile | null {
  const isRegister = gpu.profile.variant === 'register';
  const isSingle = inner === 1;
  if (width === 'thin') {
    return { rows: 1, columns: isRegister ? 8 : 1, unroll: 1, isSingle, hasQuads: false };
  }
  if (width === 'narrow') {
    const columns = isRegister ? 8 : 1;
    return { rows: 4, columns, unroll: 1, isSingle, hasQuads: hasQuads(gpu) };
  }
  if (!isRegister) return null;
  return { rows: 16, columns: 4, unroll: isSingle ? 1 : 2, isSingle, hasQuads: hasQuads(gpu) };
}

interface Choice {
  readonly pipeline: Pipeline;
  /** How many workgroups so many places of so many groups of channels take. */
  groups(places: number, channelGroups: number): number;
}

/** Quotient, rounded up. */
function parts(count: number, size: number): number {
  return Math.ceil(count / size);
}

function choose(gpu: Gpu, label: string, dtype: DType, outer: number, inner: number): Choice {
  const tile = registerTile(gpu, widthOf(outer), inner);
  if (tile === null) {
    const pipeline = gpu.pipeline(placesTileShader(label, dtype));
    return {
      pipeline,
      groups: (places, channelGroups) => parts(outer, TILE) * parts(places, TILE) * channelGroups,
    };
  }
  const size = groupSize(gpu);
  const share = sharing(tile);
  return {
    pipeline: gpu.pipeline(placesShader(label, dtype, tile, size)),
    groups: (places, channelGroups) => {
      const units = parts(outer, tile.rows) * parts(places, share * tile.columns) * channelGroups;
      return parts(units * share, size);
    },
  };
}

/** conv or convInputGrad. Most correlations are wide: their shader compiles at once. */
export function preparePlaces(spec: FusedSpec, gpu: Gpu, label: string): GpuKernel {
  choose(gpu, label, spec.dtype, TILE, TILE);
  return new GpuKernel(spec, (recorder, buffers, args) => {
    for (let job = 0; job < args[0]!; job++) {
      const words = args.subarray(1 + job * PLACES_WORDS, 1 + (job + 1) * PLACES_WORDS);
      const outer = words[AT.outer]!;
      const { pipeline, groups } = choose(gpu, label, spec.dtype, outer, words[AT.inner]!);
      const [z, y, x] = [0, 1, 2].map((axis) => words[AT.count + axis]!);
      const places = words[AT.images]! * z! * y! * x!;
      recorder.dispatch(pipeline, buffers, words, groups(places, words[AT.groups]!));
    }
  });
}
