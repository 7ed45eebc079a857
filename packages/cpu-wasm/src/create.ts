/** Makes a backend: detects, loads, starts threads, and says in words what came of it. */
import { WasmBackend } from './backend.ts';
import { detectFeatures } from './features.ts';
import { loadModule } from './load.ts';
import { memoryFor, WasmMachine } from './machine.ts';
import { checkOptions, planFor, type WasmOptions } from './options.ts';
import { Pool } from './threads/pool.ts';

const STALL_SECONDS = 20;

interface NodeProcess {
  getBuiltinModule?(id: 'node:os'): { availableParallelism(): number };
}

/** How many threads this machine runs at once. */
function countCores(): number {
  const { navigator, process } = globalThis as {
    readonly navigator?: { readonly hardwareConcurrency?: number };
    readonly process?: NodeProcess;
  };
  // Node 20 has no navigator.
  const node = process?.getBuiltinModule?.('node:os').availableParallelism();
  return node ?? navigator?.hardwareConcurrency ?? 1;
}

export async function createBackend(options: WasmOptions): Promise<WasmBackend> {
  checkOptions(options);
  const features = detectFeatures();
  const { variant, threads, notes } = planFor(options, features, countCores());
  const module = await loadModule(variant, options.wasmUrl);
  const machine = new WasmMachine(
    variant,
    module,
    memoryFor(variant, threads, options.memoryBytes),
  );
  if (threads === 1) return new WasmBackend(machine, notes, options.overrides ?? true);

  const told: string[] = [];
  const pool = new Pool({
    machine,
    threads,
    canWait: features.canWait,
    stallMs: 1000 * (options.stallSeconds ?? STALL_SECONDS),
    ...(options.workerUrl === undefined ? {} : { workerUrl: options.workerUrl }),
    changed: (reason) => {
      if (reason !== '') told.push(reason);
      backend?.update([...notes, threadsNote(pool.threads, threads, told)]);
    },
  });
  let backend: WasmBackend | null = null;
  const failure = await pool.start();
  if (failure !== '') told.push(failure);
  if (failure !== '' && pool.threads === 1) pool.dispose();
  else machine.attach(pool);
  const all = [...notes, threadsNote(pool.threads, threads, told)];
  backend = new WasmBackend(machine, all, options.overrides ?? true);
  return backend;
}

function threadsNote(running: number, wanted: number, reasons: readonly string[]): string {
  const why = reasons.length === 0 ? '' : `; ${reasons.join('; ')}`;
  if (running === 1) return `threads: off${why}`;
  const count = running === wanted ? `${running}` : `${running} of ${wanted}`;
  return `threads: ${count}, the calling one included${why}`;
}
