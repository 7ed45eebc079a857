/**
 * Which storages are resident in a backend's memory. On a backend whose buffers JavaScript collects
 * there is nothing to do. On the others a budget holds: over it the least recently used storage is
 * copied out to an ArrayBuffer that only its own record reaches, so what the user dropped V8 frees,
 * and what he kept comes back when touched. The list holds records, never tensors.
 * The budget starts small, since dropped tensors fill it whatever its size: a small one stays in
 * caches, and its records are pushed out while they are young, so that the collector's cheap rounds
 * free the copies (an old record keeps its copy until a full one; V8 lets 64 MB wait for that). It
 * doubles, up to the backend's limit, when much of what was copied out comes back.
 */
import type { Backend, Buffer, TensorType } from '../backend.ts';
import { OutOfMemoryError } from '../errors.ts';
import { scope } from '../scope.ts';
import { formatShape } from '../shape.ts';
import { Storage } from './ownership.ts';

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

/**
 * The first budget where the backend allows more. The process of a small model has 200 MB in Node
 * 24 with 4 MiB; with 32 MiB it has 350 and creeps up.
 */
const START_BYTES: number = 4 * 2 ** 20;
/** The budget doubles when this share of it was restored since it last did. */
const THRASH_SHARE = 0.5;

export class WorkingSet {
  readonly #backend: Backend;
  readonly #limit: number;
  #budget: number;
  /** Bytes restored since the budget last grew. */
  #returned = 0;
  #resident = 0;
  #spilled = 0;
  #restored = 0;
  #allocated = 0;
  #freed = 0;
  #allocations = 0;
  #stamp = 1;
  #first: Storage | null = null;
  #last: Storage | null = null;
  /** Told of each storage while `trackMemory` is on. */
  observer: MemoryObserver | null = null;

  constructor(backend: Backend) {
    this.#backend = backend;
    const { memory } = backend.capabilities;
    this.#limit = memory === 'collected' ? Number.POSITIVE_INFINITY : memory;
    // Without readSync nothing can be copied out: what fits is all there is.
    const canSpill = memory !== 'collected' && backend.readSync !== undefined;
    this.#budget = canSpill ? Math.min(START_BYTES, memory) : this.#limit;
  }

  /** A new op begins: what earlier ops used may be spilled again. */
  tick(): void {
    this.#stamp++;
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
    this.#makeRoom(byteLength);
    storage.buffer = this.#allocate(storage);
    this.#resident += byteLength;
    this.#allocated += byteLength;
    this.#allocations++;
    storage.stamp = this.#stamp;
    if (this.#isBudgeted()) this.#append(storage);
    return storage;
  }

  use(storage: Storage): Buffer {
    storage.stamp = this.#stamp;
    if (!this.#isBudgeted()) return storage.buffer as Buffer;
    if (storage.buffer === null) this.#restore(storage);
    else if (storage !== this.#last) {
      this.#remove(storage);
      this.#append(storage);
    }
    return storage.buffer as Buffer;
  }

  free(storage: Storage): void {
    storage.isFreed = true;
    storage.host = null;
    if (this.observer !== null) this.observer.freed(storage);
    this.#freed += storage.byteLength;
    if (storage.buffer === null) return;
    this.#dropBuffer(storage);
  }

  report(): MemoryReport {
    return {
      backend: this.#backend.name,
      residentBytes: this.#resident,
      spilledBytes: this.#spilled,
      restoredBytes: this.#restored,
      allocatedBytes: this.#allocated,
      freedBytes: this.#freed,
      allocations: this.#allocations,
    };
  }

  #isBudgeted(): boolean {
    return this.#limit !== Number.POSITIVE_INFINITY;
  }

  /** Below its budget a backend can still be full (fragments, a smaller machine): spill, retry. */
  #allocate(storage: Storage): Buffer {
    for (;;) {
      try {
        return this.#backend.allocate(storage.byteLength);
      } catch (error) {
        if (!(error instanceof OutOfMemoryError)) throw error;
        if (!this.#spillOldest()) throw this.#outOfMemory(storage, error);
      }
    }
  }

  #outOfMemory(
    { shape, dtype, byteLength }: Storage,
    { message }: OutOfMemoryError,
  ): OutOfMemoryError {
    const what =
      shape === null
        ? 'the scratch of an operation,'
        : `a tensor ${formatShape(shape)} of ${dtype},`;
    return new OutOfMemoryError(
      `${this.#backend.name}: no room for ${what} ${byteLength} bytes, beside ${this.#resident} ` +
        `bytes that the running operation uses; all else was copied out. ${message}`,
    );
  }

  #spillOldest(): boolean {
    if (!this.#isBudgeted() || this.#backend.readSync === undefined) return false;
    let candidate = this.#first;
    while (candidate !== null && candidate.stamp === this.#stamp) candidate = candidate.next;
    if (candidate === null) return false;
    this.#spill(candidate);
    return true;
  }

  #makeRoom(byteLength: number): void {
    if (!this.#isBudgeted()) return;
    let candidate = this.#first;
    while (candidate !== null && this.#resident + byteLength > this.#budget) {
      const { next } = candidate;
      if (candidate.stamp !== this.#stamp) this.#spill(candidate);
      candidate = next;
    }
  }

  #spill(storage: Storage): void {
    const buffer = storage.buffer as Buffer;
    if (storage.host === null) {
      const { readSync } = this.#backend;
      if (readSync === undefined) {
        throw new OutOfMemoryError(
          `${this.#backend.name}: ${this.#resident} bytes of tensors are live, over the budget ` +
            `of ${this.#budget}. JavaScript cannot reclaim them before this turn ends: await ` +
            'something in the loop (await loss.item(), await tick()), use scope(), or compile().',
        );
      }
      storage.host = readSync.call(this.#backend, buffer, 0, storage.byteLength);
      this.#spilled += storage.byteLength;
    }
    this.#dropBuffer(storage);
  }

  #restore(storage: Storage): void {
    this.#returned += storage.byteLength;
    if (this.#returned > THRASH_SHARE * this.#budget) {
      this.#budget = Math.min(2 * this.#budget, this.#limit);
      this.#returned = 0;
    }
    this.#makeRoom(storage.byteLength);
    const buffer = this.#allocate(storage);
    const host = storage.host as Uint8Array<ArrayBuffer>;
    this.#backend.write(buffer, host);
    storage.buffer = buffer;
    if (!storage.isClean) storage.host = null;
    this.#resident += storage.byteLength;
    this.#restored += storage.byteLength;
    this.#append(storage);
  }

  #dropBuffer(storage: Storage): void {
    this.#backend.free(storage.buffer as Buffer);
    storage.buffer = null;
    this.#resident -= storage.byteLength;
    if (this.#isBudgeted()) this.#remove(storage);
  }

  #append(storage: Storage): void {
    storage.previous = this.#last;
    storage.next = null;
    if (this.#last === null) this.#first = storage;
    else this.#last.next = storage;
    this.#last = storage;
  }

  /** Links are cleared: a removed record must not keep its old neighbours alive. */
  #remove(storage: Storage): void {
    const { previous, next } = storage;
    if (previous === null) this.#first = next;
    else previous.next = next;
    if (next === null) this.#last = previous;
    else next.previous = previous;
    storage.previous = null;
    storage.next = null;
  }
}
