// WebGPU in Node, the same for every system: Dawn's `navigator.gpu`, with what goes through it
// counted at the interface of WebGPU itself, so that no library counts its own work.
import { create, globals } from 'webgpu';
import { summarize } from '../stats.ts';

/** What went to the device. */
export interface GpuCounts {
  readonly dispatches: number;
  readonly submits: number;
  readonly passes: number;
  readonly buffers: number;
  readonly bindGroups: number;
  readonly pipelines: number;
}

type Field = keyof GpuCounts;
type Method = (this: unknown, ...args: never[]) => unknown;

const counts: Record<Field, number> = {
  dispatches: 0,
  submits: 0,
  passes: 0,
  buffers: 0,
  bindGroups: 0,
  pipelines: 0,
};

const COUNTED: readonly (readonly [string, string, Field])[] = [
  ['GPUComputePassEncoder', 'dispatchWorkgroups', 'dispatches'],
  ['GPUComputePassEncoder', 'dispatchWorkgroupsIndirect', 'dispatches'],
  ['GPUQueue', 'submit', 'submits'],
  ['GPUCommandEncoder', 'beginComputePass', 'passes'],
  ['GPUDevice', 'createBuffer', 'buffers'],
  ['GPUDevice', 'createBindGroup', 'bindGroups'],
  ['GPUDevice', 'createComputePipeline', 'pipelines'],
  ['GPUDevice', 'createComputePipelineAsync', 'pipelines'],
];

/** Has `method` of `prototype` add one to a field each time it is called. */
export function countCalls(
  prototype: Record<string, unknown>,
  method: string,
  increment: () => void,
): void {
  const original = prototype[method];
  if (typeof original !== 'function') {
    throw new Error(`gpu: expected a method '${method}' to count, got ${typeof original}`);
  }
  const call = original as Method;
  prototype[method] = function counted(this: unknown, ...args: never[]): unknown {
    increment();
    return call.apply(this, args);
  };
}

/** Collected, the object that Dawn gives ends the process. */
let dawn: GPU | undefined;

/** Defines `navigator.gpu` and the names that belong to it; counting starts here. */
export function openGpu(): GPU {
  if (dawn !== undefined) return dawn;
  dawn = create([]);
  Object.assign(globalThis, globals);
  Object.defineProperty(globalThis.navigator, 'gpu', { value: dawn, configurable: true });
  for (const [name, method, field] of COUNTED) {
    const { prototype } = (globals as Record<string, { prototype: Record<string, unknown> }>)[
      name
    ]!;
    countCalls(prototype, method, () => {
      counts[field]++;
    });
  }
  return dawn;
}

/** All counts since {@link openGpu}; null in a process that has not called it. */
export function gpuCounts(): GpuCounts | null {
  return dawn === undefined ? null : { ...counts };
}

const map = (of: (field: Field) => number): GpuCounts => ({
  dispatches: of('dispatches'),
  submits: of('submits'),
  passes: of('passes'),
  buffers: of('buffers'),
  bindGroups: of('bindGroups'),
  pipelines: of('pipelines'),
});

/** What was done between two counts. */
export function difference(before: GpuCounts, after: GpuCounts): GpuCounts {
  return map((field) => after[field] - before[field]);
}

/** The median of each count. */
export function medianCounts(runs: readonly GpuCounts[]): GpuCounts {
  return map((field) => summarize(runs.map((run) => run[field])).median);
}
