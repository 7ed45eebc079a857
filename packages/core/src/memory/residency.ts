/**
 * Who is resident in a backend's memory, and what makes room. One policy per kind of backend: where
 * JavaScript collects the buffers there is nothing to do (null); `spilling.ts` copies out what is
 * least recently used; `reclaiming.ts` cannot copy and waits for the collector.
 */
import type { Storage } from './ownership.ts';

/** What a policy can do to a storage. */
export interface Evictor {
  readonly residentBytes: number;
  /** The number of the running op: what it uses must stay. */
  readonly stamp: number;
  /** Gives the buffer back; the host copy stays. */
  evict(storage: Storage): void;
}

export interface Residency {
  /** A storage has got a buffer. */
  entered(storage: Storage): void;
  touched(storage: Storage): void;
  /** A storage is about to lose its buffer. */
  leaves(storage: Storage): void;
  /** A storage that was evicted is wanted back. */
  returning(storage: Storage): void;
  /** Evicts until so many bytes more fit into the budget, as far as possible. */
  makeRoom(byteLength: number): void;
  /** Evicts one storage that the running op does not use; false if there is none. */
  evictOne(): boolean;
  /** What the user can do where nothing more fits, in words. */
  readonly advice: string;
}
