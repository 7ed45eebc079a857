/**
 * The queue: launches, copies, writes and reads are recorded in JavaScript and go to the device in
 * few, large submits, in order. Nothing here ever blocks: batches whose pipelines still compile
 * wait, and what comes later waits behind them.
 */
import { BackendError, DeviceLostError, type TenonError } from '@tenon/core';
import { Batch, type BoundProgram, type Copy, type Read, Staging } from './batch.ts';
import type { Block, GpuBuffer } from './buffers.ts';
import type { Recorder } from './kernel.ts';
import type { Pipeline, Pipelines } from './pipelines.ts';
import type { Session } from './session.ts';
import type { Submitter } from './submitter.ts';

/** Launches that one submit holds at most. */
const MOST_DISPATCHES = 1024;
/** Submits that may be unfinished before those that nobody waits for are held back. */
const MOST_UNFINISHED = 8;
/** A write up to this size of a buffer in use travels with the commands. */
const MOST_UPLOAD: number = 2 ** 20;
const MOST_UPLOADS: number = 2 ** 24;
/** Bytes that one batch reads at most: they share one staging buffer. */
const MOST_READ: number = 2 ** 28;
/** Launch words lie at multiples of this (minUniformBufferOffsetAlignment, at most 256). */
export const SLOT = 256;

/** Bytes that a bind group shows of the launch words: few sizes, so that few groups differ. */
export function wordBytesFor(words: number): number {
  let bytes = SLOT;
  while (bytes < words * 4) bytes *= 2;
  return bytes;
}

/** A grid of at least `groups` workgroups, and as few more as possible. */
export function gridFor(groups: number, most: number): [x: number, y: number, z: number] {
  if (groups <= most) return [groups, 1, 1];
  const z = Math.ceil(groups / (most * most));
  const y = Math.ceil(groups / (most * z));
  return [Math.ceil(groups / (y * z)), y, z];
}

/** @throws BackendError where a launch does not fit its source: a mistake in a kernel */
export function checkDispatch(
  { source: { label, access, words: count } }: Pipeline,
  buffers: readonly GpuBuffer[],
  words: Int32Array | readonly number[],
): void {
  if (buffers.length === access.length && words.length === count) return;
  throw new BackendError(
    `${label}: expected ${access.length} buffers and ${count} words, got ${buffers.length} and ` +
      `${words.length}`,
  );
}

export class Queue implements Recorder {
  private readonly session: Session;
  private readonly pipelines: Pipelines;
  private readonly submitter: Submitter;
  private readonly groupsPerAxis: number;
  /** Called after each submit. */
  private readonly afterSubmit: () => void;
  private current: Batch;
  /** Sealed, not submitted. */
  private readonly waiting: Batch[] = [];
  /** Submitted, not finished. */
  private readonly running = new Set<Batch>();
  /** Number of the last batch submitted. */
  private submitted = -1;
  /** The last batch sealed, until it is finished. */
  private last: Batch | null = null;
  /** Resolves when the last batch submitted is settled. */
  private settled: Promise<void> = Promise.resolve();
  private isBlocked = false;
  private isReadScheduled = false;
  private hasFailed = false;
  /** Happened when nobody waited: for the next who reads. */
  private failure: TenonError | null = null;
  private readonly spare: Staging[] = [];

  constructor(
    session: Session,
    pipelines: Pipelines,
    submitter: Submitter,
    groupsPerAxis: number,
    afterSubmit: () => void,
  ) {
    this.session = session;
    this.pipelines = pipelines;
    this.submitter = submitter;
    this.groupsPerAxis = groupsPerAxis;
    this.afterSubmit = afterSubmit;
    this.current = new Batch(0, new Staging(2 ** 16));
    session.onEnd((error) => this.abandon(error));
  }

  /** The block of a buffer of this device. @throws DeviceLostError for one of a lost device */
  blockOf(buffer: GpuBuffer): Block {
    const { block } = buffer;
    if (block === null) throw new BackendError('webgpu: expected a live buffer, got a freed one');
    if (block.session !== this.session) {
      if (block.session.failure === null) {
        throw new BackendError(
          'webgpu: expected a buffer of this device, got a buffer of another device (move it: ' +
            'await x.to(backend))',
        );
      }
      this.session.assertOpen();
      throw new DeviceLostError(
        'webgpu: expected what is on this device, got what was lost with the one before (recover ' +
          'puts back what its state holds: takeSnapshot(variables); optimizers take theirs from ' +
          'loadStateDict)',
      );
    }
    return block;
  }

  isPending(block: Block): boolean {
    return block.lastBatch > this.submitted;
  }

  dispatch(
    pipeline: Pipeline,
    buffers: readonly GpuBuffer[],
    words: Int32Array | readonly number[],
    groups: number,
  ): void {
    this.session.assertOpen();
    if (groups === 0) return;
    checkDispatch(pipeline, buffers, words);
    const { access, words: count } = pipeline.source;
    const batch = this.open();
    const blocks = buffers.map((buffer) => this.blockOf(buffer));
    if (this.hasFailed) this.spread(blocks, access);
    for (let i = 0; i < blocks.length; i++) {
      const block = blocks[i] as Block;
      if (access.charCodeAt(i) === 119 /* w */) batch.change(block);
      else batch.use(block);
    }
    this.need(batch, pipeline);
    const wordBytes = wordBytesFor(count);
    const args = batch.args as Staging;
    const offset = args.reserve(wordBytes, SLOT);
    args.words.set(words, offset >> 2);
    const grid = gridFor(groups, this.groupsPerAxis);
    batch.commands.push({ kind: 'dispatch', pipeline, blocks, offset, wordBytes, grid });
    if (++batch.dispatches >= MOST_DISPATCHES) this.flush();
  }

  copy(step: Copy): void {
    this.session.assertOpen();
    const batch = this.open();
    if (this.hasFailed) step.to.failure ??= step.from.failure;
    batch.use(step.from);
    batch.change(step.to);
    batch.commands.push(step);
  }

  run(program: BoundProgram): void {
    this.session.assertOpen();
    const batch = this.open();
    for (const block of program.used) batch.use(block);
    for (const block of program.changed) batch.change(block);
    if (this.hasFailed) {
      const bad = program.used.find((block) => block.failure !== null);
      if (bad !== undefined) for (const block of program.changed) block.failure ??= bad.failure;
    }
    for (const pipeline of program.pipelines) this.need(batch, pipeline);
    batch.commands.push({ kind: 'run', steps: program.steps });
    batch.dispatches += program.dispatches;
    if (batch.dispatches >= MOST_DISPATCHES) this.flush();
  }

  /** Ordered after everything recorded so far. `bytes` are whole words and are not kept. */
  write(to: Block, toByte: number, bytes: Uint8Array<ArrayBuffer>): void {
    this.session.assertOpen();
    if (bytes.length === 0) return;
    if (!this.isPending(to)) {
      this.submitter.write(to.handle, toByte, bytes);
      return;
    }
    const { byteLength } = bytes;
    const batch = this.open();
    if (byteLength <= MOST_UPLOAD && (batch.uploads?.used ?? 0) + byteLength <= MOST_UPLOADS) {
      batch.uploads ??= new Staging(2 ** 12);
      const offset = batch.uploads.reserve(byteLength, 4);
      batch.uploads.bytes.set(bytes, offset);
      batch.change(to);
      batch.commands.push({ kind: 'upload', offset, to, toByte, byteLength });
      return;
    }
    this.flush();
    if (!this.isPending(to)) {
      this.submitter.write(to.handle, toByte, bytes);
      return;
    }
    // Pipelines still compile: it waits behind them.
    const next = this.open();
    next.change(to);
    next.early.push({ to, toByte, bytes: bytes.slice() });
  }

  read(from: Block, fromByte: number, byteLength: number): Promise<Uint8Array<ArrayBuffer>> {
    const failure = this.session.failure ?? this.takeFailure() ?? from.failure;
    if (failure !== null) return Promise.reject(failure);
    const sum = this.current.reads.reduce((bytes, read) => bytes + read.byteLength, byteLength);
    if (sum > MOST_READ && this.current.reads.length > 0) this.flush();
    const batch = this.open();
    batch.use(from);
    const result = new Promise<Uint8Array<ArrayBuffer>>((resolve, reject) => {
      const read: Read = { kind: 'read', from, fromByte, byteLength, resolve, reject };
      batch.commands.push(read);
      batch.reads.push(read);
    });
    if (!this.isReadScheduled) {
      this.isReadScheduled = true;
      // Reads that are asked for in one turn share a submit.
      queueMicrotask(() => {
        this.isReadScheduled = false;
        this.flush();
      });
    }
    return result;
  }

  /** Submits what is recorded, as soon as its pipelines are compiled. */
  flush(): void {
    this.seal();
    this.pump(Number.POSITIVE_INFINITY);
  }

  async synchronize(): Promise<void> {
    this.session.assertOpen();
    const early = this.takeFailure();
    if (early !== null) throw early;
    this.flush();
    const batch = this.last;
    if (batch !== null) batch.isAwaited = true;
    await Promise.all([batch?.finished, this.pipelines.idle()]);
    const failure = batch?.failure ?? this.session.failure ?? this.takeFailure();
    if (failure !== null) throw failure;
  }

  /** Something recorded since, or before and not finished yet, is not what it should be. */
  report(failure: TenonError): void {
    this.seal();
    this.hasFailed = true;
    let isTold = false;
    for (const batch of [...this.running, ...this.waiting]) {
      batch.failure ??= failure;
      isTold ||= batch.reads.length > 0 || batch.isAwaited;
      for (const block of batch.written) {
        // Not what was written anew since, behind the batch.
        if (block.lastWrite >= batch.id) block.failure ??= failure;
      }
    }
    if (!isTold) this.failure ??= failure;
    this.pump(MOST_UNFINISHED);
  }

  private takeFailure(): TenonError | null {
    const { failure } = this;
    this.failure = null;
    return failure;
  }

  /** Results of what is not right are not right either. */
  private spread(blocks: readonly Block[], access: string): void {
    const bad = blocks.find((block) => block.failure !== null);
    if (bad === undefined) return;
    blocks.forEach((block, i) => {
      if (access[i] === 'w') block.failure ??= bad.failure;
    });
  }

  private need(batch: Batch, pipeline: Pipeline): void {
    if (pipeline.handle !== null) return;
    this.pipelines.start(pipeline);
    batch.compiling.add(pipeline);
  }

  /** The batch that commands go to. The first has it flushed at the end of this turn. */
  private open(): Batch {
    const batch = this.current;
    if (batch.isEmpty) {
      // A macrotask: microtasks come between the parts of one training step.
      setTimeout(() => {
        if (this.current !== batch || batch.isEmpty) return;
        this.seal();
        this.pump(MOST_UNFINISHED);
      }, 0);
    }
    return batch;
  }

  private seal(): void {
    const batch = this.current;
    if (batch.isEmpty) return;
    this.waiting.push(batch);
    this.last = batch;
    this.current = new Batch(batch.id + 1, this.spare.pop() ?? new Staging(2 ** 16));
  }

  /** Submits what can be, in order, while fewer than `most` submits are unfinished. */
  private pump(most: number): void {
    while (!this.isBlocked && this.running.size < most && this.session.failure === null) {
      const batch = this.waiting[0];
      if (batch === undefined) return;
      const compiling = [...batch.compiling].flatMap((pipeline) => pipeline.compiling ?? []);
      if (compiling.length > 0) {
        this.isBlocked = true;
        void Promise.all(compiling).then(() => {
          this.isBlocked = false;
          this.pump(Number.POSITIVE_INFINITY);
        });
        return;
      }
      this.waiting.shift();
      this.submit(batch);
    }
  }

  private submit(batch: Batch): void {
    this.submitted = batch.id;
    this.running.add(batch);
    const { args } = batch;
    const done = this.submitter.submit(batch, (error) => this.report(error));
    batch.args = null;
    if (args !== null) {
      args.used = 0;
      this.spare.push(args);
    }
    this.afterSubmit();
    for (const { failure } of batch.compiling) if (failure !== null) this.report(failure);
    // In order: what the device says about a submit comes before the reads of later ones.
    this.settled = Promise.all([done, this.settled]).then(([bytes]) => {
      this.settle(batch, bytes);
      this.running.delete(batch);
      if (this.last === batch) this.last = null;
      batch.finish();
      this.pump(MOST_UNFINISHED);
    });
  }

  /** Gives the reads of a finished batch what they asked for, or the reason why not. */
  private settle(batch: Batch, bytes: Uint8Array<ArrayBuffer> | Error): void {
    const failure = this.session.failure ?? batch.failure;
    let start = 0;
    for (const read of batch.reads) {
      if (failure !== null) read.reject(failure);
      else if (bytes instanceof Error) read.reject(bytes);
      else {
        const isAll = bytes.length === read.byteLength;
        read.resolve(isAll ? bytes : bytes.slice(start, start + read.byteLength));
        start += Math.ceil(read.byteLength / 4) * 4;
      }
    }
  }

  private abandon(error: TenonError): void {
    for (const batch of [...this.running, ...this.waiting, this.current]) {
      batch.failure = error;
      for (const read of batch.reads) read.reject(error);
      batch.finish();
    }
    this.waiting.length = 0;
    this.current = new Batch(this.current.id + 1, new Staging(0));
  }
}
