import { hostRandom, ValueError } from '@tenon/core';
import { describe, expect, test } from 'vitest';
import type { Dataset } from './dataset.ts';
import { cyclic, histogram, lcg, numbered, slow } from './fixtures.ts';
import { kFold, stratifiedKFold } from './folds.ts';
import { split } from './split.ts';

/** The indices in a part of `numbered` data, read off its inputs. */
function indicesOf(part: Dataset): number[] {
  const all = part.gather!(Int32Array.from({ length: part.length }, (_, k) => k));
  return Array.from({ length: part.length }, (_, k) => all[0].data[2 * k]!);
}

const ascending = (a: number, b: number) => a - b;
const range = (length: number) => Array.from({ length }, (_, k) => k);

describe('split', () => {
  test('parts are disjoint and together everything', () => {
    const [train, validation, test] = split(cyclic(103, 4), [0.7, 0.2, 0.1], { seed: 3 });
    expect([train.length, validation.length, test.length]).toEqual([72, 21, 10]);
    const all = [train, validation, test].flatMap(indicesOf);
    expect(all.toSorted(ascending)).toEqual(range(103));
    expect(all).not.toEqual(range(103));
  });

  test('the order is the permutation of the seed: equal seeds agree, others differ', () => {
    const of = (seed: number) => split(cyclic(50, 2), [30, 20], { seed }).flatMap(indicesOf);
    expect(of(1)).toEqual(of(1));
    expect(of(1)).toEqual([...hostRandom(1).permutation(50)]);
    expect(of(2)).not.toEqual(of(1));
  });

  test('takes counts, and fractions of less than all', () => {
    expect(split(cyclic(50, 2), [30, 1]).map((part) => part.length)).toEqual([30, 1]);
    expect(split(cyclic(2, 2), [1, 1]).map((part) => part.length)).toEqual([1, 1]);
    expect(split(cyclic(50, 2), [1])[0].length).toBe(50);
    expect(split(cyclic(50, 2), [0.5, 0.1]).map((part) => part.length)).toEqual([25, 5]);
  });

  test('takes and gives back names', () => {
    const parts = split(cyclic(50, 2), { train: 0.6, validation: 0.2, test: 0.2 }, { seed: 1 });
    expect(Object.keys(parts)).toEqual(['train', 'validation', 'test']);
    expect(parts.train.length).toBe(30);
    const [train] = split(cyclic(50, 2), [0.6, 0.2, 0.2], { seed: 1 });
    expect(indicesOf(parts.train)).toEqual(indicesOf(train));
  });

  test('stratified: every class within one of its exact share, sizes kept', () => {
    const random = lcg(11);
    const labels = Int32Array.from({ length: 997 }, () => Math.min(random(6), random(6)));
    const counts = histogram(labels);
    const sizes = [600, 250, 100];
    const parts = split(numbered(labels), sizes, { seed: 5, stratify: true });
    for (const [p, part] of parts.entries()) {
      expect(part.length).toBe(sizes[p]);
      for (const [c, count] of histogram(part.labels!).entries()) {
        const share = (counts[c]! * sizes[p]!) / 997;
        expect(Math.abs(count - share)).toBeLessThan(1);
      }
      expect([...part.labels!]).toEqual(indicesOf(part).map((index) => labels[index]));
    }
    const all = parts.flatMap(indicesOf);
    expect(new Set(all).size).toBe(950);
  });

  test('stratified classes that divide evenly are split exactly', () => {
    const [train, test] = split(cyclic(1000, 10), [0.8, 0.2], { stratify: true });
    expect(histogram(train.labels!)).toEqual(range(10).map(() => 80));
    expect(histogram(test.labels!)).toEqual(range(10).map(() => 20));
    // dealt in the permutation's order, not sorted by class
    expect([...test.labels!]).not.toEqual([...test.labels!].toSorted(ascending));
  });

  test('works over data that is not in memory', async () => {
    const [train] = split(slow(10), [0.5, 0.5], { seed: 1 });
    expect(train.gather).toBeUndefined();
    const first = hostRandom(1).permutation(10)[0]!;
    await expect(train.get(0)).resolves.toEqual([Float32Array.of(first), first]);
  });

  test.each([
    [
      [0.8, 0.3],
      'split: fractions summing to at most 1, or integer counts, were expected, ' +
        'got [0.8, 0.3] (1.1)',
    ],
    [[], 'split: positive fractions or counts were expected, got []'],
    [[0.8, 0], 'split: positive fractions or counts were expected, got [0.8, 0]'],
    [[-1, 2], 'split: positive fractions or counts were expected, got [-1, 2]'],
    [[Number.NaN], 'split: positive fractions or counts were expected, got [NaN]'],
    [[8, 3], 'split: counts summing to at most 10 samples were expected, got [8, 3] (11)'],
    [
      [5, 0.5],
      'split: fractions summing to at most 1, or integer counts, were expected, got [5, 0.5] (5.5)',
    ],
    [
      [0.99, 0.01],
      'split: at least 1 sample per part was expected, got 0 of 10 in part 1 of [0.99, 0.01]',
    ],
  ])('throws for %j', (parts, message) => {
    expect(() => split(cyclic(10, 2), parts)).toThrow(new ValueError(message));
  });

  test('throws for an empty data set and for stratify without labels', () => {
    expect(() => split({ length: 0, get: () => [0, 0] }, [0.5, 0.5])).toThrow(
      'split: a data set of at least 1 sample was expected, got 0',
    );
    expect(() => split(slow(10), [0.5, 0.5], { stratify: true })).toThrow(
      'split: stratify needs dataset.labels, got a data set without them; pass labels to ' +
        'mapDataset, or drop stratify',
    );
  });
});

describe('folds', () => {
  test('each sample is held out once, and trained on otherwise', () => {
    const folds = [...kFold(11, { folds: 3, seed: 2 })];
    expect(folds.map((fold) => fold.validation.length)).toEqual([4, 4, 3]);
    expect(folds.flatMap((fold) => [...fold.validation]).toSorted(ascending)).toEqual(range(11));
    for (const { train, validation } of folds) {
      expect([...train, ...validation].toSorted(ascending)).toEqual(range(11));
    }
    expect([...kFold(11, { folds: 3, seed: 2 })]).toEqual(folds);
  });

  test('stratified folds hold each class within one of its share', () => {
    const labels = Int32Array.from({ length: 53 }, (_, k) => (k % 7 === 0 ? 2 : k % 2));
    const counts = histogram(labels);
    const folds = [...stratifiedKFold(labels, { folds: 5, seed: 2 })];
    expect(folds.map((fold) => fold.validation.length)).toEqual([11, 11, 11, 10, 10]);
    for (const { train, validation } of folds) {
      const held = histogram(Array.from(validation, (index) => labels[index]!));
      for (const [c, count] of counts.entries()) {
        const share = (count * validation.length) / 53;
        expect(Math.abs((held[c] ?? 0) - share)).toBeLessThan(1);
      }
      expect([...train, ...validation].toSorted(ascending)).toEqual(range(53));
    }
  });

  test('throws at the call for folds that do not fit', () => {
    expect(() => kFold(3, { folds: 4 })).toThrow(
      new ValueError('kFold: an integer number of folds in 2..3 was expected, got 4'),
    );
    expect(() => kFold(10, { folds: 2.5 })).toThrow(ValueError);
    expect(() => stratifiedKFold(Int32Array.of(0, -1, 0), { folds: 2 })).toThrow(
      'stratifiedKFold: labels of at least 0 were expected, got -1 in row 1',
    );
  });
});
