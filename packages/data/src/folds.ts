/**
 * Index generators for k-fold cross-validation. They yield indices, not data sets: `subset` makes
 * those.
 */
import { hostRandom, ValueError } from '@tenon/core';
import { countClasses, cut, deal, proportionalTable } from './allocate.ts';
import { requireSamples } from './dataset.ts';

/** Options of kFold and stratifiedKFold. */
export interface FoldOptions {
  /** Number of folds, at least 2. */
  readonly folds: number;
  /** Seed of the order in which samples are dealt to folds; 0 by default. */
  readonly seed?: number;
}

/** One round of cross-validation: indices to train on, and the fold held out. */
export interface Fold {
  readonly train: Int32Array;
  readonly validation: Int32Array;
}

function foldSizes(op: string, length: number, folds: number): number[] {
  requireSamples(op, length);
  if (!Number.isInteger(folds) || folds < 2 || folds > length) {
    throw new ValueError(
      `${op}: an integer number of folds in 2..${length} was expected, got ${folds}`,
    );
  }
  const small = Math.floor(length / folds);
  return Array.from({ length: folds }, (_, fold) => small + (fold < length % folds ? 1 : 0));
}

function* rounds(parts: readonly Int32Array[]): Generator<Fold, void, undefined> {
  for (const [held, validation] of parts.entries()) {
    const rest = parts.filter((_, part) => part !== held);
    const train = new Int32Array(rest.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of rest) {
      train.set(part, at);
      at += part.length;
    }
    yield { train, validation };
  }
}

/**
 * Yields `folds` rounds over `length` samples; each sample is held out exactly once. Fold sizes
 * differ by at most one.
 *
 * @example
 * ```ts
 * import { kFold } from '@tenon/data';
 *
 * for (const { train, validation } of kFold(10, { folds: 5, seed: 1 })) {
 *   console.log(train.length, validation.length); // 8 2
 * }
 * ```
 */
export function kFold(length: number, options: FoldOptions): Generator<Fold, void, undefined> {
  const sizes = foldSizes('kFold', length, options.folds);
  const order = hostRandom(options.seed ?? 0).permutation(length);
  return rounds(cut(order, sizes));
}

/**
 * Like kFold, with every class spread over the folds: each fold holds each class within one sample
 * of its exact share.
 *
 * `labels` are class indices `[samples]`. Throws ValueError for a negative label.
 */
export function stratifiedKFold(
  labels: Int32Array,
  options: FoldOptions,
): Generator<Fold, void, undefined> {
  const sizes = foldSizes('stratifiedKFold', labels.length, options.folds);
  const table = proportionalTable(countClasses('stratifiedKFold', labels), sizes);
  const order = hostRandom(options.seed ?? 0).permutation(labels.length);
  return rounds(deal(order, labels, table, sizes));
}
