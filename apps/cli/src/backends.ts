// Backends by name: which ones work here, and starting the one that was asked for.
import { type Backend, BackendError, setDefaultBackend } from '@tenon/core';
import { knownBackends, start } from 'tenon';
import { UsageError } from './errors.ts';
import { describeError } from './output.ts';

/** The value of --backend that takes the best one that works. */
const BEST = 'auto';

/** One line of `tenon backends`. */
export interface BackendStatus {
  readonly name: string;
  readonly works: boolean;
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
      found.push({ name: known.name, works: true, notes, dtypes, threads });
      backend.dispose();
    } catch (error) {
      const { message } = describeError(error);
      found.push({ name: known.name, works: false, notes: [message], dtypes: [], threads: 0 });
    }
  }
  return found;
}

/** Starts the backend called `name` and makes it the default; `auto` takes the best that works. */
export async function openBackend(name: string): Promise<Backend> {
  if (name === BEST) return start();
  const known = knownBackends.find((entry) => entry.name === name);
  if (!known) {
    const names = [BEST, ...knownBackends.map((entry) => entry.name)].join(', ');
    throw new UsageError(`--backend: expected one of ${names}, got '${name}'`);
  }
  try {
    const backend = await known.create();
    setDefaultBackend(backend);
    return backend;
  } catch (cause) {
    throw new BackendError(`--backend ${name}: ${describeError(cause).message}`, { cause });
  }
}
