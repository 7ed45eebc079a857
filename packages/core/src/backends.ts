/** Which backend: a default for those who want one, and picking the first that works. */
import type { Backend, BackendAttempt } from './backend.ts';
import { BackendError, DeviceError } from './errors.ts';
import { type Runtime, runtimeOf } from './runtime.ts';

let defaultBackend: Backend | null = null;

/** New tensors are made on this backend unless they say otherwise; null for none. */
export function setDefaultBackend(backend: Backend | null): void {
  defaultBackend = backend;
}

/** @throws DeviceError when none was set */
export function getDefaultBackend(): Backend {
  if (defaultBackend === null) {
    throw new DeviceError(
      'no backend: pass { backend }, or set a default once:\n' +
        "  import { cpuJs } from '@tenon/cpu-js';\n" +
        '  setDefaultBackend(cpuJs());',
    );
  }
  return defaultBackend;
}

export function runtimeFor(backend: Backend | undefined): Runtime {
  return runtimeOf(backend ?? getDefaultBackend());
}

/** Makes a backend, now or later; throws or rejects where it cannot work. */
export type BackendFactory = () => Backend | Promise<Backend>;

/**
 * The first backend that works. Its `report` says what was tried and why the others did not.
 * @throws BackendError listing every reason when none works
 * @example
 * import { pickBackend } from '@tenon/core';
 * import { cpuJs } from '@tenon/cpu-js';
 * const backend = await pickBackend([() => cpuJs({ codegen: false }), cpuJs]);
 * backend.report.length; // 1
 */
export async function pickBackend(factories: readonly BackendFactory[]): Promise<Backend> {
  const attempts: BackendAttempt[] = [];
  for (const factory of factories) {
    const name = factory.name || `backend ${attempts.length + 1}`;
    try {
      const backend = await factory();
      attempts.push({ name: backend.name, works: true, reason: 'works' });
      backend.report = attempts;
      return backend;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      attempts.push({ name, works: false, reason });
    }
  }
  const reasons = attempts.map(({ name, reason }) => `  ${name}: ${reason}`).join('\n');
  throw new BackendError(`pickBackend: no backend works here:\n${reasons || '  none was given'}`);
}
