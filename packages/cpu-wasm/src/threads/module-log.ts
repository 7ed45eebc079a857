/**
 * Generated modules on their way to the workers: a linked list of records in shared memory. A
 * worker that sleeps in Atomics.wait sees no message, so it reads the list before a job that needs
 * it. A record: address of the next one, bytes of the names, bytes of the module, names (JSON),
 * module. Records are never moved or freed.
 */
import type { FunctionTable } from '../function-table.ts';
import type { WasmMemory } from '../memory.ts';
import { LOG_HEAD } from './control.ts';

const HEADER = 12;
/** Records are cut from slabs, so that they do not lie scattered between tensors. */
const SLAB = 65536;

/** Writes records. */
export class ModuleLog {
  /** Modules written so far. */
  count = 0;
  private readonly memory: WasmMemory;
  private link: number = LOG_HEAD;
  private next = 0;
  private end = 0;

  constructor(memory: WasmMemory) {
    this.memory = memory;
  }

  /**
   * Writes a record; the function that is returned makes it part of the list, and cannot fail.
   * @throws OutOfMemoryError when there is no room for it
   */
  prepare(bytes: Uint8Array, names: readonly string[]): () => void {
    const header = new TextEncoder().encode(JSON.stringify(names));
    const size = Math.ceil((HEADER + header.length + bytes.length) / 4) * 4;
    const address = this.reserve(size);
    const { u8, i32 } = this.memory;
    i32[address / 4] = 0;
    i32[address / 4 + 1] = header.length;
    i32[address / 4 + 2] = bytes.length;
    u8.set(header, address + HEADER);
    u8.set(bytes, address + HEADER + header.length);
    return () => {
      Atomics.store(this.memory.i32, this.link / 4, address);
      this.link = address;
      this.count++;
    };
  }

  private reserve(size: number): number {
    if (this.next + size > this.end) {
      const buffer = this.memory.allocate(Math.max(size, SLAB));
      this.next = buffer.address;
      this.end = buffer.address + buffer.byteLength;
    }
    const address = this.next;
    this.next += size;
    return address;
  }
}

/** Reads records, on a worker. */
export class ModuleReader {
  /** Modules read so far. */
  count = 0;
  private link: number = LOG_HEAD;

  /**
   * Adds all modules that have come since the last call, except those in memory that this thread
   * does not see yet: it learns of growth some time after the thread that grew it.
   */
  read(memory: WebAssembly.Memory, table: FunctionTable): void {
    const i32 = new Int32Array(memory.buffer);
    for (;;) {
      const address = Atomics.load(i32, this.link / 4) >>> 0;
      if (address === 0) return;
      const namesLength = i32[address / 4 + 1] ?? 0;
      const length = i32[address / 4 + 2] ?? 0;
      if (address + HEADER + namesLength + length > i32.byteLength) return;
      // Neither TextDecoder nor WebAssembly.Module takes shared memory.
      const copy = new Uint8Array(namesLength + length);
      copy.set(new Uint8Array(memory.buffer, address + HEADER, copy.length));
      const names = JSON.parse(new TextDecoder().decode(copy.subarray(0, namesLength))) as string[];
      table.add(new WebAssembly.Module(copy.subarray(namesLength)), names);
      this.link = address;
      this.count++;
    }
  }
}
