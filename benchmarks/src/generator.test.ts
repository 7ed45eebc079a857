import { describe, expect, it } from 'vitest';
import { bits, integers, uniform, unit } from './generator.ts';

// From NumPy: python3 peers/make_golden.py --vectors.
const vectors = [
  [0, 0, 2926543089, 0.3627777099609375, 6],
  [0, 1, 3099006442, 0.44308722019195557, 7],
  [1, 0, 587614100, -0.7263709306716919, 1],
  [1, 7, 1959920654, -0.0873408317565918, 4],
  [2, 1_000_000, 4172109200, 0.9427896738052368, 9],
  [1000, 123_456, 2948522690, 0.3730127811431885, 6],
] as const;

describe('generator', () => {
  it.each(vectors)('seed %i, index %i equals the NumPy version', (seed, i, raw, value, digit) => {
    expect(bits(seed, i)).toBe(raw);
    expect(uniform(seed, i + 1)[i]).toBe(value);
    expect(integers(seed, i + 1, 10)[i]).toBe(digit);
  });

  it('fills [0, 1) evenly', () => {
    const count = 100_000;
    const bins = new Array<number>(16).fill(0);
    let sum = 0;
    for (let i = 0; i < count; i++) {
      const u = unit(5, i);
      bins[Math.floor(u * 16)]!++;
      sum += u;
    }
    // 5 standard deviations of a mean of uniforms and of a bin's count
    expect(Math.abs(sum / count - 0.5)).toBeLessThan(5 * Math.sqrt(1 / 12 / count));
    for (const bin of bins)
      expect(Math.abs(bin - count / 16)).toBeLessThan(5 * Math.sqrt(count / 16));
  });

  it('gives streams that differ, and the same stream twice', () => {
    expect(uniform(3, 64)).toEqual(uniform(3, 64));
    const first = new Set(uniform(3, 64));
    expect(uniform(4, 64).filter((v) => first.has(v)).length).toBe(0);
  });

  it('keeps to its range', () => {
    const values = uniform(7, 10_000, -0.25, 0.5);
    expect(Math.min(...values)).toBeGreaterThanOrEqual(-0.25);
    expect(Math.max(...values)).toBeLessThan(0.5);
    expect(new Set(integers(7, 10_000, 96)).size).toBe(96);
  });
});
