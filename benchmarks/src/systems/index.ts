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

/** What every rival says of the workloads that only Tenon is measured on; else true. */
function supportsRival(workload: Workload): true | string {
  return workload.task.kind === 'dispatch' ? 'dispatch-16 compares the libraries' : true;
}

/** Eager and asynchronous: it would queue 100,000 launches and their results in one turn. */
function supportsGpu(workload: Workload): true | string {
  return workload.task.kind === 'dispatch' ? 'measured on backends that read synchronously' : true;
}

// Seconds one run took on a 2-core Zen 4 machine; only pairs that cost seconds are named.
const cpuJsSeconds: Readonly<Record<string, number>> = { 'matmul-1024': 0.4, 'matmul-2048': 3 };
const tfjsCpuSeconds: Readonly<Record<string, number>> = {
  'matmul-1024': 2.5,
  'matmul-2048': 22,
  'conv3x3-56x56x64': 2,
  'conv1x1-28x28x256': 2,
  'train-cnn': 70,
  'train-transformer': 25,
};
const tfjsWasmSeconds: Readonly<Record<string, number>> = { 'train-transformer': 3 };
const jaxJsSeconds: Readonly<Record<string, number>> = { 'conv3x3-56x56x64': 1, 'train-cnn': 6 };

// WebGPU on that machine's processor; a real GPU is quick, and then --full measures them soon.
const tfjsGpuSeconds: Readonly<Record<string, number>> = {
  'train-cnn': 30,
  'train-transformer': 60,
};
const jaxJsGpuSeconds: Readonly<Record<string, number>> = {
  'train-cnn': 3,
  'train-transformer': 25,
};

const tenonCpuJs: System = {
  id: 'tenon-cpu-js',
  name: 'tenon',
  version: readManifest('../../../packages/core/package.json').version,
  backend: 'cpu-js',
  variant: null,
  threads: 1,
  isDefault: true,
  peak: 'js_scalar_gflops',
  mode: eager,
  supports: () => true,
  expectedSeconds: (workload) => cpuJsSeconds[workload.name] ?? 0,
  load: async () => (await import('./tenon.ts')).open({ name: 'cpu-js' }),
};

const wasmPeaks = {
  relaxed: 'wasm_relaxed_gflops',
  simd: 'wasm_simd_gflops',
  scalar: 'wasm_scalar_gflops',
} as const;

function tenonWasm(variant: keyof typeof wasmPeaks, threads: number): System {
  return {
    ...tenonCpuJs,
    id: `tenon-cpu-wasm-${variant}${threads > 1 ? `-${threads}t` : ''}`,
    backend: 'cpu-wasm',
    variant,
    threads,
    isDefault: variant !== 'scalar',
    peak: wasmPeaks[variant],
    expectedSeconds: quick,
    load: async () => (await import('./tenon.ts')).open({ name: 'cpu-wasm', variant, threads }),
  };
}

const tenonWebGpu: System = {
  ...tenonCpuJs,
  id: 'tenon-webgpu',
  backend: 'webgpu',
  isDefault: false,
  peak: 'webgpu_gflops',
  supports: supportsGpu,
  expectedSeconds: quick,
  load: async () => (await import('./tenon.ts')).open({ name: 'webgpu' }),
};

const tfjsCpu: System = {
  id: 'tfjs-cpu',
  name: 'tfjs',
  version: pinned('@tensorflow/tfjs-core'),
  backend: 'cpu',
  variant: null,
  threads: 1,
  isDefault: true,
  peak: 'js_scalar_gflops',
  mode: eager,
  supports: supportsRival,
  expectedSeconds: (workload) => tfjsCpuSeconds[workload.name] ?? 0,
  load: async () => (await import('./tfjs.ts')).open('cpu'),
};

const tfjsWasm: System = {
  ...tfjsCpu,
  id: 'tfjs-wasm',
  backend: 'wasm',
  variant: 'simd',
  peak: 'wasm_simd_gflops',
  supports: (workload) =>
    workload.name === 'train-cnn'
      ? 'tfjs-wasm has no Conv2DBackpropFilter kernel'
      : supportsRival(workload),
  expectedSeconds: (workload) => tfjsWasmSeconds[workload.name] ?? 0,
  load: async () => (await import('./tfjs.ts')).open('wasm'),
};

const tfjsWebGpu: System = {
  ...tfjsCpu,
  id: 'tfjs-webgpu',
  backend: 'webgpu',
  isDefault: false,
  peak: 'webgpu_gflops',
  expectedSeconds: (workload) => tfjsGpuSeconds[workload.name] ?? 0,
  load: async () => (await import('./tfjs.ts')).open('webgpu'),
};

const compiledByJit = new Set(['softmax', 'layernorm', 'tanh-chain', 'train']);

const jaxJsWasm: System = {
  ...tfjsCpu,
  id: 'jax-js-wasm',
  name: 'jax-js',
  version: pinned('@jax-js/jax'),
  backend: 'wasm',
  peak: null,
  mode: (workload) => (compiledByJit.has(workload.task.kind) ? 'compiled' : 'eager'),
  expectedSeconds: (workload) => jaxJsSeconds[workload.name] ?? 0,
  load: async () => (await import('./jax-js.ts')).open('wasm'),
};

const jaxJsWebGpu: System = {
  ...jaxJsWasm,
  id: 'jax-js-webgpu',
  backend: 'webgpu',
  isDefault: false,
  peak: 'webgpu_gflops',
  expectedSeconds: (workload) => jaxJsGpuSeconds[workload.name] ?? 0,
  load: async () => (await import('./jax-js.ts')).open('webgpu'),
};

const ortWebWasm: System = {
  ...tfjsCpu,
  id: 'ort-web-wasm',
  name: 'ort-web',
  version: pinned('onnxruntime-web'),
  backend: 'wasm',
  variant: 'simd',
  peak: null,
  mode: () => 'compiled',
  supports: (workload: Workload) =>
    workload.task.kind === 'train'
      ? 'onnxruntime-web is for inference only'
      : supportsRival(workload),
  expectedSeconds: quick,
  load: async () => (await import('./ort-web.ts')).open(),
};

/** Every system, Tenon first, its fastest variant on one thread before all. */
export const systems: readonly System[] = [
  tenonWasm('relaxed', 1),
  tenonWasm('relaxed', 2),
  tenonWasm('simd', 1),
  tenonWasm('simd', 2),
  tenonWasm('scalar', 1),
  tenonCpuJs,
  tenonWebGpu,
  tfjsCpu,
  tfjsWasm,
  tfjsWebGpu,
  jaxJsWasm,
  jaxJsWebGpu,
  ortWebWasm,
];

/** The system with this id. Throws RangeError for an id that is not in the table. */
export function findSystem(id: string): System {
  const found = systems.find((s) => s.id === id);
  if (!found) throw new RangeError(`findSystem: expected an id that --list shows, got '${id}'`);
  return found;
}
