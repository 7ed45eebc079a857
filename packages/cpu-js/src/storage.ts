/**
 * Buffers of the cpu-js backend: one ArrayBuffer each, typed views made on first use, and a bounded
 * pool of freed buffers by size class. A fresh ArrayBuffer is zeroed and faulted in by the system
 * (139-928 µs per MB measured), a reused one is not, so reuse is the lever.
 */
import type { Buffer, CopyStep, DType } from '@tenon/core';
import { BackendError, DTypeError } from '@tenon/core';

export type View =
  | Float32Array<ArrayBuffer>
  | Int32Array<ArrayBuffer>
  | Uint32Array<ArrayBuffer>
  | Float64Array<ArrayBuffer>;

/** One storage. Its views span the whole capacity, so they survive reuse at another length. */
export class CpuBuffer implements Buffer {
  byteLength: number;
  readonly memory: ArrayBuffer;
  readonly sizeClass: number;
  isFree: boolean;
  private f32View: Float32Array<ArrayBuffer> | null;
  private i32View: Int32Array<ArrayBuffer> | null;
  private u32View: Uint32Array<ArrayBuffer> | null;
  private f64View: Float64Array<ArrayBuffer> | null;
  private byteView: Uint8Array<ArrayBuffer> | null;

  constructor(byteLength: number, capacity: number, sizeClass: number) {
    this.byteLength = byteLength;
    this.memory = new ArrayBuffer(capacity);
    this.sizeClass = sizeClass;
    this.isFree = false;
    this.f32View = null;
    this.i32View = null;
    this.u32View = null;
    this.f64View = null;
    this.byteView = null;
  }

  get f32(): Float32Array<ArrayBuffer> {
    this.f32View ??= new Float32Array(this.memory);
    return this.f32View;
  }

  get i32(): Int32Array<ArrayBuffer> {
    this.i32View ??= new Int32Array(this.memory);
    return this.i32View;
  }

  get u32(): Uint32Array<ArrayBuffer> {
    this.u32View ??= new Uint32Array(this.memory);
    return this.u32View;
  }

  get f64(): Float64Array<ArrayBuffer> {
    this.f64View ??= new Float64Array(this.memory);
    return this.f64View;
  }

  get bytes(): Uint8Array<ArrayBuffer> {
    this.byteView ??= new Uint8Array(this.memory);
    return this.byteView;
  }
}

/** The name of the view that holds elements of `dtype`; bool is an int word of 0 or 1. */
export function viewName(dtype: DType): 'f32' | 'i32' | 'u32' | 'f64' {
  if (dtype === 'bool') return 'i32';
  if (dtype === 'f16') {
    throw new DTypeError('cpu-js: expected dtype f32, i32, u32, bool or f64, got f16 (cast first)');
  }
  return dtype;
}

export function viewOf(buffer: CpuBuffer, dtype: DType): View {
  return buffer[viewName(dtype)];
}

/** The bytes of a copy step from one buffer to another, or within one. */
export function copyBytes(step: CopyStep, from: CpuBuffer, to: CpuBuffer): void {
  if (from === to) {
    to.bytes.copyWithin(step.toByte, step.fromByte, step.fromByte + step.byteLength);
    return;
  }
  const bytes = from.bytes.subarray(step.fromByte, step.fromByte + step.byteLength);
  to.bytes.set(bytes, step.toByte);
}

const SMALLEST = 64;

/** Four classes per octave: at most a quarter of a buffer is unused. */
export function sizeClassOf(byteLength: number): number {
  if (byteLength <= SMALLEST) return 0;
  const exponent = 31 - Math.clz32(byteLength - 1);
  const base = 2 ** exponent;
  const quarter = Math.ceil((byteLength - base) / (base / 4));
  return (exponent - 6) * 4 + quarter;
}

export function capacityOf(sizeClass: number): number {
  const base = 2 ** (6 + Math.floor(sizeClass / 4));
  return base + (sizeClass % 4) * (base / 4);
}

/** Bytes of freed buffers kept for reuse; beyond that the least recently used sizes are dropped. */
const POOL_BYTES: number = 64 * 2 ** 20;

/** Freed buffers of one size class, and when the class was last asked for. */
interface FreeList {
  readonly buffers: CpuBuffer[];
  lastUse: number;
}

/** Allocates buffers, and hands freed ones of the same size class out again. */
export class Pool {
  private readonly lists: FreeList[] = [];
  private pooledBytes = 0;
  private uses = 0;
  private readonly limit: number;

  constructor(limit: number = POOL_BYTES) {
    this.limit = limit;
  }

  get bytes(): number {
    return this.pooledBytes;
  }

  allocate(byteLength: number): CpuBuffer {
    const sizeClass = sizeClassOf(byteLength);
    const list = this.lists[sizeClass];
    const reused = list?.buffers.pop();
    if (list === undefined || reused === undefined) {
      return new CpuBuffer(byteLength, capacityOf(sizeClass), sizeClass);
    }
    list.lastUse = ++this.uses;
    this.pooledBytes -= reused.memory.byteLength;
    reused.byteLength = byteLength;
    reused.isFree = false;
    return reused;
  }

  free(buffer: CpuBuffer): void {
    if (buffer.isFree) {
      throw new BackendError(
        `free: expected a live buffer, got one of ${buffer.byteLength} bytes that is already free`,
      );
    }
    buffer.isFree = true;
    const size = buffer.memory.byteLength;
    if (size > this.limit) return;
    while (this.pooledBytes + size > this.limit) this.evict();
    this.pooledBytes += size;
    const list = this.listOf(buffer.sizeClass);
    list.lastUse = ++this.uses;
    list.buffers.push(buffer);
  }

  clear(): void {
    this.lists.length = 0;
    this.pooledBytes = 0;
  }

  private listOf(sizeClass: number): FreeList {
    for (let c = this.lists.length; c <= sizeClass; c++)
      this.lists.push({ buffers: [], lastUse: 0 });
    return this.lists[sizeClass] ?? { buffers: [], lastUse: 0 };
  }

  /** Drops a buffer of the size class that has not been used for longest. */
  private evict(): void {
    let oldest: FreeList | null = null;
    for (const list of this.lists) {
      if (list.buffers.length > 0 && list.lastUse < (oldest?.lastUse ?? Infinity)) oldest = list;
    }
    this.pooledBytes -= oldest?.buffers.pop()?.memory.byteLength ?? this.pooledBytes;
  }
}
