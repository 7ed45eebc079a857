/**
 * For tests only: describes a region with its numbers (sizes, strides, data), makes spec, words
 * and buffers of it, and runs it; and a naive float64 oracle of the same description that shares
 * no code with the backend.
 */
import type {
  Backend,
  DType,
  InputSpec,
  KernelSpec,
  OutputSpec,
  ReduceName,
  RegionSpec,
  ScalarName,
  Step,
  StrideClass,
} from '@tenon/core';

export type Data = Float32Array | Int32Array | Uint32Array | Float64Array;

export interface TestInput {
  readonly dtype: DType;
  /** null: an iota. */
  readonly data: readonly number[] | null;
  readonly offset?: number;
  /** One per axis, kept axes first; zeros along the reduced axes make it a kept operand. */
  readonly strides: readonly number[];
  readonly domain?: 'kept' | 'full';
}
interface TestOutput {
  readonly step: number;
  readonly dtype: DType;
  readonly strides: readonly number[];
  readonly offset?: number;
  /** Elements of its buffer. */
  readonly length: number;
  readonly domain?: 'kept' | 'full';
  /** Input whose buffer it shares. */
  readonly alias?: number;
}
export interface TestRegion {
  readonly kept: readonly number[];
  readonly reduced?: readonly number[];
  readonly inputs: readonly TestInput[];
  readonly outputs: readonly TestOutput[];
  readonly steps: readonly Step[];
  readonly constants?: readonly { readonly dtype: DType; readonly value: number }[];
}

export function dataOf(dtype: DType, values: readonly number[]): Data {
  if (dtype === 'f32') return Float32Array.from(values);
  if (dtype === 'f64') return Float64Array.from(values);
  if (dtype === 'u32') return Uint32Array.from(values);
  return Int32Array.from(values);
}

function viewBytes(dtype: DType, bytes: Uint8Array<ArrayBuffer>): Data {
  if (dtype === 'f32') return new Float32Array(bytes.buffer);
  if (dtype === 'f64') return new Float64Array(bytes.buffer);
  if (dtype === 'u32') return new Uint32Array(bytes.buffer);
  return new Int32Array(bytes.buffer);
}

/** The 32-bit words of a constant. */
export function bitsOf(dtype: DType, value: number): number[] {
  return [...new Int32Array(dataOf(dtype, [value]).buffer)];
}

function classOf(stride: number | undefined): StrideClass {
  return stride === undefined || stride === 0 ? 0 : stride === 1 ? 1 : 2;
}

function classes(
  region: TestRegion,
  strides: readonly number[],
): { keptClass: StrideClass; reducedClass: StrideClass } {
  const rank = region.kept.length;
  const last = rank + (region.reduced?.length ?? 0) - 1;
  const isMap = last < rank;
  return {
    keptClass: classOf(strides[rank - 1]),
    reducedClass: isMap ? 0 : classOf(strides[last]),
  };
}

function defaultDomain(region: TestRegion, strides: readonly number[]): 'kept' | 'full' {
  const moves = strides.slice(region.kept.length).some((s) => s !== 0);
  return moves ? 'full' : 'kept';
}

export function specOf(region: TestRegion): RegionSpec {
  return {
    kind: 'region',
    keptRank: region.kept.length,
    reducedRank: region.reduced?.length ?? 0,
    inputs: region.inputs.map(
      (input): InputSpec => ({
        dtype: input.dtype,
        domain: input.domain ?? defaultDomain(region, input.strides),
        source: input.data === null ? 'iota' : 'buffer',
        ...classes(region, input.strides),
      }),
    ),
    outputs: region.outputs.map(
      (output): OutputSpec => ({
        step: output.step,
        dtype: output.dtype,
        domain: output.domain ?? defaultDomain(region, output.strides),
        alias: output.alias ?? -1,
        ...classes(region, output.strides),
      }),
    ),
    steps: region.steps,
    constants: (region.constants ?? []).map((constant) => constant.dtype),
  };
}

function argsOf(region: TestRegion): Int32Array {
  return Int32Array.from([
    ...region.kept,
    ...(region.reduced ?? []),
    ...[...region.inputs, ...region.outputs].flatMap((o) => [o.offset ?? 0, ...o.strides]),
    ...(region.constants ?? []).flatMap(({ dtype, value }) => bitsOf(dtype, value)),
  ]);
}

/** Launches any kernel on host arrays; returns what the buffers hold afterwards. */
export function launchOn(
  backend: Backend,
  spec: KernelSpec,
  operands: readonly { readonly dtype: DType; readonly data: Data }[],
  args: readonly number[] | Int32Array,
): Data[] {
  const prepare = backend.prepare[spec.kind as 'region'] as (
    s: KernelSpec,
  ) => ReturnType<Backend['prepare']['region']>;
  const kernel = prepare(spec);
  const buffers = operands.map(({ data }) => {
    const buffer = backend.allocate(data.byteLength);
    backend.write(buffer, data);
    return buffer;
  });
  backend.launch(kernel, buffers, Int32Array.from(args));
  return operands.map(({ dtype }, i) => {
    const buffer = buffers[i];
    const bytes = buffer === undefined ? undefined : backend.readSync?.(buffer);
    return viewBytes(dtype, bytes ?? new Uint8Array(0));
  });
}

const SENTINEL = 77;

/** Runs the region; every output buffer starts full of 77. */
export function runRegion(backend: Backend, region: TestRegion): Data[] {
  const kernel = backend.prepare.region(specOf(region));
  const inputs = region.inputs.map((input) => {
    if (input.data === null) return null;
    const data = dataOf(input.dtype, input.data);
    const buffer = backend.allocate(data.byteLength);
    backend.write(buffer, data);
    return buffer;
  });
  const outputs = region.outputs.map((output) => {
    const shared = output.alias === undefined ? null : inputs[output.alias];
    if (shared !== null && shared !== undefined) return shared;
    const data = dataOf(output.dtype, new Array<number>(output.length).fill(SENTINEL));
    const buffer = backend.allocate(data.byteLength);
    backend.write(buffer, data);
    return buffer;
  });
  const buffers = [...inputs.filter((b) => b !== null), ...outputs];
  backend.launch(kernel, buffers, argsOf(region));
  return region.outputs.map((output, o) => {
    const buffer = outputs[o];
    const bytes = buffer === undefined ? undefined : backend.readSync?.(buffer);
    return viewBytes(output.dtype, bytes ?? new Uint8Array(0));
  });
}

function toDType(dtype: DType, value: number): number {
  if (dtype === 'f32') return Math.fround(value);
  if (dtype === 'i32') return value | 0;
  if (dtype === 'u32') return value >>> 0;
  return value;
}

function saturate(value: number, low: number, high: number): number {
  return Number.isNaN(value) ? 0 : Math.trunc(Math.min(Math.max(value, low), high));
}

/** 2/√π e^(-x²) Σ 2^n x^(2n+1) / (2n+1)!!: all terms have one sign. */
export function erfSeries(x: number): number {
  if (Number.isNaN(x)) return x;
  if (Math.abs(x) > 6) return Math.sign(x);
  let term = x;
  let sum = x;
  for (let n = 1; n < 200; n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return x === 0 ? x : (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

/** What each row means, in float64 (integers as wrapped doubles, products as BigInt). */
export const ORACLE: Readonly<
  Record<ScalarName, (x: readonly number[], dtype: DType, from: DType) => number>
> = {
  neg: ([a = 0]) => -a,
  abs: ([a = 0]) => Math.abs(a),
  sign: ([a = 0]) => Math.sign(a),
  floor: ([a = 0]) => Math.floor(a),
  exp: ([a = 0]) => Math.exp(a),
  expm1: ([a = 0]) => Math.expm1(a),
  log: ([a = 0]) => Math.log(a),
  log1p: ([a = 0]) => Math.log1p(a),
  sqrt: ([a = 0]) => Math.sqrt(a),
  sin: ([a = 0]) => Math.sin(a),
  cos: ([a = 0]) => Math.cos(a),
  tanh: ([a = 0]) => Math.tanh(a),
  erf: ([a = 0]) => erfSeries(a),
  not: ([a = 0]) => (a === 0 ? 1 : 0),
  cast: ([a = 0], dtype, from) => {
    const isFloat = from === 'f32' || from === 'f64';
    if (dtype === 'bool') return a !== 0 ? 1 : 0;
    if (dtype === 'i32' && isFloat) return saturate(a, -(2 ** 31), 2 ** 31 - 1);
    if (dtype === 'u32' && isFloat) return saturate(a, 0, 2 ** 32 - 1);
    return a;
  },
  unitFloat: ([a = 0]) => Math.floor(a / 256) / 2 ** 24,
  add: ([a = 0, b = 0]) => a + b,
  sub: ([a = 0, b = 0]) => a - b,
  mul: ([a = 0, b = 0], dtype) =>
    dtype === 'f32' || dtype === 'f64' ? a * b : Number(BigInt.asUintN(32, BigInt(a) * BigInt(b))),
  div: ([a = 0, b = 0], dtype) =>
    dtype === 'f32' || dtype === 'f64' ? a / b : b === 0 ? 0 : Math.trunc(a / b),
  rem: ([a = 0, b = 0], dtype) => ((dtype === 'i32' || dtype === 'u32') && b === 0 ? 0 : a % b),
  pow: ([a = 0, b = 0], dtype) => {
    if (dtype === 'i32' || dtype === 'u32') {
      if (b < 0) return Math.trunc(a ** b) || 0;
      let r = 1n;
      for (let i = 0; i < b; i++) r = BigInt.asIntN(32, r * BigInt(a));
      return Number(r);
    }
    if (a === 1 || b === 0 || (a === -1 && Math.abs(b) === Infinity)) return 1;
    return a ** b;
  },
  maximum: ([a = 0, b = 0]) => Math.max(a, b),
  minimum: ([a = 0, b = 0]) => Math.min(a, b),
  and: ([a = 0, b = 0]) => a * b,
  or: ([a = 0, b = 0]) => Math.max(a, b),
  eq: ([a = 0, b = 0]) => Number(a === b),
  lt: ([a = 0, b = 0]) => Number(a < b),
  le: ([a = 0, b = 0]) => Number(a <= b),
  select: ([a = 0, b = 0, c = 0]) => (a === 1 ? b : c),
  randomBits: () => {
    throw new Error('randomBits has known answers instead');
  },
};

const REDUCE: Readonly<Record<ReduceName, (x: readonly number[]) => number>> = {
  sum: (x) => x.reduce((a, b) => a + b, 0),
  prod: (x) => x.reduce((a, b) => a * b, 1),
  max: (x) => (x.some(Number.isNaN) ? NaN : Math.max(...x)),
  min: (x) => (x.some(Number.isNaN) ? NaN : Math.min(...x)),
};

function indices(sizes: readonly number[]): number[][] {
  return sizes.reduce<number[][]>(
    (all, size) => all.flatMap((prefix) => Array.from({ length: size }, (_, i) => [...prefix, i])),
    [[]],
  );
}

/** The oracle: every step at every position, in float64, rounded to its dtype. */
export function expectRegion(region: TestRegion): number[][] {
  const kept = indices(region.kept);
  const reduced = indices(region.reduced ?? []);
  const results = region.outputs.map((output) =>
    output.alias === undefined
      ? new Array<number>(output.length).fill(SENTINEL)
      : [...(region.inputs[output.alias]?.data ?? [])],
  );
  for (const k of kept) {
    // values[step][reduced position]
    const values: number[][] = [];
    for (const step of region.steps) values.push(stepValues(region, step, values, k, reduced));
    region.outputs.forEach((output, o) => {
      reduced.forEach((r, at) => {
        const position = [...k, ...r].reduce(
          (sum, index, axis) => sum + index * (output.strides[axis] ?? 0),
          output.offset ?? 0,
        );
        (results[o] ?? [])[position] = values[output.step]?.[at] ?? NaN;
      });
      if (reduced.length === 0) {
        const position = k.reduce(
          (sum, i, axis) => sum + i * (output.strides[axis] ?? 0),
          output.offset ?? 0,
        );
        (results[o] ?? [])[position] = values[output.step]?.[0] ?? NaN;
      }
    });
  }
  return results;
}

function stepValues(
  region: TestRegion,
  step: Step,
  values: readonly number[][],
  k: readonly number[],
  reduced: readonly (readonly number[])[],
): number[] {
  // An empty reduced axis still has one kept position.
  const positions = reduced.length === 0 ? [[]] : reduced;
  if (step.op === 'load') {
    const input = region.inputs[step.index];
    return positions.map((r) => {
      const at = [...k, ...r].reduce(
        (sum, index, axis) => sum + index * (input?.strides[axis] ?? 0),
        input?.offset ?? 0,
      );
      return toDType(step.dtype, input?.data === null ? at : (input?.data?.[at] ?? NaN));
    });
  }
  if (step.op === 'const') {
    const value = toDType(step.dtype, region.constants?.[step.index]?.value ?? NaN);
    return positions.map(() => value);
  }
  if (step.op === 'reduce') {
    const all = reduced.length === 0 ? [] : (values[step.args[0]] ?? []);
    const value = toDType(step.dtype, REDUCE[step.reducer](all));
    return positions.map(() => value);
  }
  return positions.map((_, at) => {
    const x = step.args.map((a) => values[a]?.[at] ?? NaN);
    return toDType(step.dtype, ORACLE[step.op](x, step.dtype, step.from));
  });
}
