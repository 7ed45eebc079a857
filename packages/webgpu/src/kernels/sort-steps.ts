/**
 * The steps of a stable merge sort, shared by argSort and scatterAdd: sorted blocks of (key, place)
 * pairs, then merges of neighbouring runs until one is left. No barriers between groups: each
 * invocation finds where its piece of the result begins by binary search (the merge path of Green,
 * McColl and Bader, 2012) and merges on from there. Blocks are ranked by comparing all with all: 8
 * in registers, or 256 in workgroup memory on GPUs.
 */
import type { DType } from '@tenon/core';
import type { Gpu, GpuBuffer, Pipeline, Recorder, ShaderSource } from '../kernel.ts';
import { type CachedPipelines, cachedPipelines } from './cached-pipelines.ts';
import {
  bitsAt,
  GROUP,
  groupsOf,
  idBelow,
  isRegister,
  keyFunction,
  movedType,
  shaderOf,
  wordNames,
} from './irregular.ts';

const REGISTER_BLOCK = 8;
const SHARED_BLOCK = 256;
const SHARED_KEYS: string = `var<workgroup> keys: array<u32, ${SHARED_BLOCK}>;\n`;
/** Bytes per element: two rows of pairs that merges go to and fro between. */
const ELEMENT_BYTES = 16;

const b = wordNames('total', 'blocks', 'n', 'i', 'row', 'to', 'flip');
const m = wordNames('total', 'chunks', 'n', 'i', 'row', 'to', 'from', 'length', 'step');

/** Where sorted elements go: pairs to the workspace, or only places to the result. */
type Sink = 'pairs' | 'places';

/** `fn put(row, p, key, place)`: stores one sorted element. */
function sinkFunction(sink: Sink, words: Readonly<Record<'n' | 'i' | 'row' | 'to', string>>) {
  const { n, i, row, to } = words;
  const text =
    sink === 'pairs'
      ? `let at = 2u * (${to} + row * ${n} + p);
  work[at] = key;
  work[at + 1u] = place;`
      : `let r = ${row} + row;
  out[(r / ${i} * ${n} + p) * ${i} + r % ${i}] = i32(place);`;
  return `fn put(row: u32, p: u32, key: u32, place: u32) {\n  ${text}\n}`;
}

/** Rank of each key among all: how many come before it, itself left out. Ties keep their order. */
function registerRanks(): string {
  const lines: string[] = [];
  for (let p = 0; p < REGISTER_BLOCK; p++) {
    lines.push(`let key${p} = key_at(base, first + ${p}u);`, `var rank${p} = 0u;`);
  }
  for (let p = 1; p < REGISTER_BLOCK; p++) {
    for (let q = 0; q < p; q++) {
      const isLater = `is_later${q}_${p}`;
      lines.push(`let ${isLater} = u32(key${q} > key${p});`);
      lines.push(`rank${q} += ${isLater}; rank${p} += 1u - ${isLater};`);
    }
  }
  for (let p = 0; p < REGISTER_BLOCK; p++) {
    const place = `first + ${p}u`;
    lines.push(`if (${place} < ${b.n}) { put(row, first + rank${p}, key${p}, ${place}); }`);
  }
  return lines.map((line) => `  ${line}`).join('\n');
}

const SHARED_RANKS = `  let place = first + local;
  let key = key_at(base, place);
  keys[local] = key;
  workgroupBarrier();
  var rank = 0u;
  for (var q = 0u; q < min(${SHARED_BLOCK}u, ${b.n} - first); q++) {
    let other = keys[q];
    rank += select(0u, 1u, other < key || (other == key && q < local));
  }
  if (place < ${b.n}) { put(row, first + rank, key, place); }`;

interface SortOrder {
  readonly dtype: DType;
  readonly descending: boolean;
}

/** Sorts each block of a row by itself. Keys beyond the row are the largest and come last. */
export function blockShader(dtype: DType, sink: Sink, isShared: boolean): ShaderSource {
  const size = isShared ? SHARED_BLOCK : REGISTER_BLOCK;
  const key = `key_of(${bitsAt(dtype, `base + p * ${b.i}`)})`;
  return shaderOf({
    label: 'argSort',
    bindings: [
      { name: 'x', dtype: movedType(dtype), access: 'r' },
      sink === 'pairs'
        ? { name: 'work', dtype: 'u32', access: 'w' }
        : { name: 'out', dtype: 'i32', access: 'w' },
    ],
    words: b,
    workgroup: isShared ? SHARED_BLOCK : GROUP,
    declarations: `${isShared ? SHARED_KEYS : ''}${keyFunction(dtype)}
fn key_at(base: u32, p: u32) -> u32 {
  if (p >= ${b.n}) { return 0xffffffffu; }
  return ${key} ^ ${b.flip};
}
${sinkFunction(sink, b)}`,
    body: `  ${isShared ? `let id = group;\n  if (id >= ${b.total}) { return; }` : idBelow(b.total)}
  let row = id / ${b.blocks};
  let first = id % ${b.blocks} * ${size}u;
  let r = ${b.row} + row;
  let base = r / ${b.i} * ${b.n} * ${b.i} + r % ${b.i};
${isShared ? SHARED_RANKS : registerRanks()}`,
  });
}

/** Merges pairs of runs of `length`; each invocation makes `step` elements of the result. */
function mergeShader(sink: Sink): ShaderSource {
  return shaderOf({
    label: 'argSort',
    bindings: [
      { name: 'work', dtype: 'u32', access: 'w' },
      ...(sink === 'places' ? [{ name: 'out', dtype: 'i32', access: 'w' } as const] : []),
    ],
    words: m,
    declarations: sinkFunction(sink, m),
    body: `  ${idBelow(m.total)}
  let row = id / ${m.chunks};
  let start = id % ${m.chunks} * ${m.step};
  let first = start / (2u * ${m.length}) * (2u * ${m.length});
  let middle = min(first + ${m.length}, ${m.n});
  let end = min(first + 2u * ${m.length}, ${m.n});
  let left_count = middle - first;
  let right_count = end - middle;
  let left = ${m.from} + row * ${m.n} + first;
  let right = left + left_count;
  // How many of the elements before \`start\` come from the left: equal keys do first.
  let before = start - first;
  var low = max(before, right_count) - right_count;
  var high = min(before, left_count);
  while (low < high) {
    let half = (low + high) / 2u;
    if (work[2u * (left + half)] <= work[2u * (right + before - 1u - half)]) {
      low = half + 1u;
    } else {
      high = half;
    }
  }
  var l = low;
  var r = before - low;
  var left_key = work[2u * (left + l)];
  var right_key = work[2u * (right + r)];
  for (var p = start; p < min(start + ${m.step}, end); p++) {
    if (r >= right_count || (l < left_count && left_key <= right_key)) {
      put(row, p, left_key, work[2u * (left + l) + 1u]);
      l++;
      left_key = work[2u * (left + l)];
    } else {
      put(row, p, right_key, work[2u * (right + r) + 1u]);
      r++;
      right_key = work[2u * (right + r)];
    }
  }`,
  });
}

interface SortBuffers {
  readonly x: GpuBuffer;
  readonly work: GpuBuffer;
  /** Null: pairs stay in the workspace. */
  readonly out: GpuBuffer | null;
}

/** Rows of n elements, i apart, as in [o, n, i]; of them those from `row` on. */
interface SortRange {
  readonly row: number;
  readonly rows: number;
  readonly n: number;
  readonly i: number;
}

export class Sorter {
  private readonly gpu: Gpu;
  private readonly order: SortOrder;
  private readonly isShared: boolean;
  private readonly pipelines: CachedPipelines;

  constructor(gpu: Gpu, order: SortOrder) {
    this.gpu = gpu;
    this.order = order;
    this.pipelines = cachedPipelines(gpu);
    this.isShared = !isRegister(gpu) && gpu.profile.limits.maxInvocations >= SHARED_BLOCK;
  }

  /** How many of `rows` are sorted at once: as many as one binding holds. */
  together(rows: number, n: number): number {
    const fit = Math.floor(this.gpu.profile.limits.maxBindingBytes / (ELEMENT_BYTES * n));
    return Math.max(1, Math.min(rows, fit));
  }

  /** Bytes of workspace; none where a row is one block and only places are wanted. */
  workspace(rows: number, n: number, sink: Sink): number {
    const isBlock = sink === 'places' && n <= this.block;
    return isBlock ? 0 : ELEMENT_BYTES * n * this.together(rows, n);
  }

  private get block(): number {
    return this.isShared ? SHARED_BLOCK : REGISTER_BLOCK;
  }

  /** Starts to compile what most calls need. */
  prepare(sink: Sink): void {
    for (const each of new Set<Sink>(['pairs', sink])) {
      this.blocks(each);
      this.merges(each);
    }
  }

  private blocks(sink: Sink): Pipeline {
    const make = (): ShaderSource => blockShader(this.order.dtype, sink, this.isShared);
    return this.pipelines(`blocks ${sink}`, make);
  }

  private merges(sink: Sink): Pipeline {
    return this.pipelines(`merges ${sink}`, () => mergeShader(sink));
  }

  /** Encodes a sort; returns at which pair of the workspace the sorted pairs begin. */
  encode(recorder: Recorder, { x, work, out }: SortBuffers, range: SortRange): number {
    const { row, rows, n, i } = range;
    const { block, isShared, order } = this;
    const last: Sink = out === null ? 'pairs' : 'places';
    const blocks = Math.ceil(n / block);
    const sink = blocks === 1 ? last : 'pairs';
    const first = this.blocks(sink);
    const total = rows * blocks;
    const to = sink === 'places' && out !== null ? out : work;
    const groups = isShared ? total : groupsOf(total);
    // Descending: all bits of the keys are flipped, so equal ones keep their order.
    const flip = order.descending ? -1 : 0;
    recorder.dispatch(first, [x, to], [total, blocks, n, i, row, 0, flip], groups);
    let from = 0;
    for (let length = block; length < n; length *= 2) {
      const isLast = 2 * length >= n && out !== null;
      const merge = this.merges(isLast ? 'places' : 'pairs');
      const target = rows * n - from;
      // Divides both runs together.
      const step = isShared ? 8 : Math.min(32, 2 * length);
      const chunks = Math.ceil(n / step);
      const words = [rows * chunks, chunks, n, i, row, target, from, length, step];
      const buffers = isLast && out !== null ? [work, out] : [work];
      recorder.dispatch(merge, buffers, words, groupsOf(rows * chunks));
      from = target;
    }
    return from;
  }
}
