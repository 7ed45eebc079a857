import { erfReference } from '@tenon/conformance';
import { hostMath } from '@tenon/core';
import { describe, expect, test } from 'vitest';
import { MODES, missing } from '../lanes-test-support.ts';
import { UNARY_MATH } from './functions.ts';
import { INF, NAN, neighbours, problems, sweep, type UnaryCase } from './math-test-support.ts';

const ERF: UnaryCase = {
  emit: UNARY_MATH.erf.f32,
  oracle: hostMath.erf,
  ulp: UNARY_MATH.erf.ulp,
  hard: [1, -1, 3.92, -3.92, 2.4375],
  exact: [
    [0, 0],
    [-0, -0],
    [INF, 1],
    [-INF, -1],
    [NAN, NAN],
    [4, 1],
    [-4, -1],
    [3e38, 1],
    [2 ** -149, 2 ** -149],
  ],
};

test('the oracle agrees with series and continued fraction', () => {
  const some = sweep().filter((x, i) => i % 997 === 0 && Math.abs(x) > 2 ** -20);
  for (const x of [...some, ...neighbours([1, 3.92], 50)]) {
    const wanted = erfReference(x);
    if (Number.isNaN(wanted)) continue;
    expect(Math.abs(hostMath.erf(x) - wanted)).toBeLessThanOrEqual(2e-14 * Math.abs(wanted));
  }
});

for (const mode of MODES) {
  describe.skipIf(missing(mode) !== null)(mode, () => {
    test('erf', () => expect(problems(mode, ERF)).toEqual([]));
  });
}
