/**
 * The one wasm memory and its allocator: two-level segregated free lists (TLSF; Masmano, Ripoll,
 * Crespo and Real, ECRTS 2004) over blocks that JavaScript objects describe, so nothing in wasm
 * memory can damage them. A freed block merges with free neighbours at once, in O(1).
 */
import { BackendError, OutOfMemoryError } from '@tenon/core';
import type { WasmBuffer } from './kernel.ts';

const PAGE = 65536;
/** 4 GiB less a page: no address and no end of a block wraps to 0. */
export const MAXIMUM_BYTES: number = 65535 * PAGE;
/** A place that refuses even this much has no room for a backend. */
const SMALLEST_MAXIMUM: number = 64 * 2 ** 20;
const UNIT = 64;
/** Eight lists per octave: a block found by the search is at most an eighth too large. */
const STEPS = 8;
/** Unused units behind the last block: a vector load may begin inside a block and end here. */
const SLACK_UNITS = 1;
/** Words of list flags: sizes go up to 2^26 units. */
const OCTAVES = 27;
/** Pages by which the memory grows at least, if it can: 16 MiB. */
const LEAST_GROWTH = 256;

/** A stretch of memory in units, linked to its neighbours and, when free, into a list. */
class Block {
  start: number;
  size: number;
  isFree: boolean;
  before: Block | null;
  after: Block | null;
  previousFree: Block | null;
  nextFree: Block | null;

  constructor(start: number, size: number, before: Block | null, after: Block | null) {
    this.start = start;
    this.size = size;
    this.isFree = false;
    this.before = before;
    this.after = after;
    this.previousFree = null;
    this.nextFree = null;
  }
}

class MemoryBuffer implements WasmBuffer {
  readonly byteLength: number;
  readonly address: number;
  block: Block | null;

  constructor(byteLength: number, block: Block) {
    this.byteLength = byteLength;
    this.address = block.start * UNIT;
    this.block = block;
  }
}

/** The list for blocks of exactly `size` units, and of sizes up to the next list's. */
function listOf(size: number): number {
  if (size < STEPS) return size;
  const octave = 31 - Math.clz32(size);
  return (octave - 2) * STEPS + ((size >>> (octave - 3)) & (STEPS - 1));
}

/** The first list all of whose blocks have at least `size` units. */
function listAtLeast(size: number): number {
  if (size < STEPS) return size;
  const octave = 31 - Math.clz32(size);
  return listOf(size + (1 << (octave - 3)) - 1);
}

export interface MemoryOptions {
  readonly isShared: boolean;
  /** Where the heap begins: a multiple of 64. */
  readonly heapStart: number;
  /** Upper bound of the whole memory; less where the place allows less. */
  readonly limitBytes?: number;
}

/** All figures in bytes but `buffers`. */
export interface HeapReport {
  readonly liveBytes: number;
  readonly buffers: number;
  readonly heapBytes: number;
  /** The largest buffer that there is room for, growth included. */
  readonly largestFree: number;
  readonly limitBytes: number;
}

interface Reservation {
  readonly memory: WebAssembly.Memory;
  readonly limitBytes: number;
}

/** A memory with the largest maximum up to `maximum` pages that the place grants. */
function reserve(initial: number, maximum: number, shared: boolean): Reservation {
  for (let pages = maximum; ; pages = Math.max(initial, pages >>> 1)) {
    try {
      const memory = new WebAssembly.Memory({ initial, maximum: pages, shared });
      return { memory, limitBytes: pages * PAGE };
    } catch (error) {
      if (pages * PAGE > SMALLEST_MAXIMUM && pages > initial) continue;
      const reason = error instanceof Error ? error.message : String(error);
      throw new BackendError(
        `cpu-wasm: expected a wasm memory of ${pages * PAGE} bytes, got a refusal (${reason})`,
      );
    }
  }
}

export class WasmMemory {
  memory: WebAssembly.Memory;
  /** The most bytes that the memory can have. */
  readonly limitBytes: number;
  /** Views over the whole memory, replaced when it grows. */
  u8: Uint8Array;
  i32: Int32Array;
  f32: Float32Array;
  f64: Float64Array;
  private readonly heapStart: number;
  private readonly lists: (Block | null)[] = new Array<Block | null>(OCTAVES * STEPS).fill(null);
  /** Bit s of word o: list o · 8 + s is not empty; bit o of `octaves`: word o is not 0. */
  private readonly filled: Int32Array = new Int32Array(OCTAVES);
  private octaves = 0;
  private last: Block | null = null;
  private liveUnits = 0;
  private buffers = 0;
  private isReleased = false;

  /** @throws BackendError where not even 64 MiB can be reserved */
  constructor(options: MemoryOptions) {
    const initial = Math.ceil((options.heapStart + SLACK_UNITS * UNIT) / PAGE);
    const wanted = Math.floor(Math.min(options.limitBytes ?? MAXIMUM_BYTES, MAXIMUM_BYTES) / PAGE);
    const { memory, limitBytes } = reserve(initial, Math.max(wanted, initial), options.isShared);
    this.memory = memory;
    this.limitBytes = limitBytes;
    this.heapStart = options.heapStart / UNIT;
    this.u8 = new Uint8Array(memory.buffer);
    this.i32 = new Int32Array(memory.buffer);
    this.f32 = new Float32Array(memory.buffer);
    this.f64 = new Float64Array(memory.buffer);
    const rest = memory.buffer.byteLength / UNIT - this.heapStart - SLACK_UNITS;
    if (rest > 0) this.append(rest);
  }

  /**
   * Contents are undefined.
   * @throws OutOfMemoryError when no free block is large enough and the memory cannot grow
   */
  allocate(byteLength: number): WasmBuffer {
    this.assertOpen();
    const size = Math.max(1, Math.ceil(byteLength / UNIT));
    let block = this.find(size);
    if (block === null) {
      if (!this.grow(size)) throw this.outOfMemory(byteLength);
      block = this.find(size);
      if (block === null) throw this.outOfMemory(byteLength);
    }
    this.unlist(block);
    block.isFree = false;
    if (block.size > size) this.split(block, size);
    this.liveUnits += size;
    this.buffers++;
    return new MemoryBuffer(byteLength, block);
  }

  /** @throws BackendError when the buffer is free already or of another backend */
  free(buffer: WasmBuffer): void {
    if (this.isReleased) return;
    const { block } = buffer as MemoryBuffer;
    if (block === null || block === undefined) {
      throw new BackendError(
        `free: expected a live buffer of this backend, got one of ${buffer.byteLength} bytes ` +
          'that is already free',
      );
    }
    (buffer as MemoryBuffer).block = null;
    this.liveUnits -= block.size;
    this.buffers--;
    let merged = block;
    const { before, after } = block;
    if (before?.isFree === true) {
      this.unlist(before);
      merged = this.join(before, block);
    }
    if (after?.isFree === true) {
      this.unlist(after);
      merged = this.join(merged, after);
    }
    this.list(merged);
  }

  /** The most bytes that all buffers together can have. */
  get heapLimit(): number {
    return this.limitBytes - (this.heapStart + SLACK_UNITS) * UNIT;
  }

  /** @throws BackendError after release() */
  assertOpen(): void {
    if (this.isReleased) {
      throw new BackendError('cpu-wasm: expected a live backend, got one that was disposed');
    }
  }

  /** Drops the memory; whoever still has an instance over it keeps it alive. */
  release(): void {
    this.isReleased = true;
    this.memory = new WebAssembly.Memory({ initial: 0, maximum: 0 });
    this.u8 = new Uint8Array(0);
    this.i32 = new Int32Array(0);
    this.f32 = new Float32Array(0);
    this.f64 = new Float64Array(0);
    this.lists.fill(null);
    this.last = null;
  }

  report(): HeapReport {
    const { memory, limitBytes, liveUnits, buffers } = this;
    return {
      liveBytes: liveUnits * UNIT,
      buffers,
      heapBytes: memory.buffer.byteLength - this.heapStart * UNIT,
      largestFree: this.largestFree() * UNIT,
      limitBytes,
    };
  }

  /** The blocks in order of address, for tests. */
  blocks(): { readonly address: number; readonly byteLength: number; readonly isFree: boolean }[] {
    const found = [];
    for (let block = this.last; block !== null; block = block.before) {
      const { start, size, isFree } = block;
      found.unshift({ address: start * UNIT, byteLength: size * UNIT, isFree });
    }
    return found;
  }

  private find(size: number): Block | null {
    // A block freed a moment ago is often of just this size.
    const own = this.lists[listOf(size)] ?? null;
    if (own !== null && own.size >= size) return own;
    const from = listAtLeast(size);
    const octave = from >>> 3;
    const inOctave = (this.filled[octave] ?? 0) & (-1 << (from & 7));
    if (inOctave !== 0) return this.lists[octave * STEPS + lowestBit(inOctave)] ?? null;
    const above = this.octaves & (-2 << octave);
    if (above === 0) return this.scan(size);
    const higher = lowestBit(above);
    return this.lists[higher * STEPS + lowestBit(this.filled[higher] ?? 0)] ?? null;
  }

  /** The last resort before growing: a block of the size's own list that happens to be enough. */
  private scan(size: number): Block | null {
    let block = this.lists[listOf(size)] ?? null;
    while (block !== null && block.size < size) block = block.nextFree;
    return block;
  }

  /** Gives the end of a block that was just taken back to the lists. */
  private split(block: Block, size: number): void {
    const rest = new Block(block.start + size, block.size - size, block, block.after);
    if (block.after === null) this.last = rest;
    else block.after.before = rest;
    block.after = rest;
    block.size = size;
    this.list(rest);
  }

  private join(first: Block, second: Block): Block {
    first.size += second.size;
    first.after = second.after;
    if (second.after === null) this.last = first;
    else second.after.before = first;
    return first;
  }

  private list(block: Block): void {
    const index = listOf(block.size);
    const octave = index >>> 3;
    const head = this.lists[index] ?? null;
    block.isFree = true;
    block.previousFree = null;
    block.nextFree = head;
    if (head !== null) head.previousFree = block;
    this.lists[index] = block;
    this.filled[octave] = (this.filled[octave] ?? 0) | (1 << (index & 7));
    this.octaves |= 1 << octave;
  }

  private unlist(block: Block): void {
    const { previousFree, nextFree } = block;
    if (nextFree !== null) nextFree.previousFree = previousFree;
    if (previousFree !== null) {
      previousFree.nextFree = nextFree;
    } else {
      const index = listOf(block.size);
      this.lists[index] = nextFree;
      if (nextFree === null) this.markEmpty(index);
    }
    block.previousFree = null;
    block.nextFree = null;
    block.isFree = false;
  }

  private markEmpty(index: number): void {
    const octave = index >>> 3;
    const rest = (this.filled[octave] ?? 0) & ~(1 << (index & 7));
    this.filled[octave] = rest;
    if (rest === 0) this.octaves &= ~(1 << octave);
  }

  /** In units, growth included. */
  private largestFree(): number {
    const { last, limitBytes } = this;
    const room = (limitBytes - this.memory.buffer.byteLength) / UNIT;
    let largest = room + (last?.isFree === true ? last.size : 0);
    for (let block = this.last; block !== null; block = block.before) {
      if (block.isFree && block.size > largest) largest = block.size;
    }
    return largest;
  }

  /** Doubles the memory if it may, or adds what `size` units need. */
  private grow(size: number): boolean {
    const pages = this.memory.buffer.byteLength / PAGE;
    const tail = this.last?.isFree === true ? this.last.size : 0;
    const needed = Math.ceil(((size - tail) * UNIT) / PAGE);
    const room = this.limitBytes / PAGE - pages;
    if (needed > room) return false;
    return (
      this.growBy(Math.min(Math.max(needed, pages, LEAST_GROWTH), room)) ||
      this.growBy(Math.min(Math.max(needed, LEAST_GROWTH), room)) ||
      this.growBy(needed)
    );
  }

  private growBy(pages: number): boolean {
    try {
      this.memory.grow(pages);
    } catch {
      return false;
    }
    const { buffer } = this.memory;
    this.u8 = new Uint8Array(buffer);
    this.i32 = new Int32Array(buffer);
    this.f32 = new Float32Array(buffer);
    this.f64 = new Float64Array(buffer);
    this.append((pages * PAGE) / UNIT);
    return true;
  }

  /** Free space of `size` units at the end, as one block with a free last block. */
  private append(size: number): void {
    const { last } = this;
    if (last?.isFree === true) {
      this.unlist(last);
      last.size += size;
      this.list(last);
      return;
    }
    const start = last === null ? this.heapStart : last.start + last.size;
    const block = new Block(start, size, last, null);
    if (last !== null) last.after = block;
    this.last = block;
    this.list(block);
  }

  private outOfMemory(byteLength: number): OutOfMemoryError {
    const { liveBytes, buffers, largestFree, limitBytes } = this.report();
    return new OutOfMemoryError(
      `cpu-wasm: expected room for ${byteLength} bytes, got at most ${largestFree} in one piece: ` +
        `${liveBytes} bytes are live in ${buffers} ${buffers === 1 ? 'buffer' : 'buffers'}, ` +
        'the memory has ' +
        `${this.memory.buffer.byteLength} bytes and its limit is ${limitBytes} ` +
        '(memoryBytes sets it)',
    );
  }
}

function lowestBit(word: number): number {
  return 31 - Math.clz32(word & -word);
}
