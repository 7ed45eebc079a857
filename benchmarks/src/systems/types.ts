// The one interface behind which every library stands. A system's description is cheap to read;
// its library is imported only in the child process that measures it.
import type { Limits } from '../rows.ts';
import type { Workload } from '../workloads/types.ts';

/** A workload made ready by a system: operands on its device, weights in its layout. */
export interface Prepared {
  /** One repetition, finished when it returns or its promise settles. */
  run(): void | Promise<void>;
  /**
   * For an operation, the last result in row-major NCHW order. For training, the loss that each
   * step so far saw before its update, and then the loss of the present weights.
   */
  result(): Promise<ArrayLike<number>>;
}

/** Imported in the measuring process. */
export interface SystemRuntime {
  prepare(workload: Workload): Promise<Prepared>;
}

/** One library on one backend. */
export interface System {
  /** Stable, what `--systems` matches: `tfjs-cpu`. */
  readonly id: string;
  readonly name: string;
  readonly version: string;
  readonly backend: string;
  readonly variant: string | null;
  readonly threads: number;
  /** Whether it takes part without being named by --systems, --full or a check. */
  readonly isDefault: boolean;
  /** The limit of one thread that its arithmetic cannot exceed; null where that is not known. */
  readonly peak: keyof Limits | null;
  mode(workload: Workload): 'eager' | 'compiled';
  /** True, or the reason why the workload cannot run. */
  supports(workload: Workload): true | string;
  /** Seconds one run is known to take, where that is long; 0 elsewhere. */
  expectedSeconds(workload: Workload): number;
  load(): Promise<SystemRuntime>;
}
