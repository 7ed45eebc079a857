import { describe, expect, it } from 'vitest';
import { quantile, summarize } from './stats.ts';

describe('summarize', () => {
  it('takes the middle of an odd count and the mean of the two middles of an even one', () => {
    expect(summarize([3, 1, 2]).median).toBe(2);
    expect(summarize([4, 1, 3, 2]).median).toBe(2.5);
  });

  it('gives quartile range over median, as NumPy does', () => {
    // numpy.percentile([1, 2, 3, 4, 10], [25, 75]) is [2, 4]
    expect(summarize([10, 3, 1, 4, 2])).toEqual({ median: 3, min: 1, spread: 2 / 3, count: 5 });
  });

  it('has no spread with fewer than four times', () => {
    expect(summarize([5, 6, 7]).spread).toBeNull();
    expect(summarize([5]).median).toBe(5);
  });

  it('leaves its argument in order', () => {
    const times = [3, 1, 2];
    summarize(times);
    expect(times).toEqual([3, 1, 2]);
  });

  it('interpolates quantiles and rejects an empty list', () => {
    expect(quantile([0, 10], 0.3)).toBe(3);
    expect(() => summarize([])).toThrowErrorMatchingInlineSnapshot(
      `[RangeError: quantile: expected at least one value, got none]`,
    );
  });
});
