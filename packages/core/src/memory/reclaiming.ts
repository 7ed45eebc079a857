/**
 * Residency where nothing can be copied out at once (webgpu): buffers of dropped storages come back
 * through a FinalizationRegistry, which runs only between turns of the event loop. The record is
 * shared by handles, views and graphs, so it is the one thing to watch; the registry holds the
 * buffer alone. Each record carries pressure, an untouched ArrayBuffer, for V8 to see that there is
 * something to collect. What has a host copy can leave at any time; the rest of the work is done by
 * the ownership rules and by `finished.ts`.
 */
import type { Buffer } from '../backend.ts';
import type { Storage } from './ownership.ts';
import type { Evictor, Residency } from './residency.ts';

/** V8 looks for garbage after so many bytes of ArrayBuffers; they should not exceed … */
const COLLECTOR_STEP: number = 64 * 2 ** 20;
/** … this share of the budget, counted in bytes of tensors. */
const GARBAGE_SHARE = 1 / 8;
/** More would cost address space, and time in pages that are touched. */
const MOST_PRESSURE = 64;
/** Smaller storages are known to V8 by their own records. */
const LEAST_PRESSURE = 4096;

/** Bytes of one ArrayBuffer, never touched, that make V8 collect at once: over its hard limit. */
const PROD_BYTES: number = 2 ** 31;
/** Share of the budget that is made between two such calls. */
const PROD_SHARE = 1 / 8;

/** So many references to storages with a host copy may be out of date. */
const LEAST_REFERENCES = 1024;

export interface Reclaimer extends Evictor {
  /** The buffer of a storage that the collector has found. */
  reclaim(buffer: Buffer): void;
}

export class Reclaiming implements Residency {
  readonly advice: string =
    'JavaScript cannot reclaim them before this turn ends: await something in the loop ' +
    '(await loss.item(), await tick()), or use scope()';
  readonly #set: Reclaimer;
  readonly #limit: number;
  readonly #pressure: number;
  readonly #registry: FinalizationRegistry<Buffer>;
  /** Storages with a host copy, the oldest first. */
  readonly #clean = new Set<WeakRef<Storage>>();
  /** References to storages that are gone are dropped at this size. */
  #most = LEAST_REFERENCES;
  /** Bytes made since the collector was last called. */
  #made = 0;

  constructor(set: Reclaimer, limit: number) {
    this.#set = set;
    this.#limit = limit;
    this.#pressure = Math.min(MOST_PRESSURE, COLLECTOR_STEP / (GARBAGE_SHARE * limit));
    this.#registry = new FinalizationRegistry((buffer) => set.reclaim(buffer));
  }

  /** Whether so much is held that the collector should get its turn. */
  get isTight(): boolean {
    return this.#set.residentBytes > this.#limit / 2;
  }

  entered(storage: Storage): void {
    this.#registry.register(storage, storage.buffer as Buffer, storage);
    this.#made += storage.byteLength;
    if (this.isTight && this.#made > PROD_SHARE * this.#limit) this.#collect();
    if (storage.byteLength < LEAST_PRESSURE || storage.pressure !== null) return;
    storage.pressure = new ArrayBuffer(Math.ceil(storage.byteLength * this.#pressure));
  }

  /** On a busy machine pressure alone comes too late: V8 marks in its own time. */
  #collect(): void {
    this.#made = 0;
    try {
      new ArrayBuffer(PROD_BYTES);
    } catch {
      // Refused, but V8 has looked for room before it said so.
    }
  }

  touched(): void {}

  leaves(storage: Storage): void {
    this.#registry.unregister(storage);
    storage.pressure = null;
  }

  returning(): void {}

  /** Remembers that this storage can be restored from the host. */
  cleaned(storage: Storage): void {
    this.#clean.add(new WeakRef(storage));
    if (this.#clean.size > this.#most) this.#sweep();
  }

  makeRoom(byteLength: number): void {
    while (this.#set.residentBytes + byteLength > this.#limit) {
      if (!this.evictOne()) return;
    }
  }

  evictOne(): boolean {
    for (const reference of this.#clean) {
      const storage = reference.deref();
      if (storage?.stamp === this.#set.stamp) continue;
      this.#clean.delete(reference);
      if (storage === undefined || storage.buffer === null || !storage.isClean) continue;
      this.#set.evict(storage);
      return true;
    }
    return false;
  }

  /** One reference for each storage that could still leave. */
  #sweep(): void {
    const seen = new Set<Storage>();
    for (const reference of this.#clean) {
      const storage = reference.deref();
      const isUseful = storage !== undefined && storage.buffer !== null && storage.isClean;
      if (isUseful && !seen.has(storage)) seen.add(storage);
      else this.#clean.delete(reference);
    }
    this.#most = Math.max(LEAST_REFERENCES, 2 * this.#clean.size);
  }
}
