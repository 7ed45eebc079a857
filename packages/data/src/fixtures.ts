// Data for this package's tests: small data sets and file bytes, built by hand.
import { ArrayDataset, type Column } from './array-dataset.ts';
import type { Dataset } from './dataset.ts';

/** `x[i] = [i, -i]`, labels as given, classes '0' to the largest label. */
export function numbered(labels: ArrayLike<number>): ArrayDataset<readonly [x: Column, y: Column]> {
  const y = Int32Array.from(labels);
  const x = Float32Array.from({ length: 2 * y.length }, (_, k) => (k % 2 ? -(k >> 1) : k >> 1));
  const classes = Array.from({ length: Math.max(...y) + 1 }, (_, k) => `class ${k}`);
  return new ArrayDataset([{ data: x, shape: [2] }, { data: y }], { classes });
}

/** `length` samples whose label is their index modulo `classes`. */
export function cyclic(
  length: number,
  classes: number,
): ArrayDataset<readonly [x: Column, y: Column]> {
  return numbered(Array.from({ length }, (_, index) => index % classes));
}

/** Sample i is `[[i], i]`, after a macrotask; `log` sees the calls. */
export function slow(length: number, log: (event: string) => void = () => undefined): Dataset {
  return {
    length,
    async get(index) {
      log(`get ${index}`);
      await new Promise((resolve) => setTimeout(resolve, 1));
      log(`got ${index}`);
      return [Float32Array.of(index), index];
    },
  };
}

/** The bytes of an IDX file: magic, extents, then the values as given, big-endian. */
export function idxBytes(
  type: number,
  shape: readonly number[],
  values: readonly number[],
): Uint8Array<ArrayBuffer> {
  return Uint8Array.of(
    ...[0, 0, type, shape.length],
    ...shape.flatMap((n) => [n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255]),
    ...values,
  );
}

/** Counts of each label. */
export function histogram(labels: Iterable<number>): number[] {
  const counts: number[] = [];
  for (const label of labels) counts[label] = (counts[label] ?? 0) + 1;
  return Array.from(counts, (count) => count ?? 0);
}

/** A pseudorandom integer generator (the numerical recipes LCG), apart from the code under test. */
export function lcg(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}
