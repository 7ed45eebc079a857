/** pow and rem of floats: error over the plane, and the special values of C's annex F. */
import { SCALAR_REFERENCE } from '@tenon/conformance';
import type { ScalarName } from '@tenon/core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestGpu, testGpu } from '../../test-gpu.ts';
import { ROWS } from '../scalars.ts';
import {
  applyRows,
  fromBits,
  INF,
  NAN,
  randomNumbers,
  SPECIALS,
  worstOf,
} from '../scalars-test-support.ts';

let gpu: TestGpu;
beforeAll(async () => {
  gpu = await testGpu();
});
afterAll(() => gpu.dispose());

const COUNT = 2 ** 17;
type Pair = readonly [number, number];

function anyFloat(u: number): number {
  return fromBits(Math.floor(u * 2 ** 32));
}

/** Pairs made of two random numbers each. */
function drawn(count: number, seed: number, pair: (u: number, v: number) => Pair): Pair[] {
  const u = randomNumbers(count, seed);
  const v = randomNumbers(count, seed + 1);
  return u.map((x, i) => pair(x, v[i] as number));
}

const points = [
  ...SPECIALS,
  ...[0.5, 2, 2.5, 3, 1 / 3, 149, 2 ** 24 - 1, 2 ** 24].flatMap((x) => [x, -x]),
];
const PAIRS: readonly Pair[] = [
  ...points.flatMap((x) => points.map((y): Pair => [x, y])),
  ...drawn(COUNT, 1, (u, v) => [anyFloat(u), anyFloat(v)]),
  // exponents that make the result anything from 0 to infinity
  ...drawn(COUNT, 3, (u, v): Pair => {
    const x = Math.abs(anyFloat(u));
    return [x, (320 * v - 160) / Math.log2(x)];
  }),
  // bases around 1, with huge exponents
  ...drawn(COUNT, 5, (u, v): Pair => {
    const x = Math.fround(1 + (2 * u - 1) * 2 ** (-24 * v));
    return [x, (300 * v - 150) / Math.log2(x)];
  }),
  ...drawn(COUNT / 4, 7, (u, v) => [40 * u - 20, Math.round(60 * v - 30)]),
];

test.each(['pow', 'rem'] as const)('%s is within its bound', async (name: ScalarName) => {
  const columns = [0, 1].map((k) => Float32Array.from(PAIRS, (pair) => pair[k] as number));
  const [got] = await applyRows(gpu, [[name, 'f32']], ['f32', 'f32'], columns);
  const oracle = (x: number, y: number): number => SCALAR_REFERENCE[name]([x, y], 'f32', 'f32');
  const worst = worstOf(
    got as Float32Array,
    columns,
    'f32',
    oracle as (...args: number[]) => number,
  );
  expect(got?.length).toBe(PAIRS.length);
  expect(worst.ulp, JSON.stringify(worst)).toBeLessThanOrEqual(ROWS[name].ulp);
});

/** The list of C's annex F, and what this library promises besides. */
const EXACT: readonly (readonly [number, number, number])[] = [
  ...[0, -0, NAN, INF, -INF, -3].flatMap((x) => [[x, 0, 1] as const, [x, -0, 1] as const]),
  ...[NAN, INF, -INF, 0.3, -7].map((y) => [1, y, 1] as const),
  [-1, INF, 1],
  [-1, -INF, 1],
  [NAN, 1, NAN],
  [2, NAN, NAN],
  [-1, NAN, NAN],
  [0, NAN, NAN],
  [-INF, NAN, NAN],
  [0, -3, INF],
  [-0, -3, -INF],
  [-0, -2, INF],
  [-0, -0.5, INF],
  [-0, -INF, INF],
  [-0, 3, -0],
  [-0, 2, 0],
  [-0, INF, 0],
  [0, 1e-30, 0],
  [-8, 3, -512],
  [-8, 1 / 3, NAN],
  [-2, -0.5, NAN],
  [0.5, INF, 0],
  [-0.5, -INF, INF],
  [-2, -INF, 0],
  [INF, 1e-30, INF],
  [INF, -1e-30, 0],
  [-INF, 3, -INF],
  [-INF, 0.5, INF],
  [-INF, -3, -0],
  [-INF, -2, 0],
  [-2, 2 ** 24 + 2, INF],
  [-1, 2 ** 24 - 1, -1],
  [-1, 3e38, 1],
  [2, 128, INF],
  [2, 127, 2 ** 127],
  [2, -126, 2 ** -126],
  [-2, -151, -0],
  [2 ** -130, 0.5, 2 ** -65],
  [9, 0.5, 3],
  [3, 2, 9],
];

test('special values, as C defines them', async () => {
  const columns = [0, 1].map((k) => Float32Array.from(EXACT, (row) => row[k] as number));
  const [got] = await applyRows(gpu, [['pow', 'f32']], ['f32', 'f32'], columns);
  const labels = EXACT.map(([x, y]) => `${x}^${y}`);
  expect(labels.map((label, i) => [label, got?.[i]])).toEqual(
    labels.map((label, i) => [label, EXACT[i]?.[2]]),
  );
});
