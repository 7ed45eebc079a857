// Finds the best backend that is installed.
import { type Backend, type BackendFactory, pickBackend, setDefaultBackend } from '@tenon/core';
import { cpuJs } from '@tenon/cpu-js';
import { createFast, type KnownBackend, optional, type StartOptions } from './known.ts';

interface Place {
  readonly process?: { readonly versions?: { readonly node?: string } };
}
/** In Node the package brings WebGPU along, at an entry of its own. */
const isNode = (globalThis as Place).process?.versions?.node !== undefined;

/** Every backend that Tenon knows, best first. */
export const knownBackends: readonly KnownBackend[] = [
  optional('webgpu', '@tenon/webgpu', 'webgpu', isNode ? '/node' : ''),
  optional('cpu-wasm', '@tenon/cpu-wasm', 'wasm'),
  { name: 'cpu-js', package: '@tenon/cpu-js', create: async () => cpuJs() },
];

/**
 * Starts the best backend that is installed and works here (webgpu, then cpu-wasm, then cpu-js) and
 * makes it the default. Its `report` says what was tried before it, and why that did not work.
 * WebGPU on a CPU (SwiftShader, llvmpipe) is slower than cpu-wasm and passed over; as a candidate
 * it is taken.
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
    Object.defineProperty(() => createFast(entry, options), 'name', { value: entry.name }),
  );
  const backend = await pickBackend([...candidates, ...known]);
  setDefaultBackend(backend);
  return backend;
}
