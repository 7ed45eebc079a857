/** The process that runs the tests, where there is one: memory in use and garbage collection. */

interface MemoryUsage {
  readonly rss: number;
  readonly arrayBuffers: number;
}
interface NodeProcess {
  memoryUsage(): MemoryUsage;
  getBuiltinModule(name: 'node:v8'): { setFlagsFromString(flags: string): void };
  getBuiltinModule(name: 'node:vm'): { runInNewContext(code: string): unknown };
}
const host = globalThis as { process?: Partial<NodeProcess>; gc?: () => void };

/** null in browsers. */
function nodeProcess(): NodeProcess | null {
  const { process } = host;
  const isNode = process?.memoryUsage !== undefined && process.getBuiltinModule !== undefined;
  return isNode ? (process as NodeProcess) : null;
}

let collector: (() => void) | null = null;
/** Collects everything that is unreachable. @returns false where that cannot be asked for */
function collectGarbage(): boolean {
  collector ??= host.gc ?? exposed();
  collector?.();
  return collector !== null;
}
function exposed(): (() => void) | null {
  const node = nodeProcess();
  if (node === null) return null;
  node.getBuiltinModule('node:v8').setFlagsFromString('--expose-gc');
  return node.getBuiltinModule('node:vm').runInNewContext('gc') as () => void;
}

/** Bytes of array buffers that were not collected yet, or null where that cannot be known. */
export function arrayBufferBytes(): number | null {
  return nodeProcess()?.memoryUsage().arrayBuffers ?? null;
}

/** Bytes in use after a collection, or null where they cannot be known. */
export async function settledMemory(): Promise<MemoryUsage | null> {
  const node = nodeProcess();
  if (node === null) return null;
  // Array buffers are given back a turn after their views were collected.
  for (let i = 0; i < 3; i++) {
    if (!collectGarbage()) return null;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return node.memoryUsage();
}
