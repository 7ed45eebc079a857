import { describe, expect, test } from 'vitest';
import { MODES, missing } from '../lanes-test-support.ts';
import { UNARY_MATH } from './functions.ts';
import { INF, NAN, problems, type UnaryCase } from './math-test-support.ts';

/** The float32 numbers that come closest to a multiple of π/2, found by exhaustive search. */
const CLOSE = [
  7.729178919452902e28, 21999384576, 1.5458357838905804e29, 43998769152, 252.89820861816406,
  4.638183382783466e25, 1522788990976, 8.11762663906456e22, 505.7964172363281,
  4.3865578967101227e33, 42781604, 4.71238899230957, 1.5282689358063206e17, 52516.43359375,
];
const multiples = [1, 2, 3, 4, 5, 8, 100, 1001, 20000, 100003, 636619, 636620].map(
  (n) => (n * Math.PI) / 2,
);
const eighths = [1, 3, 5, 7].map((n) => (n * Math.PI) / 4);
const hard = [...CLOSE, ...multiples, ...eighths, 1e6].flatMap((x) => [x, -x]);

const SIN: UnaryCase = {
  emit: UNARY_MATH.sin.f32,
  oracle: Math.sin,
  ulp: UNARY_MATH.sin.ulp,
  hard,
  exact: [
    [0, 0],
    [-0, -0],
    [INF, NAN],
    [-INF, NAN],
    [NAN, NAN],
    [2 ** -149, 2 ** -149],
    [-(2 ** -130), -(2 ** -130)],
  ],
};

const COS: UnaryCase = {
  emit: UNARY_MATH.cos.f32,
  oracle: Math.cos,
  ulp: UNARY_MATH.cos.ulp,
  hard,
  exact: [
    [0, 1],
    [-0, 1],
    [INF, NAN],
    [-INF, NAN],
    [NAN, NAN],
    [2 ** -149, 1],
  ],
};

for (const mode of MODES) {
  describe.skipIf(missing(mode) !== null)(mode, () => {
    test('sin', () => expect(problems(mode, SIN)).toEqual([]));
    test('cos', () => expect(problems(mode, COS)).toEqual([]));
  });
}
