/**
 * A thread of the pool: gets module and memory by the one message there is, then serves jobs from
 * shared memory until it is told to stop. Bundled by scripts/build-wasm.ts into a string.
 */
import { CONTROL, scratchOf } from '../src/address-map.ts';
import { FunctionTable } from '../src/function-table.ts';
import {
  BUSY,
  ERROR,
  ERROR_CAPACITY,
  ERROR_LENGTH,
  ERROR_TEXT,
  slotOf,
  type WorkerInit,
  type WorkerReply,
} from '../src/threads/control.ts';
import { ModuleReader } from '../src/threads/module-log.ts';

interface NodePort {
  postMessage(message: WorkerReply): void;
  once(event: 'message', listener: (message: WorkerInit) => void): void;
}
interface Scope {
  readonly process?: {
    readonly versions?: { readonly node?: string };
    getBuiltinModule?(id: string): { readonly parentPort: NodePort | null };
  };
  postMessage(message: WorkerReply): void;
  onmessage: ((event: MessageEvent<WorkerInit>) => void) | null;
  close?(): void;
}

/** Leaves the message of the first piece that trapped for the caller. */
function recordError(i32: Int32Array, u8: Uint8Array, error: unknown): void {
  if (Atomics.compareExchange(i32, ERROR / 4, 0, 1) !== 0) return;
  const text = new TextEncoder().encode(String(error)).subarray(0, ERROR_CAPACITY);
  u8.set(text, ERROR_TEXT);
  Atomics.store(i32, ERROR_LENGTH / 4, text.length);
}

function serve({ memory, thread, spins }: WorkerInit, table: FunctionTable): void {
  const { poolServe, poolFail } = table.exports;
  if (poolServe === undefined || poolFail === undefined) throw new Error('not a -threads module');
  const i32 = new Int32Array(memory.buffer);
  const u8 = new Uint8Array(memory.buffer);
  const slot = slotOf(thread);
  const modules = new ModuleReader();
  for (;;) {
    try {
      const reason = poolServe(CONTROL, slot, modules.count, scratchOf(thread), spins);
      if (reason === 0) return;
      if (reason === 1) modules.read(memory, table);
    } catch (error) {
      if (i32[(slot + BUSY) / 4] !== 1) throw error;
      recordError(i32, u8, error);
      poolFail(CONTROL, slot);
    }
  }
}

const scope = globalThis as typeof globalThis & Scope;
const { process } = scope;
const port =
  process?.versions?.node === undefined
    ? null
    : (process.getBuiltinModule?.('node:worker_threads').parentPort ?? null);

function answer(reply: WorkerReply): void {
  if (port !== null) port.postMessage(reply);
  else scope.postMessage(reply);
}

function begin(init: WorkerInit): void {
  let table: FunctionTable;
  try {
    table = new FunctionTable(init.module, init.memory);
  } catch (error) {
    answer({ ready: false, reason: String(error) });
    return;
  }
  answer({ ready: true, reason: '' });
  // In a turn of its own: the answer must be on its way before this thread stops listening.
  setTimeout(() => {
    serve(init, table);
    if (port === null) scope.close?.();
  }, 0);
}

if (port !== null) port.once('message', begin);
else scope.onmessage = (event): void => begin(event.data);
