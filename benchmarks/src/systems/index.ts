// The table of systems, described without importing any: versions are this package's exact pins.
import { readFileSync } from 'node:fs';
import type { Workload } from '../workloads/types.ts';
import type { System } from './types.ts';

interface Manifest {
  readonly version: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}

function readManifest(path: string): Manifest {
  return JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8')) as Manifest;
}

const pins = readManifest('../../package.json').dependencies ?? {};
const pinned = (name: string): string => pins[name] ?? 'unknown';

const eager = (): 'eager' => 'eager';
const quick = (): number => 0;
const supportsAll = (): true => true;

// Seconds one run took on a 2-core Zen 4 machine; only pairs that cost seconds are named.
const tfjsCpuSeconds: Readonly<Record<string, number>> = {
  'conv3x3-56x56x64': 2,
  'conv1x1-28x28x256': 2,
  'train-cnn': 70,
  'train-transformer': 25,
};
const tfjsWasmSeconds: Readonly<Record<string, number>> = { 'train-transformer': 3 };
const jaxJsSeconds: Readonly<Record<string, number>> = { 'conv3x3-56x56x64': 1, 'train-cnn': 6 };

const tenonCpuJs: System = {
  id: 'tenon-cpu-js',
  name: 'tenon',
  version: readManifest('../../../packages/core/package.json').version,
  backend: 'cpu-js',
  variant: null,
  threads: 1,
  isPlainJs: true,
  mode: eager,
  supports: supportsAll,
  expectedSeconds: quick,
  load: async () => (await import('./tenon.ts')).open('cpu-js'),
};

const tfjsCpu: System = {
  id: 'tfjs-cpu',
  name: 'tfjs',
  version: pinned('@tensorflow/tfjs-core'),
  backend: 'cpu',
  variant: null,
  threads: 1,
  isPlainJs: true,
  mode: eager,
  supports: supportsAll,
  expectedSeconds: (workload) => tfjsCpuSeconds[workload.name] ?? 0,
  load: async () => (await import('./tfjs.ts')).open('cpu'),
};

const tfjsWasm: System = {
  ...tfjsCpu,
  id: 'tfjs-wasm',
  backend: 'wasm',
  variant: 'simd',
  isPlainJs: false,
  supports: (workload) =>
    workload.name === 'train-cnn' ? 'tfjs-wasm has no Conv2DBackpropFilter kernel' : true,
  expectedSeconds: (workload) => tfjsWasmSeconds[workload.name] ?? 0,
  load: async () => (await import('./tfjs.ts')).open('wasm'),
};

const compiledByJit = new Set(['softmax', 'layernorm', 'tanh-chain', 'train']);

const jaxJsWasm: System = {
  id: 'jax-js-wasm',
  name: 'jax-js',
  version: pinned('@jax-js/jax'),
  backend: 'wasm',
  variant: null,
  threads: 1,
  isPlainJs: false,
  mode: (workload) => (compiledByJit.has(workload.task.kind) ? 'compiled' : 'eager'),
  supports: supportsAll,
  expectedSeconds: (workload) => jaxJsSeconds[workload.name] ?? 0,
  load: async () => (await import('./jax-js.ts')).open(),
};

const ortWebWasm: System = {
  id: 'ort-web-wasm',
  name: 'ort-web',
  version: pinned('onnxruntime-web'),
  backend: 'wasm',
  variant: 'simd',
  threads: 1,
  isPlainJs: false,
  mode: () => 'compiled',
  supports: (workload: Workload) =>
    workload.task.kind === 'train' ? 'onnxruntime-web is for inference only' : true,
  expectedSeconds: quick,
  load: async () => (await import('./ort-web.ts')).open(),
};

/** Every system, Tenon first. */
export const systems: readonly System[] = [tenonCpuJs, tfjsCpu, tfjsWasm, jaxJsWasm, ortWebWasm];

/** The system with this id. Throws RangeError for an id that is not in the table. */
export function findSystem(id: string): System {
  const found = systems.find((s) => s.id === id);
  if (!found) throw new RangeError(`findSystem: expected an id that --list shows, got '${id}'`);
  return found;
}
