// Measures workloads on systems: for each workload a fresh process per system, checked and warmed
// one after another, then sampled in interleaved rounds (A B C A B C …), so that a slow moment of
// the machine meets them all. Only one process computes at a time.
import { busyMilliseconds } from './machine.ts';
import type { Row } from './rows.ts';
import { summarize } from './stats.ts';
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
  /** Peak of plain JavaScript, GFLOP/s, for percent_of_peak. */
  readonly jsPeak: number;
  onProgress(message: string): void;
}

interface Entry {
  readonly system: System;
  readonly worker: Worker;
  readonly times: number[];
  rounds: number;
  failure: { readonly isWrong: boolean; readonly message: string } | undefined;
  notes: string[];
  peakBytes: number | null;
}

function emptyRow(workload: Workload, system: System): Row {
  return {
    workload: workload.name,
    system: system.name,
    version: system.version,
    backend: system.backend,
    variant: system.variant,
    threads: system.threads,
    mode: system.mode(workload),
    median_ms: null,
    min_ms: null,
    spread: null,
    gflops: null,
    percent_of_peak: null,
    launches: null,
    submits: null,
    buffers_created: null,
    bind_groups_created: null,
    peak_bytes: null,
    correct: null,
    note: null,
  };
}

function patience(workload: Workload, system: System): number {
  return PATIENCE_MS + system.expectedSeconds(workload) * 5000;
}

async function start(workload: Workload, system: System, effort: Effort): Promise<Entry> {
  const worker = new Worker(system.id, workload.name);
  const entry: Entry = {
    system,
    worker,
    times: [],
    rounds: 0,
    failure: undefined,
    notes: [],
    peakBytes: null,
  };
  const reply = await worker.next(patience(workload, system));
  if (reply.type === 'ready') {
    const affordable = Math.floor(effort.cap / reply.estimate);
    entry.rounds = Math.max(1, Math.min(effort.rounds, affordable));
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

async function sampleOnce(
  entry: Entry,
  milliseconds: number,
  load: Load,
  timeout: number,
): Promise<void> {
  const before = busyMilliseconds();
  const own = process.cpuUsage();
  const started = performance.now();
  const reply = await entry.worker.ask({ type: 'sample', milliseconds }, timeout);
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

function toRow(workload: Workload, entry: Entry, jsPeak: number): Row {
  const { system, failure } = entry;
  const base = emptyRow(workload, system);
  if (failure) return { ...base, correct: failure.isWrong ? false : null, note: failure.message };
  const { median, min, spread } = summarize(entry.times);
  const gflops = workload.flops === null ? null : workload.flops / median / 1e6;
  return {
    ...base,
    median_ms: median,
    min_ms: min,
    spread,
    gflops,
    percent_of_peak: gflops !== null && system.isPlainJs ? (100 * gflops) / jsPeak : null,
    peak_bytes: entry.peakBytes,
    correct: true,
    note: entry.notes.length > 0 ? entry.notes.join('; ') : null,
  };
}

/** Why a pair is not started, or undefined. */
function reasonToSkip(workload: Workload, system: System, effort: Effort): string | undefined {
  const supported = system.supports(workload);
  if (supported !== true) return supported;
  const seconds = system.expectedSeconds(workload);
  if (seconds <= effort.slowestSeconds) return undefined;
  return `left out: about ${seconds} s a run (--full measures it)`;
}

/** The rows of one workload on every system, in the systems' order. */
export async function measureWorkload(
  workload: Workload,
  systems: readonly System[],
  options: RunOptions,
): Promise<Row[]> {
  const { effort, jsPeak, onProgress } = options;
  const entries = new Map<System, Entry>();
  const load: Load = { others: 0, elapsed: 0 };
  try {
    for (const system of systems) {
      if (reasonToSkip(workload, system, effort) !== undefined) continue;
      onProgress(`${workload.name}: checking ${system.id}`);
      entries.set(system, await start(workload, system, effort));
    }
    for (let round = 0; round < effort.rounds; round++) {
      onProgress(`${workload.name}: round ${round + 1} of ${effort.rounds}`);
      for (const [system, entry] of entries) {
        if (entry.failure || round >= entry.rounds) continue;
        const slice = effort.budget / effort.rounds;
        await sampleOnce(entry, slice, load, patience(workload, system));
      }
    }
    for (const entry of entries.values()) await finish(entry);
  } finally {
    for (const { worker } of entries.values()) worker.stop();
  }
  const cores = load.elapsed > 0 ? load.others / load.elapsed : 0;
  return systems.map((system) => {
    const entry = entries.get(system);
    if (!entry) {
      return {
        ...emptyRow(workload, system),
        note: reasonToSkip(workload, system, effort) ?? null,
      };
    }
    if (cores > LOADED_CORES && !entry.failure) {
      entry.notes.push(`${LOADED} others used ${cores.toFixed(1)} cores`);
    }
    return toRow(workload, entry, jsPeak);
  });
}
