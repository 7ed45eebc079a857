/**
 * For tests only: regions described with their numbers, launched here, many before one wait, and
 * run on cpu-js, which has an oracle of its own.
 */
import type {
  Backend,
  DType,
  InputSpec,
  OutputSpec,
  ReduceName,
  RegionSpec,
  ScalarName,
  Step,
  StrideClass,
} from '@tenon/core';
import { cpuJs } from '@tenon/cpu-js';
import type { Gpu, GpuKernel } from '../kernel.ts';
import type { TestGpu } from '../test-gpu.ts';
import { prepareRegion } from './region.ts';
import type { SplitRule } from './region-reduce-launch.ts';

export type Data = Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;

interface TestOperand {
  readonly dtype: DType;
  readonly offset?: number;
  /** One per axis, kept axes first. */
  readonly strides: readonly number[];
  readonly domain?: 'kept' | 'full';
}
export interface TestInput extends TestOperand {
  /** null: an iota. */
  readonly data: Iterable<number> | null;
}
export interface TestOutput extends TestOperand {
  readonly step: number;
  /** Elements of its buffer. */
  readonly length: number;
  /** Input whose buffer it shares. */
  readonly alias?: number;
}
export interface TestRegion {
  readonly kept: readonly number[];
  readonly reduced: readonly number[];
  readonly inputs: readonly TestInput[];
  readonly outputs: readonly TestOutput[];
  readonly steps: readonly Step[];
  readonly constants?: readonly { readonly dtype: DType; readonly value: number }[];
}

export const load = (index: number, dtype: DType = 'f32'): Step => ({ op: 'load', index, dtype });
export const constant = (index: number, dtype: DType = 'f32'): Step => ({
  op: 'const',
  index,
  dtype,
});
export const reduce = (reducer: ReduceName, arg: number, dtype: DType = 'f32'): Step => ({
  op: 'reduce',
  reducer,
  args: [arg],
  dtype,
});
export const op = (name: ScalarName, ...args: number[]): Step => ({
  op: name,
  args,
  dtype: 'f32',
  from: 'f32',
});

function dataOf(dtype: DType, values: Iterable<number>): Data {
  // Constants of halves travel as f32.
  if (dtype === 'f32' || dtype === 'f16') return Float32Array.from(values);
  return dtype === 'u32' ? Uint32Array.from(values) : Int32Array.from(values);
}

const classOf = (stride = 0): StrideClass => (stride === 0 ? 0 : stride === 1 ? 1 : 2);

export function specOf(region: TestRegion): RegionSpec {
  const rank = region.kept.length;
  const shared = ({ dtype, domain, strides }: TestOperand): Omit<InputSpec, 'source'> => ({
    dtype,
    domain: domain ?? (strides.slice(rank).some((s) => s !== 0) ? 'full' : 'kept'),
    keptClass: classOf(strides[rank - 1]),
    reducedClass: region.reduced.length === 0 ? 0 : classOf(strides[strides.length - 1]),
  });
  return {
    kind: 'region',
    keptRank: rank,
    reducedRank: region.reduced.length,
    inputs: region.inputs.map(
      (x): InputSpec => ({ ...shared(x), source: x.data === null ? 'iota' : 'buffer' }),
    ),
    outputs: region.outputs.map(
      (x): OutputSpec => ({ ...shared(x), step: x.step, alias: x.alias ?? -1 }),
    ),
    steps: region.steps,
    constants: (region.constants ?? []).map(({ dtype }) => dtype),
  };
}

export function wordsOf(region: TestRegion): Int32Array {
  return Int32Array.from([
    ...region.kept,
    ...region.reduced,
    ...[...region.inputs, ...region.outputs].flatMap((x) => [x.offset ?? 0, ...x.strides]),
    ...(region.constants ?? []).flatMap(({ dtype, value }) => [
      ...new Int32Array(dataOf(dtype, [value]).buffer),
    ]),
  ]);
}

/** Cuts small rows into chunks of a few positions. */
export const SPLIT_ALWAYS: SplitRule = { wanted: 100, elements: 1, least: 1 };

const SENTINEL = 77;

/** Buffers of a region: outputs start full of 77. */
function buffersOf<B>(region: TestRegion, put: (data: Data) => B): { all: B[]; outputs: B[] } {
  const inputs = region.inputs.map(({ dtype, data }) => (data ? put(dataOf(dtype, data)) : null));
  const outputs = region.outputs.map(({ dtype, length, alias }) => {
    const shared = alias === undefined ? null : inputs[alias];
    return shared ?? put(dataOf(dtype, new Array<number>(length).fill(SENTINEL)));
  });
  return { all: [...inputs.filter((b) => b !== null), ...outputs], outputs };
}

/**
 * Launches the region; the result reads what its outputs hold. Kernels are found again by their
 * spec, as core does. `maker` may claim another profile than the device has.
 */
export function launchHere(
  gpu: TestGpu,
  region: TestRegion,
  split: SplitRule | null = null,
  maker: Gpu = gpu,
): () => Promise<Data[]> {
  const spec = specOf(region);
  const key = JSON.stringify([spec, split]);
  const kernel = kernelOf(gpu, key, () => prepareRegion(spec, maker, split));
  const words = wordsOf(region);
  const { all, outputs } = buffersOf(region, (data) => gpu.put(data));
  const workspace = kernel.workspace(words);
  const scratch = workspace > 0 ? [gpu.alloc(workspace)] : [];
  gpu.launch(kernel, [...all, ...scratch], words);
  return async () => {
    const results = await Promise.all(
      outputs.map((buffer, o) => gpu.get(buffer, elementOf(region.outputs[o]!.dtype))),
    );
    for (const buffer of new Set([...all, ...scratch])) gpu.free(buffer);
    return results;
  };
}

function elementOf(dtype: DType): 'f32' | 'i32' | 'u32' {
  return dtype === 'f32' || dtype === 'u32' ? dtype : 'i32';
}

const kernels = new WeakMap<TestGpu, Map<string, GpuKernel>>();
function kernelOf(gpu: TestGpu, key: string, make: () => GpuKernel): GpuKernel {
  const known = kernels.get(gpu) ?? new Map<string, GpuKernel>();
  kernels.set(gpu, known);
  const kernel = known.get(key) ?? make();
  known.set(key, kernel);
  return kernel;
}

const reference: Backend = cpuJs();

/** The same on cpu-js. */
export function runThere(region: TestRegion): Data[] {
  const kernel = reference.prepare.region(specOf(region));
  const { all, outputs } = buffersOf(region, (data) => {
    const buffer = reference.allocate(data.byteLength);
    reference.write(buffer, data);
    return buffer;
  });
  reference.launch(kernel, all, wordsOf(region));
  return outputs.map((buffer, o) => {
    const bytes = reference.readSync!(buffer);
    const { dtype } = region.outputs[o]!;
    if (dtype === 'f32') return new Float32Array(bytes.buffer);
    return dtype === 'u32' ? new Uint32Array(bytes.buffer) : new Int32Array(bytes.buffer);
  });
}

/** Integers below a bound, from a seed. */
export function picker(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state >>> 8) % below;
  };
}

/** Small dyadic numbers: sums of them are exact in any order. */
export function numbers(count: number, seed = 1): number[] {
  const pick = picker(seed);
  return Array.from({ length: count }, () => pick(33) / 4 - 4);
}

/** Zeros without sign: those of rows are tested with the rows, those of extremes apart. */
export function plain(results: readonly Data[]): number[][] {
  return results.map((data) => Array.from(data, (v) => v + 0));
}
