// What the process that measures a GPU tells the one that asked.

/** One work in one variant of Tenon's kernels. */
export interface GpuRow {
  readonly variant: string;
  readonly name: string;
  readonly flops: number | null;
  readonly bytes: number | null;
  /** Milliseconds of one launch; null for a wrong result. */
  readonly median: number | null;
  readonly min: number | null;
  readonly spread: number | null;
  readonly wrong: string | null;
}

export type GpuReply =
  | {
      readonly type: 'gpu';
      readonly adapter: string;
      readonly isCpu: boolean;
      readonly gflops: number;
      readonly gbPerS: number;
      readonly rows: readonly GpuRow[];
    }
  /** No WebGPU here, or it broke. */
  | { readonly type: 'failed'; readonly message: string };
