// Backends by name: which ones work here, and starting the one that was asked for.
import { type Backend, BackendError, setDefaultBackend } from '@tenon/core';
import { knownBackends, type StartOptions, start } from 'tenon';
import { UsageError } from './errors.ts';
import { describeError } from './output.ts';

/** The value of --backend that takes the best one that works. */
const BEST = 'auto';

/** One line of `tenon backends`. */
export interface BackendStatus {
  readonly name: string;
  readonly works: boolean;
  /** Whether `auto` may take it: no GPU that a CPU plays. */
  readonly isCandidate: boolean;
  /** Which of its builds runs here, where it has several: `relaxed-threads`. */
  readonly variant: string | null;
  /** Why it does not work, or what is on and off in it. */
  readonly notes: readonly string[];
  readonly dtypes: readonly string[];
  readonly threads: number;
}

/** Starts every known backend in turn and says what came of it. */
export async function surveyBackends(): Promise<BackendStatus[]> {
  const found: BackendStatus[] = [];
  for (const known of knownBackends) {
    try {
      const backend = await known.create();
      const { notes, dtypes, threads } = backend.capabilities;
      const variant = variantOf(backend);
      const isCandidate = !isCpuAdapter(backend);
      found.push({
        name: known.name,
        works: true,
        isCandidate,
        variant,
        notes: isCandidate ? notes : [...notes, 'auto passes over it: cpu-wasm is faster'],
        dtypes,
        threads,
      });
      backend.dispose();
    } catch (error) {
      const { message } = describeError(error);
      const failed = { works: false, isCandidate: false, variant: null, dtypes: [], threads: 0 };
      found.push({ name: known.name, ...failed, notes: [message] });
    }
  }
  return found;
}

/** The options of every command that computes. */
export interface BackendOptions {
  readonly backend: string;
  readonly threads?: number;
}

/**
 * Starts the backend that was asked for and makes it the default; `auto` takes the best that works.
 * A number of threads that it does not give is an error.
 */
export async function openBackend({ backend: name, threads }: BackendOptions): Promise<Backend> {
  const backend = await startNamed(name, threads === undefined ? {} : { threads });
  const got = backend.capabilities.threads;
  if (threads === undefined || threads === got) return backend;
  const notes = backend.capabilities.notes.join('; ');
  backend.dispose();
  throw new BackendError(
    `--threads: expected ${threads} on ${backend.name}, got ${got}${notes && ` (${notes})`}`,
  );
}

async function startNamed(name: string, options: StartOptions): Promise<Backend> {
  if (name === BEST) return start([], options);
  const known = knownBackends.find((entry) => entry.name === name);
  if (!known) {
    const names = [BEST, ...knownBackends.map((entry) => entry.name)].join(', ');
    throw new UsageError(`--backend: expected one of ${names}, got '${name}'`);
  }
  try {
    const backend = await known.create(options);
    setDefaultBackend(backend);
    return backend;
  } catch (cause) {
    throw new BackendError(`--backend ${name}: ${describeError(cause).message}`, { cause });
  }
}

/** A backend in words: `cpu-wasm (relaxed-threads, 2 threads)`. */
export function backendLabel(backend: Backend): string {
  const { threads } = backend.capabilities;
  const variant = variantOf(backend);
  const details = [...(variant ? [variant] : []), ...(threads > 1 ? [`${threads} threads`] : [])];
  return details.length > 0 ? `${backend.name} (${details.join(', ')})` : backend.name;
}

/** What is no news: `tenon backends` tells it. */
const USUAL = /npm install|adapter, got none|^passed over/;

/** Why `auto` passed over backends that are installed and might have worked: a line for each. */
export function passedOver(backend: Backend): string[] {
  return backend.report
    .filter(({ works, reason }) => !works && !USUAL.test(reason))
    .map(({ name, reason }) => `${name} does not work here: ${reason}`);
}

/** What every command's document says of its backend. */
export function backendFields(backend: Backend): {
  readonly backend: string;
  readonly variant: string | null;
  readonly threads: number;
} {
  const { threads } = backend.capabilities;
  return { backend: backend.name, variant: variantOf(backend), threads };
}

/** No part of the interface: a GPU's backend says so where its adapter is a CPU. */
function isCpuAdapter(backend: Backend): boolean {
  return 'isCpuAdapter' in backend && backend.isCpuAdapter === true;
}

/** No part of the interface: a backend of several builds has it as a field. */
function variantOf(backend: Backend): string | null {
  return 'variant' in backend && typeof backend.variant === 'string' ? backend.variant : null;
}
