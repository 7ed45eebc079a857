import { describe, expect, test } from 'vitest';
import { MODES, missing } from '../lanes-test-support.ts';
import { UNARY_MATH } from './functions.ts';
import { INF, NAN, problems, type UnaryCase } from './math-test-support.ts';

const EXP: UnaryCase = {
  emit: UNARY_MATH.exp.f32,
  oracle: Math.exp,
  ulp: UNARY_MATH.exp.ulp,
  // overflow, the least normal result, the least subnormal one, halves of ln2
  hard: [88.72284, -87.33655, -103.27893, -103.97208, 0.34657359, -0.34657359, 1.0397208],
  exact: [
    [0, 1],
    [-0, 1],
    [INF, INF],
    [-INF, 0],
    [NAN, NAN],
    [88.8, INF],
    [3e38, INF],
    [-104, 0],
    [-3e38, 0],
    [-100, Math.fround(Math.exp(-100))],
    [-103.9, 2 ** -149],
  ],
};

const EXPM1: UnaryCase = {
  emit: UNARY_MATH.expm1.f32,
  oracle: Math.expm1,
  ulp: UNARY_MATH.expm1.ulp,
  hard: [88.72284, -17.32868, 2 ** -25, -(2 ** -25), 0.34657359, -0.34657359, 1.0397208],
  exact: [
    [0, 0],
    [-0, -0],
    [INF, INF],
    [-INF, -1],
    [NAN, NAN],
    [88.8, INF],
    [-30, -1],
    [-3e38, -1],
    [2 ** -149, 2 ** -149],
    [-(2 ** -130), -(2 ** -130)],
  ],
};

for (const mode of MODES) {
  describe.skipIf(missing(mode) !== null)(mode, () => {
    test('exp', () => expect(problems(mode, EXP)).toEqual([]));
    test('expm1', () => expect(problems(mode, EXPM1)).toEqual([]));
  });
}
