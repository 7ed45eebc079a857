/**
 * What every kernel of this backend is: a spec and a function that encodes a launch as dispatches.
 * Sources and pipelines are plain values here; `pipelines.ts` compiles them, `queue.ts` runs them.
 */
import type { Kernel, KernelSpec } from '@tenon/core';
import type { GpuBuffer } from './buffers.ts';
import type { Profile } from './device.ts';
import type { Pipeline } from './pipelines.ts';

export type { GpuBuffer } from './buffers.ts';
export type { Pipeline } from './pipelines.ts';

/** The text of one compute shader and what its launches bind. */
export interface ShaderSource {
  /** The op that it computes, for errors. */
  readonly label: string;
  /** A whole WGSL module with the entry point `main`. */
  readonly code: string;
  /** One letter per storage binding, from binding 1 on: r for read, w for read_write. */
  readonly access: string;
  /** How many 32-bit words each dispatch passes in the uniform block at binding 0. */
  readonly words: number;
}

/** Takes the dispatches of a launch, in order. */
export interface Recorder {
  /**
   * `groups`: how many workgroups, up to 2^32; the grid may hold a few more than that. Keeps
   * neither `buffers` nor `words`. Does nothing for 0 groups.
   */
  dispatch(
    pipeline: Pipeline,
    buffers: readonly GpuBuffer[],
    words: Int32Array | readonly number[],
    groups: number,
  ): void;
}

/** What makers of kernels see of the device. */
export interface Gpu {
  readonly profile: Profile;
  /** The pipeline of this text: the first call starts to compile it, later ones find it. */
  pipeline(source: ShaderSource): Pipeline;
}

/** buffers: as in Launch. Must keep neither `buffers` nor `args`. */
export type Encode = (recorder: Recorder, buffers: readonly GpuBuffer[], args: Int32Array) => void;

export class GpuKernel implements Kernel {
  readonly spec: KernelSpec;
  readonly encode: Encode;
  /** Bytes of scratch that a launch with these words wants as its last buffer. */
  readonly workspace: (args: Int32Array) => number;
  /** The pipelines that it asked for when it was made. */
  private pipelines: readonly Pipeline[] = [];

  constructor(
    spec: KernelSpec,
    encode: Encode,
    workspace: (args: Int32Array) => number = noWorkspace,
  ) {
    this.spec = spec;
    this.encode = encode;
    this.workspace = workspace;
  }

  /** A promise while pipelines still compile; it rejects with KernelError if one is refused. */
  get ready(): Promise<void> | null {
    const waiting = this.pipelines.flatMap(({ compiling }) => compiling ?? []);
    if (waiting.length === 0) return null;
    return Promise.all(waiting).then(() => {
      for (const { failure } of this.pipelines) if (failure !== null) throw failure;
    });
  }

  /** Has `ready` wait for these. */
  needs(pipelines: readonly Pipeline[]): void {
    this.pipelines = pipelines;
  }
}

function noWorkspace(): number {
  return 0;
}
