/** For tests of the backend itself: a table of two kernels, and a backend that has them. */
import type { Launch, RegionSpec } from '@tenon/core';
import { type Makers, WebGpuBackend } from './backend.ts';
import type { GpuBuffer } from './buffers.ts';
import { openDevice } from './device.ts';
import { type Gpu, GpuKernel } from './kernel.ts';
import type { WebGpuOptions } from './options.ts';
import { dawn } from './test-gpu.ts';
import { ADD, ADD_TO, BROKEN, WORKGROUP } from './test-sources.ts';

function addSpec(alias: number): RegionSpec {
  return {
    kind: 'region',
    keptRank: 1,
    reducedRank: 0,
    inputs: [0, 1].map(() => ({
      dtype: 'f32',
      domain: 'kept',
      source: 'buffer',
      keptClass: 1,
      reducedClass: 0,
    })),
    outputs: [{ step: 2, dtype: 'f32', domain: 'kept', keptClass: 1, reducedClass: 0, alias }],
    steps: [
      { op: 'load', index: 0, dtype: 'f32' },
      { op: 'load', index: 1, dtype: 'f32' },
      { op: 'add', args: [0, 1], dtype: 'f32', from: 'f32' },
    ],
    constants: [],
  };
}

export const ADD_SPEC: RegionSpec = addSpec(-1);
/** In place: the output's buffer is the first input's. */
export const ADD_TO_SPEC: RegionSpec = addSpec(0);
/** Its kernel has the broken text. */
export const BROKEN_SPEC: RegionSpec = { ...ADD_SPEC, constants: ['f32'] };

function prepareAdd(spec: RegionSpec, gpu: Gpu): GpuKernel {
  const isInPlace = spec.outputs[0]?.alias === 0;
  const source = spec.constants.length > 0 ? BROKEN : isInPlace ? ADD_TO : ADD;
  const pipeline = gpu.pipeline(source);
  return new GpuKernel(spec, (recorder, buffers, args) => {
    // A launch in place holds its buffer twice; it is bound once.
    const bound = isInPlace ? buffers.slice(1) : buffers;
    recorder.dispatch(pipeline, bound, args, Math.ceil((args[0] ?? 0) / WORKGROUP));
  });
}

function missing(): never {
  throw new Error('this table has regions only');
}

const TEST_MAKERS: Makers = {
  prepare: {
    region: prepareAdd,
    matmul: missing,
    gather: missing,
    scatterAdd: missing,
    fold: missing,
    pad: missing,
    argReduce: missing,
    scan: missing,
    argSort: missing,
  },
  overrides: () => ({}),
  ulp: {},
};

/** A backend with the kernels above, on a device of its own unless `options` say otherwise. */
export async function testBackend(options: WebGpuOptions = {}): Promise<WebGpuBackend> {
  const all = options.device === undefined ? { gpu: dawn(), ...options } : options;
  return new WebGpuBackend(await openDevice(all), all, TEST_MAKERS);
}

/** A new buffer with these values. */
export function bufferOf(backend: WebGpuBackend, ...values: number[]): GpuBuffer {
  const buffer = backend.allocate(values.length * 4);
  backend.write(buffer, Float32Array.from(values));
  return buffer;
}

export async function numbersOf(backend: WebGpuBackend, buffer: GpuBuffer): Promise<number[]> {
  return [...new Float32Array((await backend.read(buffer)).buffer)];
}

/** The launch as core makes it. */
export function launchOf(
  backend: WebGpuBackend,
  spec: RegionSpec,
  buffers: readonly GpuBuffer[],
  args: Int32Array,
): Launch {
  return { kernel: backend.prepare.region(spec), buffers, args };
}
