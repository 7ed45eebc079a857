import { expect, test } from 'vitest';
import { type Expectation, problemsOf, type Result } from './expected.ts';

const expected: Expectation = { isThreaded: true, variant: /^simd-threads$/, note: /^threads: 2/ };

/** A right result, made by hand: weights go to 2 and -1, the first products are known. */
function right(): Result {
  const product: number[] = [];
  for (let row = 0; row < 70; row++) {
    for (let column = 0; column < 45; column++) {
      let sum = 0;
      for (let k = 0; k < 33; k++) {
        const a = ((row * 33 + k) % 13) - 6;
        const b = ((k * 45 + column) % 7) - 3;
        sum += a * b;
      }
      product.push(sum);
    }
  }
  // x, y of the program: the loss of w = 0, b = 0 is (9 + 1 + 1 + 9) / 4 = 5.
  let [w, b] = [0, 0];
  const losses = Array.from({ length: 20 }, () => {
    const e = [-w + b + 3, b + 1, w + b - 1, 2 * w + b - 3];
    const [e0 = 0, e1 = 0, e2 = 0, e3 = 0] = e;
    const loss = (e0 * e0 + e1 * e1 + e2 * e2 + e3 * e3) / 4;
    w -= (0.1 * 2 * (-e0 + e2 + 2 * e3)) / 4;
    b -= (0.1 * 2 * (e0 + e1 + e2 + e3)) / 4;
    return loss;
  });
  return {
    ...{ variant: 'simd-threads', threads: 2, notes: ['threads: 2, the calling one included'] },
    ...{ product, losses, large: 4_000_000 },
  };
}

test('a right result has no problems', () => {
  expect(right().losses[0]).toBe(5);
  expect(problemsOf(right(), expected)).toEqual([]);
});

test.each<[string, Partial<Result>, RegExp]>([
  ['one wrong product', { product: right().product.with(77, 0.5) }, /^the product is wrong$/],
  ['a wrong loss', { losses: right().losses.with(19, 0.1) }, /^losses: expected 5/],
  ['no losses', { losses: [] }, /^losses/],
  ['a wrong sum', { large: 3_999_999 }, /^the sum: expected 4000000, got 3999999$/],
  ['one thread', { threads: 1 }, /^threads: expected several, got 1$/],
  ['another variant', { variant: 'simd' }, /^variant: expected .* got simd$/],
  ['no note', { notes: [] }, /^notes: expected/],
])('%s is found', (_name, change, problem) => {
  const problems = problemsOf({ ...right(), ...change }, expected);
  expect(problems).toHaveLength(1);
  expect(problems[0]).toMatch(problem);
});
