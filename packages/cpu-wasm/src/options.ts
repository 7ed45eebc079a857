/** Options of `wasm`, checked, and what they come to in a given place. */
import { BackendError, ValueError } from '@tenon/core';
import { SCRATCH_BYTES } from './address-map.ts';
import type { Features } from './features.ts';
import { MAXIMUM_BYTES } from './memory.ts';
import { MAX_THREADS } from './threads/control.ts';
import { isThreaded, pickVariant, VARIANTS, type Variant, whyNot } from './variant.ts';

/** Options of `wasm`. */
export interface WasmOptions {
  /** The build of the kernels. Default: the best that works here. */
  readonly variant?: Variant;
  /**
   * Threads, the calling one included: 1 to 64, or 'auto', one for each core up to 8. Default
   * 'auto'. Where threads cannot work the backend has one, and `capabilities.notes` says why.
   */
  readonly threads?: number | 'auto';
  /**
   * Upper bound of the wasm memory in bytes: at least 16 MiB, and 2 MiB a thread. Default: what
   * the place grants, at most 4 GiB less 64 KiB. The memory starts small and grows.
   */
  readonly memoryBytes?: number;
  /**
   * Folder that holds `<variant>.wasm`, for those who do not want the modules that are inside the
   * package: a copy of the package's `dist/wasm`.
   */
  readonly wasmUrl?: string | URL;
  /**
   * The worker's script, a copy of the package's `dist/worker.js`. A content security policy
   * without `blob:` in worker-src needs it for threads.
   */
  readonly workerUrl?: string | URL;
  /**
   * Whether composites such as conv run by kernels of their own. Default true; false runs their
   * decompositions, which tests and benchmarks compare with.
   */
  readonly overrides?: boolean;
  /**
   * Seconds without any progress of a kernel after which a thread counts as dead: the launch then
   * throws, and later ones run on one thread. Default 20.
   */
  readonly stallSeconds?: number;
}

/** What the options come to. */
export interface Plan {
  readonly variant: Variant;
  /** As many as shall be started, the calling one included. */
  readonly threads: number;
  /** In words: which variant and why; why there is one thread only, if there is. */
  readonly notes: readonly string[];
}

const SMALLEST_MEMORY: number = 16 * 2 ** 20;
/** Twice what the scratch area of a thread takes. */
const MEMORY_PER_THREAD: number = 2 * SCRATCH_BYTES;
/** 'auto' stops here: more threads rarely gain anything on what fits into 4 GiB. */
const MOST_BY_DEFAULT = 8;

function check(isGood: boolean, expected: string, got: unknown): void {
  if (!isGood) throw new ValueError(`wasm: expected ${expected}, got ${String(got)}`);
}

/** @throws ValueError for a value that no place could take */
export function checkOptions(options: WasmOptions): void {
  const { variant, threads, memoryBytes, stallSeconds } = options;
  if (variant !== undefined) {
    check(VARIANTS.includes(variant), `variant to be ${VARIANTS.join(', ')}`, variant);
  }
  if (threads !== undefined && threads !== 'auto') {
    const isGood = Number.isInteger(threads) && threads >= 1 && threads <= MAX_THREADS;
    check(isGood, `threads to be 'auto' or a whole number from 1 to ${MAX_THREADS}`, threads);
    const isPossible = threads === 1 || variant === undefined || isThreaded(variant);
    check(isPossible, `a variant that ends in -threads with threads: ${threads}`, variant);
  }
  if (memoryBytes !== undefined) {
    const count = typeof threads === 'number' ? threads : MOST_BY_DEFAULT;
    const least = Math.max(SMALLEST_MEMORY, count * MEMORY_PER_THREAD);
    const isGood = memoryBytes >= least && memoryBytes <= 2 ** 32;
    const why = least > SMALLEST_MEMORY ? ` with ${count} threads` : '';
    check(isGood, `memoryBytes from ${least} to ${MAXIMUM_BYTES}${why}`, memoryBytes);
  }
  if (stallSeconds !== undefined) {
    check(stallSeconds > 0, 'stallSeconds above 0', stallSeconds);
  }
}

const WORDS: Readonly<Record<Variant, string>> = {
  scalar: 'no SIMD',
  simd: 'SIMD',
  relaxed: 'relaxed SIMD (fused multiply-add)',
  'simd-threads': 'SIMD, shared memory',
  'relaxed-threads': 'relaxed SIMD (fused multiply-add), shared memory',
};

/** @throws BackendError where nothing, or not the variant asked for, can run */
export function planFor(options: WasmOptions, features: Features, cores: number): Plan {
  if (features.wasm !== true) throw new BackendError(`cpu-wasm: ${features.wasm}`);
  const asked = options.threads ?? 'auto';
  const wanted = asked === 'auto' ? Math.min(cores, MOST_BY_DEFAULT) : asked;
  const variant = options.variant ?? pickVariant(features, wanted);
  const reason = whyNot(variant, features);
  if (reason !== null) {
    throw new BackendError(`cpu-wasm: expected to run variant ${variant}, but ${reason}`);
  }
  const threads = isThreaded(variant) ? wanted : 1;
  const notes = [variantNote(variant, options, features)];
  if (threads === 1) notes.push(`threads: off, ${whyOne(options, features, wanted, variant)}`);
  return { variant, threads, notes };
}

function variantNote(variant: Variant, options: WasmOptions, features: Features): string {
  const note = `variant ${variant}: ${WORDS[variant]}`;
  if (options.variant !== undefined) return `${note}; by option`;
  if (features.simd !== true) return `${note}; ${features.simd}`;
  return features.relaxed === true ? note : `${note}; ${features.relaxed}`;
}

function whyOne(
  options: WasmOptions,
  features: Features,
  wanted: number,
  variant: Variant,
): string {
  if (options.threads === 1) return 'by option';
  if (options.variant !== undefined && !isThreaded(options.variant)) return 'by option (variant)';
  if (wanted === 1) return 'this machine has one core';
  if (features.threads !== true) return features.threads;
  return `they need SIMD, and the variant is ${variant}`;
}
