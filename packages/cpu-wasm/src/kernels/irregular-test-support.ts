/**
 * For tests of the irregular kernels: one kernel launched on many machines (every variant, two
 * threads, pieces in random order).
 */
import type { DType, Specs } from '@tenon/core';
import { detectFeatures } from '../features.ts';
import type { WasmBuffer, WasmKernel } from '../kernel.ts';
import { type Machine, SCRATCH_BYTES } from '../machine.ts';
import { type TestMachine, testMachine } from '../test-machine.ts';
import { isThreaded, VARIANTS, whyNot } from '../variant.ts';
import { prepareArgReduce } from './arg-reduce.ts';
import { prepareArgSort } from './arg-sort.ts';
import { prepareFold } from './fold.ts';
import { prepareGather } from './gather.ts';
import { preparePad } from './pad.ts';
import { prepareScan } from './scan.ts';
import { prepareScatterAdd } from './scatter-add.ts';

export type Data = Float32Array | Float64Array | Int32Array | Uint32Array;
export type IrregularSpec = Specs[
  | 'gather'
  | 'scatterAdd'
  | 'fold'
  | 'pad'
  | 'argReduce'
  | 'scan'
  | 'argSort'];

/** One launch: input arrays, launch words, and how many elements come out. */
export interface Sample {
  readonly spec: IrregularSpec;
  readonly inputs: readonly Data[];
  readonly args: readonly number[];
  readonly length: number;
}

export const DTYPES: readonly DType[] = ['f32', 'f64', 'i32', 'u32', 'bool'];

export function dataOf(dtype: DType, values: Iterable<number>): Data {
  if (dtype === 'f32') return Float32Array.from(values);
  if (dtype === 'f64') return Float64Array.from(values);
  if (dtype === 'u32') return Uint32Array.from(values);
  return Int32Array.from(values);
}

/** Bits of a value, as a launch constant. */
export function bitsOf(dtype: DType, value: number): number[] {
  return [...new Int32Array(dataOf(dtype, [value]).buffer)];
}

function prepare(spec: IrregularSpec, machine: Machine): WasmKernel {
  switch (spec.kind) {
    case 'gather':
      return prepareGather(spec, machine);
    case 'scatterAdd':
      return prepareScatterAdd(spec, machine);
    case 'fold':
      return prepareFold(spec, machine);
    case 'pad':
      return preparePad(spec, machine);
    case 'argReduce':
      return prepareArgReduce(spec, machine);
    case 'scan':
      return prepareScan(spec, machine);
    case 'argSort':
      return prepareArgSort(spec, machine);
    default:
      return spec satisfies never;
  }
}

/** The dtype of what a kernel writes. */
function resultOf(spec: IrregularSpec): DType {
  return spec.kind === 'argReduce' || spec.kind === 'argSort' ? 'i32' : spec.dtype;
}

/** Cuts each loop into random pieces, run in random order on one of two scratches. */
class ShuffledMachine implements Machine {
  readonly inner: TestMachine;
  readonly threads: number = 3;
  private readonly names: string[] = [];
  private readonly scratches: readonly WasmBuffer[];
  private readonly random: (below: number) => number;

  constructor(inner: TestMachine, random: (below: number) => number) {
    this.inner = inner;
    this.random = random;
    this.scratches = [inner.alloc(SCRATCH_BYTES), inner.alloc(SCRATCH_BYTES)];
  }

  get variant(): Machine['variant'] {
    return this.inner.variant;
  }
  get hasSimd(): boolean {
    return this.inner.hasSimd;
  }
  get hasRelaxed(): boolean {
    return this.inner.hasRelaxed;
  }
  get u8(): Uint8Array {
    return this.inner.u8;
  }
  get i32(): Int32Array {
    return this.inner.i32;
  }
  get f32(): Float32Array {
    return this.inner.f32;
  }
  get f64(): Float64Array {
    return this.inner.f64;
  }
  get args(): number {
    return this.inner.args;
  }
  get exports(): Machine['exports'] {
    return this.inner.exports;
  }

  kernel(name: string): number {
    this.inner.kernel(name);
    return this.names.push(name) - 1;
  }

  define(): number[] {
    return [];
  }

  run(fn: number, args: number, total: number): void {
    const kernel = this.exports[this.names[fn] ?? ''];
    const cuts = new Set([0, total]);
    for (let c = this.random(6); c > 0; c--) cuts.add(this.random(total + 1));
    const sorted = [...cuts].sort((a, b) => a - b);
    const pieces = sorted.slice(1).map((end, p) => [sorted[p] ?? 0, end] as const);
    while (pieces.length > 0) {
      const [piece] = pieces.splice(this.random(pieces.length), 1);
      const scratch = this.scratches[this.random(2)];
      if (piece !== undefined) kernel?.(args, piece[0], piece[1], scratch?.address ?? 0);
    }
  }
}

const GUARD = 0x5eed;

/** Launches on one machine; also checks that nothing around the buffers was written. */
function launchOn(inner: TestMachine, machine: Machine, sample: Sample): Data {
  const { spec, inputs, length } = sample;
  const args = Int32Array.from(sample.args);
  const kernel = prepare(spec, machine);
  const dtype = resultOf(spec);
  const guard = (): WasmBuffer => inner.put(new Int32Array(16).fill(GUARD));
  const out = dataOf(dtype, new Array<number>(length).fill(77));
  const guards = [guard()];
  const buffers = inputs.map((data) => inner.put(data));
  guards.push(guard());
  const result = inner.put(out);
  guards.push(guard());
  const bytes = kernel.workspace(args);
  const workspace = bytes > 0 ? [inner.alloc(bytes), guard()] : [];
  try {
    kernel.run([...buffers, result, ...workspace.slice(0, 1)], args);
    for (const { address } of [...guards, ...workspace.slice(1)]) {
      const words = inner.i32.subarray(address >>> 2, (address >>> 2) + 16);
      if (words.some((word) => word !== GUARD)) throw new Error('wrote beside its buffers');
    }
    const copy = new Uint8Array(inner.get(result, 'u8').subarray(0, out.byteLength));
    new Uint8Array(out.buffer).set(copy);
    return out;
  } finally {
    for (const buffer of [...guards, ...buffers, result, ...workspace]) inner.free(buffer);
  }
}

export interface Bench {
  readonly name: string;
  run(sample: Sample): Data;
}

/** Every variant that runs here, `-threads` ones on two threads, and simd in random pieces. */
export async function makeBenches(random: (below: number) => number): Promise<Bench[]> {
  const features = detectFeatures();
  const benches: Bench[] = [];
  for (const variant of VARIANTS) {
    if (whyNot(variant, features) !== null) continue;
    const threads = isThreaded(variant) ? 2 : 1;
    const inner = await testMachine(variant, threads);
    const name = `${variant}, ${threads} thread${threads > 1 ? 's' : ''}`;
    benches.push({ name, run: (sample) => launchOn(inner, inner, sample) });
    if (variant === 'scalar' || variant === 'simd') {
      const shuffled = new ShuffledMachine(inner, random);
      const run = (sample: Sample): Data => launchOn(inner, shuffled, sample);
      benches.push({ name: `${variant} in random pieces`, run });
    }
  }
  return benches;
}

/** A small generator of whole numbers in [0, below). */
export function makeRandom(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}
