// Finds the best backend that is installed. Optional backends are packages of their own: they are
// imported only when asked for, and a failed import becomes a reason in words.
import {
  type Backend,
  BackendError,
  type BackendFactory,
  pickBackend,
  setDefaultBackend,
} from '@tenon/core';
import { cpuJs } from '@tenon/cpu-js';

/** What a backend may be asked for when it is started; one that has no choice ignores it. */
export interface StartOptions {
  /** How many threads compute, the calling one included; the backend's own choice without it. */
  readonly threads?: number;
}

/** A backend that Tenon knows by name, installed or not. */
export interface KnownBackend {
  readonly name: string;
  /** The npm package that brings it. */
  readonly package: string;
  /**
   * Starts it. Throws a BackendError that says why where it can't: not installed, or what the
   * platform lacks.
   */
  create(options?: StartOptions): Promise<Backend>;
}

/** Every backend that Tenon knows, best first. */
export const knownBackends: readonly KnownBackend[] = [
  optional('webgpu', '@tenon/webgpu', 'webgpu'),
  optional('cpu-wasm', '@tenon/cpu-wasm', 'wasm'),
  { name: 'cpu-js', package: '@tenon/cpu-js', create: async () => cpuJs() },
];

/**
 * Starts the best backend that is installed and works here (webgpu, then cpu-wasm, then cpu-js) and
 * makes it the default. Its `report` says what was tried before it, and why that did not work.
 *
 * @param candidates Backends to try first: a bundler can't see the optional packages, so a bundled
 * program passes their factories itself, as in `start([webgpu])`.
 * @param options What the backends that Tenon knows are asked for; candidates bring their own.
 * @returns The backend, already set as the default.
 *
 * @example
 * ```ts
 * import { start } from 'tenon';
 * const backend = await start();
 * console.log(backend.name, backend.report);
 * ```
 */
export async function start(
  candidates: readonly BackendFactory[] = [],
  options: StartOptions = {},
): Promise<Backend> {
  const known = knownBackends.map((entry) =>
    // pickBackend reports a factory by its name
    Object.defineProperty(() => entry.create(options), 'name', { value: entry.name }),
  );
  const backend = await pickBackend([...candidates, ...known]);
  setDefaultBackend(backend);
  return backend;
}

/** A backend in a package that may be absent; `factory` is the name of its export. */
function optional(name: string, packageName: string, factory: string): KnownBackend {
  return {
    name,
    package: packageName,
    async create(options = {}) {
      const module = await load(packageName);
      const create: unknown = module[factory];
      if (typeof create !== 'function') {
        throw new BackendError(
          `${packageName}: expected an export '${factory}', got ${typeof create} ` +
            '(versions differ?)',
        );
      }
      return create(options);
    },
  };
}

async function load(packageName: string): Promise<Record<string, unknown>> {
  try {
    // The specifier is no literal: no bundler may fail on a package that is optional.
    return await import(/* @vite-ignore */ /* webpackIgnore: true */ packageName);
  } catch (error) {
    if (isMissing(error, packageName)) {
      throw new BackendError(`not installed: npm install ${packageName}`);
    }
    throw new BackendError(`${packageName} is installed but did not load: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** Whether `packageName` itself was not found, rather than something that it imports. */
function isMissing(error: unknown, packageName: string): boolean {
  const message = messageOf(error);
  if (!message.includes(`'${packageName}'`) && !message.includes(`"${packageName}"`)) return false;
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return (
    code === 'ERR_MODULE_NOT_FOUND' ||
    code === 'ERR_PACKAGE_PATH_NOT_EXPORTED' ||
    message.includes('Failed to resolve module specifier')
  );
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
