/**
 * Runs correlations (one for conv, one for each remainder by the stride for convInputGrad) on the
 * kernels of assembly/conv.ts, or on assembly/conv-direct.ts where groups are too thin for a
 * product. Launch words: elements of the target to clear, the number of jobs, then each job's.
 */
import type { FusedSpec } from '@tenon/core';
import { type WasmBuffer, WasmKernel } from '../kernel.ts';
import { type Machine, SCRATCH_BYTES } from '../machine.ts';
import {
  type Correlation,
  cutTiles,
  type Limits,
  PRODUCT_LIMITS,
  TILE_WORDS,
  type Tile,
  tileWords,
  windowOf,
} from './correlation.ts';
import { pieceOf } from './pieces.ts';
import { PACK_WORDS, type WeightStrides, weightBytes, weightWords } from './weights.ts';

export interface Job {
  readonly correlation: Correlation;
  readonly weights: WeightStrides;
}

/** Behind the words of the tile: its bytes. */
const BYTES_WORDS = 1;
/** At the end of a job: is direct, units, units of packing, packed bytes, thousands of products. */
const RUN_WORDS = 5;
const WEIGHT_AT = TILE_WORDS + BYTES_WORDS;
const RUN_AT = WEIGHT_AT + PACK_WORDS;
const JOB_WORDS = RUN_AT + RUN_WORDS;
const HEAD_WORDS = 2;

/** A direct sum holds a whole plane, and all terms of a window. */
const DIRECT_LIMITS: Limits = {
  ...PRODUCT_LIMITS,
  places: 4096,
  terms: 1024,
  packed: Infinity,
};

/** Room for the ends of tables: each is rounded up. */
const TABLE_SLACK = 1024;

/** Up to so many channels a group, rows of a product would be mostly empty. */
function isThin({ inner, outer, groups }: Correlation): boolean {
  return groups > 1 && outer <= 4 && inner <= 4;
}

/**
 * The tile of a direct sum; null where a product serves better, or where the tile and tables of
 * `termBytes` for each term of a window do not fit scratch.
 */
export function directTile(c: Correlation, termBytes: number): Tile | null {
  const tile = isThin(c) ? cutTiles(c, DIRECT_LIMITS) : null;
  if (tile === null || tile.channels < c.inner) return null;
  const tables = c.inner * windowOf(c) * termBytes + TABLE_SLACK;
  return tables + tile.bytes <= SCRATCH_BYTES ? tile : null;
}

/** The words of one job, or null where it does not fit scratch. */
function jobWords({ correlation: c, weights }: Job): number[] | null {
  // An offset and a weight for each outer channel.
  const direct = directTile(c, 4 * (1 + c.outer));
  const isDirect = direct !== null;
  const tile = direct ?? cutTiles(c, PRODUCT_LIMITS);
  if (tile === null) return null;
  const places = c.axes.reduce((product, { count }) => product * count, c.images);
  const products = places * c.groups * c.outer * c.inner * windowOf(c);
  return [
    ...tileWords(c, tile),
    tile.bytes,
    ...weightWords(c, tile.channels, weights),
    ...[isDirect ? 1 : 0, c.groups * tile.count, c.groups * c.inner],
    ...[isDirect ? 0 : weightBytes(c), Math.ceil(products / 1000)],
  ];
}

/** Launch words of several jobs; `cleared`: elements of a target with places that no job writes. */
export function jobsWords(jobs: readonly Job[], cleared: number): number[] | null {
  const words = [cleared, jobs.length];
  for (const job of jobs) {
    const own = jobWords(job);
    if (own === null) return null;
    words.push(...own);
  }
  return words;
}

function runJob(
  machine: Machine,
  args: Int32Array,
  at: number,
  addresses: readonly number[],
): void {
  const [source, weight, target, packed] = addresses as [number, number, number, number];
  const first = machine.args / 4;
  machine.i32.set(args.subarray(at, at + RUN_AT), first);
  const [isDirect, units, packUnits, , products] = args.subarray(at + RUN_AT, at + JOB_WORDS);
  machine.i32[first] = source;
  machine.i32[first + 1] = isDirect === 1 ? weight : packed;
  machine.i32[first + 2] = target;
  machine.i32[first + WEIGHT_AT] = weight;
  machine.i32[first + WEIGHT_AT + 1] = packed;
  if (isDirect !== 1) {
    const size = args[at + RUN_AT + 3]! / 4000;
    const pack = machine.kernel('convPackWeights');
    const piece = pieceOf(packUnits!, size);
    machine.run(pack, machine.args + WEIGHT_AT * 4, packUnits!, piece);
  }
  const kernel = machine.kernel(isDirect === 1 ? 'convDirect' : 'convForward');
  machine.run(kernel, machine.args, units!, pieceOf(units!, products!));
}

/** A kernel over (source, weight, target): conv, and convInputGrad. */
export function prepareJobs(spec: FusedSpec, machine: Machine): WasmKernel {
  return new WasmKernel(
    spec,
    (buffers, args) => {
      const [source, weight, target, packed] = buffers as [
        WasmBuffer,
        WasmBuffer,
        WasmBuffer,
        WasmBuffer | undefined,
      ];
      const first = target.address / 4;
      machine.f32.fill(0, first, first + args[0]!);
      const own = [source, weight, target, packed ?? weight].map(({ address }) => address);
      for (let job = 0; job < args[1]!; job++) {
        runJob(machine, args, HEAD_WORDS + job * JOB_WORDS, own);
      }
    },
    (args) => {
      let bytes = 0;
      for (let job = 0; job < args[1]!; job++) {
        bytes = Math.max(bytes, args[HEAD_WORDS + job * JOB_WORDS + RUN_AT + 3]!);
      }
      return bytes;
    },
  );
}
