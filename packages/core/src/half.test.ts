import { expect, test } from 'vitest';
import { halfBits, halfValue } from './half.ts';

test('all 65,536 bit patterns survive, NaN as one', () => {
  for (let bits = 0; bits < 65536; bits++) {
    const value = halfValue(bits);
    if (Number.isNaN(value)) expect(halfBits(value)).toBe(0x7e00);
    else expect(halfBits(value)).toBe(bits);
  }
});

test('rounds to nearest, ties to even', () => {
  expect(halfBits(1 + 2 ** -11)).toBe(0x3c00);
  expect(halfBits(1 + 3 * 2 ** -11)).toBe(0x3c02);
  expect(halfBits(1 + 2 ** -11 + 2 ** -20)).toBe(0x3c01);
  expect(halfBits(2047.9999)).toBe(0x6800);
  expect(halfBits(65519.99)).toBe(0x7bff);
  expect(halfBits(65520)).toBe(0x7c00);
  expect(halfBits(2 ** -25)).toBe(0);
  expect(halfBits(-(2 ** -25) * 1.01)).toBe(0x8001);
  expect(halfBits(2 ** -14 - 2 ** -26)).toBe(0x0400);
});
