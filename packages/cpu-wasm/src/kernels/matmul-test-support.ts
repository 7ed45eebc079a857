/** For tests only: matrix products on a test machine, and the same in float64 JavaScript. */
import type { MatmulSpec, RegionSpec } from '@tenon/core';
import type { WasmBuffer } from '../kernel.ts';
import type { TestMachine } from '../test-machine.ts';
import { prepareMatmul } from './matmul.ts';

export type Float = 'f32' | 'f64';
export type FloatArray = Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer>;
/** Offset, strides of b0, b1, rows, columns, in elements. */
export type Place = readonly [number, number, number, number, number];
export type Sizes = readonly [b0: number, b1: number, m: number, n: number, k: number];

export interface Product {
  readonly dtype: Float;
  readonly sizes: Sizes;
  readonly a: Place;
  readonly b: Place;
  readonly c: Place;
  readonly x: FloatArray;
  readonly y: FloatArray;
  /** What C holds before. */
  readonly z: FloatArray;
}

let state = 1;
/** Seeded, in [-1, 1), exact in f32. */
function random(): number {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return (state >>> 8) / 2 ** 23 - 1;
}

export function floats(dtype: Float, length: number, value: () => number = random): FloatArray {
  return dtype === 'f32'
    ? Float32Array.from({ length }, value)
    : Float64Array.from({ length }, value);
}

function lengthOf(place: Place, sizes: readonly number[]): number {
  const [offset, ...strides] = place;
  return 1 + offset + sizes.reduce((sum, size, i) => sum + (size - 1) * strides[i]!, 0);
}

/** Strides in elements, all ≥ 0. Values are random. */
export function product(dtype: Float, sizes: Sizes, a: Place, b: Place, c: Place): Product {
  const [b0, b1, m, n, k] = sizes;
  const x = floats(dtype, lengthOf(a, [b0, b1, m, k]));
  const y = floats(dtype, lengthOf(b, [b0, b1, k, n]));
  const z = floats(dtype, lengthOf(c, [b0, b1, m, n]));
  return { dtype, sizes, a, b, c, x, y, z };
}

export type Layout = 'NN' | 'NT' | 'TN' | 'TT';
export const LAYOUTS: readonly Layout[] = ['NN', 'NT', 'TN', 'TT'];

/** Dense matrices, stored transposed where the layout says T. */
export function dense(
  m: number,
  n: number,
  k: number,
  layout: Layout = 'NN',
  dtype: Float = 'f32',
  batches = 1,
): Product {
  const a: Place = layout[0] === 'T' ? [0, 0, m * k, 1, m] : [0, 0, m * k, k, 1];
  const b: Place = layout[1] === 'T' ? [0, 0, n * k, 1, k] : [0, 0, n * k, n, 1];
  return product(dtype, [1, batches, m, n, k], a, b, [0, 0, m * n, n, 1]);
}

function storeRegion(dtype: Float): RegionSpec {
  return {
    kind: 'region',
    keptRank: 4,
    reducedRank: 0,
    inputs: [{ dtype, domain: 'kept', source: 'buffer', keptClass: 1, reducedClass: 0 }],
    outputs: [{ step: 0, dtype, domain: 'kept', keptClass: 2, reducedClass: 0, alias: -1 }],
    steps: [{ op: 'load', index: 0, dtype }],
    constants: [],
  };
}

export function specOf(dtype: Float, epilogue: RegionSpec = storeRegion(dtype)): MatmulSpec {
  return { kind: 'matmul', dtype, aClasses: [2, 2], bClasses: [2, 2], epilogue };
}

/** What an epilogue has besides the accumulator: operands' words and arrays, constant words. */
export interface Extra {
  readonly epilogue: RegionSpec;
  /** Of the further inputs and the outputs, in order; data null: an iota. */
  readonly operands: readonly { readonly place: Place; readonly data: ArrayBufferView | null }[];
  readonly constants: readonly number[];
}

/** Launches; returns the buffers' contents: C, or what the epilogue's operands hold then. */
export function launch(machine: TestMachine, p: Product, extra?: Extra): FloatArray[] {
  const [b0, b1, m, n] = p.sizes;
  const operands = extra?.operands ?? [{ place: p.c, data: p.z }];
  const words = [...p.sizes, ...p.a, ...p.b, b0, b1, m, n, 0, 0, 0, 0, 0];
  const args = Int32Array.from([
    ...words,
    ...operands.flatMap(({ place }) => place),
    ...(extra?.constants ?? []),
  ]);
  const kernel = prepareMatmul(specOf(p.dtype, extra?.epilogue), machine);
  const own = operands.flatMap(({ data }) => (data === null ? [] : [machine.put(data)]));
  const buffers: WasmBuffer[] = [machine.put(p.x), machine.put(p.y), ...own];
  const workspace = kernel.workspace(args);
  if (workspace > 0) buffers.push(machine.alloc(workspace));
  kernel.run(buffers, args);
  const results = own.map((buffer) => machine.get(buffer, p.dtype));
  for (const buffer of buffers) machine.free(buffer);
  return results;
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
 * The largest error in units of Σ|a·b|, over what is allowed: at most 1 is right. Elements of C
 * that are not of the product must be what they were (else Infinity).
 */
export function worstError(p: Product, got: FloatArray): number {
  const k = p.sizes[4];
  const unit = p.dtype === 'f32' ? 2 ** -24 : 2 ** -53;
  // The oracle's own sums are in float64, in one go.
  const own = p.dtype === 'f32' ? 0 : k;
  const allowed = Math.min(k / 16, 16) + 4 + own;
  const isSum = new Uint8Array(got.length);
  let worst = 0;
  eachSum(p, (at, sum, magnitude) => {
    isSum[at] = 1;
    const error = Math.abs(got[at]! - sum) / (unit * magnitude || 2 ** -149);
    worst = Number.isNaN(error) ? Infinity : Math.max(worst, error / allowed);
  });
  return got.every((value, i) => isSum[i] === 1 || value === p.z[i]) ? worst : Infinity;
}
