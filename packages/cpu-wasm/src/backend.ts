/** The cpu-wasm backend: ties memory, machine and kernels together. Only its start waits. */
import type {
  Backend,
  BackendAttempt,
  Buffer,
  Capabilities,
  CopyStep,
  DType,
  Kernel,
  Override,
  Program,
  ProgramStep,
  ScalarName,
  Specs,
} from '@tenon/core';
import { DTypeError, linkSteps } from '@tenon/core';
import { prepareRegion } from './codegen/region.ts';
import { ROWS } from './codegen/scalars.ts';
import { makeOverrides } from './fused/overrides.ts';
import type { WasmBuffer, WasmKernel } from './kernel.ts';
import { prepareArgReduce } from './kernels/arg-reduce.ts';
import { prepareArgSort } from './kernels/arg-sort.ts';
import { prepareFold } from './kernels/fold.ts';
import { prepareGather } from './kernels/gather.ts';
import { prepareMatmul } from './kernels/matmul.ts';
import { preparePad } from './kernels/pad.ts';
import { prepareScan } from './kernels/scan.ts';
import { prepareScatterAdd } from './kernels/scatter-add.ts';
import { MAX_ARG_WORDS, type Machine, type WasmMachine } from './machine.ts';
import type { WasmMemory } from './memory.ts';
import type { Variant } from './variant.ts';

const DTYPES: readonly DType[] = ['f32', 'i32', 'u32', 'bool', 'f64'];
/** Of the heap, what core may fill with tensors: the rest is room for fragments and workspaces. */
const USABLE = 0.75;
const MAX_BUFFER_BYTES: number = 2 ** 31 - 64;
/** Launch words that kernels add to those of a launch. */
const OWN_WORDS = 256;

function capabilitiesOf(machine: WasmMachine, notes: readonly string[]): Capabilities {
  const ulp: Partial<Record<ScalarName, number>> = {};
  for (const [name, row] of Object.entries(ROWS)) {
    if (row.ulp > 0) ulp[name as ScalarName] = row.ulp;
  }
  const { heapLimit } = machine.memory;
  return {
    dtypes: DTYPES,
    syncRead: true,
    threads: machine.threads,
    notes,
    bounds: 'throw',
    memory: Math.floor(heapLimit * USABLE),
    maxBuffers: 64,
    maxArgWords: MAX_ARG_WORDS - OWN_WORDS,
    maxSteps: 512,
    maxBufferBytes: Math.min(MAX_BUFFER_BYTES, heapLimit),
    subnormals: true,
    ulp,
  };
}

/** A kernel maker that refuses element types this backend does not have. */
function checked<S extends { readonly dtype: DType }>(
  machine: Machine,
  prepare: (spec: S, machine: Machine) => WasmKernel,
): (spec: S) => WasmKernel {
  return (spec) => {
    if (!DTYPES.includes(spec.dtype)) {
      throw new DTypeError(
        `cpu-wasm: expected dtype ${DTYPES.join(', ')}, got ${spec.dtype} (cast first)`,
      );
    }
    return prepare(spec, machine);
  };
}

/**
 * A backend in WebAssembly, made by `wasm`: launches are synchronous, and belong to the thread that
 * made it. `capabilities.notes` says what runs and why not more.
 *
 * @throws BackendError from a launch whose kernel trapped or whose thread ended, and after dispose
 * @throws OutOfMemoryError from `allocate` when the memory can neither give nor grow enough
 */
export class WasmBackend implements Backend {
  readonly name: string = 'cpu-wasm';
  /** The build of the kernels that runs. */
  readonly variant: Variant;
  capabilities: Capabilities;
  report: readonly BackendAttempt[] = [];
  readonly prepare: { readonly [K in keyof Specs]: (spec: Specs[K]) => Kernel };
  readonly overrides: Readonly<Record<string, Override>>;
  private readonly machine: WasmMachine;
  private readonly heap: WasmMemory;

  constructor(machine: WasmMachine, notes: readonly string[], hasOverrides: boolean) {
    this.machine = machine;
    this.heap = machine.memory;
    this.variant = machine.variant;
    this.capabilities = capabilitiesOf(machine, notes);
    this.overrides = hasOverrides ? makeOverrides(machine) : {};
    this.prepare = {
      region: (spec) => prepareRegion(spec, machine),
      matmul: checked(machine, prepareMatmul),
      gather: checked(machine, prepareGather),
      scatterAdd: checked(machine, prepareScatterAdd),
      fold: checked(machine, prepareFold),
      pad: checked(machine, preparePad),
      argReduce: checked(machine, prepareArgReduce),
      scan: checked(machine, prepareScan),
      argSort: checked(machine, prepareArgSort),
    };
  }

  /** The number of threads has changed, or what there is to say about them. */
  update(notes: readonly string[]): void {
    this.capabilities = { ...this.capabilities, notes, threads: this.machine.threads };
  }

  /** @throws OutOfMemoryError naming what is live and the limit */
  allocate(byteLength: number): WasmBuffer {
    return this.heap.allocate(byteLength);
  }

  /** @throws BackendError for a buffer that is free already */
  free(buffer: Buffer): void {
    this.heap.free(buffer as WasmBuffer);
  }

  write(buffer: Buffer, bytes: ArrayBufferView, byteOffset = 0): void {
    this.heap.assertOpen();
    const source = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.heap.u8.set(source, (buffer as WasmBuffer).address + byteOffset);
  }

  copy(step: CopyStep): void {
    this.copyBytes(step, step.from, step.to);
  }

  readSync(
    buffer: Buffer,
    byteOffset = 0,
    byteLength: number = buffer.byteLength - byteOffset,
  ): Uint8Array<ArrayBuffer> {
    this.heap.assertOpen();
    const start = (buffer as WasmBuffer).address + byteOffset;
    // Never slice: over shared memory it gives shared memory, which V8 does not reclaim in time.
    const copy = new Uint8Array(byteLength);
    copy.set(this.heap.u8.subarray(start, start + byteLength));
    return copy;
  }

  read(buffer: Buffer, byteOffset?: number, byteLength?: number): Promise<Uint8Array<ArrayBuffer>> {
    return Promise.resolve(this.readSync(buffer, byteOffset, byteLength));
  }

  launch(kernel: Kernel, buffers: readonly Buffer[], args: Int32Array): void {
    (kernel as WasmKernel).run(buffers as readonly WasmBuffer[], args);
  }

  link(steps: readonly ProgramStep[]): Program {
    return linkSteps(steps, {
      launch: (kernel, buffers, args) => this.launch(kernel, buffers, args),
      copy: (step, from, to) => this.copyBytes(step, from, to),
    });
  }

  flush(): void {}

  synchronize(): Promise<void> {
    return Promise.resolve();
  }

  /** Ends the threads and drops the memory; the backend cannot be used any more. */
  dispose(): void {
    this.machine.dispose();
  }

  private copyBytes(step: CopyStep, from: Buffer, to: Buffer): void {
    this.heap.assertOpen();
    const source = (from as WasmBuffer).address + step.fromByte;
    const target = (to as WasmBuffer).address + step.toByte;
    this.heap.u8.copyWithin(target, source, source + step.byteLength);
  }
}
