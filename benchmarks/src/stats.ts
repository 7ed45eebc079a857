// Order statistics of a list of times: median, minimum, quartile spread. No outlier is thrown away.

/** What is reported about one list of times. */
export interface Summary {
  readonly median: number;
  readonly min: number;
  /** (third quartile − first quartile) / median; null with fewer than four times. */
  readonly spread: number | null;
  readonly count: number;
}

/** The `q`-quantile (0..1) of `sorted`, ascending, by linear interpolation between neighbours. */
export function quantile(sorted: readonly number[], q: number): number {
  if (sorted.length === 0) throw new RangeError('quantile: expected at least one value, got none');
  const position = (sorted.length - 1) * q;
  const below = Math.floor(position);
  const low = sorted[below]!;
  const high = sorted[Math.min(below + 1, sorted.length - 1)]!;
  return low + (high - low) * (position - below);
}

/** Median, minimum and relative interquartile range of `times`. Throws RangeError when empty. */
export function summarize(times: readonly number[]): Summary {
  const sorted = [...times].sort((a, b) => a - b);
  const median = quantile(sorted, 0.5);
  const range = quantile(sorted, 0.75) - quantile(sorted, 0.25);
  const hasSpread = sorted.length >= 4 && median > 0;
  return {
    median,
    min: sorted[0]!,
    spread: hasSpread ? range / median : null,
    count: sorted.length,
  };
}
