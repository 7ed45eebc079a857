// Asks a process of its own about the GPU, and puts what it measured into words and rows.
import { fork } from 'node:child_process';
import type { GpuReply, GpuRow } from './gpu-protocol.ts';
import type { Row } from './rows.ts';
import { emptyRow } from './runner.ts';
import { findSystem } from './systems/index.ts';
import { alignColumns, formatTime } from './table.ts';

export type Gpu = Extract<GpuReply, { type: 'gpu' }>;

/** The ceilings of the GPU, with `sweep` Tenon's large kernels too; or why there are none. */
export function askGpu(what: 'limits' | 'sweep'): Promise<GpuReply> {
  const child = fork(new URL('./gpu-child.ts', import.meta.url), [what], {
    execArgv: ['--conditions=@tenon/source', '--expose-gc', '--no-warnings'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  return new Promise((resolve) => {
    const failed = (message: string): void => resolve({ type: 'failed', message });
    child.on('message', (reply: GpuReply) => resolve(reply));
    child.on('error', (error) => failed(error.message));
    child.on('close', (code, signal) => failed(`process ended with ${signal ?? code}`));
  });
}

/** What share of its ceiling a row reached: in words and in percent. */
function shareOf(row: GpuRow, gpu: Gpu): readonly [string, number | null] {
  if (row.median === null) return ['', null];
  if (row.flops !== null) {
    const gflops = row.flops / row.median / 1e6;
    return [`${Number(gflops.toPrecision(3))} GFLOP/s`, (100 * gflops) / gpu.gflops];
  }
  const rate = (row.bytes ?? 0) / row.median / 1e6;
  return [`${Number(rate.toPrecision(3))} GB/s`, (100 * rate) / gpu.gbPerS];
}

/** A line for each work and variant: time, rate, share of peak or bandwidth. */
export function formatSweep(gpu: Gpu): string {
  const lines = gpu.rows.map((row) => {
    if (row.median === null) return [row.name, row.variant, 'wrong', '', row.wrong ?? ''];
    const [rate, share] = shareOf(row, gpu);
    const of = row.flops === null ? 'bandwidth' : 'peak';
    return [row.name, row.variant, formatTime(row.median), rate, `${share?.toFixed(0)} % of ${of}`];
  });
  return (
    `${gpu.adapter}\nmeasured: multiply-add ${Number(gpu.gflops.toPrecision(3))} GFLOP/s, ` +
    `copy ${Number(gpu.gbPerS.toPrecision(3))} GB/s\n\n` +
    alignColumns([['work', 'variant', 'time', 'rate', 'share'], ...lines])
  );
}

/** The rows of a sweep in the report's form. The share of bandwidth is in the note. */
export function sweepRows(gpu: Gpu): Row[] {
  const system = findSystem('tenon-webgpu');
  return gpu.rows.map((row): Row => {
    const [rate, share] = shareOf(row, gpu);
    const base = {
      ...emptyRow({ workload: row.name, system, mode: 'eager' }),
      variant: row.variant,
    };
    if (row.median === null) return { ...base, correct: false, note: row.wrong };
    const isProduct = row.flops !== null;
    return {
      ...base,
      median_ms: row.median,
      min_ms: row.min,
      spread: row.spread,
      gflops: isProduct ? row.flops / row.median / 1e6 : null,
      percent_of_peak: isProduct ? share : null,
      correct: true,
      note: isProduct ? null : `${rate}, ${share?.toFixed(1)} % of bandwidth`,
    };
  });
}
