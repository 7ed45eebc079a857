/**
 * The pool of GPU buffers. Blocks come in size classes and are handed out again at once, in queue
 * order, lowest id first: a loop that does the same every step binds the same blocks every step.
 * The budget is kept here, in bytes asked for, before the device is asked.
 */
import { BackendError, type Buffer, OutOfMemoryError, type TenonError } from '@tenon/core';
import type { Tally } from './counters.ts';
import type { ProfileLimits } from './device.ts';
import type { Session } from './session.ts';

/** A GPU buffer that many tensors may have used, one after another. */
export interface Block {
  readonly id: number;
  readonly handle: GPUBuffer;
  readonly capacity: number;
  readonly session: Session;
  /** Number of the last batch whose commands name it. */
  lastBatch: number;
  /** Number of the last batch that writes it. */
  lastWrite: number;
  /** Why its contents are not what they should be, or null. */
  failure: TenonError | null;
  /** When it was last freed: the smallest goes first under pressure. */
  freedAt: number;
  /** The device had no memory for it: never handed out again. */
  isRefused: boolean;
}

/** All of it will be written anew: what went wrong with it before does not matter any more. */
export function forgetWrites(block: Block): void {
  block.failure = null;
  block.lastWrite = -1;
}

/** What core holds. */
export class GpuBuffer implements Buffer {
  readonly byteLength: number;
  /** Null once freed. */
  block: Block | null;

  constructor(byteLength: number, block: Block) {
    this.byteLength = byteLength;
    this.block = block;
  }

  /** Its device is gone, and its contents with it. */
  get isLost(): boolean {
    return this.block !== null && this.block.session.failure !== null;
  }
}

/** What the pool must know of pending work. */
export interface Uses {
  /** Commands that name the block have not been submitted yet. */
  isPending(block: Block): boolean;
  flush(): void;
  /** The device refused what it seemed to have. */
  report(error: TenonError): void;
  /** These are about to be destroyed. */
  forget(blocks: ReadonlySet<Block>): void;
}

/** STORAGE | COPY_SRC | COPY_DST, and UNIFORM | COPY_DST: Node has no such globals. */
const STORAGE: number = 0x80 | 0x04 | 0x08;
const WORDS: number = 0x40 | 0x08;
const SMALLEST = 256;
/** Eight sizes per octave: a block is at most an eighth too large. */
const STEPS = 8;
/** Share of the budget that is freed beyond need, so that the next request finds room too. */
const SLACK: number = 1 / 8;

/** The capacity of the class that `byteLength` belongs to. */
export function capacityFor(byteLength: number, limit: number): number {
  if (byteLength <= SMALLEST) return SMALLEST;
  const octave = 2 ** Math.floor(Math.log2(byteLength));
  const step = Math.max(SMALLEST, octave / STEPS);
  const rounded = Math.ceil(byteLength / step) * step;
  // A multiple of 16, so that bindings of vec4 end on whole elements; at the very limit, of 4.
  const most = Math.max(limit - (limit % 16), Math.ceil(byteLength / 4) * 4);
  return Math.min(rounded, most);
}

export class BufferPool {
  private readonly session: Session;
  private readonly tally: Tally;
  private readonly budget: number;
  private readonly limits: ProfileLimits;
  private readonly uses: Uses;
  /** Per capacity, by ascending id. */
  private readonly free = new Map<number, Block[]>();
  private readonly all = new Set<Block>();
  /** Not free any more, but not yet destroyed: pending commands name them. */
  private doomed: Block[] = [];
  private nextId = 0;
  private clock = 0;
  private liveBytes = 0;
  private liveBuffers = 0;
  private residentBytes = 0;

  constructor(session: Session, tally: Tally, budget: number, limits: ProfileLimits, uses: Uses) {
    this.session = session;
    this.tally = tally;
    this.budget = budget;
    this.limits = limits;
    this.uses = uses;
  }

  /** @throws OutOfMemoryError beyond the budget, or beyond what one binding may hold */
  allocate(byteLength: number): GpuBuffer {
    this.session.assertOpen();
    const limit = Math.min(this.limits.maxBindingBytes, this.limits.maxBufferBytes);
    if (byteLength > limit) {
      throw new OutOfMemoryError(
        `webgpu: expected at most ${limit} bytes in one buffer (maxStorageBufferBindingSize ` +
          `${this.limits.maxBindingBytes}, maxBufferSize ${this.limits.maxBufferBytes}), got ` +
          `${byteLength} bytes (split the tensor)`,
      );
    }
    if (this.liveBytes + byteLength > this.budget) throw this.outOfMemory(byteLength);
    const capacity = capacityFor(byteLength, limit);
    const block = this.free.get(capacity)?.shift() ?? this.createTensor(capacity);
    forgetWrites(block);
    this.liveBytes += byteLength;
    this.liveBuffers++;
    return new GpuBuffer(byteLength, block);
  }

  /** @throws BackendError for a buffer that is free already */
  release(buffer: GpuBuffer): void {
    const { block, byteLength } = buffer;
    if (block === null)
      throw new BackendError('webgpu: expected a live buffer to free, got a free one');
    buffer.block = null;
    // Of a lost device: nothing to give back.
    if (block.session !== this.session) return;
    this.liveBytes -= byteLength;
    this.liveBuffers--;
    if (block.isRefused) {
      this.drop(block);
      return;
    }
    block.freedAt = this.clock++;
    const list = this.free.get(block.capacity);
    if (list === undefined) {
      this.free.set(block.capacity, [block]);
      return;
    }
    let low = 0;
    let high = list.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((list[middle]?.id ?? 0) < block.id) low = middle + 1;
      else high = middle;
    }
    list.splice(low, 0, block);
  }

  /** A block for launch words, outside the budget and the classes: `discard` ends it. */
  createWords(byteLength: number): Block {
    this.session.assertOpen();
    return this.create(byteLength, WORDS);
  }

  /** Destroys it once the commands that name it have been submitted. */
  discard(block: Block): void {
    if (block.session !== this.session) return;
    this.doomed.push(block);
    this.sweep();
  }

  /** Destroys what waited for its last commands to be submitted. */
  sweep(): void {
    if (this.doomed.length === 0) return;
    const kept = this.doomed.filter((block) => this.uses.isPending(block));
    for (const block of this.doomed) {
      if (kept.includes(block)) continue;
      block.handle.destroy();
      this.all.delete(block);
    }
    this.doomed = kept;
  }

  /** Destroys everything, live blocks too. */
  dispose(): void {
    for (const { handle } of this.all) handle.destroy();
    this.all.clear();
    this.free.clear();
  }

  private createTensor(capacity: number): Block {
    if (this.residentBytes + capacity > this.budget) {
      this.trim(this.residentBytes + capacity - this.budget);
    }
    this.residentBytes += capacity;
    return this.create(capacity, STORAGE);
  }

  private create(capacity: number, usage: number): Block {
    const { device } = this.session;
    device.pushErrorScope('validation');
    device.pushErrorScope('out-of-memory');
    const handle = device.createBuffer({ size: capacity, usage });
    const scopes = [device.popErrorScope(), device.popErrorScope()];
    this.tally.buffers++;
    const block: Block = {
      id: this.nextId++,
      handle,
      capacity,
      session: this.session,
      lastBatch: -1,
      lastWrite: -1,
      failure: null,
      freedAt: 0,
      isRefused: false,
    };
    this.all.add(block);
    for (const scope of scopes) this.check(scope, block);
    return block;
  }

  private check(scope: Promise<GPUError | null>, block: Block): void {
    const { liveBytes, liveBuffers, budget } = this;
    const { capacity } = block;
    scope.then(
      (error) => {
        if (error === null) return;
        block.isRefused = true;
        const list = this.free.get(capacity);
        const at = list?.indexOf(block) ?? -1;
        if (at >= 0) {
          list?.splice(at, 1);
          this.drop(block);
        }
        this.uses.report(
          new OutOfMemoryError(
            `webgpu: expected the device to have ${capacity} bytes more, got: ${error.message} ` +
              `(${liveBytes} bytes were live in ${liveBuffers} buffers of at most ${budget}; ` +
              'a smaller memoryBytes has memory reclaimed earlier)',
          ),
        );
      },
      // The device is lost: the session says so.
      () => {},
    );
  }

  /** A free block that is no good. */
  private drop(block: Block): void {
    this.residentBytes -= block.capacity;
    this.uses.forget(new Set([block]));
    this.discard(block);
  }

  /** Destroys free blocks, those first that were freed first. */
  private trim(bytes: number): void {
    this.uses.flush();
    const target = bytes + this.budget * SLACK;
    const all = [...this.free.values()].flat().sort((a, b) => a.freedAt - b.freedAt);
    const gone = new Set<Block>();
    let sum = 0;
    for (const block of all) {
      if (sum >= target) break;
      sum += block.capacity;
      gone.add(block);
    }
    if (gone.size === 0) return;
    for (const [capacity, list] of this.free) {
      this.free.set(
        capacity,
        list.filter((block) => !gone.has(block)),
      );
    }
    this.residentBytes -= sum;
    this.uses.forget(gone);
    this.doomed.push(...gone);
    this.sweep();
  }

  private outOfMemory(byteLength: number): OutOfMemoryError {
    return new OutOfMemoryError(
      `webgpu: expected room for ${byteLength} bytes, got ${this.budget - this.liveBytes}: ` +
        `${this.liveBytes} bytes are live in ${this.liveBuffers} ` +
        `${this.liveBuffers === 1 ? 'buffer' : 'buffers'}, the budget is ${this.budget} ` +
        '(memoryBytes sets it)',
    );
  }
}
