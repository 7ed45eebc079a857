/** Commands recorded since the last flush: what one submit will hold, in order. */
import type { TenonError } from '@tenon/core';
import type { Block } from './buffers.ts';
import type { Pipeline } from './pipelines.ts';

interface Dispatch {
  readonly kind: 'dispatch';
  readonly pipeline: Pipeline;
  readonly blocks: readonly Block[];
  /** Where its launch words begin, and how much of them its bind group shows, in bytes. */
  readonly offset: number;
  readonly wordBytes: number;
  readonly grid: readonly [x: number, y: number, z: number];
}
export interface Copy {
  readonly kind: 'copy';
  readonly from: Block;
  readonly fromByte: number;
  readonly to: Block;
  readonly toByte: number;
  readonly byteLength: number;
}
/** A write that has to wait for its turn: its bytes travel with the batch. */
interface Upload {
  readonly kind: 'upload';
  readonly offset: number;
  readonly to: Block;
  readonly toByte: number;
  readonly byteLength: number;
}
export interface Read {
  readonly kind: 'read';
  readonly from: Block;
  readonly fromByte: number;
  readonly byteLength: number;
  readonly resolve: (bytes: Uint8Array<ArrayBuffer>) => void;
  readonly reject: (error: unknown) => void;
}
/** A dispatch of a program, with a bind group and launch words of its own. */
interface BoundDispatch {
  readonly kind: 'bound';
  readonly pipeline: Pipeline;
  readonly group: GPUBindGroup;
  readonly offset: number;
  readonly grid: readonly [x: number, y: number, z: number];
}
export type BoundStep = BoundDispatch | Copy;
/** All that a program's run does, and what it touches. */
export interface BoundProgram {
  readonly steps: readonly BoundStep[];
  readonly pipelines: readonly Pipeline[];
  /** Every block that its steps name. */
  readonly used: readonly Block[];
  /** Those that they change. */
  readonly changed: readonly Block[];
  readonly dispatches: number;
}
export interface Run {
  readonly kind: 'run';
  readonly steps: readonly BoundStep[];
}
export type Command = Dispatch | Copy | Upload | Read | Run;

/** A write of bytes before any command of the batch. */
export interface EarlyWrite {
  readonly to: Block;
  readonly toByte: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** A growing array of words that the host fills. */
export class Staging {
  bytes: Uint8Array<ArrayBuffer>;
  words: Int32Array<ArrayBuffer>;
  used: number = 0;

  constructor(capacity: number) {
    this.bytes = new Uint8Array(capacity);
    this.words = new Int32Array(this.bytes.buffer);
  }

  /** Room for `byteLength` bytes at a multiple of `alignment`; returns where. */
  reserve(byteLength: number, alignment: number): number {
    const start = Math.ceil(this.used / alignment) * alignment;
    const end = start + byteLength;
    if (end > this.bytes.length) {
      const larger = new Uint8Array(2 ** Math.ceil(Math.log2(end)));
      larger.set(this.bytes.subarray(0, this.used));
      this.bytes = larger;
      this.words = new Int32Array(larger.buffer);
    }
    this.used = end;
    return start;
  }
}

export class Batch {
  readonly id: number;
  readonly early: EarlyWrite[] = [];
  readonly commands: Command[] = [];
  readonly reads: Read[] = [];
  /** Pipelines that were not compiled when they were recorded. */
  readonly compiling: Set<Pipeline> = new Set();
  /** Blocks that its commands change, each once. */
  readonly written: Block[] = [];
  /** Null once submitted. */
  args: Staging | null;
  uploads: Staging | null = null;
  dispatches: number = 0;
  /** Someone waits for the end of it, besides its reads. */
  isAwaited: boolean = false;
  failure: TenonError | null = null;
  /** Resolves when the device is done with it, however that ended. */
  readonly finished: Promise<void>;
  readonly finish: () => void;

  constructor(id: number, args: Staging) {
    this.id = id;
    this.args = args;
    let finish = (): void => {};
    this.finished = new Promise((resolve) => {
      finish = resolve;
    });
    this.finish = finish;
  }

  get isEmpty(): boolean {
    return this.commands.length === 0 && this.early.length === 0;
  }

  /** Notes that its commands use the block. */
  use(block: Block): void {
    block.lastBatch = this.id;
  }

  /** Notes that its commands change the block. */
  change(block: Block): void {
    block.lastBatch = this.id;
    if (block.lastWrite === this.id) return;
    block.lastWrite = this.id;
    this.written.push(block);
  }
}
