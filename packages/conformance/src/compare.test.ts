import { describe, expect, test } from 'vitest';
import {
  assertNone,
  assertSame,
  rounded,
  spacing,
  ulpError,
  worstRelative,
  worstUlp,
} from './compare.ts';

describe('ULP', () => {
  test('spacing of f32 and f64, at powers of two and below the normal numbers', () => {
    expect(spacing(1, 'f32')).toBe(2 ** -23);
    expect(spacing(0.9999, 'f32')).toBe(2 ** -24);
    expect(spacing(-2, 'f32')).toBe(2 ** -22);
    expect(spacing(0, 'f32')).toBe(2 ** -149);
    expect(spacing(2 ** -140, 'f32')).toBe(2 ** -149);
    expect(spacing(1, 'f64')).toBe(2 ** -52);
    expect(spacing(0, 'f64')).toBe(5e-324);
  });

  test('errors: rounding is none, neighbours are one, zeros differ by sign', () => {
    expect(ulpError(Math.fround(0.1), 0.1, 'f32')).toBe(0);
    expect(ulpError(Math.fround(0.1) + 2 ** -27, 0.1, 'f32')).toBe(1);
    expect(ulpError(1 + 2 ** -50, 1, 'f64')).toBe(4);
    expect(ulpError(0, -0, 'f32')).toBe(1);
    expect(ulpError(Number.NaN, Number.NaN, 'f32')).toBe(0);
    expect(ulpError(0, Number.NaN, 'f32')).toBe(Infinity);
    expect(ulpError(3.4028234663852886e38, Infinity, 'f32')).toBe(Infinity);
    expect(ulpError(-1, 2 ** 32 - 1, 'i32')).toBe(0);
  });
});

describe('arrays', () => {
  test('the worst element is found, with the number of others', () => {
    expect(worstUlp([1, 1.5, 3], [1, 1, 2], 'f32', 0)).toMatchObject({
      index: 1,
      got: 1.5,
      want: 1,
      count: 2,
    });
    expect(worstUlp([1, 2], [1, 2], 'f32', 0)).toBeNull();
    expect(worstUlp([1], [1, 2], 'f32', 9)).toMatchObject({ index: -1, got: 1, want: 2 });
  });

  test('relative to the element or to the largest of the tensor', () => {
    expect(worstRelative([100, 0.001], [100, 0], 1e-4)).not.toBeNull();
    expect(worstRelative([100, 0.001], [100, 0], 1e-4, 'tensor')).toBeNull();
    expect(worstRelative([Infinity], [1e30], 1, 'tensor')).not.toBeNull();
    expect(worstRelative([Number.NaN], [Number.NaN], 0)).toBeNull();
    expect(worstRelative([Number.NaN], [1], 1e9)).not.toBeNull();
  });

  test('messages name the place, both values and the bound', () => {
    expect(() => assertNone('x', worstUlp([1, -0], [1, 0], 'f32', 0))).toThrow(
      'x: element 1: expected 0, got -0: off by 1 ULP, at most 0 allowed (1 such elements)',
    );
    expect(() => assertSame('y', [1], [1, 2])).toThrow('y: number of elements: expected 2, got 1');
  });
});

// Expected values: the bit patterns of IEEE 754 binary16.
test.each([
  [1 + 2 ** -11, 1],
  [1 + 3 * 2 ** -11, 1 + 2 ** -9],
  [-1 - 2 ** -11 - 2 ** -20, -1 - 2 ** -10],
  [65519, 65504],
  [65520, Number.POSITIVE_INFINITY],
  [-(2 ** -25), -0],
  [2 ** -25 + 2 ** -40, 2 ** -24],
  [Number.NaN, Number.NaN],
])('%d rounded to 16 bits', (x, y) => {
  expect(rounded(x, 'f16')).toBe(y);
  expect(ulpError(y, x, 'f16')).toBe(0);
});
