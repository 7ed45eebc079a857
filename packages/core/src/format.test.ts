import { expect, test } from 'vitest';
import { formatTensor } from './format.ts';

const f32 = (values: number[]): Float32Array<ArrayBuffer> => Float32Array.from(values);

test('whole numbers are printed without decimals, columns aligned', () => {
  expect(formatTensor(f32([1, -20, 3, 4]), [2, 2], 'f32')).toMatchInlineSnapshot(`
    "tensor([[  1, -20],
            [  3,   4]])"
  `);
});

test('fractions share a number of decimals; NaN and infinity stay words', () => {
  expect(formatTensor(f32([0.5, 1.25, Number.NaN]), [3], 'f32')).toBe('tensor([0.50, 1.25,  NaN])');
  expect(formatTensor(f32([1, Number.POSITIVE_INFINITY]), [2], 'f32')).toBe(
    'tensor([       1, Infinity])',
  );
});

test('very different sizes are printed with exponents', () => {
  expect(formatTensor(f32([1e-8, 1]), [2], 'f32')).toBe('tensor([1.0000e-8, 1.0000e+0])');
});

test('other dtypes are named; 0-d and empty tensors print', () => {
  expect(formatTensor(Int32Array.of(7), [], 'i32')).toBe('tensor(7, i32)');
  expect(formatTensor(Uint8Array.of(1, 0), [2], 'bool')).toBe('tensor([ true, false], bool)');
  expect(formatTensor(f32([]), [0], 'f32')).toBe('tensor([])');
});

test('large tensors show only their edges', () => {
  const text = formatTensor(f32(Array.from({ length: 2000 }, (_, i) => i)), [2, 1000], 'f32');
  expect(text).toMatchInlineSnapshot(`
    "tensor([[   0,    1,    2, ...,  997,  998,  999],
            [1000, 1001, 1002, ..., 1997, 1998, 1999]])"
  `);
});
