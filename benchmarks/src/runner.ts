// Measures workloads on systems: a fresh process for each pair, checked and warmed one after
// another, then sampled in interleaved rounds (A B C A B C …), so that a slow moment of the machine
// meets them all. Only one process computes at a time.
import { busyMilliseconds } from './machine.ts';
import type { Limits, Row } from './rows.ts';
import { summarize } from './stats.ts';
import type { GpuCounts } from './systems/gpu.ts';
import type { System } from './systems/types.ts';
import { LOADED } from './table.ts';
import { Worker } from './worker.ts';
import type { Workload } from './workloads/types.ts';

/** How long to measure. */
export interface Effort {
  readonly rounds: number;
  /** Time to sample one system on one workload, in ms. */
  readonly budget: number;
  /** A system whose rounds would take longer than this takes part in fewer, in ms. */
  readonly cap: number;
  /** Pairs known to take more seconds per run than this are left out. */
  readonly slowestSeconds: number;
}

/** The headline table, about two minutes. */
export const quickEffort: Effort = { rounds: 5, budget: 500, cap: 4000, slowestSeconds: 10 };
/** `--full`, and every check. */
export const fullEffort: Effort = {
  rounds: 10,
  budget: 2000,
  cap: 20_000,
  slowestSeconds: Infinity,
};

/** More than this many cores taken by others makes a row's note say so. */
const LOADED_CORES = 0.25;
const PATIENCE_MS = 180_000;

export interface RunOptions {
  readonly effort: Effort;
  onProgress(message: string): void;
}

/** One workload on one system. */
export interface Pair {
  readonly workload: Workload;
  readonly system: System;
}

interface Entry extends Pair {
  readonly worker: Worker;
  readonly times: number[];
  rounds: number;
  failure: { readonly isWrong: boolean; readonly message: string } | undefined;
  notes: string[];
  peakBytes: number | null;
  counts: GpuCounts | null;
}

/** A row of a system on a workload's name with nothing measured. */
export function emptyRow(of: {
  readonly workload: string;
  readonly system: System;
  readonly mode: Row['mode'];
}): Row {
  const { workload, system, mode } = of;
  return {
    workload,
    system: system.name,
    version: system.version,
    backend: system.backend,
    variant: system.variant,
    threads: system.threads,
    mode,
    median_ms: null,
    min_ms: null,
    spread: null,
    gflops: null,
    percent_of_peak: null,
    launches: null,
    submits: null,
    buffers_created: null,
    bind_groups_created: null,
    pipelines_created: null,
    passes: null,
    peak_bytes: null,
    correct: null,
    note: null,
  };
}

function emptyRowOf({ workload, system }: Pair): Row {
  return emptyRow({ workload: workload.name, system, mode: system.mode(workload) });
}

function patience({ workload, system }: Pair): number {
  return PATIENCE_MS + system.expectedSeconds(workload) * 5000;
}

async function start(pair: Pair, effort: Effort): Promise<Entry> {
  const worker = new Worker(pair.system.id, pair.workload.name);
  const entry: Entry = {
    ...pair,
    worker,
    times: [],
    rounds: 0,
    failure: undefined,
    notes: [],
    peakBytes: null,
    counts: null,
  };
  const reply = await worker.next(patience(pair));
  if (reply.type === 'ready') {
    const affordable = Math.floor(effort.cap / reply.estimate);
    entry.rounds = Math.max(1, Math.min(effort.rounds, affordable));
    entry.counts = reply.counts;
  } else if (reply.type === 'single') {
    entry.times.push(reply.milliseconds);
    entry.notes.push('one run, no warm-up');
  } else if (reply.type === 'wrong' || reply.type === 'failed') {
    entry.failure = { isWrong: reply.type === 'wrong', message: reply.message };
  }
  return entry;
}

interface Load {
  /** Processor time of others while samples ran, and how long these ran, in ms. */
  others: number;
  elapsed: number;
}

async function sampleOnce(entry: Entry, milliseconds: number, load: Load): Promise<void> {
  const before = busyMilliseconds();
  const own = process.cpuUsage();
  const started = performance.now();
  const reply = await entry.worker.ask({ type: 'sample', milliseconds }, patience(entry));
  if (reply.type !== 'samples') {
    const message = reply.type === 'failed' ? reply.message : `unexpected reply '${reply.type}'`;
    entry.failure = { isWrong: false, message };
    return;
  }
  entry.times.push(...reply.times);
  const after = busyMilliseconds();
  if (before === null || after === null) return;
  const { user, system } = process.cpuUsage(own);
  load.elapsed += performance.now() - started;
  load.others += after - before - reply.cpu - (user + system) / 1000;
}

async function finish(entry: Entry): Promise<void> {
  const isRunning = !entry.failure;
  const reply = isRunning ? await entry.worker.ask({ type: 'finish' }, PATIENCE_MS) : undefined;
  if (reply?.type === 'finished') entry.peakBytes = reply.peakBytes;
  entry.worker.stop();
}

function toRow(entry: Entry): Row {
  const { workload, failure } = entry;
  const base = emptyRowOf(entry);
  if (failure) return { ...base, correct: failure.isWrong ? false : null, note: failure.message };
  const { median, min, spread } = summarize(entry.times);
  return {
    ...base,
    median_ms: median,
    min_ms: min,
    spread,
    gflops: workload.flops === null ? null : workload.flops / median / 1e6,
    ...countsOf(entry.counts),
    peak_bytes: entry.peakBytes,
    correct: true,
    note: entry.notes.length > 0 ? entry.notes.join('; ') : null,
  };
}

function countsOf(counts: GpuCounts | null): Partial<Row> {
  if (counts === null) return {};
  return {
    launches: counts.dispatches,
    submits: counts.submits,
    buffers_created: counts.buffers,
    bind_groups_created: counts.bindGroups,
    pipelines_created: counts.pipelines,
    passes: counts.passes,
  };
}

/** Why a pair is not started, or undefined. */
function reasonToSkip({ workload, system }: Pair, effort: Effort): string | undefined {
  const supported = system.supports(workload);
  if (supported !== true) return supported;
  const seconds = system.expectedSeconds(workload);
  if (seconds <= effort.slowestSeconds) return undefined;
  return `left out: about ${seconds} s a run (--full measures it)`;
}

/**
 * The rows of some pairs, in their order, all interleaved with each other: what is to be compared
 * belongs into one call.
 */
export async function measure(pairs: readonly Pair[], options: RunOptions): Promise<Row[]> {
  const { effort, onProgress } = options;
  const entries = new Map<Pair, Entry>();
  const load: Load = { others: 0, elapsed: 0 };
  const names = [...new Set(pairs.map(({ workload }) => workload.name))].join(', ');
  try {
    for (const pair of pairs) {
      if (reasonToSkip(pair, effort) !== undefined) continue;
      onProgress(`${pair.workload.name}: checking ${pair.system.id}`);
      entries.set(pair, await start(pair, effort));
    }
    for (let round = 0; round < effort.rounds; round++) {
      onProgress(`${names}: round ${round + 1} of ${effort.rounds}`);
      for (const entry of entries.values()) {
        if (entry.failure || round >= entry.rounds) continue;
        await sampleOnce(entry, effort.budget / effort.rounds, load);
      }
    }
    for (const entry of entries.values()) await finish(entry);
  } finally {
    for (const { worker } of entries.values()) worker.stop();
  }
  const cores = load.elapsed > 0 ? load.others / load.elapsed : 0;
  return pairs.map((pair) => {
    const entry = entries.get(pair);
    if (!entry) return { ...emptyRowOf(pair), note: reasonToSkip(pair, effort) ?? null };
    if (cores > LOADED_CORES && !entry.failure) {
      entry.notes.push(`${LOADED} others used ${cores.toFixed(1)} cores`);
    }
    return toRow(entry);
  });
}

/** The row with its share of the peak of its own arithmetic, times its threads. */
export function withShare(row: Row, system: System, limits: Limits): Row {
  const peak = system.peak === null ? null : limits[system.peak];
  if (row.gflops === null || peak === null) return row;
  return { ...row, percent_of_peak: (100 * row.gflops) / (peak * system.threads) };
}
