/**
 * Linked programs: the steps are recorded once, with bind groups and launch words of their own, so
 * that a run appends one command and makes nothing. Loops are unrolled into the record; each repeat
 * has words of its own.
 */
import type { Launch, Program, ProgramStep } from '@tenon/core';
import { BackendError, linkSteps } from '@tenon/core';
import { type BoundProgram, type BoundStep, type Copy, Staging } from './batch.ts';
import type { Block, GpuBuffer } from './buffers.ts';
import { copiesFor } from './copies.ts';
import type { GpuKernel, Recorder } from './kernel.ts';
import type { Machine } from './machine.ts';
import type { Pipeline } from './pipelines.ts';
import { checkDispatch, gridFor, SLOT, wordBytesFor } from './queue.ts';
import type { Session } from './session.ts';

interface Recorded {
  readonly kind: 'recorded';
  readonly pipeline: Pipeline;
  readonly blocks: readonly Block[];
  readonly offset: number;
  readonly wordBytes: number;
  readonly grid: readonly [x: number, y: number, z: number];
}

class GpuProgram implements Program {
  private readonly machine: Machine;
  private readonly session: Session;
  private readonly linked: Program;
  private record: (Recorded | Copy)[] = [];
  private words: Staging = new Staging(2 ** 12);
  private block: Block | null = null;
  private readonly groups = new Map<string, GPUBindGroup>();
  private between: GpuBuffer[] = [];
  private bound: BoundProgram | null = null;
  private isDisposed = false;

  constructor(machine: Machine, steps: readonly ProgramStep[]) {
    this.machine = machine;
    this.session = machine.session;
    this.session.assertOpen();
    const recorder: Recorder = {
      dispatch: (pipeline, buffers, words, groups) =>
        this.dispatch(pipeline, buffers, words, groups),
    };
    this.linked = linkSteps(steps, {
      launch: (kernel, buffers, args) => {
        (kernel as GpuKernel).encode(recorder, buffers as readonly GpuBuffer[], args);
      },
      copy: (step, from, to) => {
        const { queue, pool } = this.machine;
        const [source, target] = [from as GpuBuffer, to as GpuBuffer];
        const blocks = [queue.blockOf(source), queue.blockOf(target)] as const;
        const spare = (buffer: GpuBuffer): void => void this.between.push(buffer);
        this.record.push(...copiesFor(step, ...blocks, target, pool, spare));
      },
    });
    this.bound = this.bind();
  }

  run(): void {
    if (this.isDisposed) return;
    if (this.session !== this.machine.session) this.session.assertOpen();
    this.bound ??= this.bind();
    this.machine.queue.run(this.bound);
  }

  setArgs(launch: Launch, args: Int32Array): void {
    this.linked.setArgs(launch, args);
    // Recorded again at the next run, so that several launches cost one record.
    this.bound = null;
  }

  dispose(): void {
    if (this.isDisposed) return;
    this.isDisposed = true;
    this.bound = null;
    this.groups.clear();
    this.linked.dispose();
    this.releaseBetween();
    if (this.block !== null) this.machine.pool.discard(this.block);
    this.block = null;
  }

  private dispatch(
    pipeline: Pipeline,
    buffers: readonly GpuBuffer[],
    words: Int32Array | readonly number[],
    groups: number,
  ): void {
    if (groups === 0) return;
    const { queue, profile } = this.machine;
    checkDispatch(pipeline, buffers, words);
    const blocks = buffers.map((buffer) => queue.blockOf(buffer));
    const wordBytes = wordBytesFor(words.length);
    const offset = this.words.reserve(wordBytes, SLOT);
    this.words.words.set(words, offset >> 2);
    const grid = gridFor(groups, profile.limits.maxGroupsPerAxis);
    this.record.push({ kind: 'recorded', pipeline, blocks, offset, wordBytes, grid });
  }

  /** Runs the steps into the record, and gives each dispatch its words and bind group. */
  private bind(): BoundProgram {
    const { machine } = this;
    this.record = [];
    this.words.used = 0;
    this.releaseBetween();
    this.linked.run();
    const block = this.wordsBlock(Math.max(SLOT, this.words.used));
    machine.queue.write(block, 0, this.words.bytes.subarray(0, this.words.used));
    const used = new Set<Block>([block]);
    const changed = new Set<Block>();
    const pipelines = new Set<Pipeline>();
    let dispatches = 0;
    const steps = this.record.map((step): BoundStep => {
      if (step.kind === 'copy') {
        used.add(step.from).add(step.to);
        changed.add(step.to);
        return step;
      }
      const { pipeline, blocks, offset, grid } = step;
      dispatches++;
      pipelines.add(pipeline);
      blocks.forEach((each, i) => {
        used.add(each);
        if (pipeline.source.access[i] === 'w') changed.add(each);
      });
      return { kind: 'bound', pipeline, group: this.groupFor(step, block), offset, grid };
    });
    this.record = [];
    return {
      steps,
      pipelines: [...pipelines],
      used: [...used],
      changed: [...changed],
      dispatches,
    };
  }

  private groupFor({ pipeline, blocks, wordBytes }: Recorded, block: Block): GPUBindGroup {
    const key = `${pipeline.layout}:${wordBytes}:${blocks.map(({ id }) => id).join()}`;
    let group = this.groups.get(key);
    if (group === undefined) {
      // Makes its layout, if no pipeline of this access string was compiled on this device yet.
      this.machine.pipelines.start(pipeline);
      const { groups } = this.machine.submitter;
      group = groups.make(pipeline, blocks, block.handle, wordBytes);
      this.groups.set(key, group);
    }
    return group;
  }

  private wordsBlock(byteLength: number): Block {
    if (this.block !== null && this.block.capacity >= byteLength) return this.block;
    if (this.block !== null) this.machine.pool.discard(this.block);
    this.groups.clear();
    this.block = this.machine.pool.createWords(byteLength);
    return this.block;
  }

  private releaseBetween(): void {
    for (const buffer of this.between) this.machine.pool.release(buffer);
    this.between = [];
  }
}

/** @throws BackendError for steps that no program can have */
export function linkProgram(machine: Machine, steps: readonly ProgramStep[]): Program {
  const limit = machine.profile.limits.maxBufferBytes;
  const slots = countSteps(steps);
  if (slots * SLOT > limit) {
    throw new BackendError(
      `link: expected at most ${Math.floor(limit / SLOT)} launches with loops unrolled, got ` +
        `${slots}`,
    );
  }
  return new GpuProgram(machine, steps);
}

function countSteps(steps: readonly ProgramStep[]): number {
  let sum = 0;
  for (const step of steps) sum += 'body' in step ? step.count * countSteps(step.body) : 1;
  return sum;
}
