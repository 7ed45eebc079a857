/** What every kernel of this backend is: a spec and a function over buffers and launch words. */
import type { Kernel, KernelSpec } from '@tenon/core';
import type { CpuBuffer } from './storage.ts';

/** buffers: as in Launch. Must not keep either argument. */
export type Run = (buffers: readonly CpuBuffer[], args: Int32Array) => void;

export class CpuKernel implements Kernel {
  readonly spec: KernelSpec;
  readonly ready: null;
  readonly run: Run;

  constructor(spec: KernelSpec, run: Run) {
    this.spec = spec;
    this.ready = null;
    this.run = run;
  }

  /** Scratch is private to the backend and only grows, so no launch asks for any. */
  workspace(): number {
    return 0;
  }
}
