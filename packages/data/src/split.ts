/**
 * Splits a data set into parts, seeded and optionally stratified. Cross-validation folds are in
 * folds.ts.
 */
import { hostRandom, ValueError } from '@tenon/core';
import { countClasses, cut, deal, proportionalTable, sizesOfFractions } from './allocate.ts';
import type { Dataset, InMemoryDataset, Pair, Sample } from './dataset.ts';
import { requireSamples } from './dataset.ts';
import { subset } from './views.ts';

/** Options of split. */
export interface SplitOptions {
  /** Seed of the order in which samples are dealt; 0 by default. */
  readonly seed?: number;
  /**
   * Give each part every class in the proportion of the whole: within one sample of the exact
   * share, by largest remainder, with the part sizes kept. Needs `dataset.labels`.
   */
  readonly stratify?: boolean;
}

/**
 * Splits `dataset` at random into disjoint parts.
 *
 * `parts` are fractions summing to at most 1, or sample counts (integers summing to more than 1 and
 * at most the length), as a list or by name. Sizes follow from fractions by largest
 * remainder; what they leave out goes to no part. The same seed gives the same split everywhere.
 * Throws ValueError for parts that do not fit, or that would stay empty, and for labels missing.
 *
 * @example
 * ```ts
 * import { digits, split } from '@tenon/data';
 *
 * const [train, test] = split(await digits(), [0.8, 0.2], { seed: 1, stratify: true });
 * console.log(train.length, test.length); // 8000 2000
 * ```
 */
export function split<S extends Sample, const P extends readonly number[]>(
  dataset: InMemoryDataset<S>,
  parts: P,
  options?: SplitOptions,
): { [K in keyof P]: InMemoryDataset<S> };
export function split<S extends Sample, K extends string>(
  dataset: InMemoryDataset<S>,
  parts: { readonly [N in K]: number },
  options?: SplitOptions,
): { [N in K]: InMemoryDataset<S> };
export function split<S extends Sample = Pair, const P extends readonly number[] = number[]>(
  dataset: Dataset<S>,
  parts: P,
  options?: SplitOptions,
): { [K in keyof P]: Dataset<S> };
export function split<S extends Sample, K extends string>(
  dataset: Dataset<S>,
  parts: { readonly [N in K]: number },
  options?: SplitOptions,
): { [N in K]: Dataset<S> };
export function split<S extends Sample>(
  dataset: Dataset<S>,
  parts: readonly number[] | { readonly [name: string]: number },
  options: SplitOptions = {},
): Dataset<S>[] | { [name: string]: Dataset<S> } {
  requireSamples('split', dataset.length);
  const values = Array.isArray(parts) ? (parts as readonly number[]) : Object.values(parts);
  const sizes = partSizes(values, dataset.length);
  const datasets = partIndices(dataset, sizes, options).map((own) => subset(dataset, own));
  if (Array.isArray(parts)) return datasets;
  return Object.fromEntries(Object.keys(parts).map((name, p) => [name, datasets[p]!]));
}

function partSizes(parts: readonly number[], length: number): number[] {
  const shown = `[${parts.join(', ')}]`;
  if (parts.length === 0 || !parts.every((part) => Number.isFinite(part) && part > 0)) {
    throw new ValueError(`split: positive fractions or counts were expected, got ${shown}`);
  }
  const sum = parts.reduce((a, b) => a + b, 0);
  let sizes: number[];
  // a lone 1 is the fraction: everything
  if (sum > 1 && parts.every(Number.isInteger)) {
    if (sum > length) {
      throw new ValueError(
        `split: counts summing to at most ${length} samples were expected, got ${shown} (${sum})`,
      );
    }
    sizes = [...parts];
  } else {
    if (sum > 1 + 1e-9) {
      throw new ValueError(
        'split: fractions summing to at most 1, or integer counts, were expected, ' +
          `got ${shown} (${sum})`,
      );
    }
    sizes = sizesOfFractions(parts, length);
  }
  const empty = sizes.indexOf(0);
  if (empty >= 0) {
    throw new ValueError(
      `split: at least 1 sample per part was expected, got 0 of ${length} in part ${empty} ` +
        `of ${shown}`,
    );
  }
  return sizes;
}

function partIndices<S extends Sample>(
  dataset: Dataset<S>,
  sizes: readonly number[],
  options: SplitOptions,
): Int32Array[] {
  const { seed = 0, stratify = false } = options;
  const { length } = dataset;
  const order = hostRandom(seed).permutation(length);
  const used = sizes.reduce((a, b) => a + b, 0);
  const all = used < length ? [...sizes, length - used] : [...sizes];
  if (!stratify) return cut(order, sizes);
  const { labels } = dataset;
  if (labels === undefined) {
    throw new ValueError(
      'split: stratify needs dataset.labels, got a data set without them; pass labels to ' +
        'mapDataset, or drop stratify',
    );
  }
  const table = proportionalTable(countClasses('split', labels), all);
  return deal(order, labels, table, all).slice(0, sizes.length);
}
