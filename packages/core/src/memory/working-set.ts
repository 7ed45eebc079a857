/**
 * The storages of one backend: made, used, freed, counted. Who stays resident when memory is short
 * is decided by a policy (`residency.ts`) that fits the backend.
 */
import type { Backend, Buffer, TensorType } from '../backend.ts';
import { OutOfMemoryError } from '../errors.ts';
import { scope } from '../scope.ts';
import { formatShape } from '../shape.ts';
import { Storage } from './ownership.ts';
import { Reclaiming } from './reclaiming.ts';
import type { Residency } from './residency.ts';
import { Spilling } from './spilling.ts';

/** What `memory()` reports. All figures in bytes but the counts. */
export interface MemoryReport {
  readonly backend: string;
  /** In the backend's memory. On 'collected' backends: made and not known to be free by now. */
  readonly residentBytes: number;
  /** Copied out over budget since the start, and copied back in. */
  readonly spilledBytes: number;
  readonly restoredBytes: number;
  /** Made and freed by the ownership rules since the start. */
  readonly allocatedBytes: number;
  readonly freedBytes: number;
  readonly allocations: number;
}

export interface MemoryObserver {
  allocated(storage: Storage): void;
  freed(storage: Storage): void;
}

/** What is read up to this size keeps its host copy, so that its buffer can be had back. */
const SMALL_BYTES = 4096;

export class WorkingSet {
  readonly #backend: Backend;
  readonly #limit: number;
  readonly #residency: Residency | null;
  /** The policy, where buffers are reclaimed rather than copied out; else null. */
  readonly reclaiming: Reclaiming | null;
  residentBytes = 0;
  /** The number of the running op. */
  stamp = 1;
  #spilled = 0;
  #restored = 0;
  #allocated = 0;
  #freed = 0;
  #allocations = 0;
  /** Told of each storage while `trackMemory` is on. */
  observer: MemoryObserver | null = null;

  constructor(backend: Backend) {
    this.#backend = backend;
    const { memory } = backend.capabilities;
    const limit = memory === 'collected' ? Number.POSITIVE_INFINITY : memory;
    const isReclaimed = memory !== 'collected' && backend.readSync === undefined;
    this.#limit = limit;
    this.reclaiming = isReclaimed ? new Reclaiming(this, limit) : null;
    this.#residency =
      memory === 'collected' ? null : (this.reclaiming ?? new Spilling(this, limit));
  }

  /** A new op begins: what earlier ops used may be evicted again. */
  tick(): void {
    this.stamp++;
  }

  /**
   * A storage with undefined contents, in the open library frame or else the user's.
   * @throws OutOfMemoryError naming the tensor of this type and what is live
   */
  acquire(byteLength: number, type: TensorType | null = null): Storage {
    const storage = this.scratch(byteLength, type);
    if (scope.frame !== null) scope.frame.adopt(storage);
    else storage.isExposed = true;
    if (this.observer !== null) this.observer.allocated(storage);
    return storage;
  }

  /** A storage that the caller frees himself. */
  scratch(byteLength: number, type: TensorType | null = null): Storage {
    const storage = new Storage(this, byteLength, type);
    storage.stamp = this.stamp;
    this.#enter(storage);
    this.#allocated += byteLength;
    this.#allocations++;
    return storage;
  }

  use(storage: Storage): Buffer {
    storage.stamp = this.stamp;
    if (this.#residency === null) return storage.buffer as Buffer;
    if (storage.buffer?.isLost === true && storage.isClean) this.#dropBuffer(storage);
    if (storage.buffer === null) this.#restore(storage, this.#residency);
    else this.#residency.touched(storage);
    return storage.buffer as Buffer;
  }

  free(storage: Storage): void {
    storage.isFreed = true;
    storage.host = null;
    if (this.observer !== null) this.observer.freed(storage);
    this.#freed += storage.byteLength;
    if (storage.buffer !== null) this.#dropBuffer(storage);
  }

  /** `bytes` are the contents, as long as nobody writes the storage. */
  keepHost(storage: Storage, bytes: Uint8Array<ArrayBuffer>): void {
    if (this.#residency === null) return;
    storage.host = bytes;
    storage.isClean = true;
    this.reclaiming?.cleaned(storage);
  }

  /**
   * The contents of a small storage were read, when it had been written `writes` times: where
   * memory is reclaimed, they are kept.
   */
  keepRead(storage: Storage, bytes: Uint8Array<ArrayBuffer>, writes: number): void {
    if (this.reclaiming === null || storage.byteLength > SMALL_BYTES) return;
    if (bytes.byteLength !== storage.byteLength || storage.host !== null) return;
    if (storage.isFreed || storage.owned > 0 || storage.writes !== writes) return;
    this.keepHost(storage, bytes.slice());
  }

  /** A launch writes a storage that has contents already. */
  overwritten(storage: Storage): void {
    storage.writes++;
    storage.host = null;
    storage.isClean = false;
  }

  /**
   * Copies the storage out where it has no host copy, and gives its buffer back.
   * @throws OutOfMemoryError where the backend cannot copy out
   */
  evict(storage: Storage): void {
    if (storage.host === null) {
      const { readSync } = this.#backend;
      if (readSync === undefined) throw new Error('evict: a storage without a host copy');
      const buffer = storage.buffer as Buffer;
      storage.host = readSync.call(this.#backend, buffer, 0, storage.byteLength);
      this.#spilled += storage.byteLength;
    }
    this.#dropBuffer(storage);
  }

  /** The collector found the storage of this buffer. */
  reclaim(buffer: Buffer): void {
    this.residentBytes -= buffer.byteLength;
    this.#backend.free(buffer);
  }

  report(): MemoryReport {
    return {
      backend: this.#backend.name,
      residentBytes: this.residentBytes,
      spilledBytes: this.#spilled,
      restoredBytes: this.#restored,
      allocatedBytes: this.#allocated,
      freedBytes: this.#freed,
      allocations: this.#allocations,
    };
  }

  #enter(storage: Storage): void {
    this.#residency?.makeRoom(storage.byteLength);
    if (this.reclaiming !== null && this.residentBytes + storage.byteLength > this.#limit) {
      throw this.#outOfMemory(storage, `The limit is ${this.#limit} bytes.`);
    }
    storage.buffer = this.#allocate(storage);
    this.residentBytes += storage.byteLength;
    this.#residency?.entered(storage);
  }

  /** Below its budget a backend can still be full (fragments, a smaller machine): evict, retry. */
  #allocate(storage: Storage): Buffer {
    for (;;) {
      try {
        return this.#backend.allocate(storage.byteLength);
      } catch (error) {
        if (!(error instanceof OutOfMemoryError)) throw error;
        if (!this.#residency?.evictOne()) throw this.#outOfMemory(storage, error.message);
      }
    }
  }

  #outOfMemory({ shape, dtype, byteLength }: Storage, limit: string): OutOfMemoryError {
    const { name, capabilities } = this.#backend;
    const what =
      shape === null
        ? 'the scratch of an operation,'
        : `a tensor ${formatShape(shape)} of ${dtype},`;
    const live =
      this.reclaiming === null
        ? `${this.residentBytes} bytes that the running operation uses`
        : `${this.residentBytes} bytes of tensors`;
    // What exceeds a limit by itself fits no better when others have gone.
    const isHopeless = byteLength > Math.min(this.#limit, capabilities.maxBufferBytes);
    const advice = this.#residency === null || isHopeless ? '' : `; ${this.#residency.advice}`;
    return new OutOfMemoryError(
      `${name}: no room for ${what} ${byteLength} bytes, beside ${live}${advice}. ${limit}`,
    );
  }

  #restore(storage: Storage, residency: Residency): void {
    residency.returning(storage);
    this.#enter(storage);
    this.#backend.write(storage.buffer as Buffer, storage.host as Uint8Array<ArrayBuffer>);
    if (!storage.isClean) storage.host = null;
    else this.reclaiming?.cleaned(storage);
    this.#restored += storage.byteLength;
  }

  #dropBuffer(storage: Storage): void {
    this.#residency?.leaves(storage);
    this.#backend.free(storage.buffer as Buffer);
    storage.buffer = null;
    this.residentBytes -= storage.byteLength;
  }
}
