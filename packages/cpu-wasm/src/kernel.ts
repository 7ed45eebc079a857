/** What every kernel of this backend is: a spec and a function over buffers and launch words. */
import type { Buffer, Kernel, KernelSpec } from '@tenon/core';

/** A block of the wasm memory. Its address is a multiple of 64, unsigned, up to 4 GiB. */
export interface WasmBuffer extends Buffer {
  readonly address: number;
}

/** buffers: as in Launch. Must not keep either argument. */
export type Run = (buffers: readonly WasmBuffer[], args: Int32Array) => void;

export class WasmKernel implements Kernel {
  readonly spec: KernelSpec;
  readonly ready: null;
  readonly run: Run;
  /** Bytes of scratch that a launch with these words wants as its last buffer. */
  readonly workspace: (args: Int32Array) => number;

  constructor(spec: KernelSpec, run: Run, workspace: (args: Int32Array) => number = none) {
    this.spec = spec;
    this.ready = null;
    this.run = run;
    this.workspace = workspace;
  }
}

function none(): number {
  return 0;
}
