/** The transcendental rows and sqrt: the largest error over all of float32, and special values. */
import { SCALAR_REFERENCE } from '@tenon/conformance';
import type { ScalarName } from '@tenon/core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type TestGpu, testGpu } from '../../test-gpu.ts';
import { ROWS } from '../scalars.ts';
import {
  applyRows,
  INF,
  NAN,
  neighbours,
  SPECIALS,
  sweep,
  worstOf,
} from '../scalars-test-support.ts';

let gpu: TestGpu;
beforeAll(async () => {
  gpu = await testGpu();
});
afterAll(() => gpu.dispose());

type Exact = readonly (readonly [number, number])[];
interface Case {
  /** Points whose neighbourhoods are hard. */
  readonly hard: readonly number[];
  /** Arguments and exactly what they must give. */
  readonly exact: Exact;
}

/** The float32 numbers that come closest to a multiple of π/2, found by exhaustive search. */
const CLOSE = [
  7.729178919452902e28, 21999384576, 1.5458357838905804e29, 43998769152, 252.89820861816406,
  4.638183382783466e25, 1522788990976, 8.11762663906456e22, 505.7964172363281,
  4.3865578967101227e33, 42781604, 4.71238899230957, 1.5282689358063206e17, 52516.43359375,
];
const MULTIPLES = [1, 2, 3, 4, 5, 8, 100, 1001, 2036, 2037, 2038, 20000, 100003, 636620].map(
  (n) => (n * Math.PI) / 2,
);
const EIGHTHS = [1, 3, 5, 7].map((n) => (n * Math.PI) / 4);
const TURNING = [...CLOSE, ...MULTIPLES, ...EIGHTHS, 2 ** -12, 3200];

const CASES: Readonly<Partial<Record<ScalarName, Case>>> = {
  exp: {
    hard: [88.72284, 87.33655, 103.97208, 104, 0.34657359, 1.0397208],
    exact: [
      [0, 1],
      [-0, 1],
      [INF, INF],
      [-INF, 0],
      [88.8, INF],
      [3e38, INF],
      [-104, 0],
      [-3e38, 0],
    ],
  },
  expm1: {
    hard: [88.72284, 89, 17.32868, 2 ** -25, 0.34657359, 1.0397208],
    exact: [
      [0, 0],
      [-0, -0],
      [INF, INF],
      [-INF, -1],
      [88.8, INF],
      [-30, -1],
      [-87, -1],
      [-3e38, -1],
    ],
  },
  log: {
    hard: [1, 2 / 3, 4 / 3, 2, Math.SQRT2, Math.SQRT1_2, 2 ** -127, 2 ** -140],
    exact: [
      [1, 0],
      [0, -INF],
      [-0, -INF],
      [INF, INF],
      [-INF, NAN],
      [-1, NAN],
      [2 ** -126, Math.fround(-126 * Math.LN2)],
      [2 ** -149, Math.fround(-149 * Math.LN2)],
    ],
  },
  log1p: {
    hard: [1, 1 / 3, 2 ** -24, 2 ** -25, 2 ** 24, 0.5, 3e38],
    exact: [
      [0, 0],
      [-0, -0],
      [-1, -INF],
      [INF, INF],
      [-INF, NAN],
      [-1.5, NAN],
    ],
  },
  sqrt: {
    hard: [1, 2, 4, 2 ** -60, 2 ** -125, 0.25, 9, 3e38],
    exact: [
      [0, 0],
      [-0, -0],
      [INF, INF],
      [-INF, NAN],
      [-1, NAN],
    ],
  },
  sin: {
    hard: TURNING,
    exact: [
      [0, 0],
      [-0, -0],
      [INF, NAN],
      [-INF, NAN],
    ],
  },
  cos: {
    hard: TURNING,
    exact: [
      [0, 1],
      [-0, 1],
      [INF, NAN],
      [-INF, NAN],
    ],
  },
  tanh: {
    hard: [0.55, 0.1732868, 0.5198604, 9.010914, 10],
    exact: [
      [0, 0],
      [-0, -0],
      [INF, 1],
      [-INF, -1],
      [9.02, 1],
      [-20, -1],
      [3e38, 1],
    ],
  },
  erf: {
    hard: [1, 3.92, 2.4375, 2 ** -64],
    exact: [
      [0, 0],
      [-0, -0],
      [INF, 1],
      [-INF, -1],
      [4, 1],
      [-4, -1],
      [3e38, 1],
    ],
  },
};

const everything = sweep();

describe.for(Object.entries(CASES) as [ScalarName, Case][])('%s', ([name, { hard, exact }]) => {
  test(`is at most ${ROWS[name].ulp} ULP off`, async () => {
    const near = neighbours([...hard, ...SPECIALS], 500);
    const x = new Float32Array([...everything, ...near]);
    const [got] = await applyRows(gpu, [[name, 'f32']], ['f32'], [x]);
    const oracle = (value: number): number => SCALAR_REFERENCE[name]([value], 'f32', 'f32');
    const worst = worstOf(got ?? x, [x], 'f32', oracle);
    expect(worst.ulp, JSON.stringify(worst)).toBeLessThanOrEqual(ROWS[name].ulp);
  });

  test('gives the limits, and NaN for every NaN', async () => {
    const nans = new Float32Array(
      Uint32Array.of(0x7f800001, 0x7fc00000, 0x7fffffff, 0xffffffff, 0xffc00001, 0xff800001).buffer,
    );
    const x = new Float32Array([...exact.map(([at]) => at), ...nans]);
    x.set(nans, exact.length);
    const [got] = await applyRows(gpu, [[name, 'f32']], ['f32'], [x]);
    const shown = [...(got ?? [])].map((y, i) => [x[i], y]);
    const wanted = [...exact, ...[...nans].map(() => [NAN, NAN])];
    expect(shown).toEqual(wanted.map(([at = 0, y]) => [Math.fround(at), y]));
  });
});
