import { expect, test } from 'vitest';
import { AxisError, ShapeError } from './errors.ts';
import {
  broadcastShapes,
  checkShape,
  normalizeAxes,
  normalizeAxis,
  reducedShape,
  sizeOf,
} from './shape.ts';

test('sizes multiply; a 0-d tensor has one element', () => {
  expect(sizeOf([])).toBe(1);
  expect(sizeOf([2, 0, 3])).toBe(0);
  expect(sizeOf([2, 3, 4])).toBe(24);
});

test('shapes broadcast from the right', () => {
  expect(broadcastShapes('add', [[3, 1], [4]])).toEqual([3, 4]);
  expect(broadcastShapes('add', [[2, 1, 5], [3, 1], []])).toEqual([2, 3, 5]);
  expect(
    broadcastShapes('add', [
      [0, 3],
      [1, 3],
    ]),
  ).toEqual([0, 3]);
});

test('shapes that do not broadcast are named', () => {
  expect(() =>
    broadcastShapes('add', [
      [2, 3],
      [2, 4],
    ]),
  ).toThrow(
    'add: shapes [2, 3] and [2, 4] do not broadcast: 3 ≠ 4 at axis -1 ' +
      '(sizes must be equal or 1)',
  );
  expect(() => broadcastShapes('add', [[0], [3]])).toThrow(ShapeError);
});

test('axes count from the end and are checked', () => {
  expect(normalizeAxis('sum', -1, 3)).toBe(2);
  expect(normalizeAxes('sum', [-1, 0], 3)).toEqual([0, 2]);
  expect(normalizeAxes('sum', undefined, 2)).toEqual([0, 1]);
  expect(() => normalizeAxis('sum', 3, 3)).toThrowErrorMatchingInlineSnapshot(
    `[AxisError: sum: axis 3 is outside [-3, 3) of a rank-3 tensor]`,
  );
  expect(() => normalizeAxis('sum', 0.5, 3)).toThrow(AxisError);
  expect(() => normalizeAxes('sum', [0, -3], 3)).toThrowErrorMatchingInlineSnapshot(
    `[AxisError: sum: axis 0 is named twice]`,
  );
});

test('reduced axes disappear, or stay with size 1', () => {
  expect(reducedShape([2, 3, 4], [0, 2], false)).toEqual([3]);
  expect(reducedShape([2, 3, 4], [0, 2], true)).toEqual([1, 3, 1]);
});

test('sizes must be whole and not negative, and index arithmetic must not wrap', () => {
  expect(() => checkShape('zeros', [2, -1])).toThrow(ShapeError);
  expect(() => checkShape('zeros', [1.5])).toThrow(ShapeError);
  expect(() => checkShape('zeros', [65536, 65536])).toThrow(/2147483647/);
  expect(() => checkShape('zeros', [65536, 32767])).not.toThrow();
});
