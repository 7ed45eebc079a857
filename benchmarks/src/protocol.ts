// Messages between the runner and the process that measures one system on one workload.
import type { GpuCounts } from './systems/gpu.ts';

export type Request =
  | { readonly type: 'sample'; readonly milliseconds: number }
  | { readonly type: 'finish' };

export type Reply =
  /** Correct, warmed up, waiting for samples; `counts` of one run, where a GPU is used. */
  | { readonly type: 'ready'; readonly estimate: number; readonly counts: GpuCounts | null }
  /** Correct, and so slow that its only run counts. */
  | { readonly type: 'single'; readonly milliseconds: number }
  | { readonly type: 'wrong'; readonly message: string }
  | { readonly type: 'failed'; readonly message: string }
  | { readonly type: 'samples'; readonly times: readonly number[]; readonly cpu: number }
  | { readonly type: 'finished'; readonly peakBytes: number };
