/** What a backend has done since it was last asked: tests and benchmarks hold steps to it. */

/** Counts since `backend.counters()` was last called. */
export interface Counters {
  /** Dispatches encoded into command buffers. */
  readonly dispatches: number;
  /** Command buffers handed to the device's queue. */
  readonly submits: number;
  /** GPU buffers created: for tensors, launch words, uploads and reads. */
  readonly buffers: number;
  readonly bindGroups: number;
  /** Pipelines whose compilation was started. */
  readonly pipelines: number;
  /** Calls of `queue.writeBuffer`, launch words included. */
  readonly writes: number;
  /** Results read back. */
  readonly reads: number;
}

export type Tally = { -readonly [K in keyof Counters]: number };

export function newTally(): Tally {
  return {
    dispatches: 0,
    submits: 0,
    buffers: 0,
    bindGroups: 0,
    pipelines: 0,
    writes: 0,
    reads: 0,
  };
}

/** The counts so far; the tally starts again from zero. */
export function take(tally: Tally): Counters {
  const counts = { ...tally };
  Object.assign(tally, newTally());
  return counts;
}
