/** For tests: kernels compiled from AssemblyScript text, as a generated module for define(). */
import { main } from 'assemblyscript/asc';

/** Words at args: 0: address of a counter per unit. Each unit's counter goes up by one. */
const SOURCE = `
export function count(args: i32, begin: i32, end: i32, scratch: i32): void {
  const base = load<usize>(args);
  for (let i = begin; i < end; i++) atomic.add<i32>(base + (<usize>i << 2), 1);
}
export function sum(args: i32, begin: i32, end: i32, scratch: i32): void {
  const from = load<usize>(args), to = load<usize>(args + 4);
  for (let i = begin; i < end; i++) {
    const at = <usize>i << 2;
    store<f32>(to + at, load<f32>(from + at) * 3 + 1);
  }
}
export function trapAt(args: i32, begin: i32, end: i32, scratch: i32): void {
  const at = load<i32>(args + 4);
  if (begin <= at && at < end) unreachable();
  count(args, begin, end, scratch);
}
export function recurse(args: i32, begin: i32, end: i32, scratch: i32): void {
  recurse(args, begin, end + 1, scratch);
  store<i32>(scratch, end);
}
/** Word 1: set to 1 by whoever runs a unit on a scratch area other than word 3; word 2: opens. */
export function hang(args: i32, begin: i32, end: i32, scratch: i32): void {
  if (scratch == load<i32>(args + 12)) {
    // the calling thread: only once a worker has claimed a piece, so that one surely has
    while (atomic.load<i32>(args + 4) == 0) {}
    return;
  }
  atomic.store<i32>(args + 4, 1);
  while (atomic.load<i32>(args + 8) == 0) {}
}
export function spin(args: i32, begin: i32, end: i32, scratch: i32): void {
  let n = load<i32>(args + 4) * (end - begin);
  let x = <u32>begin | 1;
  while (n-- > 0) x = x * 1664525 + 1013904223;
  store<u32>(scratch, x);
}
`;

export const TEST_KERNELS: readonly string[] = [
  'count',
  'sum',
  'trapAt',
  'recurse',
  'hang',
  'spin',
];

let compiled: Promise<Uint8Array<ArrayBuffer>> | null = null;

/** The bytes of a module over shared memory that exports TEST_KERNELS. */
export function testKernels(): Promise<Uint8Array<ArrayBuffer>> {
  compiled ??= compile();
  return compiled;
}

async function compile(): Promise<Uint8Array<ArrayBuffer>> {
  let bytes: Uint8Array<ArrayBuffer> | null = null;
  const options = ['-O3', '--noAssert', '--runtime', 'stub', '--use', 'abort=', '--importMemory'];
  options.push('--initialMemory', '1', '--maximumMemory', '65535', '--sharedMemory');
  options.push('--enable', 'threads', '--outFile', 'o.wasm');
  const { error, stderr } = await main(['test.ts', ...options], {
    readFile: (name) => (name === 'test.ts' ? SOURCE : null),
    writeFile: (_name, contents) => {
      if (typeof contents !== 'string') bytes = Uint8Array.from(contents);
    },
  });
  if (error !== null || bytes === null) throw new Error(stderr.toString());
  return bytes;
}
