/** The webgpu backend: ties device, queue and kernels together. Nothing in it ever blocks. */
import type {
  Backend,
  BackendAttempt,
  Buffer,
  Capabilities,
  CopyStep,
  DeviceLostError,
  DType,
  Kernel,
  KernelSpec,
  Override,
  Program,
  ProgramStep,
  Specs,
} from '@tenon/core';
import { BackendError, DTypeError, DeviceLostError as LostError } from '@tenon/core';
import { type Block, forgetWrites, type GpuBuffer } from './buffers.ts';
import { copiesFor, wholeWords } from './copies.ts';
import type { Counters } from './counters.ts';
import { type Opened, openDevice, type Profile, type Variant } from './device.ts';
import type { Gpu, GpuKernel } from './kernel.ts';
import { Machine } from './machine.ts';
import { DEFAULT_MEMORY, type WebGpuOptions } from './options.ts';
import { linkProgram } from './program.ts';

/** What makes the kernels: the tables of this package, or a test's. */
export interface Makers {
  readonly prepare: { readonly [K in keyof Specs]: (spec: Specs[K], gpu: Gpu) => GpuKernel };
  overrides(gpu: Gpu): Readonly<Record<string, Override>>;
  readonly ulp: Capabilities['ulp'];
}

/** What `recover` takes. */
export interface RecoverOptions {
  /** The device to go on with; needed where the application made the lost one. */
  readonly device?: GPUDevice;
  /** Puts values back into variables once there is a device: what `takeSnapshot` of core gives. */
  readonly state?: { restore(): void };
}

/** Words of one launch: a uniform binding holds 64 KiB or more, and kernels add their own. */
const MAX_ARG_WORDS: number = 2 ** 14 - 256;

function capabilitiesOf(
  { hasF16, limits, notes }: Profile,
  memory: number,
  ulp: Capabilities['ulp'],
): Capabilities {
  const dtypes: readonly DType[] = ['f32', 'i32', 'u32', 'bool'];
  return {
    dtypes: hasF16 ? [...dtypes, 'f16'] : dtypes,
    syncRead: false,
    threads: 1,
    notes: [...notes, `memory: at most ${memory} bytes of tensors (memoryBytes)`],
    bounds: 'nan',
    memory,
    maxBuffers: limits.maxStorageBuffers,
    maxArgWords: MAX_ARG_WORDS,
    maxSteps: 256,
    maxBufferBytes: Math.min(limits.maxBindingBytes, limits.maxBufferBytes),
    // WGSL lets every device flush them, and most do: nothing may rely on them.
    subnormals: false,
    ulp,
  };
}

/** The dtypes that a kernel of this spec meets. */
function dtypesOf(spec: KernelSpec): readonly DType[] {
  if (spec.kind !== 'region') return [spec.dtype];
  return [...spec.inputs, ...spec.outputs, ...spec.steps].map(({ dtype }) => dtype);
}

/**
 * A backend on a WebGPU device, made by `webgpu`. Launches are recorded and submitted together:
 * when something is read, when many have come together, and at the end of the turn. Results can
 * only be awaited.
 *
 * @throws DeviceLostError from everything once the device is lost, until `recover`
 * @throws KernelError where the device refused a shader or a launch: from the reads of what it
 *   would have written, or from the next read if nobody was waiting
 * @throws OutOfMemoryError from `allocate` beyond `memoryBytes` or the limits of the device
 */
export class WebGpuBackend implements Backend {
  readonly name: string = 'webgpu';
  /** How kernels share work, see `capabilities.notes`. */
  readonly variant: Variant;
  /** The adapter is a CPU: a backend for CPUs is faster. */
  readonly isCpuAdapter: boolean;
  readonly capabilities: Capabilities;
  report: readonly BackendAttempt[] = [];
  readonly prepare: { readonly [K in keyof Specs]: (spec: Specs[K]) => Kernel };
  readonly overrides: Readonly<Record<string, Override>>;
  private readonly machine: Machine;
  private readonly options: WebGpuOptions;
  private recovering: Promise<void> | null = null;
  private isDisposed = false;

  constructor(opened: Opened, options: WebGpuOptions, makers: Makers) {
    const memory = options.memoryBytes ?? DEFAULT_MEMORY;
    const machine = new Machine(opened, memory);
    this.machine = machine;
    this.options = options;
    this.variant = opened.profile.variant;
    this.isCpuAdapter = opened.profile.isCpu;
    this.capabilities = capabilitiesOf(opened.profile, memory, makers.ulp);
    const { prepare } = makers;
    this.prepare = {
      region: (spec) => this.make(spec, prepare.region),
      matmul: (spec) => this.make(spec, prepare.matmul),
      gather: (spec) => this.make(spec, prepare.gather),
      scatterAdd: (spec) => this.make(spec, prepare.scatterAdd),
      fold: (spec) => this.make(spec, prepare.fold),
      pad: (spec) => this.make(spec, prepare.pad),
      argReduce: (spec) => this.make(spec, prepare.argReduce),
      scan: (spec) => this.make(spec, prepare.scan),
      argSort: (spec) => this.make(spec, prepare.argSort),
    };
    const overrides: Record<string, Override> = {};
    for (const [name, override] of Object.entries(makers.overrides(machine))) {
      overrides[name] = {
        ...override,
        prepare: (spec) => this.make(spec, (each) => override.prepare(each) as GpuKernel),
      };
    }
    this.overrides = overrides;
  }

  /** The device that everything runs on; another one after `recover`. */
  get device(): GPUDevice {
    return this.machine.session.device;
  }

  /** Resolves when the device of this moment is lost. */
  get lost(): Promise<DeviceLostError> {
    return this.machine.session.lost;
  }

  /** What has been done since this was last asked. */
  counters(): Counters {
    return this.machine.counters();
  }

  allocate(byteLength: number): GpuBuffer {
    return this.machine.pool.allocate(byteLength);
  }

  free(buffer: Buffer): void {
    this.machine.pool.release(buffer as GpuBuffer);
  }

  write(buffer: Buffer, bytes: ArrayBufferView, byteOffset = 0): void {
    const target = buffer as GpuBuffer;
    const block = this.blockOf(target);
    const { byteLength } = bytes;
    const whole = wholeWords('write', target, byteOffset, byteLength);
    let source = new Uint8Array(bytes.buffer as ArrayBuffer, bytes.byteOffset, byteLength);
    if (whole !== byteLength) {
      const padded = new Uint8Array(whole);
      padded.set(source);
      source = padded;
    }
    if (byteOffset === 0 && byteLength === target.byteLength) forgetWrites(block);
    this.machine.queue.write(block, byteOffset, source);
  }

  copy(step: CopyStep): void {
    const { queue, pool } = this.machine;
    const target = step.to as GpuBuffer;
    const from = this.blockOf(step.from as GpuBuffer);
    const between: GpuBuffer[] = [];
    const copies = copiesFor(step, from, this.blockOf(target), target, pool, (buffer) => {
      between.push(buffer);
    });
    for (const copy of copies) queue.copy(copy);
    for (const buffer of between) pool.release(buffer);
  }

  async read(
    buffer: Buffer,
    byteOffset = 0,
    byteLength: number = buffer.byteLength - byteOffset,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const block = this.blockOf(buffer as GpuBuffer);
    const start = byteOffset - (byteOffset % 4);
    const skipped = byteOffset - start;
    const bytes = await this.machine.queue.read(block, start, byteLength + skipped);
    return skipped === 0 ? bytes : bytes.slice(skipped);
  }

  launch(kernel: Kernel, buffers: readonly Buffer[], args: Int32Array): void {
    const { queue } = this.machine;
    (kernel as GpuKernel).encode(queue, buffers as readonly GpuBuffer[], args);
  }

  link(steps: readonly ProgramStep[]): Program {
    return linkProgram(this.machine, steps);
  }

  flush(): void {
    this.machine.session.assertOpen();
    this.machine.queue.flush();
  }

  /** Resolves when everything so far is done, compilation included. */
  synchronize(): Promise<void> {
    return this.machine.queue.synchronize();
  }

  /**
   * Goes on with a fresh device after a loss: kernels are compiled again when they are used, and
   * `state` puts values back. Tensors of the old device stay lost: where it was not lost before, it
   * is given up, with all that is on it. A call while another is under way is the same call.
   *
   * @throws BackendError where the lost device was the application's and no other is given, or
   *   where the new one has less than the old one; after dispose
   */
  recover(options: RecoverOptions = {}): Promise<void> {
    this.recovering ??= this.replace(options).finally(() => {
      this.recovering = null;
    });
    return this.recovering;
  }

  /** Ends everything: a device that the backend made is destroyed, the application's is kept. */
  dispose(): void {
    this.isDisposed = true;
    this.machine.end(disposedError());
  }

  private async replace({ device, state }: RecoverOptions): Promise<void> {
    const { session, profile } = this.machine;
    if (this.isDisposed) throw disposedError();
    if (device === undefined && !session.isOwn) {
      throw new BackendError(
        'recover: expected { device } with a new device, because the application made the lost ' +
          'one, got none',
      );
    }
    this.machine.end(
      new LostError(
        'webgpu: the device was replaced (recover): nothing on it can be read any more',
      ),
    );
    const { device: _, limits, powerPreference, ...rest } = this.options;
    const wanted: WebGpuOptions = {
      ...rest,
      variant: this.variant,
      ...(device === undefined
        ? {
            ...(limits === undefined ? {} : { limits }),
            ...(powerPreference === undefined ? {} : { powerPreference }),
          }
        : { device }),
    };
    const opened = await openDevice(wanted);
    try {
      if (this.isDisposed) throw disposedError();
      assertNoLess(profile, opened.profile);
    } catch (error) {
      if (opened.isOwn) opened.device.destroy();
      throw error;
    }
    this.machine.replace(opened);
    state?.restore();
  }

  private make<S extends KernelSpec>(spec: S, prepare: (spec: S, gpu: Gpu) => GpuKernel): Kernel {
    const { dtypes } = this.capabilities;
    const other = dtypesOf(spec).find((dtype) => !dtypes.includes(dtype));
    if (other !== undefined) {
      throw new DTypeError(
        `webgpu: expected dtype ${dtypes.join(', ')}, got ${other} (cast first)`,
      );
    }
    const { pipelines } = this.machine;
    const { value, pipelines: made } = pipelines.collect(() => prepare(spec, this.machine));
    value.needs(made);
    return value;
  }

  private blockOf(buffer: GpuBuffer): Block {
    this.machine.session.assertOpen();
    return this.machine.queue.blockOf(buffer);
  }
}

function disposedError(): BackendError {
  return new BackendError('webgpu: expected a live backend, got a disposed one');
}

/** Kernels were made for the old device: the new one must take them. */
function assertNoLess(old: Profile, fresh: Profile): void {
  const lacks: string[] = [];
  if (old.hasF16 && !fresh.hasF16) lacks.push("the feature 'shader-f16'");
  if (fresh.subgroupSize < old.subgroupSize) lacks.push(`subgroups of ${old.subgroupSize}`);
  for (const name of Object.keys(old.limits) as (keyof Profile['limits'])[]) {
    if (fresh.limits[name] < old.limits[name]) lacks.push(`${name} ${old.limits[name]}`);
  }
  if (lacks.length === 0) return;
  throw new BackendError(
    'recover: expected a device with no less than the lost one, got one without ' +
      lacks.join(', '),
  );
}
