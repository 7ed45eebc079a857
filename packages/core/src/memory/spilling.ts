/**
 * Residency by spilling: over budget the least recently used storage is copied out to an
 * ArrayBuffer that only its own record reaches, so what the user dropped V8 frees, and what he kept
 * comes back when touched. The list holds records, never tensors.
 * The budget starts small, since dropped tensors fill it whatever its size: a small one stays in
 * caches, and its records are pushed out while they are young, so that the collector's cheap rounds
 * free the copies (an old record keeps its copy until a full one; V8 lets 64 MB wait for that). It
 * doubles, up to the backend's limit, when much of what was copied out comes back.
 */
import type { Storage } from './ownership.ts';
import type { Evictor, Residency } from './residency.ts';

/**
 * The first budget where the backend allows more. The process of a small model has 200 MB in Node
 * 24 with 4 MiB; with 32 MiB it has 350 and creeps up.
 */
const START_BYTES: number = 4 * 2 ** 20;
/** The budget doubles when this share of it was restored since it last did. */
const THRASH_SHARE = 0.5;

export class Spilling implements Residency {
  readonly advice = 'all else was copied out';
  readonly #set: Evictor;
  readonly #limit: number;
  #budget: number;
  /** Bytes restored since the budget last grew. */
  #returned = 0;
  #first: Storage | null = null;
  #last: Storage | null = null;

  constructor(set: Evictor, limit: number) {
    this.#set = set;
    this.#limit = limit;
    this.#budget = Math.min(START_BYTES, limit);
  }

  entered(storage: Storage): void {
    storage.previous = this.#last;
    storage.next = null;
    if (this.#last === null) this.#first = storage;
    else this.#last.next = storage;
    this.#last = storage;
  }

  touched(storage: Storage): void {
    if (storage === this.#last) return;
    this.leaves(storage);
    this.entered(storage);
  }

  /** Links are cleared: a removed record must not keep its old neighbours alive. */
  leaves(storage: Storage): void {
    const { previous, next } = storage;
    if (previous === null) this.#first = next;
    else previous.next = next;
    if (next === null) this.#last = previous;
    else next.previous = previous;
    storage.previous = null;
    storage.next = null;
  }

  returning({ byteLength }: Storage): void {
    this.#returned += byteLength;
    if (this.#returned <= THRASH_SHARE * this.#budget) return;
    this.#budget = Math.min(2 * this.#budget, this.#limit);
    this.#returned = 0;
  }

  makeRoom(byteLength: number): void {
    let candidate = this.#first;
    while (candidate !== null && this.#set.residentBytes + byteLength > this.#budget) {
      const { next } = candidate;
      if (candidate.stamp !== this.#set.stamp) this.#set.evict(candidate);
      candidate = next;
    }
  }

  evictOne(): boolean {
    let candidate = this.#first;
    while (candidate !== null && candidate.stamp === this.#set.stamp) candidate = candidate.next;
    if (candidate === null) return false;
    this.#set.evict(candidate);
    return true;
  }
}
