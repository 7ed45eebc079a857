// A backend known by name. Optional backends are packages of their own: they are imported only when
// asked for, and a failed import becomes a reason in words.
import { type Backend, BackendError } from '@tenon/core';

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

/** Starts a known backend, unless it is a GPU's and there is only a CPU that plays one. */
export async function createFast(entry: KnownBackend, options: StartOptions): Promise<Backend> {
  if (entry.name === 'webgpu' && (options.threads ?? 1) > 1) {
    throw new BackendError('passed over: threads were asked for, and it has none');
  }
  const backend = await entry.create(options);
  if (!('isCpuAdapter' in backend && backend.isCpuAdapter)) return backend;
  const [adapter] = backend.capabilities.notes;
  backend.dispose();
  throw new BackendError(
    `passed over: slower than cpu-wasm, since its adapter is a CPU (${adapter}); name it to use it`,
  );
}

/** A backend in a package that may be absent; `factory` is the name of its export at `entry`. */
export function optional(
  name: string,
  packageName: string,
  factory: string,
  entry = '',
): KnownBackend {
  return {
    name,
    package: packageName,
    async create(options = {}) {
      const module = await load(packageName, packageName + entry);
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

async function load(packageName: string, specifier: string): Promise<Record<string, unknown>> {
  try {
    // The specifier is no literal: no bundler may fail on a package that is optional.
    return await import(/* @vite-ignore */ /* webpackIgnore: true */ specifier);
  } catch (error) {
    if (isMissing(error, [packageName, specifier])) {
      throw new BackendError(`not installed: npm install ${packageName}`);
    }
    throw new BackendError(`${packageName} is installed but did not load: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** Whether one of `names` itself was not found, rather than something that it imports. */
function isMissing(error: unknown, names: readonly string[]): boolean {
  const message = messageOf(error);
  const isNamed = names.some(
    (name) => message.includes(`'${name}'`) || message.includes(`"${name}"`),
  );
  if (!isNamed) return false;
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
