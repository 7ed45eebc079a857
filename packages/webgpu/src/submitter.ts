/**
 * The part of the queue that talks to the device: buffers for launch words, uploads and reads, the
 * error scopes around each submit, and when a submit is done.
 */
import { OutOfMemoryError, type TenonError } from '@tenon/core';
import { Batch, Staging } from './batch.ts';
import { BindGroups } from './bind-groups.ts';
import { newTally, type Tally } from './counters.ts';
import { encodeBatch, roundUp } from './encode.ts';
import { explain, type Pipeline, type Pipelines } from './pipelines.ts';
import type { Session } from './session.ts';

/** GPUBufferUsage and GPUMapMode: Node has no such globals. */
const MAP_READ = 0x01;
const COPY_SRC = 0x04;
const COPY_DST = 0x08;
const UNIFORM = 0x40;
const READ_MODE = 0x01;

const MOST_STAGING = 8;
const EMPTY = new Staging(0);
const NOTHING = new Uint8Array(0);

export class Submitter {
  readonly groups: BindGroups;
  private readonly session: Session;
  private readonly pipelines: Pipelines;
  private readonly tally: Tally;
  private words: GPUBuffer | null = null;
  private uploads: GPUBuffer | null = null;
  /** Staging buffers that nobody maps, smallest first. */
  private readonly staging: GPUBuffer[] = [];

  constructor(session: Session, pipelines: Pipelines, tally: Tally) {
    this.session = session;
    this.pipelines = pipelines;
    this.tally = tally;
    this.groups = new BindGroups(session.device, pipelines, tally);
  }

  write(handle: GPUBuffer, byteOffset: number, bytes: Uint8Array<ArrayBuffer>): void {
    this.tally.writes++;
    this.session.device.queue.writeBuffer(handle, byteOffset, bytes);
  }

  /**
   * Encodes and submits. Resolves with the bytes of all reads, each at a multiple of four, when the
   * device is done and its error scopes are known; `refused` gets what they say before that.
   */
  async submit(
    batch: Batch,
    refused: (error: TenonError) => void,
  ): Promise<Uint8Array<ArrayBuffer> | Error> {
    const { device } = this.session;
    device.pushErrorScope('validation');
    device.pushErrorScope('out-of-memory');
    let staging: GPUBuffer | null = null;
    let thrown = '';
    let size = 0;
    for (const read of batch.reads) size += roundUp(read.byteLength);
    try {
      for (const { to, toByte, bytes } of batch.early) this.write(to.handle, toByte, bytes);
      this.stage(batch);
      if (size > 0) staging = this.takeStaging(size);
      const { groups, tally, uploads } = this;
      const around = { device, groups, tally, uploads, staging };
      const commands = batch.commands.length === 0 ? [] : [encodeBatch(batch, around)];
      device.queue.submit(commands);
      this.tally.submits++;
      this.tally.reads += batch.reads.length;
    } catch (error) {
      // Bindings may throw where browsers report: the same to whoever waits.
      thrown = error instanceof Error ? error.message : String(error);
    }
    const scopes = [device.popErrorScope(), device.popErrorScope()] as const;
    const done = device.queue.onSubmittedWorkDone();
    const mapped = staging?.mapAsync(READ_MODE, 0, size);
    // Both may reject when the device is lost; they are awaited below.
    mapped?.catch(() => {});
    done.catch(() => {});
    try {
      const [exhausted, invalid] = await Promise.all(scopes);
      if (exhausted !== null) refused(outOfMemory(exhausted.message));
      thrown ||= invalid?.message ?? '';
      if (thrown !== '') {
        const named = this.pipelines.byLabel(thrown);
        refused(explain(thrown, named ?? (await this.findRefused(batch))));
      }
      await mapped;
      await done;
      if (staging === null) return NOTHING;
      // Throws where the device is destroyed just now: that unmaps.
      const bytes = new Uint8Array(staging.getMappedRange(0, size)).slice();
      staging.unmap();
      this.giveStaging(staging);
      return bytes;
    } catch (error) {
      await this.afterLoss();
      return new Error(`read: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  dispose(): void {
    this.words?.destroy();
    this.uploads?.destroy();
    for (const buffer of this.staging) buffer.destroy();
    this.staging.length = 0;
  }

  /** Launch words and uploads of the batch go over, each in one write. */
  private stage({ args, uploads }: Batch): void {
    if (args !== null && args.used > 0) {
      this.words = this.grown(this.words, args.used, UNIFORM | COPY_DST);
      this.groups.bindWords(this.words);
      this.write(this.words, 0, args.bytes.subarray(0, args.used));
    }
    if (uploads !== null) {
      this.uploads = this.grown(this.uploads, uploads.used, COPY_SRC | COPY_DST);
      this.write(this.uploads, 0, uploads.bytes.subarray(0, roundUp(uploads.used)));
    }
  }

  private grown(buffer: GPUBuffer | null, byteLength: number, usage: number): GPUBuffer {
    if (buffer !== null && buffer.size >= byteLength) return buffer;
    // Submitted commands keep it alive until they are done.
    buffer?.destroy();
    return this.create(Math.max(2 ** 18, 2 ** Math.ceil(Math.log2(byteLength))), usage);
  }

  private create(size: number, usage: number): GPUBuffer {
    this.tally.buffers++;
    return this.session.device.createBuffer({ size, usage });
  }

  private takeStaging(byteLength: number): GPUBuffer {
    const at = this.staging.findIndex(({ size }) => size >= byteLength);
    const found = at < 0 ? undefined : this.staging.splice(at, 1)[0];
    if (found !== undefined) return found;
    const rounded = 2 ** Math.max(8, Math.ceil(Math.log2(byteLength)));
    // A single read may be close to the limit.
    const { maxBufferSize } = this.session.device.limits;
    return this.create(Math.max(byteLength, Math.min(rounded, maxBufferSize)), MAP_READ | COPY_DST);
  }

  private giveStaging(buffer: GPUBuffer): void {
    this.staging.push(buffer);
    this.staging.sort((a, b) => a.size - b.size);
    // A few small ones serve the losses of a loop; a large one is kept for the next large read.
    while (this.staging.length > MOST_STAGING) this.staging.shift()?.destroy();
  }

  /**
   * Which dispatch the device refuses, where its message does not say: each is encoded alone, and
   * none of them is submitted.
   */
  private async findRefused(batch: Batch): Promise<Pipeline | null> {
    const { device } = this.session;
    for (const command of batch.commands) {
      if (command.kind !== 'dispatch') continue;
      const { groups, uploads } = this;
      const alone = new Batch(-1, EMPTY);
      alone.commands.push(command);
      const around = { device, groups, tally: newTally(), uploads, staging: null };
      device.pushErrorScope('validation');
      try {
        encodeBatch(alone, around);
      } catch {
        // Its message is known already.
      }
      if ((await device.popErrorScope()) !== null) return command.pipeline;
    }
    return null;
  }

  /** A failed read of a lost device: its loss is told a moment later. */
  private async afterLoss(): Promise<void> {
    await Promise.race([this.session.lost, new Promise((resolve) => setTimeout(resolve, 100))]);
  }
}

function outOfMemory(reason: string): OutOfMemoryError {
  return new OutOfMemoryError(
    `webgpu: expected the device to have memory for its commands, got: ${reason} ` +
      '(a smaller memoryBytes has memory reclaimed earlier)',
  );
}
