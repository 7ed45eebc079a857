/**
 * convWeightGrad: a product over all places whose operands are packed in place, or depthwise a
 * direct sum. See assembly/conv-weight.ts and conv-direct-weight.ts. Relaxed, one core, against the
 * decomposition: 8x64x56x56, 3x3, 64 out: 38 against 65 ms; 64x32x14x14 to 64: 9.9 against 16.6;
 * depthwise: 2.1 against 9.1. Buffers: x [N, C, …], g [N, O, P…], out [O, C/G, K…]. Words: direct
 * or not, units, workspace bytes, thousands of products, rows; the tile's; those of the total.
 */
import type { ConvAttrs, FusedSpec, Override, TensorType } from '@tenon/core';
import { type WasmBuffer, WasmKernel } from '../kernel.ts';
import { type Machine, SCRATCH_BYTES } from '../machine.ts';
import {
  type Correlation,
  convSupports,
  cutTiles,
  forwardAxes,
  type Limits,
  TILE_WORDS,
  tileWords,
  windowOf,
} from './correlation.ts';
import { pieceOf } from './pieces.ts';
import { directTile } from './product.ts';
import { weightBytes } from './weights.ts';

const HEAD_WORDS = 5;
/** Behind the tile's: its bytes, tiles of a chunk, blocks of channels. */
const SUM_WORDS = TILE_WORDS + 3;

/** Packed windows take less of scratch, since packed rows of the cotangent lie there as well. */
const LIMITS: Limits = {
  places: 256,
  terms: 288,
  tile: (SCRATCH_BYTES / 32) * 3,
  packed: (SCRATCH_BYTES / 32) * 3.5,
};
/** Units of work that a gradient is cut into, whatever the number of threads. */
const LEAST_UNITS = 16;
/** Elements of all chunks' sums. */
const MAX_SUMS = 2 ** 20;

function correlationOf(inputs: readonly TensorType[], attrs: ConvAttrs): Correlation {
  const [x, g] = inputs.map(({ shape }) => shape) as [readonly number[], readonly number[]];
  return {
    images: x[0]!,
    groups: attrs.groups,
    inner: x[1]! / attrs.groups,
    outer: g[1]! / attrs.groups,
    axes: forwardAxes(x.slice(2), attrs),
  };
}

function directWords(c: Correlation, products: number): number[] | null {
  // An offset and a sum in double for each outer channel.
  const tile = directTile(c, 4 + 8 * c.outer);
  if (tile === null) return null;
  return [1, c.groups, 0, products, 0, ...tileWords(c, tile)];
}

function gradWords(c: Correlation): number[] | null {
  const window = windowOf(c);
  const places = c.axes.reduce((product, { count }) => product * count, c.images);
  const products = Math.ceil((places * c.groups * c.outer * c.inner * window) / 1000);
  const direct = directWords(c, products);
  if (direct !== null) return direct;
  const tile = cutTiles(c, LIMITS);
  if (tile === null) return null;
  const blocks = Math.ceil(c.inner / tile.channels);
  const elements = weightBytes(c) / 4;
  const wanted = Math.ceil(LEAST_UNITS / (c.groups * blocks));
  const most = Math.max(1, Math.floor(MAX_SUMS / elements));
  const perChunk = Math.ceil(tile.count / Math.min(tile.count, wanted, most));
  const chunks = Math.ceil(tile.count / perChunk);
  return [
    ...[0, chunks * c.groups * blocks, chunks * elements * 4, products, c.groups * c.outer],
    ...tileWords(c, tile),
    ...[tile.bytes, perChunk, blocks],
    ...[0, 0, chunks, c.inner * window, elements],
  ];
}

function prepareWeightGrad(spec: FusedSpec, machine: Machine): WasmKernel {
  return new WasmKernel(
    spec,
    (buffers, args) => {
      const [x, g, out, sums] = (buffers as readonly WasmBuffer[]).map(({ address }) => address);
      const [isDirect, units, , products, rows] = args;
      const first = machine.args / 4;
      machine.i32.set(args.subarray(HEAD_WORDS), first);
      machine.i32[first] = x!;
      machine.i32[first + 1] = isDirect === 1 ? out! : sums!;
      machine.i32[first + 2] = g!;
      const kernel = machine.kernel(isDirect === 1 ? 'convDirectWeight' : 'convWeightSums');
      machine.run(kernel, machine.args, units!, pieceOf(units!, products!));
      if (isDirect === 1) return;
      machine.i32[first + SUM_WORDS] = sums!;
      machine.i32[first + SUM_WORDS + 1] = out!;
      const size = args[2]! / 4000;
      const total = machine.kernel('convWeightTotal');
      machine.run(total, machine.args + SUM_WORDS * 4, rows!, pieceOf(rows!, size));
    },
    (args) => args[2]!,
  );
}

export function convWeightGradOverride(machine: Machine): Override {
  const words = (inputs: readonly TensorType[], attrs: unknown): number[] | null =>
    gradWords(correlationOf(inputs, attrs as ConvAttrs));
  return {
    epilogue: false,
    supports: (inputs, attrs) => {
      const reason = convSupports(inputs, attrs as ConvAttrs);
      if (reason !== true) return reason;
      return words(inputs, attrs) === null ? 'has windows too wide for scratch' : true;
    },
    words: (inputs, attrs) => words(inputs, attrs)!,
    prepare: (spec) => prepareWeightGrad(spec, machine),
  };
}
