/** The cpu-js backend: ties storage, kernels and programs together. Synchronous throughout. */
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
import { isCodegenAllowed, makeScratch } from './codegen.ts';
import { makeOverrides } from './fused/overrides.ts';
import { CpuKernel } from './kernel.ts';
import { prepareArgReduce } from './kernels/arg-reduce.ts';
import { prepareArgSort } from './kernels/arg-sort.ts';
import { prepareFold } from './kernels/fold.ts';
import { prepareGather } from './kernels/gather.ts';
import { prepareMatmul } from './kernels/matmul.ts';
import { preparePad } from './kernels/pad.ts';
import { prepareScan } from './kernels/scan.ts';
import { prepareScatterAdd } from './kernels/scatter-add.ts';
import { type Executor, prepareRegion } from './region.ts';
import { ROWS } from './scalars.ts';
import { type CpuBuffer, copyBytes, Pool } from './storage.ts';

/** Options of `cpuJs`. */
export interface CpuJsOptions {
  /**
   * Whether regions become generated JavaScript (`new Function`). Default: where that is allowed;
   * a content security policy without 'unsafe-eval' forbids it. Without it an interpreter gives the
   * same bits, 10 to 30 times slower.
   */
  readonly codegen?: boolean;
  /**
   * Whether composites such as conv run by kernels of their own. Default true; false runs their
   * decompositions, which tests and benchmarks compare with.
   */
  readonly overrides?: boolean;
  /** Bytes of freed buffers kept for reuse. Default 64 MB. */
  readonly poolBytes?: number;
}

const DTYPES: readonly DType[] = ['f32', 'i32', 'u32', 'bool', 'f64'];

function codegenNote(isWanted: boolean, isAllowed: boolean): string {
  if (isWanted && isAllowed) return 'generated code: on';
  return isWanted
    ? 'generated code: off, new Function is forbidden here; an interpreter runs regions instead'
    : 'generated code: off by option; an interpreter runs regions instead';
}

function capabilitiesOf(note: string): Capabilities {
  const ulp: Partial<Record<ScalarName, number>> = {};
  for (const [name, row] of Object.entries(ROWS)) {
    if (row.ulp > 0) ulp[name as ScalarName] = row.ulp;
  }
  return {
    dtypes: DTYPES,
    syncRead: true,
    threads: 1,
    notes: [note, 'one thread, no SIMD: plain JavaScript'],
    bounds: 'throw',
    memory: 'collected',
    maxBuffers: 64,
    maxArgWords: 4096,
    maxSteps: 512,
    maxBufferBytes: 2 ** 31 - 8,
    subnormals: true,
    ulp,
  };
}

/** A kernel maker that refuses element types this backend does not have. */
function checked<S extends { readonly dtype: DType }>(
  prepare: (spec: S) => CpuKernel,
): (spec: S) => CpuKernel {
  return (spec) => {
    if (!DTYPES.includes(spec.dtype)) {
      throw new DTypeError(
        `cpu-js: expected dtype ${DTYPES.join(', ')}, got ${spec.dtype} (cast first)`,
      );
    }
    return prepare(spec);
  };
}

/** A backend in plain JavaScript; see `cpuJs`. */
export class CpuJsBackend implements Backend {
  readonly name: string = 'cpu-js';
  readonly capabilities: Capabilities;
  report: readonly BackendAttempt[] = [];
  readonly prepare: { readonly [K in keyof Specs]: (spec: Specs[K]) => Kernel };
  readonly overrides: Readonly<Record<string, Override>>;
  private readonly pool: Pool;

  constructor(options: CpuJsOptions = {}) {
    const isWanted = options.codegen ?? true;
    const isAllowed = isWanted && isCodegenAllowed();
    const executor: Executor = { codegen: isAllowed, scratch: makeScratch() };
    this.capabilities = capabilitiesOf(codegenNote(isWanted, isAllowed));
    this.pool = new Pool(options.poolBytes);
    this.overrides = options.overrides === false ? {} : makeOverrides(executor.scratch);
    this.prepare = {
      region: (spec) => new CpuKernel(spec, prepareRegion(spec, executor)),
      matmul: checked((spec) => prepareMatmul(spec, executor)),
      gather: checked(prepareGather),
      scatterAdd: checked(prepareScatterAdd),
      fold: checked(prepareFold),
      pad: checked(preparePad),
      argReduce: checked(prepareArgReduce),
      scan: checked(prepareScan),
      argSort: checked(prepareArgSort),
    };
  }

  allocate(byteLength: number): CpuBuffer {
    return this.pool.allocate(byteLength);
  }

  free(buffer: Buffer): void {
    this.pool.free(buffer as CpuBuffer);
  }

  write(buffer: Buffer, bytes: ArrayBufferView, byteOffset = 0): void {
    const source = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    (buffer as CpuBuffer).bytes.set(source, byteOffset);
  }

  copy(step: CopyStep): void {
    copyBytes(step, step.from as CpuBuffer, step.to as CpuBuffer);
  }

  readSync(
    buffer: Buffer,
    byteOffset = 0,
    byteLength: number = buffer.byteLength - byteOffset,
  ): Uint8Array<ArrayBuffer> {
    return (buffer as CpuBuffer).bytes.slice(byteOffset, byteOffset + byteLength);
  }

  read(buffer: Buffer, byteOffset?: number, byteLength?: number): Promise<Uint8Array<ArrayBuffer>> {
    return Promise.resolve(this.readSync(buffer, byteOffset, byteLength));
  }

  launch(kernel: Kernel, buffers: readonly Buffer[], args: Int32Array): void {
    (kernel as CpuKernel).run(buffers as readonly CpuBuffer[], args);
  }

  link(steps: readonly ProgramStep[]): Program {
    return linkSteps(steps, {
      launch: (kernel, buffers, args) => {
        this.launch(kernel, buffers, args);
      },
      copy: (step, from, to) => {
        copyBytes(step, from as CpuBuffer, to as CpuBuffer);
      },
    });
  }

  flush(): void {}

  synchronize(): Promise<void> {
    return Promise.resolve();
  }

  dispose(): void {
    this.pool.clear();
  }
}
