/**
 * For tests only: regions described with their numbers, run here (on a machine of ten lines, whose
 * pieces the test may choose) and on cpu-js, which has an oracle of its own. Random regions.
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
import type { WasmBuffer } from '../kernel.ts';
import { type Machine, SCRATCH_BYTES } from '../machine.ts';
import { MATH_IMPORTS } from '../math-imports.ts';
import type { LaneMode } from './lanes.ts';
import { prepareRegion } from './region.ts';

export type Data = Float32Array | Int32Array | Uint32Array | Float64Array;

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
  if (dtype === 'f32') return Float32Array.from(values);
  if (dtype === 'f64') return Float64Array.from(values);
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

const SCRATCH = 64 + 16_384;
/** Behind the scratch, where nothing may be written. */
const GUARD = SCRATCH + SCRATCH_BYTES;
const GUARD_WORDS = 1024;
const HEAP = GUARD + 4 * GUARD_WORDS;
const PAGES = 512;
type Kernel = (args: number, begin: number, end: number, scratch: number) => void;

/** How [0, total) is cut: the ends of the pieces. */
export type Cut = (total: number) => readonly number[];

/** A machine without threads; what runs in pieces is cut by `cut`, last piece first. */
export class TinyMachine implements Machine {
  readonly variant: Machine['variant'];
  readonly hasSimd: boolean;
  readonly hasRelaxed: boolean;
  readonly threads = 1;
  readonly args = 64;
  readonly exports = {};
  readonly u8: Uint8Array<ArrayBuffer>;
  readonly i32: Int32Array<ArrayBuffer>;
  readonly f32: Float32Array<ArrayBuffer>;
  readonly f64: Float64Array<ArrayBuffer>;
  cut: Cut = (total) => [total];
  /** Modules compiled so far. */
  defined = 0;
  private readonly memory = new WebAssembly.Memory({ initial: PAGES, maximum: PAGES });
  private readonly functions: Kernel[] = [];
  private top = HEAP;

  constructor(mode: LaneMode) {
    this.variant = mode;
    this.hasSimd = mode !== 'scalar';
    this.hasRelaxed = mode === 'relaxed';
    const buffer = this.memory.buffer as ArrayBuffer;
    this.u8 = new Uint8Array(buffer);
    this.i32 = new Int32Array(buffer);
    this.f32 = new Float32Array(buffer);
    this.f64 = new Float64Array(buffer);
  }

  kernel(name: string): number {
    throw new Error(`no ${name} here`);
  }

  define(bytes: Uint8Array<ArrayBuffer>, names: readonly string[]): number[] {
    this.defined++;
    const env = { ...MATH_IMPORTS, memory: this.memory };
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env });
    return names.map((name) => this.functions.push(exports[name] as Kernel) - 1);
  }

  run(fn: number, args: number, total: number): void {
    const ends = [...this.cut(total)];
    for (let i = ends.length - 1; i >= 0; i--) {
      this.functions[fn]!(args, ends[i - 1] ?? 0, ends[i]!, SCRATCH);
    }
    const guard = this.i32.subarray(GUARD / 4, GUARD / 4 + GUARD_WORDS);
    if (guard.some((word) => word !== 0)) throw new Error('written beyond the scratch');
  }

  /** Forgets all buffers. */
  reset(): void {
    this.top = HEAP;
  }

  alloc(byteLength: number): WasmBuffer {
    const address = this.top;
    this.top += (byteLength + 127) & -64;
    if (this.top > this.u8.length) throw new Error('the tiny machine is full');
    return { address, byteLength };
  }

  put(data: Data): WasmBuffer {
    const buffer = this.alloc(data.byteLength);
    this.u8.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), buffer.address);
    return buffer;
  }

  get(dtype: DType, { address, byteLength }: WasmBuffer): Data {
    const bytes = this.u8.slice(address, address + byteLength);
    if (dtype === 'f32') return new Float32Array(bytes.buffer);
    if (dtype === 'f64') return new Float64Array(bytes.buffer);
    return dtype === 'u32' ? new Uint32Array(bytes.buffer) : new Int32Array(bytes.buffer);
  }
}

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

/** What the outputs hold after a launch on this backend's generated code. */
export function runHere(machine: TinyMachine, region: TestRegion, repeats = 1): Data[] {
  machine.reset();
  const kernel = prepareRegion(specOf(region), machine);
  const words = wordsOf(region);
  const { all, outputs } = buffersOf(region, (data) => machine.put(data));
  const workspace = kernel.workspace(words);
  const buffers = workspace > 0 ? [...all, machine.alloc(workspace)] : all;
  for (let i = 0; i < repeats; i++) kernel.run(buffers, words);
  return outputs.map((buffer, o) => machine.get(region.outputs[o]!.dtype, buffer));
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
    if (dtype === 'f64') return new Float64Array(bytes.buffer);
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
