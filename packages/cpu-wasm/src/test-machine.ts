/** For tests: a machine with helpers to put arrays into its memory and read them back. */
import type { WasmBuffer } from './kernel.ts';
import { loadModule } from './load.ts';
import { memoryFor, type Variant, WasmMachine } from './machine.ts';
import { Pool, type PoolOptions } from './threads/pool.ts';

interface Arrays {
  f32: Float32Array<ArrayBuffer>;
  f64: Float64Array<ArrayBuffer>;
  i32: Int32Array<ArrayBuffer>;
  u32: Uint32Array<ArrayBuffer>;
  u8: Uint8Array<ArrayBuffer>;
}
const MAKE: { readonly [E in keyof Arrays]: (bytes: ArrayBuffer) => Arrays[E] } = {
  f32: (bytes) => new Float32Array(bytes),
  f64: (bytes) => new Float64Array(bytes),
  i32: (bytes) => new Int32Array(bytes),
  u32: (bytes) => new Uint32Array(bytes),
  u8: (bytes) => new Uint8Array(bytes),
};

export class TestMachine extends WasmMachine {
  alloc(byteLength: number): WasmBuffer {
    return this.memory.allocate(byteLength);
  }

  free(buffer: WasmBuffer): void {
    this.memory.free(buffer);
  }

  /** A new buffer that holds a copy of `values`. */
  put(values: ArrayBufferView): WasmBuffer {
    const buffer = this.alloc(values.byteLength);
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    this.u8.set(bytes, buffer.address);
    return buffer;
  }

  /** A copy of a buffer's elements: `get(buffer, 'f32')`. */
  get<E extends keyof Arrays>(buffer: WasmBuffer, element: E): Arrays[E] {
    const copy = new Uint8Array(buffer.byteLength);
    copy.set(this.u8.subarray(buffer.address, buffer.address + buffer.byteLength));
    return MAKE[element](copy.buffer);
  }
}

/**
 * A machine of its own with `threads` threads (only `-threads` variants take more than one). Its
 * workers do not keep the process alive.
 */
export async function testMachine(variant: Variant, threads = 1): Promise<TestMachine> {
  const module = await loadModule(variant);
  const machine = new TestMachine(variant, module, memoryFor(variant, threads));
  if (threads > 1) await startTestPool(machine, { threads });
  return machine;
}

/** The pool of a machine that has none yet. @throws Error when a worker does not start */
export async function startTestPool(
  machine: WasmMachine,
  options: Partial<PoolOptions>,
): Promise<Pool> {
  const pool = new Pool({
    machine,
    threads: 2,
    canWait: true,
    stallMs: 20_000,
    changed: () => {},
    ...options,
  });
  const failure = await pool.start();
  if (failure !== '') throw new Error(`a worker did not start: ${failure}`);
  machine.attach(pool);
  return pool;
}
