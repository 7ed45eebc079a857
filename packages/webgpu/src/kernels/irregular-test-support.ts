/** For tests of the irregular kernels: samples, launched together and then read. */
import type { DType } from '@tenon/core';
import { expect } from 'vitest';
import type { Gpu, GpuKernel } from '../kernel.ts';
import type { TestGpu } from '../test-gpu.ts';
import { prepareArgReduce } from './arg-reduce.ts';
import { prepareArgSort } from './arg-sort.ts';
import { prepareFold } from './fold.ts';
import { prepareGather } from './gather.ts';
import { oracle } from './irregular-oracle.ts';
import { type Data, dataOf, type IrregularSpec, type Sample } from './irregular-samples.ts';
import { preparePad } from './pad.ts';
import { prepareScan } from './scan.ts';
import { prepareScatterAdd } from './scatter-add.ts';

export const DTYPES: readonly DType[] = ['f32', 'i32', 'u32', 'bool'];

/** Bits of a value, as a launch constant. */
export function bitsOf(dtype: DType, value: number): number[] {
  return [...new Int32Array(dataOf(dtype, [value]).buffer)];
}

export function prepare(spec: IrregularSpec, gpu: Gpu): GpuKernel {
  switch (spec.kind) {
    case 'gather':
      return prepareGather(spec, gpu);
    case 'scatterAdd':
      return prepareScatterAdd(spec, gpu);
    case 'fold':
      return prepareFold(spec, gpu);
    case 'pad':
      return preparePad(spec, gpu);
    case 'argReduce':
      return prepareArgReduce(spec, gpu);
    case 'scan':
      return prepareScan(spec, gpu);
    case 'argSort':
      return prepareArgSort(spec, gpu);
    default:
      return spec satisfies never;
  }
}

/** The dtype of what a kernel writes. */
function resultOf({ kind, dtype }: IrregularSpec): 'f32' | 'i32' | 'u32' {
  if (kind === 'argReduce' || kind === 'argSort') return 'i32';
  return dtype === 'f32' || dtype === 'u32' ? dtype : 'i32';
}

/** Elements after the result that a kernel must leave alone. */
const GUARD = 8;

/** Launches all samples, then reads them all. */
export async function runAll(gpu: TestGpu, samples: readonly Sample[]): Promise<Data[]> {
  const launched = samples.map(({ spec, inputs, args, length }) => {
    const words = Int32Array.from(args);
    const kernel = prepare(spec, gpu);
    const buffers = inputs.map((data) => gpu.put(data.length === 0 ? new Int32Array(1) : data));
    const out = gpu.put(dataOf('i32', new Array<number>(length + GUARD).fill(77)));
    const bytes = kernel.workspace(words);
    const workspace = bytes > 0 ? [gpu.alloc(bytes)] : [];
    const all = [...buffers, out, ...workspace];
    gpu.launch(kernel, all, words);
    return { spec, length, out, all };
  });
  const results: Data[] = [];
  for (const { spec, length, out, all } of launched) {
    const words = await gpu.get(out, 'i32');
    expect(Array.from(words.subarray(length, length + GUARD))).toEqual(Array(GUARD).fill(77));
    const data = await gpu.get(out, resultOf(spec));
    results.push(data.slice(0, length));
    for (const buffer of all) gpu.free(buffer);
  }
  return results;
}

/** Expects what the oracle says of each sample, bit for bit. */
export async function expectOracle(gpu: TestGpu, samples: readonly Sample[]): Promise<void> {
  const results = await runAll(gpu, samples);
  for (const [s, sample] of samples.entries()) {
    const wanted = oracle(sample);
    const got = results[s] ?? [];
    const isSame = wanted.every((value, p) => Object.is(value, got[p]));
    if (!isSame) expect({ ...sample, got }).toEqual({ ...sample, got: wanted });
    expect(isSame).toBe(true);
  }
}

/** A small generator of whole numbers in [0, below). */
export function makeRandom(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}
