import fc from 'fast-check';
import { expect, test } from 'vitest';
import { denseStrides } from '../layout.ts';
import { canonicalize, type Nest, strideClass } from './canonicalize.ts';

/** All positions of one operand in the order in which the nest walks. */
function walk(sizes: readonly number[], strides: readonly number[]): number[] {
  let out = [0];
  sizes.forEach((size, axis) => {
    const stride = strides[axis] as number;
    out = out.flatMap((at) => Array.from({ length: size }, (_, i) => at + i * stride));
  });
  return out;
}

test('dense operands become one axis', () => {
  const strides = denseStrides([2, 3, 4]);
  expect(canonicalize(3, [2, 3, 4], [strides, strides])).toEqual({
    keptRank: 1,
    sizes: [24],
    strides: [[1], [1]],
  } satisfies Nest);
});

test('an operand that cannot be merged keeps the axes apart', () => {
  const nest = canonicalize(2, [2, 3], [denseStrides([2, 3]), [0, 1]]);
  expect(nest.sizes).toEqual([2, 3]);
});

test('kept and reduced axes are never merged with each other', () => {
  const nest = canonicalize(1, [2, 3, 4], [denseStrides([2, 3, 4])]);
  expect(nest).toEqual({ keptRank: 1, sizes: [2, 12], strides: [[12, 1]] });
});

test('axes of size 1 vanish, but one kept and one reduced axis remain', () => {
  expect(canonicalize(0, [], [[]])).toEqual({ keptRank: 1, sizes: [1], strides: [[0]] });
  expect(canonicalize(1, [1, 1], [[9, 9]])).toEqual({
    keptRank: 1,
    sizes: [1, 1],
    strides: [[0, 0]],
  });
});

test('the walk stays the same for any nest', () => {
  const axis = fc.record({
    size: fc.integer({ min: 1, max: 3 }),
    a: fc.integer({ min: -2, max: 6 }),
    b: fc.integer({ min: 0, max: 3 }),
  });
  fc.assert(
    fc.property(fc.array(axis, { maxLength: 5 }), fc.nat(), (axes, split) => {
      const sizes = axes.map(({ size }) => size);
      const strides = [axes.map(({ a }) => a), axes.map(({ b }) => b), denseStrides(sizes)];
      const nest = canonicalize(axes.length === 0 ? 0 : split % (axes.length + 1), sizes, strides);
      strides.forEach((list, k) => {
        expect(walk(nest.sizes, nest.strides[k] as number[])).toEqual(walk(sizes, list));
      });
    }),
    { seed: 3, numRuns: 1000 },
  );
});

test('stride classes', () => {
  expect([0, 1, 2, -1, undefined].map(strideClass)).toEqual([0, 1, 2, 2, 0]);
});
