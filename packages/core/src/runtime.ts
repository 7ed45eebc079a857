/**
 * What core keeps for each backend instance: its working set, the kernels prepared so far and a few
 * counters. Two instances of a backend in one process are two runtimes.
 */
import type { Backend, Kernel, KernelSpec, TensorType } from './backend.ts';
import { BYTES } from './dtype.ts';
import type { Storage } from './memory/ownership.ts';
import { WorkingSet } from './memory/working-set.ts';
import { sizeOf } from './shape.ts';

export class Runtime {
  readonly backend: Backend;
  readonly memory: WorkingSet;
  /** By spec key; for one-step regions over dense operands also by a small integer. */
  readonly kernels: Map<string, Kernel> = new Map();
  readonly denseKernels: (Kernel | undefined)[] = [];
  /** Launches since the start: benchmarks and tests read differences. */
  launches = 0;
  readonly #scratch: (Int32Array | undefined)[] = [];

  constructor(backend: Backend) {
    this.backend = backend;
    this.memory = new WorkingSet(backend);
  }

  /** A reused block of `length` words: launch() may not keep it. */
  words(length: number): Int32Array {
    let block = this.#scratch[length];
    if (block === undefined) {
      block = new Int32Array(length);
      this.#scratch[length] = block;
    }
    return block;
  }

  prepare(spec: KernelSpec): Kernel {
    if (spec.kind === 'fused') {
      throw new Error(`prepare: ${spec.name} is prepared by its override`);
    }
    // Each member of the table takes its own member of the union.
    const prepare = this.backend.prepare[spec.kind] as (spec: KernelSpec) => Kernel;
    return prepare.call(this.backend.prepare, spec);
  }

  storageFor(type: TensorType): Storage {
    return this.memory.acquire(sizeOf(type.shape) * BYTES[type.dtype], type);
  }
}

const runtimes = new WeakMap<Backend, Runtime>();

export function runtimeOf(backend: Backend): Runtime {
  let runtime = runtimes.get(backend);
  if (runtime === undefined) {
    runtime = new Runtime(backend);
    runtimes.set(backend, runtime);
  }
  return runtime;
}
