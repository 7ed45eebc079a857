import { expect, test } from 'vitest';
import type { Variant } from '../device.ts';
import { MatmulPlan } from './matmul-plan.ts';
import { dense, type Layout, wordsOf } from './matmul-test-support.ts';

type Case = readonly [m: number, n: number, k: number, layout?: Layout, batches?: number];

/** The plan of a product of dense matrices, in words. */
function plan(variant: Variant, [m, n, k, layout, batches = 1]: Case, invocations = 256): string {
  const words = wordsOf(dense(1, 1, 1));
  const a = layout?.[0] === 'T' ? [0, 0, m * k, 1, m] : [0, 0, m * k, k, 1];
  const b = layout?.[1] === 'T' ? [0, 0, n * k, 1, k] : [0, 0, n * k, n, 1];
  words.set([1, batches, m, n, k, ...a, ...b]);
  const p = new MatmulPlan(variant, invocations);
  p.read(words);
  const { tile, aMode, bMode, isSwapped, slices } = p;
  const order = isSwapped ? ' swapped' : '';
  const cut = slices === 1 ? '' : ` in ${slices}`;
  return `${tile.family} ${tile.rows}x${tile.columns} ${aMode} ${bMode}${order}${cut}`;
}

test('register: fat invocations, fewer rows where there are few, long sides as lanes', () => {
  expect(plan('register', [512, 512, 512])).toBe('register 16x64 k4 o4');
  expect(plan('register', [64, 256, 784, 'NT'])).toBe('register 8x64 k4 k4');
  expect(plan('register', [256, 768, 64, 'TN'])).toBe('register 8x64 o4 o4');
  // 784 columns are no whole number of tiles, 784 rows are.
  expect(plan('register', [256, 784, 64, 'TN'])).toBe('register 8x64 o4 o4 swapped');
  expect(plan('register', [511, 511, 511])).toBe('register 16x64 scalar scalar');
  expect(plan('register', [1, 128, 784])).toBe('register 1x32 k4 o4 in 3');
  expect(plan('register', [1000, 1, 100])).toBe('register 1x32 k4 k4 swapped');
});

test('workgroup: the largest tile of which there are enough', () => {
  expect(plan('workgroup', [4096, 4096, 4096])).toBe('workgroup 128x128 k4 o4');
  expect(plan('workgroup', [4096, 4096, 4096], 128)).toBe('workgroup 64x64 k4 o4');
  expect(plan('workgroup', [1024, 1024, 1024, 'NT'])).toBe('workgroup 64x64 k4 k4');
  expect(plan('workgroup', [512, 512, 512, 'TN'])).toBe('workgroup 32x32 o4 o4');
  expect(plan('workgroup', [64, 64, 2048, 'TT'])).toBe('workgroup 32x32 o4 k4 in 8');
  expect(plan('workgroup', [32, 32, 64, 'NN', 200])).toBe('workgroup 32x32 k4 o4');
  expect(plan('workgroup', [130, 130, 64, 'NN', 200])).toBe('workgroup 32x32 k4 scalar');
});

test('subgroup: broadcasts where there are few sums', () => {
  expect(plan('subgroup', [4096, 4096, 4096])).toBe('workgroup 128x128 k4 o4');
  expect(plan('subgroup', [64, 256, 100])).toBe('subgroup 8x128 scalar o4');
  expect(plan('subgroup', [256, 16, 100])).toBe('subgroup 8x128 scalar k4 swapped');
});

test('a long inner axis is cut, unless the sums of its slices took too much memory', () => {
  expect(plan('workgroup', [2048, 2048, 16_384])).toBe('workgroup 128x128 k4 o4 in 4');
  expect(plan('workgroup', [4096, 4096, 16_384])).toBe('workgroup 128x128 k4 o4');
  expect(plan('register', [2, 2, 2 ** 20])).toMatch(/in 256$/);
});
