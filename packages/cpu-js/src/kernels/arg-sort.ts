/**
 * Stable sorting permutation over n; NaN is the largest value, -0 equals 0. Dense operands.
 * f32, i32, u32 and bool: least-significant-digit radix sort over 11-bit digits of an
 * order-preserving key (Herf, "Radix tricks", 2001). f64 and short rows: merge sort on indices.
 * args: O N I. Buffers: x, out (i32).
 */
import type { DType, SortSpec } from '@tenon/core';
import { CpuKernel } from '../kernel.ts';
import { type CpuBuffer, type View, viewOf } from '../storage.ts';

const DIGIT_BITS = 11;
const DIGITS = 1 << DIGIT_BITS;
/** Below this length the passes over 2,048 counters cost more than merging. */
const RADIX_LENGTH = 192;

const bits32: Float32Array<ArrayBuffer> = new Float32Array(1);
const words32: Int32Array<ArrayBuffer> = new Int32Array(bits32.buffer);

/** Grow-only scratch of one sort. */
interface Rows {
  values: Float64Array<ArrayBuffer>;
  keys: Uint32Array<ArrayBuffer>;
  from: Int32Array<ArrayBuffer>;
  to: Int32Array<ArrayBuffer>;
}

function makeRows(length: number): Rows {
  return {
    values: new Float64Array(length),
    keys: new Uint32Array(length),
    from: new Int32Array(length),
    to: new Int32Array(length),
  };
}

/** A word whose unsigned order is the order of the values. */
function keyOf(value: number, dtype: DType): number {
  if (dtype === 'u32' || dtype === 'bool') return value;
  if (dtype === 'i32') return (value ^ 0x80000000) >>> 0;
  if (Number.isNaN(value)) return 0xffffffff;
  bits32[0] = value + 0; // -0 + 0 is 0
  const word = words32[0]!;
  return (word < 0 ? ~word : word ^ 0x80000000) >>> 0;
}

const counts: Int32Array<ArrayBuffer> = new Int32Array(DIGITS);

/** Sorts rows.from by rows.keys, stably. */
function radixSort(rows: Rows, n: number): void {
  for (let shift = 0; shift < 32; shift += DIGIT_BITS) {
    const { keys, from, to } = rows;
    counts.fill(0);
    for (let p = 0; p < n; p++) {
      const digit = (keys[p]! >>> shift) & (DIGITS - 1);
      counts[digit] = counts[digit]! + 1;
    }
    if (counts[(keys[0]! >>> shift) & (DIGITS - 1)] === n) continue;
    let sum = 0;
    for (let digit = 0; digit < DIGITS; digit++) {
      const count = counts[digit]!;
      counts[digit] = sum;
      sum += count;
    }
    for (let p = 0; p < n; p++) {
      const at = from[p]!;
      const digit = (keys[at]! >>> shift) & (DIGITS - 1);
      const place = counts[digit]!;
      counts[digit] = place + 1;
      to[place] = at;
    }
    rows.from = to;
    rows.to = from;
  }
}

/** Whether a has to stand after b: NaN last. */
function isAfter(a: number, b: number, isDescending: boolean): boolean {
  if (isDescending) return b > a || (Number.isNaN(b) && !Number.isNaN(a));
  return a > b || (Number.isNaN(a) && !Number.isNaN(b));
}

/** Bottom-up merge sort of rows.from by rows.values, stably. */
function mergeSort(rows: Rows, n: number, isDescending: boolean): void {
  const { values } = rows;
  for (let width = 1; width < n; width *= 2) {
    const { from, to } = rows;
    for (let start = 0; start < n; start += 2 * width) {
      const middle = Math.min(start + width, n);
      const end = Math.min(start + 2 * width, n);
      let left = start;
      let right = middle;
      for (let p = start; p < end; p++) {
        const isRight =
          left >= middle ||
          (right < end && isAfter(values[from[left]!]!, values[from[right]!]!, isDescending));
        to[p] = isRight ? from[right++]! : from[left++]!;
      }
    }
    rows.from = to;
    rows.to = from;
  }
}

function sortRow(x: View, first: number, i: number, n: number, spec: SortSpec, rows: Rows): void {
  const { from } = rows;
  for (let p = 0; p < n; p++) from[p] = p;
  if (spec.dtype !== 'f64' && n >= RADIX_LENGTH) {
    // Inverted keys keep a descending sort stable.
    const flip = spec.descending ? 0xffffffff : 0;
    for (let p = 0; p < n; p++) rows.keys[p] = keyOf(x[first + p * i]!, spec.dtype) ^ flip;
    radixSort(rows, n);
    return;
  }
  for (let p = 0; p < n; p++) rows.values[p] = x[first + p * i]!;
  mergeSort(rows, n, spec.descending);
}

export function prepareArgSort(spec: SortSpec): CpuKernel {
  let rows = makeRows(0);
  return new CpuKernel(spec, (buffers, args) => {
    const [x, out] = buffers as [CpuBuffer, CpuBuffer];
    const from = viewOf(x, spec.dtype);
    const to = out.i32;
    const o = args[0]!;
    const n = args[1]!;
    const i = args[2]!;
    if (rows.from.length < n) rows = makeRows(n);
    for (let outer = 0; outer < o; outer++) {
      for (let inner = 0; inner < i; inner++) {
        const first = outer * n * i + inner;
        sortRow(from, first, i, n, spec, rows);
        for (let p = 0; p < n; p++) to[first + p * i] = rows.from[p]!;
      }
    }
  });
}
