/**
 * THE interface between core and a backend. Core canonicalises layouts and loop nests, plans memory
 * and owns every number; a backend turns a *spec* (structure only: no sizes, strides, offsets or
 * constant values) into a *kernel*, once. Numbers travel with each launch as flat 32-bit words.
 */
import type { DType } from './dtype.ts';
import type { ReduceName, ScalarName } from './scalars.ts';

/** One step of a straight-line scalar program. `args` are indices of earlier steps. */
export type Step =
  /** inputs[index] at the current position. */
  | { readonly op: 'load'; readonly index: number; readonly dtype: DType }
  /** Constant slot `index`: its value comes with the launch, so it is never part of a key. */
  | { readonly op: 'const'; readonly index: number; readonly dtype: DType }
  /** Over all reduced axes. Accumulates at least as exactly as pairwise summation in `dtype`. */
  | {
      readonly op: 'reduce';
      readonly reducer: ReduceName;
      readonly args: readonly [number];
      readonly dtype: DType;
    }
  /** `from`: dtype of the operands (of the values, for select); `dtype`: of the result. */
  | {
      readonly op: ScalarName;
      readonly args: readonly number[];
      readonly dtype: DType;
      readonly from: DType;
    };

/** How an operand moves along an axis: 0 not at all, 1 unit stride, 2 anything else. */
export type StrideClass = 0 | 1 | 2;

export interface InputSpec {
  readonly dtype: DType;
  /** 'kept': does not move along the reduced axes, so it is loaded once per kept position. */
  readonly domain: 'kept' | 'full';
  /** 'iota': no buffer; the value is offset + Σ index·stride (arange, one-hot, masks, counters). */
  readonly source: 'buffer' | 'iota';
  /** Class along the last kept and last reduced axis: all that a generator may specialise on. */
  readonly keptClass: StrideClass;
  readonly reducedClass: StrideClass;
}

export interface OutputSpec {
  /** The step whose value is stored. */
  readonly step: number;
  readonly dtype: DType;
  readonly domain: 'kept' | 'full';
  readonly keptClass: StrideClass;
  readonly reducedClass: StrideClass;
  /** Input whose storage this output overwrites at the same index map, or -1. Eager: always -1. */
  readonly alias: number;
}

/**
 * The one loop shape: kept axes outside, reduced axes inside. keptRank >= 1; reducedRank 0 is
 * elementwise, fill, iota, random, copy. Reductions may depend on each other (softmax: max, then
 * sum): the phase of a step is the number of reductions on its longest path, and a generator emits
 * one inner loop per phase.
 * args: sizes[rank], then per operand (inputs, then outputs) offset, strides[rank] in elements,
 * then constant bits (f64: two words, low first); rank = keptRank + reducedRank, kept axes first.
 */
export interface RegionSpec {
  readonly kind: 'region';
  readonly keptRank: number;
  readonly reducedRank: number;
  readonly inputs: readonly InputSpec[];
  readonly outputs: readonly OutputSpec[];
  readonly steps: readonly Step[];
  /** dtype of each constant slot. */
  readonly constants: readonly DType[];
}

/**
 * C[b0, b1, m, n] = Σk A[b0, b1, m, k] · B[b0, b1, k, n], then `epilogue`: a map region over
 * [B0, B1, M, N] (keptRank 4) whose input 0 is the accumulator, rounded to `dtype` first.
 * args: B0 B1 M N K, A: offset sB0 sB1 sM sK, B: offset sB0 sB1 sK sN, then the epilogue's args
 * (its operand 0 is present with zeros). Buffers: A, B, epilogue buffer inputs 1…, outputs.
 */
export interface MatmulSpec {
  readonly kind: 'matmul';
  readonly dtype: 'f32' | 'f64' | 'f16';
  readonly aClasses: readonly [m: StrideClass, k: StrideClass];
  readonly bClasses: readonly [k: StrideClass, n: StrideClass];
  readonly epilogue: RegionSpec;
}

/* Irregular kernels take dense operands (row-major from offset 0); core copies where needed. */

/** out[b,o,j,i] = x[b,o,index[b,j],i]. args: B O N J I. Buffers: x, index (i32), out. */
export interface GatherSpec {
  readonly kind: 'gather';
  readonly dtype: DType;
  /** 'throw': IndexRangeError (CPU backends); 'nan': NaN, or 0 for integers (webgpu). */
  readonly bounds: 'throw' | 'nan';
}
/**
 * The transpose of gather: out[b,o,n,i] = Σ_j [index[b,j] = n] · x[b,o,j,i], in the order of j.
 * args: B O N J I. Buffers: x, index, out (fully written).
 */
export interface ScatterAddSpec {
  readonly kind: 'scatterAdd';
  readonly dtype: DType;
  readonly bounds: 'throw' | 'nan';
}
/**
 * The transpose of unfold along one axis: out[o,n,i] = Σ_{w·step + k·dilation = n} x[o,w,k,i].
 * args: O N W K step dilation I. Buffers: x, out (fully written).
 */
export interface FoldSpec {
  readonly kind: 'fold';
  readonly dtype: DType;
}
/** Constant padding. args: outSizes[rank] inSizes[rank] low[rank] value (bits, as a constant). */
export interface PadSpec {
  readonly kind: 'pad';
  readonly rank: number;
  readonly dtype: DType;
}
/** Index of the first extreme (of the first NaN, if any) over n. args: O N I. Out: i32 [o,i]. */
export interface ArgReduceSpec {
  readonly kind: 'argReduce';
  readonly reducer: 'max' | 'min';
  readonly dtype: DType;
}
/** Inclusive running reduction over n, forwards. args: O N I. */
export interface ScanSpec {
  readonly kind: 'scan';
  readonly reducer: 'sum' | 'max';
  readonly dtype: DType;
}
/** Stable sorting permutation over n; NaN is the largest value. args: O N I. Out: i32. */
export interface SortSpec {
  readonly kind: 'argSort';
  readonly dtype: DType;
  readonly descending: boolean;
}

export interface Specs {
  region: RegionSpec;
  matmul: MatmulSpec;
  gather: GatherSpec;
  scatterAdd: ScatterAddSpec;
  fold: FoldSpec;
  pad: PadSpec;
  argReduce: ArgReduceSpec;
  scan: ScanSpec;
  argSort: SortSpec;
}
/** A composite that the backend overrides by name; operands dense, numbers from Override.words. */
export interface FusedSpec {
  readonly kind: 'fused';
  readonly name: string;
  readonly dtype: DType;
  /** As in matmul, only where the override says `epilogue: true`; else null. */
  readonly epilogue: RegionSpec | null;
}
export type KernelSpec = Specs[keyof Specs] | FusedSpec;

/** Opaque, owned by the backend that made it. */
export interface Buffer {
  readonly byteLength: number;
  /** Its device was lost, and with it the contents: core restores what has a host copy. */
  readonly isLost?: boolean;
}
export interface Kernel {
  readonly spec: KernelSpec;
  /** Set while compilation is still running (WebGPU pipelines); launch() falls back to blocking. */
  readonly ready: Promise<void> | null;
  /** Bytes of scratch that a launch with these args wants; core plans it. 0 for most. */
  workspace(args: Int32Array): number;
}
/** buffers: buffer inputs in order (iota left out), then outputs, then the workspace if any. */
export interface Launch {
  readonly kernel: Kernel;
  readonly buffers: readonly Buffer[];
  readonly args: Int32Array;
}
export interface CopyStep {
  readonly from: Buffer;
  readonly fromByte: number;
  readonly to: Buffer;
  readonly toByte: number;
  readonly byteLength: number;
}
/** The body runs `count` times; before each repeat args[word] += delta and `swaps` exchange. */
export interface LoopStep {
  readonly count: number;
  readonly body: readonly ProgramStep[];
  readonly increments: readonly {
    readonly launch: Launch;
    readonly word: number;
    readonly delta: number;
  }[];
  readonly swaps: readonly (readonly [Buffer, Buffer])[];
}
export type ProgramStep = Launch | CopyStep | LoopStep;

/** A linked list of steps. run() may not allocate, create bind groups or look anything up. */
export interface Program {
  run(): void;
  /** Another size within the planned capacity: new numbers, same kernels and buffers. */
  setArgs(launch: Launch, args: Int32Array): void;
  dispose(): void;
}

export interface Capabilities {
  readonly dtypes: readonly DType[];
  /** Whether results can be read without waiting (`dataSync`, `itemSync`). */
  readonly syncRead: boolean;
  readonly threads: number;
  /** In words: what is on, what is off and why (threads, SIMD, generated code). */
  readonly notes: readonly string[];
  /** 'throw' or 'nan': what an index out of range does. */
  readonly bounds: 'throw' | 'nan';
  /**
   * Who reclaims a dropped buffer: 'collected', the JavaScript collector (plain ArrayBuffers);
   * a number, nobody: core keeps at most so many bytes resident and copies the rest out.
   */
  readonly memory: 'collected' | number;
  /** Fusion stops here. The WebGPU default is 8 storage buffers; an aliased output counts once. */
  readonly maxBuffers: number;
  readonly maxArgWords: number;
  readonly maxSteps: number;
  readonly maxBufferBytes: number;
  /** Whether subnormal numbers are kept (true) or flushed to zero. */
  readonly subnormals: boolean;
  /** Largest error per scalar operation, in units in the last place; rows not listed are exact. */
  readonly ulp: Readonly<Partial<Record<ScalarName, number>>>;
}
export interface TensorType {
  readonly shape: readonly number[];
  readonly dtype: DType;
}
export interface Override {
  /** True, or the reason in words why these inputs go through the decomposition instead. */
  supports(inputs: readonly TensorType[], attrs: unknown): true | string;
  readonly epilogue: boolean;
  /**
   * Writes its outputs over the inputs that the caller updates: it gets no output buffers, and is
   * passed over where something else sees one of those inputs.
   */
  readonly isInPlace?: boolean;
  /** The launch words for these inputs: all sizes and numeric attributes. */
  words(inputs: readonly TensorType[], attrs: unknown): readonly number[];
  prepare(spec: FusedSpec): Kernel;
}
/** What pickBackend tried before (or instead of) a backend, and why it did not work. */
export interface BackendAttempt {
  readonly name: string;
  readonly works: boolean;
  readonly reason: string;
}

export interface Backend {
  readonly name: string;
  readonly capabilities: Capabilities;
  /** Filled by pickBackend: what was tried and why it failed. Empty otherwise. */
  report: readonly BackendAttempt[];
  /** Contents are undefined: kernels write every element of their outputs. */
  allocate(byteLength: number): Buffer;
  /** The buffer may be handed out again by allocate at once (queue order holds). */
  free(buffer: Buffer): void;
  /** Ordered after everything launched so far. */
  write(buffer: Buffer, bytes: ArrayBufferView, byteOffset?: number): void;
  copy(step: CopyStep): void;
  read(buffer: Buffer, byteOffset?: number, byteLength?: number): Promise<Uint8Array<ArrayBuffer>>;
  /** A fresh copy. Only where capabilities.syncRead. */
  readSync?(buffer: Buffer, byteOffset?: number, byteLength?: number): Uint8Array<ArrayBuffer>;
  /** Total. Core calls it once per distinct spec and keeps the kernel. */
  readonly prepare: { readonly [K in keyof Specs]: (spec: Specs[K]) => Kernel };
  readonly overrides?: { readonly [composite: string]: Override };
  /** Eager. Must not keep `buffers` or `args`: core reuses both arrays. */
  launch(kernel: Kernel, buffers: readonly Buffer[], args: Int32Array): void;
  /** Compiled. May compile all kernels as one module, split launches over threads, merge them. */
  link(steps: readonly ProgramStep[]): Program;
  flush(): void;
  synchronize(): Promise<void>;
  dispose(): void;
}
