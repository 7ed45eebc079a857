// What a workload is: a name that never changes, its inputs, and what each system must compute.
// Nothing here knows a system; a system reads `task` and builds the computation in its own words.

/**
 * `batch` products `[m, k] · [k, n]`; 0 for one product of matrices without a batch axis. A
 * transposed operand is stored as its transpose: the first `[k, m]`, the second `[n, k]`.
 */
export interface MatmulTask {
  readonly kind: 'matmul';
  readonly batch: number;
  readonly m: number;
  readonly k: number;
  readonly n: number;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

/** Stride 1, same padding, NCHW; weight `[out, in / groups, kernel, kernel]`, no bias. */
export interface ConvTask {
  readonly kind: 'conv';
  readonly batch: number;
  readonly channels: number;
  readonly size: number;
  readonly outChannels: number;
  readonly kernel: number;
  readonly groups: number;
}

/** Over the last axis of `[rows, columns]`. */
export interface SoftmaxTask {
  readonly kind: 'softmax';
  readonly rows: number;
  readonly columns: number;
}

/** Over the last axis of `[rows, columns]`, biased variance, then `· weight + bias`. */
export interface LayerNormTask {
  readonly kind: 'layernorm';
  readonly rows: number;
  readonly columns: number;
  readonly epsilon: number;
}

/** Sum of `[rows, columns]` over one axis. */
export interface SumTask {
  readonly kind: 'sum';
  readonly rows: number;
  readonly columns: number;
  readonly axis: 0 | 1;
}

/** `x + y`. */
export interface AddTask {
  readonly kind: 'add';
  readonly shape: readonly number[];
}

/** Index of the largest, or the values in ascending order, over the last axis. */
export interface OrderTask {
  readonly kind: 'argmax' | 'sort';
  readonly rows: number;
  readonly columns: number;
}

/** Rows of a table `[below, columns]` by `rows` indices: what an embedding does. */
export interface GatherTask {
  readonly kind: 'gather';
  readonly rows: number;
  readonly columns: number;
}

/** `x + y`, `count` times in a row, each result dropped by the next: what one operation costs. */
export interface DispatchTask {
  readonly kind: 'dispatch';
  readonly shape: readonly number[];
  readonly count: number;
  /** Whether `x` wants a gradient, so that each addition is recorded. */
  readonly isTaped: boolean;
}

/** `tanh(x · y + z) · 0.5`. */
export interface TanhChainTask {
  readonly kind: 'tanh-chain';
  readonly shape: readonly number[];
}

/** One training step (forward, backward, Adam) of the model described in `models/<model>.json`. */
export interface TrainTask {
  readonly kind: 'train';
  readonly model: ModelName;
}

export type OpTask =
  | MatmulTask
  | ConvTask
  | SoftmaxTask
  | LayerNormTask
  | SumTask
  | AddTask
  | OrderTask
  | GatherTask
  | DispatchTask
  | TanhChainTask;

export type ModelName = 'mlp' | 'cnn' | 'transformer';

export interface InputSpec {
  readonly shape: readonly number[];
  readonly seed: number;
  /** Integers below this; uniform in [-1, 1) without it. */
  readonly below?: number;
}

/** Values of one operand: integers where the input says `below`. */
export type HostArray = Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer>;

export interface OpWorkload {
  readonly name: string;
  readonly description: string;
  readonly isHeadline: boolean;
  readonly task: OpTask;
  /** One stream of the generator per operand. */
  readonly inputs: readonly InputSpec[];
  readonly outputShape: readonly number[];
  /** Floating-point operations of one run (a multiply-add counts two); null where bytes matter. */
  readonly flops: number | null;
}

export interface TrainWorkload {
  readonly name: string;
  readonly description: string;
  readonly isHeadline: boolean;
  readonly task: TrainTask;
  readonly flops: null;
}

export type Workload = OpWorkload | TrainWorkload;

/** True for single operations, false for training steps. */
export function isOp(workload: Workload): workload is OpWorkload {
  return workload.task.kind !== 'train';
}
