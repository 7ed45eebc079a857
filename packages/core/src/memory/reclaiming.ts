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

export interface Reclaimer extends Evictor {
  /** The buffer of a storage that the collector has found. */
  reclaim(buffer: Buffer): void;
}

export class Reclaiming implements Residency {
  readonly advice: string =
    'JavaScript cannot reclaim them before this turn ends: await something in the loop ' +
    '(await loss.item(), await tick()), use scope(), or compile()';
  readonly #set: Reclaimer;
  readonly #limit: number;
  readonly #pressure: number;
  readonly #registry: FinalizationRegistry<Buffer>;
  /** Storages with a host copy, the oldest first. */
  readonly #clean = new Set<WeakRef<Storage>>();

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
    if (storage.byteLength < LEAST_PRESSURE || storage.pressure !== null) return;
    storage.pressure = new ArrayBuffer(Math.ceil(storage.byteLength * this.#pressure));
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
}
