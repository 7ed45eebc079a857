/**
 * A backend around another that makes memory count: core must stay within a budget (spilling and
 * restoring), and every block is watched. Freed blocks are filled with NaN and must stay so, new
 * ones start as NaN, a guard word behind each shows writes beyond its end, and a launch on a freed
 * block is an error. Kernels are the inner backend's, so results must be equal to the bit.
 */
import type {
  Backend,
  Buffer,
  Capabilities,
  CopyStep,
  Kernel,
  Launch,
  LoopStep,
  Program,
  ProgramStep,
} from '@tenon/core';
import { OutOfMemoryError } from '@tenon/core';
import { turn } from './turn.ts';

/** What the arena saw so far. */
export interface ArenaReport {
  readonly liveBytes: number;
  readonly liveBlocks: number;
  readonly peakBytes: number;
  readonly allocatedBytes: number;
  /** Bytes of the largest block. */
  readonly largestBytes: number;
}

/** A backend whose memory is limited and watched. */
export interface BudgetedBackend extends Backend {
  arena(): ArenaReport;
  /** Checks guards of live blocks and the filling of freed ones. Rejects naming the block. */
  check(): Promise<void>;
}

/** Options of `budgeted`. */
export interface BudgetedOptions {
  /**
   * Default true, where the backend can. Without it results come in a later turn of the event
   * loop, as from a device.
   */
  readonly syncRead?: boolean;
  /** allocate throws an OutOfMemoryError beyond so many live bytes. Default: no limit. */
  readonly capacityBytes?: number;
  /** Default true. Without it blocks are counted, but neither filled nor checked. */
  readonly watched?: boolean;
  /** Others use the backend as well: dispose() gives its blocks back and leaves it alive. */
  readonly shared?: boolean;
}

const GUARD_BYTES = 16;
/** A quiet NaN in both f32 halves, so in f64 too; as i32 a number that no test uses. */
const POISON = 0x7fc0dead;
/** Freed blocks kept for reuse. */
const MAX_FREED = 64;

class Block implements Buffer {
  readonly byteLength: number;
  readonly inner: Buffer;
  isFreed = false;
  constructor(byteLength: number, inner: Buffer) {
    this.byteLength = byteLength;
    this.inner = inner;
  }
}

function poison(byteLength: number): Uint32Array<ArrayBuffer> {
  return new Uint32Array(Math.ceil(byteLength / 4)).fill(POISON);
}

class Arena implements BudgetedBackend {
  readonly name: string;
  readonly capabilities: Capabilities;
  report: Backend['report'] = [];
  readonly prepare: Backend['prepare'];
  readonly overrides?: NonNullable<Backend['overrides']>;
  readonly readSync?: NonNullable<Backend['readSync']>;
  readonly #inner: Backend;
  readonly #capacityBytes: number;
  readonly #isShared: boolean;
  /** 0: nothing is watched. */
  readonly #guardBytes: number;
  readonly #live = new Set<Block>();
  readonly #freed = new Map<number, Block[]>();
  #freedCount = 0;
  #isDisposed = false;
  #liveBytes = 0;
  #peakBytes = 0;
  #allocatedBytes = 0;
  #largestBytes = 0;

  constructor(inner: Backend, budgetBytes: number | 'collected', options: BudgetedOptions) {
    const { syncRead: canReadSync = true, capacityBytes = Number.POSITIVE_INFINITY } = options;
    this.#inner = inner;
    this.#capacityBytes = capacityBytes;
    this.#isShared = options.shared ?? false;
    this.#guardBytes = (options.watched ?? true) ? GUARD_BYTES : 0;
    this.name = `${inner.name} in ${budgetBytes} bytes`;
    const syncRead = inner.capabilities.syncRead && canReadSync;
    this.capabilities = { ...inner.capabilities, syncRead, memory: budgetBytes };
    this.prepare = inner.prepare;
    if (inner.overrides !== undefined) this.overrides = inner.overrides;
    const { readSync } = inner;
    if (readSync !== undefined && syncRead) {
      this.readSync = (buffer, byteOffset = 0, byteLength = buffer.byteLength - byteOffset) =>
        readSync.call(inner, this.#innerOf(buffer, 'read'), byteOffset, byteLength);
    }
  }

  allocate(byteLength: number): Buffer {
    if (this.#liveBytes + byteLength > this.#capacityBytes) {
      throw new OutOfMemoryError(`the arena holds ${this.#capacityBytes} bytes`);
    }
    const reused = this.#freed.get(byteLength)?.pop();
    const innerBytes = byteLength + this.#guardBytes;
    const block = reused ?? new Block(byteLength, this.#inner.allocate(innerBytes));
    if (reused !== undefined) {
      this.#freedCount--;
      this.#checkFreed(block);
    } else if (this.#guardBytes > 0) this.#inner.write(block.inner, poison(innerBytes));
    block.isFreed = false;
    this.#live.add(block);
    this.#liveBytes += byteLength;
    this.#allocatedBytes += byteLength;
    this.#peakBytes = Math.max(this.#peakBytes, this.#liveBytes);
    this.#largestBytes = Math.max(this.#largestBytes, byteLength);
    return block;
  }

  free(buffer: Buffer): void {
    const block = buffer as Block;
    if (this.#isDisposed) return;
    if (block.isFreed) throw new Error(`arena: a block of ${block.byteLength} bytes freed twice`);
    this.#checkGuard(block);
    block.isFreed = true;
    this.#live.delete(block);
    this.#liveBytes -= block.byteLength;
    if (this.#freedCount >= MAX_FREED || this.#guardBytes === 0) {
      this.#inner.free(block.inner);
      return;
    }
    this.#inner.write(block.inner, poison(block.byteLength));
    const list = this.#freed.get(block.byteLength) ?? [];
    list.push(block);
    this.#freedCount++;
    this.#freed.set(block.byteLength, list);
  }

  write(buffer: Buffer, bytes: ArrayBufferView, byteOffset = 0): void {
    if (byteOffset + bytes.byteLength > buffer.byteLength) {
      throw new Error(`arena: ${bytes.byteLength} bytes written into ${buffer.byteLength}`);
    }
    this.#inner.write(this.#innerOf(buffer, 'written'), bytes, byteOffset);
  }

  copy(step: CopyStep): void {
    this.#inner.copy(this.#copyStep(step));
  }

  async read(
    buffer: Buffer,
    byteOffset = 0,
    byteLength: number = buffer.byteLength - byteOffset,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = this.#inner.read(this.#innerOf(buffer, 'read'), byteOffset, byteLength);
    if (this.readSync === undefined) await turn();
    return bytes;
  }

  launch(kernel: Kernel, buffers: readonly Buffer[], args: Int32Array): void {
    this.#inner.launch(kernel, this.#innersOf(buffers), args);
  }

  link(steps: readonly ProgramStep[]): Program {
    const launches = new Map<Launch, Launch>();
    const program = this.#inner.link(steps.map((step) => this.#step(step, launches)));
    return {
      run: () => program.run(),
      setArgs: (launch, args) => program.setArgs(launches.get(launch) ?? launch, args),
      dispose: () => program.dispose(),
    };
  }

  flush(): void {
    this.#inner.flush();
  }
  synchronize(): Promise<void> {
    return this.#inner.synchronize();
  }
  /** What the collector finds later has nowhere to go. */
  dispose(): void {
    this.#isDisposed = true;
    if (!this.#isShared) {
      this.#inner.dispose();
      return;
    }
    for (const block of [...this.#live, ...[...this.#freed.values()].flat()]) {
      this.#inner.free(block.inner);
    }
  }

  arena(): ArenaReport {
    return {
      liveBytes: this.#liveBytes,
      liveBlocks: this.#live.size,
      peakBytes: this.#peakBytes,
      allocatedBytes: this.#allocatedBytes,
      largestBytes: this.#largestBytes,
    };
  }

  async check(): Promise<void> {
    if (this.#guardBytes === 0) return;
    const freed = [...this.#freed.values()].flat();
    if (this.#inner.readSync !== undefined) {
      for (const block of this.#live) this.#checkGuard(block);
      for (const block of freed) this.#checkFreed(block);
      return;
    }
    const read = async (block: Block, from: number, beyond: boolean): Promise<void> => {
      const bytes = await this.#inner.read(block.inner, from, block.inner.byteLength - from);
      requirePoison(new Uint32Array(bytes.slice().buffer), block, beyond);
    };
    await Promise.all([
      ...[...this.#live].map((block) => read(block, block.byteLength, true)),
      ...freed.map((block) => read(block, 0, false)),
    ]);
  }

  #innerOf(buffer: Buffer, what: string): Buffer {
    if (!(buffer instanceof Block)) throw new Error('arena: a buffer of another backend');
    if (buffer.isFreed)
      throw new Error(`arena: a freed block of ${buffer.byteLength} bytes is ${what}`);
    return buffer.inner;
  }
  #innersOf(buffers: readonly Buffer[]): Buffer[] {
    return buffers.map((buffer) => this.#innerOf(buffer, 'launched on'));
  }
  #copyStep(step: CopyStep): CopyStep {
    const [from, to] = [
      this.#innerOf(step.from, 'copied from'),
      this.#innerOf(step.to, 'copied to'),
    ];
    return { ...step, from, to };
  }
  #step(step: ProgramStep, launches: Map<Launch, Launch>): ProgramStep {
    if ('kernel' in step) {
      const own: Launch = { ...step, buffers: this.#innersOf(step.buffers) };
      launches.set(step, own);
      return own;
    }
    if (!('body' in step)) return this.#copyStep(step);
    const body = step.body.map((inner) => this.#step(inner, launches));
    const loop: LoopStep = {
      count: step.count,
      body,
      increments: step.increments.map((one) => ({
        ...one,
        launch: launches.get(one.launch) ?? one.launch,
      })),
      swaps: step.swaps.map(([a, b]) => [this.#innerOf(a, 'swapped'), this.#innerOf(b, 'swapped')]),
    };
    return loop;
  }

  /** Words of a block, where they can be had at once. */
  #words(block: Block, from: number): Uint32Array {
    const { readSync } = this.#inner;
    if (readSync === undefined) return new Uint32Array();
    const { byteLength } = block.inner;
    const bytes = readSync.call(this.#inner, block.inner, from, byteLength - from);
    return new Uint32Array(bytes.slice().buffer);
  }
  #checkGuard(block: Block): void {
    if (this.#guardBytes === 0) return;
    // Blocks are whole words, so the guard starts right behind.
    requirePoison(this.#words(block, block.byteLength), block, true);
  }
  #checkFreed(block: Block): void {
    requirePoison(this.#words(block, 0), block, false);
  }
}

function requirePoison(words: Uint32Array, { byteLength }: Block, isBeyond: boolean): void {
  if (words.every((word) => word === POISON)) return;
  const where = isBeyond ? 'beyond a' : 'into a freed';
  throw new Error(`arena: something wrote ${where} block of ${byteLength} bytes`);
}

/**
 * Wraps the backend that `create` makes: core sees a memory budget of so many bytes, or a collected
 * backend with the same watch over its blocks. `syncRead: false` takes synchronous reads away, so
 * that core cannot copy anything out within a turn; `capacityBytes` is a memory that is full before
 * the budget is reached.
 *
 * @example
 * const backend = await budgeted(cpuJs, 64 * 1024);
 */
export async function budgeted(
  create: () => Backend | Promise<Backend>,
  budgetBytes: number | 'collected',
  options: BudgetedOptions = {},
): Promise<BudgetedBackend> {
  return new Arena(await create(), budgetBytes, options);
}
