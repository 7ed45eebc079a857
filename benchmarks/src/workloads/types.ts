// What a workload is: a name that never changes, its inputs, and what each system must compute.
// Nothing here knows a system; a system reads `task` and builds the computation in its own words.

/** `[m, k] · [k, n]`; with `transposeB` the second operand is stored `[n, k]`. */
export interface MatmulTask {
  readonly kind: 'matmul';
  readonly m: number;
  readonly k: number;
  readonly n: number;
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
  | TanhChainTask;

export type ModelName = 'mlp' | 'cnn' | 'transformer';

export interface InputSpec {
  readonly shape: readonly number[];
  readonly seed: number;
}

export interface OpWorkload {
  readonly name: string;
  readonly description: string;
  readonly isHeadline: boolean;
  readonly task: OpTask;
  /** Uniform in [-1, 1), one stream per operand. */
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
