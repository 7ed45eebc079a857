import { describe, expect, test } from 'vitest';
import { MODES, missing } from '../lanes-test-support.ts';
import { UNARY_MATH } from './functions.ts';
import { INF, NAN, problems, type UnaryCase } from './math-test-support.ts';

const LOG: UnaryCase = {
  emit: UNARY_MATH.log.f32,
  oracle: Math.log,
  ulp: UNARY_MATH.log.ulp,
  hard: [1, 2 / 3, 4 / 3, 2, Math.SQRT2, Math.SQRT1_2, 2 ** -127, 2 ** -140],
  exact: [
    [1, 0],
    [0, -INF],
    [-0, -INF],
    [INF, INF],
    [-INF, NAN],
    [NAN, NAN],
    [-1, NAN],
    [-(2 ** -149), NAN],
    [2 ** -149, Math.fround(-149 * Math.LN2)],
    [2 ** -126, Math.fround(-126 * Math.LN2)],
  ],
};

const LOG1P: UnaryCase = {
  emit: UNARY_MATH.log1p.f32,
  oracle: Math.log1p,
  ulp: UNARY_MATH.log1p.ulp,
  hard: [-1, -1 / 3, 1 / 3, 2 ** -24, -(2 ** -24), 2 ** 24, 1, -0.5, 3e38],
  exact: [
    [0, 0],
    [-0, -0],
    [-1, -INF],
    [INF, INF],
    [-INF, NAN],
    [NAN, NAN],
    [-1.5, NAN],
    [2 ** -149, 2 ** -149],
    [-(2 ** -130), -(2 ** -130)],
  ],
};

for (const mode of MODES) {
  describe.skipIf(missing(mode) !== null)(mode, () => {
    test('log', () => expect(problems(mode, LOG)).toEqual([]));
    test('log1p', () => expect(problems(mode, LOG1P)).toEqual([]));
  });
}
