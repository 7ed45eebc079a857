import { expect, test } from 'vitest';
import { constantWords, representable } from './words.ts';

test('f32 constants are their bits', () => {
  expect(constantWords('f32', 1)).toEqual([0x3f800000]);
  expect(constantWords('f32', -0)).toEqual([0x80000000 | 0]);
  expect(constantWords('f32', Number.NaN)[0]).toBe(0x7fc00000);
});

test('f64 constants take two words, low first', () => {
  expect(constantWords('f64', 1)).toEqual([0, 0x3ff00000]);
  expect(constantWords('f64', 1 + 2 ** -52)).toEqual([1, 0x3ff00000]);
});

test('bools are 0 or 1 and integers wrap to their 32 bits', () => {
  expect(constantWords('bool', 7)).toEqual([1]);
  expect(constantWords('u32', 4294967295)).toEqual([-1]);
});

test('numbers are rounded to what a dtype can hold', () => {
  expect(representable('f32', 0.1)).toBe(Math.fround(0.1));
  expect(representable('f64', 0.1)).toBe(0.1);
  expect(representable('i32', -1.9)).toBe(-1);
  expect(representable('u32', 4294967295)).toBe(4294967295);
  expect(representable('bool', -3)).toBe(1);
});
