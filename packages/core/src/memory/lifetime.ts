/** For those who want to see or steer memory. Nothing here is ever needed. */
import type { Backend } from '../backend.ts';
import { getDefaultBackend } from '../backends.ts';
import { runtimeOf } from '../runtime.ts';
import { library } from './ownership.ts';
import type { MemoryReport } from './working-set.ts';

/** What the tensors of a backend take (the default backend if left out). */
export function memory(backend?: Backend): MemoryReport {
  return runtimeOf(backend ?? getDefaultBackend()).memory.report();
}

/**
 * Runs fn and frees every tensor made inside, but for those it returns (also within arrays and
 * plain objects), variables and what a live graph needs. Reading a freed tensor is a DisposedError.
 * @throws TenonError when fn returns a promise
 */
export function scope<T>(fn: () => T): T {
  return library(fn, true);
}

/** Lets the event loop turn once, so that backends can reclaim what was dropped. */
export function tick(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
