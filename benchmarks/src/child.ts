// Entry of a measuring process: `child.ts <system> <workload>`. One system, one workload, so that
// neither the heap nor the compiler's type feedback of another measurement is in the way.
import { setTimeout as sleep } from 'node:timers/promises';
import { check, SINGLE_RUN_MS, sample, time, warmUp } from './measure.ts';
import type { Reply, Request } from './protocol.ts';
import { difference, type GpuCounts, gpuCounts, medianCounts } from './systems/gpu.ts';
import { findSystem } from './systems/index.ts';
import type { Prepared } from './systems/types.ts';
import { findWorkload } from './workloads/index.ts';

const COUNTED_RUNS = 9;
/** Pools fill and pipelines are compiled in the first runs; more than some seconds none gets. */
const RUNS_BEFORE = 12;
const PATIENCE_MS = 6000;

function send(reply: Reply): void {
  process.send?.(reply);
}

function processorMilliseconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function serve(prepared: Prepared, estimate: number): void {
  process.on('message', (request: Request) => {
    void answer(request, prepared, estimate).catch(fail);
  });
}

async function answer(request: Request, prepared: Prepared, estimate: number): Promise<void> {
  if (request.type === 'finish') {
    finish();
    return;
  }
  globalThis.gc?.();
  const before = processorMilliseconds();
  const times = await sample(prepared, request.milliseconds, estimate);
  send({ type: 'samples', times, cpu: processorMilliseconds() - before });
}

function finish(): void {
  const peakBytes = process.resourceUsage().maxRSS * 1024;
  process.send?.({ type: 'finished', peakBytes } satisfies Reply, () => process.exit(0));
}

function fail(error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  process.send?.({ type: 'failed', message } satisfies Reply, () => process.exit(1));
}

/**
 * What a run in the steady state asks of the GPU: the median of each count over some runs, since a
 * collection in the midst of one shuffles pools. Null in processes that use no GPU.
 */
async function countRuns(prepared: Prepared): Promise<GpuCounts | null> {
  if (gpuCounts() === null) return null;
  // What the check has left behind is collected now, and its buffers go back to pools.
  globalThis.gc?.();
  await sleep(20);
  const runs: GpuCounts[] = [];
  let spent = 0;
  for (let i = 0; i < RUNS_BEFORE && spent < PATIENCE_MS; i++) spent += await time(prepared, 1);
  const isSlow = spent > PATIENCE_MS;
  for (let i = 0; i < (isSlow ? 1 : COUNTED_RUNS); i++) {
    const before = gpuCounts()!;
    await time(prepared, 1);
    runs.push(difference(before, gpuCounts()!));
  }
  return medianCounts(runs);
}

async function main(): Promise<void> {
  const [systemId = '', workloadName = ''] = process.argv.slice(2);
  const workload = findWorkload(workloadName);
  const runtime = await findSystem(systemId).load();
  const prepared = await runtime.prepare(workload);
  const { verdict, first } = await check(workload, prepared);
  const isSingle = first > SINGLE_RUN_MS;
  const estimate = verdict.isCorrect && !isSingle ? await warmUp(prepared, first) : first;
  const counts = verdict.isCorrect && !isSingle ? await countRuns(prepared) : null;
  serve(prepared, estimate);
  if (!verdict.isCorrect) send({ type: 'wrong', message: verdict.message });
  else if (isSingle) send({ type: 'single', milliseconds: first });
  else send({ type: 'ready', estimate, counts });
}

await main().catch(fail);
