// What a measuring process does to one prepared workload: check first, warm up, then time slices.
// Nothing is timed before the result was compared with its float64 reference.
import type { Prepared } from './systems/types.ts';
import { readGolden } from './workloads/model.ts';
import {
  compare,
  compareLosses,
  makeInputs,
  makeReference,
  type Verdict,
} from './workloads/reference.ts';
import { isOp, type Workload } from './workloads/types.ts';

/** A run longer than this is measured once, without warm-up. */
export const SINGLE_RUN_MS = 20_000;
const WARM_UP_MS = 300;
const CHECK_MS = 1500;
/** One timed sample lasts at least this long, so that the clock's grain does not matter. */
const SAMPLE_MS = 2;

/** Milliseconds per repetition over `count` repetitions. */
export async function time(prepared: Prepared, count: number): Promise<number> {
  const start = performance.now();
  for (let i = 0; i < count; i++) {
    const pending = prepared.run();
    if (pending) await pending;
  }
  return (performance.now() - start) / count;
}

async function checkOp(workload: Workload, prepared: Prepared): Promise<Verdict> {
  if (!isOp(workload)) throw new TypeError('checkOp: expected an operation, got training');
  const reference = makeReference(workload, makeInputs(workload));
  const count = workload.outputShape.reduce((a, b) => a * b, 1);
  return compare(await prepared.result(), count, reference);
}

async function checkTraining(
  prepared: Prepared,
  first: number,
  golden: readonly number[],
): Promise<Verdict> {
  let spent = first;
  for (let step = 1; step < golden.length - 1 && spent < CHECK_MS; step++) {
    spent += await time(prepared, 1);
  }
  return compareLosses(await prepared.result(), golden);
}

/** The verdict on a workload and how long its first run took. */
export interface Checked {
  readonly verdict: Verdict;
  readonly first: number;
}

/** Runs once (training: up to 20 steps within 1.5 s) and compares with the reference. */
export async function check(workload: Workload, prepared: Prepared): Promise<Checked> {
  const first = await time(prepared, 1);
  const verdict = isOp(workload)
    ? await checkOp(workload, prepared)
    : await checkTraining(prepared, first, readGolden(workload.task.model));
  return { verdict, first };
}

/** Repeats for 0.3 s (at least once more where a run is short) and estimates one run, in ms. */
export async function warmUp(prepared: Prepared, first: number): Promise<number> {
  let spent = 0;
  let last = first;
  // The check was a run already: a second of warm-up buys nothing where one run takes longer.
  if (first > 1000) return first;
  while (spent < WARM_UP_MS) {
    const count = Math.max(1, Math.ceil(SAMPLE_MS / last));
    last = await time(prepared, count);
    spent += last * count;
  }
  return last;
}

/** Times for `milliseconds`, at least one sample, each of enough repetitions to last 2 ms. */
export async function sample(
  prepared: Prepared,
  milliseconds: number,
  estimate: number,
): Promise<number[]> {
  const count = Math.max(1, Math.ceil(SAMPLE_MS / estimate));
  const times: number[] = [];
  const end = performance.now() + milliseconds;
  do times.push(await time(prepared, count));
  while (performance.now() + times.at(-1)! * count < end);
  return times;
}
