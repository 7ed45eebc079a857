/**
 * Where things lie in the one wasm memory: static data of the module, the pool's control block,
 * launch words, a scratch area for each thread, then the heap. Known to the worker too.
 */

/** AssemblyScript's static data starts here (asc --memoryBase); below is never used. */
export const STATIC_BASE = 1024;
/** The control block of the thread pool: 16 KiB, see threads/control.ts. */
export const CONTROL: number = 32 * 1024;
/** The block for launch words. */
export const ARGS: number = 48 * 1024;
/** As many words as a launch may have: the block ends where the first scratch area begins. */
export const MAX_ARG_WORDS = 4096;
/** Bytes of private scratch of each thread. */
export const SCRATCH_BYTES: number = 2 ** 20;
const SCRATCH: number = 64 * 1024;

/** Byte address of the scratch area of a thread; the calling thread is 0. */
export function scratchOf(thread: number): number {
  return SCRATCH + thread * SCRATCH_BYTES;
}

/** Byte address where the heap begins. */
export function heapStart(threads: number): number {
  return scratchOf(threads);
}
