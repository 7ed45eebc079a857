// Entry of a measuring process: `child.ts <system> <workload>`. One system, one workload, so that
// neither the heap nor the compiler's type feedback of another measurement is in the way.
import { check, SINGLE_RUN_MS, sample, warmUp } from './measure.ts';
import type { Reply, Request } from './protocol.ts';
import { findSystem } from './systems/index.ts';
import type { Prepared } from './systems/types.ts';
import { findWorkload } from './workloads/index.ts';

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

async function main(): Promise<void> {
  const [systemId = '', workloadName = ''] = process.argv.slice(2);
  const workload = findWorkload(workloadName);
  const runtime = await findSystem(systemId).load();
  const prepared = await runtime.prepare(workload);
  const { verdict, first } = await check(workload, prepared);
  const isSingle = first > SINGLE_RUN_MS;
  const estimate = verdict.isCorrect && !isSingle ? await warmUp(prepared, first) : first;
  serve(prepared, estimate);
  if (!verdict.isCorrect) send({ type: 'wrong', message: verdict.message });
  else if (isSingle) send({ type: 'single', milliseconds: first });
  else send({ type: 'ready', estimate });
}

await main().catch(fail);
