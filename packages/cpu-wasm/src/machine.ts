/**
 * What kernels run on: the memory, the functions, and the one way to call them: over a range of
 * units, cut into pieces, on all threads.
 */
import { BackendError } from '@tenon/core';
import { ARGS, heapStart, MAX_ARG_WORDS, SCRATCH_BYTES, scratchOf } from './address-map.ts';
import { FunctionTable, type WasmFunction } from './function-table.ts';
import { WasmMemory } from './memory.ts';
import type { Pool } from './threads/pool.ts';
import { isRelaxed, isThreaded, type Variant } from './variant.ts';

export type { Variant };
export { MAX_ARG_WORDS, SCRATCH_BYTES };

export interface Machine {
  readonly variant: Variant;
  readonly hasSimd: boolean;
  readonly hasRelaxed: boolean;
  /** 1: no pool. */
  readonly threads: number;
  /** Views over the whole memory, replaced when it grows: read them afresh after any allocation. */
  readonly u8: Uint8Array;
  readonly i32: Int32Array;
  readonly f32: Float32Array;
  readonly f64: Float64Array;
  /** Byte address of the block for launch words (MAX_ARG_WORDS words): fill it, then run(). */
  readonly args: number;
  /** Table index of an exported AssemblyScript kernel. @throws BackendError for an unknown name */
  kernel(name: string): number;
  /**
   * Compiles a generated module; its exports with the kernel signature get table indices, the same
   * on every thread. It may import env.memory and env.<function> of MATH_IMPORTS.
   */
  define(bytes: Uint8Array<ArrayBuffer>, exports: readonly string[]): number[];
  /**
   * Runs function `fn` over [0, total) in pieces of `grain` units, or several times that, on all
   * threads; returns when all is done. One piece: a direct call.
   * @throws BackendError when a piece trapped or a thread ended
   */
  run(fn: number, args: number, total: number, grain: number): void;
  /** Exports of the AssemblyScript instance, for what is not a kernel: call on this thread. */
  readonly exports: Readonly<Record<string, WasmFunction>>;
}

/** Milliseconds of running after which a function counts as compiled by the optimizing compiler. */
const FRESH_MS = 20;
/** A piece of a fresh function should take about so long. */
const FRESH_PIECE_MS = 0.1;

/** The memory for a variant: room for the scratch of `threads` threads, then the heap. */
export function memoryFor(variant: Variant, threads: number, limitBytes?: number): WasmMemory {
  return new WasmMemory({
    isShared: isThreaded(variant),
    heapStart: heapStart(threads),
    ...(limitBytes === undefined ? {} : { limitBytes }),
  });
}

export class WasmMachine implements Machine {
  readonly variant: Variant;
  readonly hasSimd: boolean;
  readonly hasRelaxed: boolean;
  readonly args: number = ARGS;
  readonly module: WebAssembly.Module;
  readonly memory: WasmMemory;
  exports: Readonly<Record<string, WasmFunction>>;
  private table: FunctionTable | null;
  /** By table index: milliseconds that the function still counts as fresh. */
  private readonly freshMs: number[] = [];
  private pool: Pool | null = null;

  constructor(variant: Variant, module: WebAssembly.Module, memory: WasmMemory) {
    this.variant = variant;
    this.hasSimd = variant !== 'scalar';
    this.hasRelaxed = isRelaxed(variant);
    this.module = module;
    this.memory = memory;
    const table = new FunctionTable(module, memory.memory);
    this.table = table;
    this.exports = table.exports;
  }

  get threads(): number {
    return this.pool === null ? 1 : this.pool.threads;
  }

  get u8(): Uint8Array {
    return this.memory.u8;
  }

  get i32(): Int32Array {
    return this.memory.i32;
  }

  get f32(): Float32Array {
    return this.memory.f32;
  }

  get f64(): Float64Array {
    return this.memory.f64;
  }

  attach(pool: Pool): void {
    this.pool = pool;
  }

  kernel(name: string): number {
    const index = this.functions().indexOf(name);
    if (index < 0) {
      const known = Object.keys(this.exports).join(', ');
      throw new BackendError(`cpu-wasm: expected an exported kernel (${known}), got ${name}`);
    }
    return index;
  }

  define(bytes: Uint8Array<ArrayBuffer>, exports: readonly string[]): number[] {
    const table = this.functions();
    const module = new WebAssembly.Module(bytes);
    // Whatever fails must fail before any thread has new indices: they are the same on all.
    const publish = this.pool?.prepare(bytes, exports);
    const indices = table.add(module, exports);
    publish?.();
    return indices;
  }

  run(fn: number, args: number, total: number, grain: number): void {
    if (total <= 0) return;
    if (total > grain && (this.freshMs[fn] ?? FRESH_MS) > 0) this.runFresh(fn, args, total, grain);
    else if (this.pool === null || total <= grain || this.pool.threads === 1) {
      this.call(fn, args, 0, total);
    } else this.pool.run(fn, args, total, grain);
  }

  /** Ends the threads and drops the memory and the functions. */
  dispose(): void {
    this.pool?.dispose();
    this.pool = null;
    this.table = null;
    this.exports = {};
    this.memory.release();
  }

  private functions(): FunctionTable {
    const { table } = this;
    if (table !== null) return table;
    throw new BackendError('cpu-wasm: expected a live backend, got one that was disposed');
  }

  private call(fn: number, args: number, begin: number, end: number): void {
    const kernel = this.functions().functions[fn];
    if (kernel === undefined) throw new BackendError(`cpu-wasm: no function has index ${fn}`);
    try {
      kernel(args, begin, end, scratchOf(0));
    } catch (error) {
      throw new BackendError(`cpu-wasm: a kernel trapped: ${String(error)}`, { cause: error });
    }
  }

  /**
   * wasm has no on-stack replacement: a call that began in baseline code ends in it. So a function
   * that was hardly run yet gets small pieces, until the optimized code has had time to arrive.
   */
  private runFresh(fn: number, args: number, total: number, grain: number): void {
    const start = performance.now();
    if (this.pool !== null && this.pool.threads > 1) {
      this.pool.runPieces(fn, args, total, grain);
    } else {
      let before = start;
      let size = grain;
      for (let at = 0; at < total; ) {
        const end = Math.min(total, at + size);
        this.call(fn, args, at, end);
        at = end;
        const now = performance.now();
        if ((now - before) * 2 < FRESH_PIECE_MS) size *= 2;
        before = now;
      }
    }
    this.freshMs[fn] = (this.freshMs[fn] ?? FRESH_MS) - (performance.now() - start);
  }
}
