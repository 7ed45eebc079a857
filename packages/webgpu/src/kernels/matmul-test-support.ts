/** For tests only: matrix products on a test device, and the same in float64 JavaScript. */
import type { MatmulSpec, RegionSpec } from '@tenon/core';
import type { Variant } from '../device.ts';
import type { Gpu, GpuBuffer, ShaderSource } from '../kernel.ts';
import type { TestGpu } from '../test-gpu.ts';
import { prepareMatmul } from './matmul.ts';

export type Floats = Float32Array<ArrayBuffer>;
/** Offset, strides of b0, b1, rows, columns, in elements. */
export type Place = readonly [number, number, number, number, number];
export type Sizes = readonly [b0: number, b1: number, m: number, n: number, k: number];

export interface Product {
  readonly sizes: Sizes;
  readonly a: Place;
  readonly b: Place;
  readonly c: Place;
  readonly x: Floats;
  readonly y: Floats;
  /** What C holds before. */
  readonly z: Floats;
}

let state = 1;
/** Seeded, in [-1, 1), exact in f32. */
export function random(): number {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return (state >>> 8) / 2 ** 23 - 1;
}

export function floats(length: number, value: () => number = random): Floats {
  return Float32Array.from({ length }, value);
}

function lengthOf(place: Place, sizes: readonly number[]): number {
  const [offset, ...strides] = place;
  return (
    1 + offset + sizes.reduce((sum, size, i) => sum + (size - 1) * Math.max(0, strides[i]!), 0)
  );
}

/** Strides in elements; where one is negative the offset is its far end. Values are random. */
export function product(sizes: Sizes, a: Place, b: Place, c: Place): Product {
  const [b0, b1, m, n, k] = sizes;
  const x = floats(lengthOf(a, [b0, b1, m, k]));
  const y = floats(lengthOf(b, [b0, b1, k, n]));
  const z = floats(lengthOf(c, [b0, b1, m, n]));
  return { sizes, a, b, c, x, y, z };
}

export type Layout = 'NN' | 'NT' | 'TN' | 'TT';
export const LAYOUTS: readonly Layout[] = ['NN', 'NT', 'TN', 'TT'];

/** Dense matrices, stored transposed where the layout says T. */
export function dense(
  m: number,
  n: number,
  k: number,
  layout: Layout = 'NN',
  batches = 1,
): Product {
  const a: Place = layout[0] === 'T' ? [0, 0, m * k, 1, m] : [0, 0, m * k, k, 1];
  const b: Place = layout[1] === 'T' ? [0, 0, n * k, 1, k] : [0, 0, n * k, n, 1];
  return product([1, batches, m, n, k], a, b, [0, 0, m * n, n, 1]);
}

const kept = { domain: 'kept', reducedClass: 0 } as const;

function storeRegion(dtype: 'f32' | 'f16'): RegionSpec {
  return {
    kind: 'region',
    keptRank: 4,
    reducedRank: 0,
    inputs: [{ dtype, source: 'buffer', keptClass: 1, ...kept }],
    outputs: [{ step: 0, dtype, keptClass: 2, alias: -1, ...kept }],
    steps: [{ op: 'load', index: 0, dtype }],
    constants: [],
  };
}

export function specOf(
  dtype: 'f32' | 'f16',
  epilogue: RegionSpec = storeRegion(dtype),
): MatmulSpec {
  return { kind: 'matmul', dtype, aClasses: [2, 2], bClasses: [2, 2], epilogue };
}

/** What an epilogue has besides the accumulator: operands' words and arrays, constant words. */
export interface Extra {
  readonly epilogue: RegionSpec;
  /**
   * Of the further inputs and the outputs, in order; data null: an iota; a number: the buffer of
   * that operand.
   */
  readonly operands: readonly {
    readonly place: Place;
    readonly data: Floats | number | null;
  }[];
  readonly constants: readonly number[];
}

export function wordsOf(p: Product, extra?: Extra): Int32Array {
  const [b0, b1, m, n] = p.sizes;
  const operands = extra?.operands ?? [{ place: p.c }];
  return Int32Array.from([
    ...[...p.sizes, ...p.a, ...p.b, b0, b1, m, n, 0, 0, 0, 0, 0],
    ...operands.flatMap(({ place }) => place),
    ...(extra?.constants ?? []),
  ]);
}

/** Launches without waiting; the buffers of the epilogue's operands, C alone without `extra`. */
export function launch(gpu: TestGpu, p: Product, extra?: Extra): GpuBuffer[] {
  const kernel = prepareMatmul(specOf('f32', extra?.epilogue), gpu);
  const args = wordsOf(p, extra);
  const own: GpuBuffer[] = [];
  for (const { data } of extra?.operands ?? [{ data: p.z }]) {
    if (data === null) continue;
    own.push(typeof data === 'number' ? own[data]! : gpu.put(data));
  }
  const buffers = [gpu.put(p.x), gpu.put(p.y), ...own];
  const workspace = kernel.workspace(args);
  if (workspace > 0) buffers.push(gpu.alloc(workspace));
  gpu.launch(kernel, buffers, args);
  return own;
}

/** Launches all, then reads all. */
export async function run(gpu: TestGpu, products: readonly Product[]): Promise<Floats[]> {
  const outputs = products.map((p) => launch(gpu, p)[0]!);
  const results: Floats[] = [];
  for (const buffer of outputs) {
    results.push(await gpu.get(buffer, 'f32'));
    gpu.free(buffer);
  }
  return results;
}

/** A device that is said to be of this variant, and keeps the texts that it is asked for. */
export function recording(gpu: Gpu, variant: Variant): Gpu & { readonly sources: ShaderSource[] } {
  const sources: ShaderSource[] = [];
  return {
    sources,
    profile: { ...gpu.profile, variant },
    pipeline: (source) => {
      sources.push(source);
      return gpu.pipeline(source);
    },
  };
}

/** Calls visit for every element of C with its position, the sum in float64 and Σ|a·b|. */
export function eachSum(
  { sizes, a, b, c, x, y }: Product,
  visit: (at: number, sum: number, magnitude: number, index: readonly number[]) => void,
): void {
  const [b0, b1, m, n, k] = sizes;
  for (let p = 0; p < b0; p++) {
    for (let q = 0; q < b1; q++) {
      for (let i = 0; i < m; i++) {
        for (let j = 0; j < n; j++) {
          let pa = a[0] + p * a[1] + q * a[2] + i * a[3];
          let pb = b[0] + p * b[1] + q * b[2] + j * b[4];
          let sum = 0;
          let magnitude = 0;
          for (let l = 0; l < k; l++) {
            const term = x[pa]! * y[pb]!;
            sum += term;
            magnitude += Math.abs(term);
            pa += a[4];
            pb += b[3];
          }
          visit(c[0] + p * c[1] + q * c[2] + i * c[3] + j * c[4], sum, magnitude, [p, q, i, j]);
        }
      }
    }
  }
}

/**
 * The largest error in units of Σ|a·b|, over what is allowed: at most 1 is right. Allowed is what
 * k roundings add up to, and no more than 20. Elements of C that are not of the product must be
 * what they were (else Infinity).
 */
export function worstError(p: Product, got: Floats): number {
  const k = p.sizes[4];
  const allowed = Math.max(1, Math.min(k, 20));
  const isSum = new Uint8Array(got.length);
  let worst = 0;
  eachSum(p, (at, sum, magnitude) => {
    isSum[at] = 1;
    const error = Math.abs(got[at]! - sum) / (2 ** -24 * magnitude || 2 ** -149);
    worst = Number.isNaN(error) ? Infinity : Math.max(worst, error / allowed);
  });
  return got.every((value, i) => isSum[i] === 1 || value === p.z[i]) ? worst : Infinity;
}
