/** For tests only: runs overrides on a device without core, and convolution as plain loops. */
import type { FusedSpec, Override, TensorType } from '@tenon/core';
import type { Variant } from '../device.ts';
import { type GpuBuffer, GpuKernel } from '../kernel.ts';
import type { TestGpu } from '../test-gpu.ts';

export const VARIANTS: readonly Variant[] = ['register', 'workgroup', 'subgroup'];

/** Seeded numbers between -1 and 1, exact in f32. */
export function numbers(count: number, seed: number): Float32Array<ArrayBuffer> {
  let state = seed * 2654435761 + 12345;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return state / 2 ** 31;
  });
}
/** Seeded picks from lists. */
export function picker(seed: number): <T>(list: readonly T[]) => T {
  let state = seed * 2654435761 + 12345;
  return (list) => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return list[(state >>> 8) % list.length]!;
  };
}

export interface Operand {
  readonly shape: readonly number[];
  readonly data: Float32Array | Int32Array;
}

/** Why an override does not take these operands, or true. */
export function ask(
  override: Override,
  shapes: readonly (readonly number[])[],
  attrs: object,
): true | string {
  return override.supports(
    shapes.map((shape): TensorType => ({ shape, dtype: 'f32' })),
    attrs,
  );
}

export function prepared(override: Override, dtype: 'f32' | 'f16' = 'f32'): GpuKernel {
  const spec: FusedSpec = { kind: 'fused', name: '', dtype, epilogue: null };
  const kernel = override.prepare(spec);
  if (!(kernel instanceof GpuKernel)) throw new Error('not a kernel of this backend');
  return kernel;
}

const GUARD = 64;
/** Outputs of a launch, not read yet: many launches go before the first read. */
export interface Launched {
  readonly outputs: readonly GpuBuffer[];
  readonly sizes: readonly number[];
}

/** Launches an override; outputs of these sizes. Scratch and outputs hold NaN or 7 before. */
export function launch(
  gpu: TestGpu,
  override: Override,
  inputs: readonly Operand[],
  attrs: object,
  sizes: readonly number[],
): Launched {
  const types = inputs.map(({ shape }): TensorType => ({ shape, dtype: 'f32' }));
  const supports = override.supports(types, attrs);
  if (supports !== true) throw new Error(supports);
  const args = Int32Array.from(override.words(types, attrs));
  const kernel = prepared(override);
  const given = inputs.map(({ data }) => gpu.put(data));
  const outputs = sizes.map((size) => gpu.put(new Float32Array(size + GUARD).fill(7)));
  const bytes = kernel.workspace(args);
  const scratch = bytes > 0 ? [gpu.put(new Float32Array(bytes / 4).fill(Number.NaN))] : [];
  gpu.launch(kernel, [...given, ...outputs, ...scratch], args);
  for (const buffer of [...given, ...scratch]) gpu.free(buffer);
  return { outputs, sizes };
}

/** The outputs as f32. Fails where a kernel wrote beyond one of them. */
export async function fetched(
  gpu: TestGpu,
  { outputs, sizes }: Launched,
): Promise<Float32Array<ArrayBuffer>[]> {
  const all = await Promise.all(outputs.map((buffer) => gpu.get(buffer, 'f32')));
  for (const buffer of outputs) gpu.free(buffer);
  return all.map((values, i) => {
    if (values.slice(sizes[i]!).some((value) => value !== 7)) {
      throw new Error('wrote beyond an output');
    }
    return values.slice(0, sizes[i]!);
  });
}

/** A convolution by its definition. Three spatial axes. */
export interface Loops {
  readonly x: readonly number[];
  readonly weight: readonly number[];
  readonly count: readonly number[];
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  readonly low: readonly number[];
  readonly groups: number;
}

/** Calls visit with the indices of every term: y[at] += x[from] · weight[tap]. */
export function eachTerm(
  { x, weight, count, stride, dilation, low, groups }: Loops,
  visit: (at: number, from: number, tap: number) => void,
): void {
  const [batch, channels, ...size] = x as [number, number, number, number, number];
  const [outputs, inner, ...kernel] = weight as [number, number, number, number, number];
  const window = kernel.reduce((product, k) => product * k, 1);
  const inside = (p: number, k: number, axis: number): number =>
    p * stride[axis]! + k * dilation[axis]! - low[axis]!;
  const perWindow = (p: readonly number[], at: number, n: number, o: number): void => {
    const first = Math.floor(o / (outputs / groups)) * inner;
    let tap = o * inner * window;
    for (let c = 0; c < inner; c++) {
      for (let a = 0; a < kernel[0]!; a++) {
        for (let b = 0; b < kernel[1]!; b++) {
          for (let d = 0; d < kernel[2]!; d++, tap++) {
            const z = inside(p[0]!, a, 0);
            const y = inside(p[1]!, b, 1);
            const q = inside(p[2]!, d, 2);
            if (z < 0 || y < 0 || q < 0) continue;
            if (z >= size[0]! || y >= size[1]! || q >= size[2]!) continue;
            const plane = (n * channels + first + c) * size[0]! + z;
            visit(at, (plane * size[1]! + y) * size[2]! + q, tap);
          }
        }
      }
    }
  };
  let at = 0;
  for (let n = 0; n < batch; n++) {
    for (let o = 0; o < outputs; o++) {
      for (let a = 0; a < count[0]!; a++) {
        for (let b = 0; b < count[1]!; b++) {
          for (let d = 0; d < count[2]!; d++) perWindow([a, b, d], at++, n, o);
        }
      }
    }
  }
}

/** A sum in doubles and the sum of its terms' magnitudes. */
export interface Sums {
  readonly value: Float64Array;
  readonly magnitude: Float64Array;
}
export function sums(length: number): Sums {
  return { value: new Float64Array(length), magnitude: new Float64Array(length) };
}
export function addTo({ value, magnitude }: Sums, at: number, term: number): void {
  value[at] = value[at]! + term;
  magnitude[at] = magnitude[at]! + Math.abs(term);
}

/** The largest error, in half units in the last place of the sum of the terms' magnitudes. */
export function worst(got: Float32Array, { value, magnitude }: Sums): number {
  if (got.length !== value.length) return Infinity;
  let most = 0;
  for (let i = 0; i < value.length; i++) {
    const error = Math.abs(got[i]! - value[i]!);
    const relative = error === 0 ? 0 : error / (magnitude[i]! * 2 ** -24);
    if (!(relative <= most)) most = relative;
  }
  return most;
}
