/** PyTorch's answers for the tests, made by golden/make.py. Used by tests only. */
import type { Tensor } from '@tenon/core';

type Entry = [name: string, shape: number[], dtype: string];
interface Spread {
  mean: number;
  std: number;
  min: number;
  max: number;
}
interface Golden {
  optimizers: {
    shapes: number[][];
    start: number[][];
    gradients: (number[] | null)[][];
    runs: {
      name: string;
      options: Record<string, number | boolean | number[]>;
      values: number[][][];
    }[];
  };
  clipping: {
    gradients: number[][];
    runs: { maxNorm: number; p: number | 'inf'; norm: number; after: number[][] }[];
  };
  batchNorm: {
    kind: string;
    options: Record<string, number | boolean>;
    shape: number[];
    weight: number[] | null;
    bias: number[] | null;
    inputs: number[][];
    outputs: number[][];
    evaluated: number[];
    state: Record<string, number[]>;
  }[];
  names: {
    layers: Record<string, Entry[]>;
    tied: { state: Entry[]; parameters: string[]; buffers: string[]; modules: string[] };
  };
  spreads: { layers: Record<string, Record<string, Spread>>; init: Record<string, Spread> };
}

export const golden: Golden = readJson(new URL('../../golden/golden.json', import.meta.url));

/** A JSON file that the caller vouches for. */
export function readJson<T>(url: URL): T {
  return JSON.parse(process.getBuiltinModule('node:fs').readFileSync(url, 'utf8')) as T;
}

/** Every value within `tolerance`, relative to the larger of 1 and the expected value. */
export function expectClose(
  actual: Tensor | ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance = 2e-6,
): void {
  const values = 'dataSync' in actual ? actual.dataSync() : actual;
  if (values.length !== expected.length) {
    throw new Error(`expected ${expected.length} elements, got ${values.length}`);
  }
  for (let i = 0; i < expected.length; i++) {
    const [a, b] = [values[i] ?? Number.NaN, expected[i] ?? Number.NaN];
    const close = Math.abs(a - b) <= tolerance * Math.max(1, Math.abs(b)) || Object.is(a, b);
    if (!close) throw new Error(`element ${i}: expected ${b}, got ${a}`);
  }
}
