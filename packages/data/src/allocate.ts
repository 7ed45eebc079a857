/**
 * How many samples of each class go to each part. Integer arithmetic throughout; row totals (class
 * counts) and column totals (part sizes) both hold exactly.
 *
 * Every cell starts at floor(count * size / total); the units left over go to the cells of largest
 * remainder (Hamilton's method), corrected by augmenting paths where that alone would miss a total.
 * A solution always exists: the exact quotas are a fractional flow with integer totals.
 */
import { ValueError } from '@tenon/core';

/** Part sizes that sum to at most `length`, for fractions that sum to at most 1. */
export function sizesOfFractions(fractions: readonly number[], length: number): number[] {
  const sum = fractions.reduce((a, b) => a + b, 0);
  // what the fractions leave out is one more part, dropped at the end
  const quotas = [...fractions, Math.max(0, 1 - sum)].map((fraction) => fraction * length);
  // 0.8 * 10 and the like may fall one rounding short of the integer that was meant
  const sizes = quotas.map((quota) => Math.floor(quota + 1e-9 * length));
  const order = quotas
    .map((quota, part) => ({ part, remainder: quota - sizes[part]! }))
    .sort((a, b) => b.remainder - a.remainder || a.part - b.part);
  let left = length - sizes.reduce((a, b) => a + b, 0);
  for (const { part } of order) {
    if (left-- <= 0) break;
    sizes[part]!++;
  }
  return sizes.slice(0, -1);
}

/** `table[class][part]` with rows summing to `counts` and columns to `sizes` (equal totals). */
export function proportionalTable(counts: readonly number[], sizes: readonly number[]): number[][] {
  const total = sizes.reduce((a, b) => a + b, 0);
  if (counts.reduce((a, b) => a + b, 0) !== total) {
    throw new ValueError(`split: class counts [${counts}] were expected to sum to ${total}`);
  }
  const table = counts.map((count) => sizes.map((size) => Math.floor((count * size) / total)));
  const rowsLeft = counts.map((count, c) => count - table[c]!.reduce((a, b) => a + b, 0));
  const columnsLeft = sizes.map((size, p) => size - table.reduce((sum, row) => sum + row[p]!, 0));
  const extra = counts.map(() => new Set<number>());
  const cells = counts
    .flatMap((count, c) => sizes.map((size, p) => ({ c, p, remainder: (count * size) % total })))
    .filter((cell) => cell.remainder > 0)
    .sort((a, b) => b.remainder - a.remainder || a.c - b.c || a.p - b.p);
  for (const { c, p } of cells) {
    if (rowsLeft[c]! > 0 && columnsLeft[p]! > 0) {
      extra[c]!.add(p);
      rowsLeft[c]!--;
      columnsLeft[p]!--;
    }
  }
  const open = counts.map((_, c) => cells.filter((cell) => cell.c === c).map((cell) => cell.p));
  for (const [c, left] of rowsLeft.entries()) {
    for (let k = 0; k < left; k++) augment(c, open, extra, columnsLeft, new Set());
  }
  for (const [c, parts] of extra.entries()) for (const p of parts) table[c]![p]!++;
  return table;
}

/** Gives class `c` one more unit, moving units of other classes between parts where needed. */
function augment(
  c: number,
  open: readonly (readonly number[])[],
  extra: readonly Set<number>[],
  columnsLeft: number[],
  seen: Set<number>,
): boolean {
  for (const p of open[c]!) {
    if (extra[c]!.has(p) || seen.has(p)) continue;
    seen.add(p);
    if (columnsLeft[p]! > 0) {
      columnsLeft[p]!--;
      extra[c]!.add(p);
      return true;
    }
    for (const [other, parts] of extra.entries()) {
      if (other === c || !parts.has(p)) continue;
      if (augment(other, open, extra, columnsLeft, seen)) {
        parts.delete(p);
        extra[c]!.add(p);
        return true;
      }
    }
  }
  return false;
}

/** The number of samples per class; throws ValueError for a negative label. */
export function countClasses(op: string, labels: Int32Array): number[] {
  const counts: number[] = [];
  for (const [row, label] of labels.entries()) {
    if (label < 0) {
      throw new ValueError(`${op}: labels of at least 0 were expected, got ${label} in row ${row}`);
    }
    while (counts.length <= label) counts.push(0);
    counts[label]!++;
  }
  return counts;
}

/** Consecutive pieces of `order`, one per size. */
export function cut(order: Int32Array, sizes: readonly number[]): Int32Array[] {
  let end = 0;
  return sizes.map((size) => {
    end += size;
    return order.slice(end - size, end);
  });
}

/** Deals the samples, in `order`, to the parts by the class table; each part keeps that order. */
export function deal(
  order: Int32Array,
  labels: Int32Array,
  table: readonly (readonly number[])[],
  sizes: readonly number[],
): Int32Array[] {
  const parts = sizes.map((size) => new Int32Array(size));
  const filled = sizes.map(() => 0);
  const left = table.map((row) => [...row]);
  const part = table.map(() => 0);
  for (const index of order) {
    const label = labels[index]!;
    while (left[label]![part[label]!]! === 0) part[label]!++;
    const p = part[label]!;
    left[label]![p]!--;
    parts[p]![filled[p]!++] = index;
  }
  return parts;
}
