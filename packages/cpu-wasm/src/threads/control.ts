/**
 * The pool's control block in shared memory, as byte offsets from CONTROL. assembly/threads.ts
 * uses the same offsets below LOG_HEAD and has the protocol.
 */
import { CONTROL } from '../address-map.ts';

/** Pieces of the job that are finished. */
export const DONE: number = CONTROL + 64;
/** 1 while the caller sleeps until DONE changes. */
export const JOINING: number = CONTROL + 68;
/** How many workers are asleep. */
export const PARKED: number = CONTROL + 128;
/** 1: workers leave. */
export const STOP: number = CONTROL + 132;
/** Where the record of the first generated module lies, 0 for none: see module-log.ts. */
export const LOG_HEAD: number = CONTROL + 256;
/** 1 once a piece of the job has trapped; then the length and the UTF-8 text of its message. */
export const ERROR: number = CONTROL + 320;
export const ERROR_LENGTH: number = CONTROL + 324;
export const ERROR_TEXT: number = CONTROL + 328;
export const ERROR_CAPACITY = 512;

const SLOTS: number = CONTROL + 1024;
/** As many threads as a pool may have, the calling one included. */
export const MAX_THREADS = 64;

/** The cache line of a thread: BUSY (it runs a piece), then ASLEEP (it is counted in PARKED). */
export function slotOf(thread: number): number {
  return SLOTS + thread * 64;
}
export const BUSY = 0;
export const ASLEEP = 4;

/** What the pool posts to a worker, once. */
export interface WorkerInit {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly thread: number;
  /** Turns of the waiting loop before a worker goes to sleep. */
  readonly spins: number;
}
/** What a worker answers: it serves, or it cannot. */
export interface WorkerReply {
  readonly ready: boolean;
  readonly reason: string;
}
