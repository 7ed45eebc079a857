import { describe, expect, test } from 'vitest';
import { proportionalTable, sizesOfFractions } from './allocate.ts';
import { lcg } from './fixtures.ts';

describe('sizesOfFractions', () => {
  test.each([
    [[0.8, 0.2], 10_000, [8000, 2000]],
    [[0.7, 0.2, 0.1], 10, [7, 2, 1]],
    [[0.5, 0.5], 5, [3, 2]],
    [[1 / 3, 1 / 3, 1 / 3], 10, [4, 3, 3]],
    // the tenth left out is a part of its own: 9 of 10, not all 10
    [[0.6, 0.3], 10, [6, 3]],
    [[0.1, 0.2], 9, [1, 2]],
    [[1], 7, [7]],
  ])('%j of %i samples gives %j', (fractions, length, sizes) => {
    expect(sizesOfFractions(fractions, length)).toEqual(sizes);
  });
});

describe('proportionalTable', () => {
  test('gives the leftover units to the largest remainders', () => {
    // exact shares of 8 of 12: 10/3, 8/3, 2; the one unit left goes to the remainder 2/3
    expect(proportionalTable([5, 4, 3], [8, 4])).toEqual([
      [3, 2],
      [3, 1],
      [2, 1],
    ]);
  });

  test('keeps class counts and part sizes, every cell within one of its exact share', () => {
    const random = lcg(7);
    for (let round = 0; round < 500; round++) {
      const counts = Array.from({ length: 1 + random(12) }, () => random(30));
      const total = counts.reduce((a, b) => a + b, 0);
      if (total === 0) continue;
      const sizes: number[] = [];
      for (let left = total; left > 0; ) {
        const size = sizes.length === 7 ? left : 1 + random(left);
        sizes.push(size);
        left -= size;
      }
      const table = proportionalTable(counts, sizes);
      expect(table.map((row) => row.reduce((a, b) => a + b, 0))).toEqual(counts);
      expect(sizes.map((_, p) => table.reduce((sum, row) => sum + row[p]!, 0))).toEqual(sizes);
      for (const [c, row] of table.entries()) {
        for (const [p, cell] of row.entries()) {
          const share = counts[c]! * sizes[p]!;
          expect(cell).toBeGreaterThanOrEqual(Math.floor(share / total));
          expect(cell).toBeLessThanOrEqual(Math.ceil(share / total));
        }
      }
    }
  });
});
