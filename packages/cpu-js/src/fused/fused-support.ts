/** For tests only: a backend that tells which overrides served, and convolution as plain loops. */
import {
  type Buffer,
  type Kernel,
  noGrad,
  setDefaultBackend,
  type Tensor,
  tensor,
  vjp,
} from '@tenon/core';
import { CpuJsBackend } from '../backend.ts';

/** A cpu-js backend that remembers the fused kernels it launched. */
export class RecordingBackend extends CpuJsBackend {
  readonly served: string[] = [];

  override launch(kernel: Kernel, buffers: readonly Buffer[], args: Int32Array): void {
    if (kernel.spec.kind === 'fused') this.served.push(kernel.spec.name);
    super.launch(kernel, buffers, args);
  }
}

/** One with overrides, one without: the decomposition on the same scalar rows. */
export const fused: RecordingBackend = new RecordingBackend();
export const plain: RecordingBackend = new RecordingBackend({ overrides: false });

export type Float = 'f32' | 'f64';
type FloatArray = Float32Array | Float64Array;

/** Seeded numbers between -1 and 1, exact in f32. */
export function numbers(count: number, seed: number): Float64Array {
  let state = seed * 2654435761 + 12345;
  return Float64Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return Math.fround(state / 2 ** 31);
  });
}

export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

export interface Run {
  readonly y: FloatArray;
  readonly gradients: readonly FloatArray[];
  /** Names of the fused kernels that were launched: forward, then backward. */
  readonly forward: readonly string[];
  readonly backward: readonly string[];
}

/** Runs fn and its pullback on a backend; inputs and cotangent are given as numbers. */
export function run(
  backend: RecordingBackend,
  dtype: Float,
  inputs: readonly { readonly shape: readonly number[]; readonly data: ArrayLike<number> }[],
  fn: (...xs: Tensor[]) => Tensor,
  cotangent: (size: number) => ArrayLike<number>,
): Run {
  setDefaultBackend(backend);
  const made = inputs.map(({ shape, data }) => tensor(Float64Array.from(data), { shape, dtype }));
  const start = backend.served.length;
  const { value, pullback } = vjp(fn, ...made);
  const forward = backend.served.slice(start);
  const g = tensor(Float64Array.from(cotangent(value.size)), { shape: value.shape, dtype });
  const middle = backend.served.length;
  const gradients = noGrad(() => [pullback(g)].flat());
  const backward = backend.served.slice(middle);
  setDefaultBackend(null);
  const read = (x: Tensor): FloatArray => x.dataSync() as FloatArray;
  return { y: read(value), gradients: gradients.map(read), forward, backward };
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
  const inside = (p: number, k: number, axis: number): number =>
    p * stride[axis]! + k * dilation[axis]! - low[axis]!;
  const perWindow = (p: readonly number[], at: number, n: number, o: number): void => {
    const first = Math.floor(o / (outputs / groups)) * inner;
    let tap = o * inner * sizeOf(kernel);
    for (let c = 0; c < inner; c++) {
      for (let a = 0; a < kernel[0]!; a++) {
        for (let b = 0; b < kernel[1]!; b++) {
          for (let d = 0; d < kernel[2]!; d++, tap++) {
            const q = [a, b, d].map((k, axis) => inside(p[axis]!, k, axis));
            if (q.some((i, axis) => i < 0 || i >= size[axis]!)) continue;
            const plane = (n * channels + first + c) * size[0]! + q[0]!;
            visit(at, (plane * size[1]! + q[1]!) * size[2]! + q[2]!, tap);
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

/** A sum and the sum of its terms' magnitudes. */
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

/** The largest excess over one rounding of the result and a few of doubles within the sum. */
export function excess(got: FloatArray, { value, magnitude }: Sums): number {
  const half = got instanceof Float32Array ? 2 ** -24 : 2 ** -53;
  let worst = -Infinity;
  for (let i = 0; i < value.length; i++) {
    const allowed = half * Math.abs(value[i]!) + 2 ** -46 * magnitude[i]!;
    worst = Math.max(worst, Math.abs(got[i]! - value[i]!) - allowed);
  }
  return got.length === value.length ? worst : Infinity;
}
