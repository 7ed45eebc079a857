/**
 * The thread pool, seen from the calling thread: opens jobs, works on them too, waits for the end.
 * The protocol is in assembly/threads.ts; nothing is posted to a worker after its start.
 */
import { BackendError } from '@tenon/core';
import { CONTROL, scratchOf } from '../address-map.ts';
import type { WasmFunction } from '../function-table.ts';
import type { WasmMachine } from '../machine.ts';
import {
  ASLEEP,
  BUSY,
  DONE,
  ERROR,
  ERROR_LENGTH,
  ERROR_TEXT,
  JOINING,
  PARKED,
  STOP,
  slotOf,
} from './control.ts';
import { ModuleLog } from './module-log.ts';
import { spawn, type Thread } from './spawn.ts';

/** How long a worker looks for the next job before it goes to sleep. */
const WORKER_SPIN_US = 50;
/** How long the caller looks for the end of a job before it goes to sleep. */
const CALLER_SPIN_US = 20;
const CALIBRATION_MS = 3;
/** A clock may stand still (tests replace it): no more rounds than this. */
const CALIBRATION_ROUNDS = 1000;
/**
 * The time without progress is counted in so many parts, none of them longer than it should be: a
 * process that was stopped (Ctrl-Z, a debugger, a sleeping computer) finds its threads alive.
 */
const STALL_PARTS = 10;
/** A job is cut into at most so many pieces per thread; kernels may ask for more. */
const PIECES_PER_THREAD = 16;
/** A worker that has not answered by then will not. */
const START_MS = 20_000;
/** So many workers are replaced after they have ended while idle; later ones are not. */
const REPLACEMENTS = 3;

export interface PoolOptions {
  readonly machine: WasmMachine;
  /** The calling thread included. */
  readonly threads: number;
  readonly workerUrl?: string | URL;
  /** Whether the calling thread may sleep. */
  readonly canWait: boolean;
  /** Without any progress of a job for so long a thread counts as dead. */
  readonly stallMs: number;
  /** Called when the number of threads has changed; `reason` in words. */
  readonly changed: (reason: string) => void;
}

interface Member {
  readonly thread: number;
  handle: Thread | null;
}

interface PoolExports {
  readonly poolRun: WasmFunction;
  readonly poolClose: WasmFunction;
  readonly poolFail: WasmFunction;
  readonly poolSpin: WasmFunction;
}

export class Pool {
  private readonly machine: WasmMachine;
  private readonly options: PoolOptions;
  private readonly exports: PoolExports;
  private readonly log: ModuleLog;
  private readonly members: Member[] = [];
  private readonly control: Int32Array;
  private readonly callerSpins: number;
  private readonly workerSpins: number;
  private replacements = 0;
  private isOver = false;
  /** From opening a job to its end. Stays true where a launch was cut short from outside. */
  private isOpen = false;
  /** Threads that work now, the calling one included. */
  threads = 1;

  constructor(options: PoolOptions) {
    this.options = options;
    this.machine = options.machine;
    this.exports = options.machine.exports as PoolExports & typeof options.machine.exports;
    this.log = new ModuleLog(options.machine.memory);
    // The control block lies at the start, so this view survives every growth.
    this.control = options.machine.i32;
    const perMicrosecond = this.calibrate();
    this.callerSpins = Math.ceil(CALLER_SPIN_US * perMicrosecond);
    this.workerSpins = Math.ceil(WORKER_SPIN_US * perMicrosecond);
  }

  /** Starts all workers; resolves when each serves or has failed: why one failed, or ''. */
  async start(): Promise<string> {
    const { threads } = this.options;
    const starts = Array.from({ length: threads - 1 }, (_, i) => {
      const member: Member = { thread: i + 1, handle: null };
      this.members.push(member);
      return this.startMember(member);
    });
    return (await Promise.all(starts)).find((reason) => reason !== '') ?? '';
  }

  /** As runPieces, with `grain` multiplied so that there are not more pieces than are of use. */
  run(fn: number, args: number, total: number, grain: number): void {
    const most = this.threads * PIECES_PER_THREAD;
    const factor = Math.ceil(total / grain / most);
    this.runPieces(fn, args, total, factor > 1 ? grain * factor : grain);
  }

  /** Runs `fn` over [0, total) in pieces of `grain`. @throws BackendError */
  runPieces(fn: number, args: number, total: number, grain: number): void {
    const slot = slotOf(0);
    const { log, callerSpins } = this;
    // A vm's timeout, or a stack too full for the lines below, ended the launch before.
    if (this.isOpen) this.abandon();
    this.isOpen = true;
    let missing = 0;
    try {
      // biome-ignore format: one line of words
      missing = this.exports.poolRun(
        CONTROL, slot, fn, args, total, grain, log.count, scratchOf(0), callerSpins,
      );
    } catch (error) {
      this.abandon();
      throw new BackendError(`cpu-wasm: a kernel trapped: ${String(error)}`, { cause: error });
    }
    if (missing > 0) this.join(Math.ceil(total / grain));
    this.isOpen = false;
    if (this.control[ERROR / 4] !== 0) throw this.takeError();
  }

  /**
   * The function that is returned makes a generated module known to the workers.
   * @throws OutOfMemoryError
   */
  prepare(bytes: Uint8Array, exports: readonly string[]): () => void {
    return this.isOver ? () => {} : this.log.prepare(bytes, exports);
  }

  dispose(): void {
    this.isOver = true;
    this.threads = 1;
    Atomics.store(this.control, STOP / 4, 1);
    for (const { handle } of this.members) handle?.terminate();
  }

  /** For tests: ends a worker as a crash would. */
  terminateWorker(thread: number): void {
    this.members[thread - 1]?.handle?.terminate();
  }

  /** Turns of a waiting loop per microsecond, once it is compiled by the optimizing compiler. */
  private calibrate(): number {
    const { poolSpin } = this.exports;
    const begin = performance.now();
    let fastest = Number.POSITIVE_INFINITY;
    let now = begin;
    // Long enough for the optimized code to arrive.
    for (let i = 0; i < CALIBRATION_ROUNDS && now - begin < CALIBRATION_MS; i++) {
      const start = now;
      poolSpin(CONTROL, -1, 50_000);
      now = performance.now();
      // A coarse clock may show nothing at all.
      if (now > start) fastest = Math.min(fastest, now - start);
    }
    return 50 / fastest;
  }

  private startMember(member: Member): Promise<string> {
    const { machine, workerUrl } = this.options;
    const { module } = machine;
    return new Promise((resolve) => {
      // Of this start: the member may have a newer worker by the time an old one reports its end.
      let state: 'starting' | 'serving' | 'over' = 'starting';
      const ended = (reason: string): void => {
        const before = state;
        state = 'over';
        clearTimeout(timer);
        if (before === 'starting') resolve(reason);
        else if (before === 'serving') this.memberEnded(member, reason);
      };
      const timer = setTimeout(() => {
        member.handle?.terminate();
        ended('a worker did not start in time');
      }, START_MS);
      const ready = (): void => {
        if (state !== 'starting' || this.isOver) return;
        state = 'serving';
        clearTimeout(timer);
        this.threads++;
        resolve('');
      };
      const memory = machine.memory.memory;
      const init = { module, memory, thread: member.thread, spins: this.workerSpins };
      try {
        member.handle = spawn(init, { ready, ended }, workerUrl);
      } catch (error) {
        ended(error instanceof Error ? error.message : String(error));
      }
    });
  }

  /** A worker has ended between jobs: takes it out and tries to replace it. */
  private memberEnded(member: Member, reason: string): void {
    // In a browser a worker whose script has failed is still there.
    member.handle?.terminate();
    member.handle = null;
    if (this.isOver) return;
    this.threads--;
    const asleep = (slotOf(member.thread) + ASLEEP) / 4;
    if (Atomics.exchange(this.control, asleep, 0) === 1) Atomics.sub(this.control, PARKED / 4, 1);
    if (this.replacements >= REPLACEMENTS) {
      this.options.changed(`a worker ended and was not replaced: ${reason}`);
      return;
    }
    this.replacements++;
    void this.startMember(member).then((failure) => {
      this.options.changed(
        failure === '' ? '' : `a worker ended (${reason}) and none could replace it: ${failure}`,
      );
    });
  }

  /** The caller's own piece did not end: the others must be through before anyone may go on. */
  private abandon(): void {
    if (this.control[(slotOf(0) + BUSY) / 4] === 1) this.exports.poolFail(CONTROL, slotOf(0));
    this.join(this.exports.poolClose(CONTROL));
    Atomics.store(this.control, ERROR / 4, 0);
    this.isOpen = false;
  }

  /** Waits until `wanted` pieces are done. @throws BackendError when nothing moves any more */
  private join(wanted: number): void {
    const { control, options, callerSpins } = this;
    let seen = Atomics.load(control, DONE / 4);
    let since = performance.now();
    const part = options.stallMs / STALL_PARTS;
    let quiet = 0;
    if (options.canWait) Atomics.store(control, JOINING / 4, 1);
    while (seen !== wanted) {
      if (options.canWait) Atomics.wait(control, DONE / 4, seen, part);
      else this.exports.poolSpin(CONTROL, wanted, callerSpins);
      const done = Atomics.load(control, DONE / 4);
      const now = performance.now();
      if (done !== seen) quiet = 0;
      else if (now - since < part) continue;
      else if (++quiet >= STALL_PARTS) this.collapse();
      seen = done;
      since = now;
    }
    if (options.canWait) Atomics.store(control, JOINING / 4, 0);
  }

  /** A thread died in the middle of a piece (or is stuck there): none of them is used again. */
  private collapse(): never {
    const seconds = this.options.stallMs / 1000;
    this.exports.poolClose(CONTROL);
    Atomics.store(this.control, JOINING / 4, 0);
    this.dispose();
    const reason = `a worker thread ended or hung inside a kernel (nothing moved for ${seconds} s)`;
    this.options.changed(reason);
    throw new BackendError(
      `cpu-wasm: ${reason}: what this launch writes is undefined, and later launches run on one ` +
        'thread (a kernel that takes longer needs a larger stallSeconds)',
    );
  }

  private takeError(): BackendError {
    const { control } = this;
    const length = Atomics.load(control, ERROR_LENGTH / 4);
    const text = new Uint8Array(length);
    text.set(this.machine.u8.subarray(ERROR_TEXT, ERROR_TEXT + length));
    Atomics.store(control, ERROR_LENGTH / 4, 0);
    Atomics.store(control, ERROR / 4, 0);
    const message = new TextDecoder().decode(text);
    return new BackendError(`cpu-wasm: a kernel trapped on a worker thread: ${message}`);
  }
}
