import { describe, expect, test } from 'vitest';
import { MODES, missing } from '../lanes-test-support.ts';
import { UNARY_MATH } from './functions.ts';
import { INF, NAN, problems, type UnaryCase } from './math-test-support.ts';

const TANH: UnaryCase = {
  emit: UNARY_MATH.tanh.f32,
  oracle: Math.tanh,
  ulp: UNARY_MATH.tanh.ulp,
  hard: [0.55, -0.55, 0.1732868, 0.5198604, 9.010914, -9.010914, 10],
  exact: [
    [0, 0],
    [-0, -0],
    [INF, 1],
    [-INF, -1],
    [NAN, NAN],
    [9.02, 1],
    [-20, -1],
    [3e38, 1],
    [2 ** -149, 2 ** -149],
    [-(2 ** -130), -(2 ** -130)],
  ],
};

for (const mode of MODES) {
  describe.skipIf(missing(mode) !== null)(mode, () => {
    test('tanh', () => expect(problems(mode, TANH)).toEqual([]));
  });
}
