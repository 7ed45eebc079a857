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
  /** Checks guards of live blocks and the filling of freed ones. @throws naming the block */
  check(): void;
}

/** Options of `budgeted`. */
export interface BudgetedOptions {
  /** Default true, where the backend can. */
  readonly syncRead?: boolean;
  /** allocate throws an OutOfMemoryError beyond so many live bytes. Default: no limit. */
  readonly capacityBytes?: number;
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
  readonly #live = new Set<Block>();
  readonly #freed = new Map<number, Block[]>();
  #freedCount = 0;
  #liveBytes = 0;
  #peakBytes = 0;
  #allocatedBytes = 0;
  #largestBytes = 0;

  constructor(inner: Backend, budgetBytes: number | 'collected', options: BudgetedOptions) {
    const { syncRead: canReadSync = true, capacityBytes = Number.POSITIVE_INFINITY } = options;
    this.#inner = inner;
    this.#capacityBytes = capacityBytes;
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
    const block = reused ?? new Block(byteLength, this.#inner.allocate(byteLength + GUARD_BYTES));
    if (reused === undefined) this.#inner.write(block.inner, poison(byteLength + GUARD_BYTES));
    else {
      this.#freedCount--;
      this.#checkFreed(block);
    }
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
    if (block.isFreed) throw new Error(`arena: a block of ${block.byteLength} bytes freed twice`);
    this.#checkGuard(block);
    block.isFreed = true;
    this.#live.delete(block);
    this.#liveBytes -= block.byteLength;
    if (this.#freedCount >= MAX_FREED) {
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

  read(
    buffer: Buffer,
    byteOffset = 0,
    byteLength: number = buffer.byteLength - byteOffset,
  ): Promise<Uint8Array<ArrayBuffer>> {
    return this.#inner.read(this.#innerOf(buffer, 'read'), byteOffset, byteLength);
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
  dispose(): void {
    this.#inner.dispose();
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

  check(): void {
    for (const block of this.#live) this.#checkGuard(block);
    for (const list of this.#freed.values()) for (const block of list) this.#checkFreed(block);
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

  #words(block: Block, from: number, length: number): Uint32Array | null {
    const { readSync } = this.#inner;
    if (readSync === undefined || length === 0) return null;
    return new Uint32Array(readSync.call(this.#inner, block.inner, from, length).slice().buffer);
  }
  #checkGuard(block: Block): void {
    // Blocks are whole words, so the guard starts right behind.
    const words = this.#words(block, block.byteLength, GUARD_BYTES);
    if (words?.some((word) => word !== POISON)) {
      throw new Error(`arena: something wrote beyond a block of ${block.byteLength} bytes`);
    }
  }
  #checkFreed(block: Block): void {
    const words = this.#words(block, 0, block.byteLength + GUARD_BYTES);
    if (words?.some((word) => word !== POISON)) {
      throw new Error(`arena: something wrote into a freed block of ${block.byteLength} bytes`);
    }
  }
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
