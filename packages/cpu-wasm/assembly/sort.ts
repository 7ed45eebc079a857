// Stable sorting permutation over n: least-significant-digit radix sort (Herf, "Radix tricks",
// 2001) on entries of an order-preserving key and a place; short rows by insertion.
import { address, word } from './words';

/** Bits of a digit in long rows; short rows have fewer digits to count over. */
// @ts-ignore: decorator
@inline
const WIDE: i32 = 11;
// @ts-ignore: decorator
@inline
const NARROW: i32 = 8;
// @ts-ignore: decorator
@inline
const WIDE_LENGTH: i32 = 8192;
// @ts-ignore: decorator
@inline
const INSERTION_LENGTH: i32 = 40;

/** Bytes of the counters at the start of the scratch: six digits of 11 bits. */
// @ts-ignore: decorator
@inline
const COUNTERS: usize = 49152;

/** A word whose unsigned order is the order of the values; NaN is the largest, -0 equals 0. */
// @ts-ignore: decorator
@inline
function keyOf<T extends number, K extends number>(at: usize): K {
  if (isFloat<T>()) {
    const value = load<T>(at);
    if (value != value) return <K>-1;
    const sum = (value + <T>0) as T; // -0 + 0 is 0
    const bits = sizeof<T>() == 8 ? <K>reinterpret<u64>(<f64>sum) : <K>reinterpret<u32>(<f32>sum);
    const top = ((1 as K) << ((sizeof<K>() * 8 - 1) as K)) as K;
    return ((bits & top) != 0 ? ~bits : bits | top) as K;
  }
  const bits = load<K>(at);
  return (isSigned<T>() ? bits ^ <K>0x80000000 : bits) as K;
}

/**
 * An entry of a 32-bit key is one word of 64 bits, the key above the place; of a 64-bit key two
 * words, key and place.
 */
// @ts-ignore: decorator
@inline
function entryBytes<K extends number>(): usize {
  return sizeof<K>() == 8 ? 16 : 8;
}

// @ts-ignore: decorator
@inline
function placeAt<K extends number>(entry: usize): i32 {
  return sizeof<K>() == 8 ? load<i32>(entry, 8) : load<i32>(entry);
}

// @ts-ignore: decorator
@inline
function digitAt<K extends number>(entry: usize, shift: u32, mask: u32): usize {
  if (sizeof<K>() == 8) return <usize>(<u32>(load<u64>(entry) >> shift) & mask);
  return <usize>((load<u32>(entry, 4) >> shift) & mask);
}

// @ts-ignore: decorator
@inline
function copyEntry<K extends number>(to: usize, from: usize): void {
  store<u64>(to, load<u64>(from));
  if (sizeof<K>() == 8) store<u64>(to, load<u64>(from, 8), 8);
}

// @ts-ignore: decorator
@inline
function writeEntries<T extends number, K extends number>(
  x: usize,
  stride: usize,
  n: i32,
  flip: K,
  to: usize,
): void {
  for (let p = 0; p < n; p++, x += stride, to += entryBytes<K>()) {
    const key = keyOf<T, K>(x) ^ flip;
    if (sizeof<K>() == 8) {
      store<u64>(to, <u64>key);
      store<i32>(to, p, 8);
    } else {
      store<u64>(to, (<u64>key << 32) | <u64>p);
    }
  }
}

/** Sorts the entries in place. */
// @ts-ignore: decorator
@inline
function insertionSort<K extends number>(entries: usize, n: i32): void {
  const size = entryBytes<K>();
  const end = entries + <usize>n * size;
  for (let at = entries + size; at < end; at += size) {
    const first = load<u64>(at);
    const second = sizeof<K>() == 8 ? load<u64>(at, 8) : 0;
    let to = at;
    // Places below the key make all entries different, and equal keys stay where they are.
    while (to > entries && load<u64>(to - size) > first) {
      copyEntry<K>(to, to - size);
      to -= size;
    }
    store<u64>(to, first);
    if (sizeof<K>() == 8) store<u64>(to, second, 8);
  }
}

/** Sorts from `a` to and fro between `a` and `b`; returns where the result lies. */
function radixSort<K extends number>(
  a: usize,
  b: usize,
  n: i32,
  width: i32,
  counters: usize,
): usize {
  const size = entryBytes<K>();
  const digits = (<i32>(sizeof<K>() * 8) + width - 1) / width;
  const mask: u32 = (1 << width) - 1;
  const table = <usize>4 << width;
  memory.fill(counters, 0, <usize>digits * table);
  const end = a + <usize>n * size;
  for (let at = a; at < end; at += size) {
    let counter = counters;
    for (let d = 0; d < digits; d++, counter += table) {
      const cell = counter + (digitAt<K>(at, d * width, mask) << 2);
      store<u32>(cell, load<u32>(cell) + 1);
    }
  }
  let from = a;
  let to = b;
  for (let d = 0; d < digits; d++, counters += table) {
    const shift = d * width;
    // All in one bucket: nothing moves.
    if (load<i32>(counters + (digitAt<K>(from, shift, mask) << 2)) == n) continue;
    let place = to;
    for (let cell = counters; cell < counters + table; cell += 4) {
      const count = load<usize>(cell);
      store<usize>(cell, place);
      place += count * size;
    }
    const last = from + <usize>n * size;
    for (let at = from; at < last; at += size) {
      const cell = counters + (digitAt<K>(at, shift, mask) << 2);
      const where = load<usize>(cell);
      store<usize>(cell, where + size);
      copyEntry<K>(where, at);
    }
    const free = from;
    from = to;
    to = free;
  }
  return from;
}

/**
 * Words: x, out, N, I, first row, descending (0 or 1), workspace (0: rows fit into the scratch).
 * Units: rows (o, i), each with its own part of the workspace.
 */
// @ts-ignore: decorator
@inline
function argSort<T extends number, K extends number>(
  args: usize,
  begin: i32,
  end: i32,
  scratch: usize,
): void {
  const n = word(args, 2);
  const i = word(args, 3);
  const workspace = address(args, 6);
  const flip = word(args, 5) != 0 ? <K>-1 : <K>0;
  const size = <usize>n * entryBytes<K>();
  const stride = <usize>i * sizeof<T>();
  for (let unit = begin; unit < end; unit++) {
    const row = word(args, 4) + unit;
    const slice = row / i;
    const first = <usize>slice * <usize>n * <usize>i + <usize>(row - slice * i);
    const a = workspace != 0 ? workspace + <usize>unit * size * 2 : scratch + COUNTERS;
    writeEntries<T, K>(address(args, 0) + first * sizeof<T>(), stride, n, flip, a);
    let entries = a;
    if (n <= INSERTION_LENGTH) insertionSort<K>(a, n);
    else entries = radixSort<K>(a, a + size, n, n < WIDE_LENGTH ? NARROW : WIDE, scratch);
    let to = address(args, 1) + (first << 2);
    const last = entries + size;
    for (let at = entries; at < last; at += entryBytes<K>()) {
      store<i32>(to, placeAt<K>(at));
      to += <usize>i << 2;
    }
  }
}

export function argSortF32(args: usize, begin: i32, end: i32, scratch: usize): void {
  argSort<f32, u32>(args, begin, end, scratch);
}
export function argSortI32(args: usize, begin: i32, end: i32, scratch: usize): void {
  argSort<i32, u32>(args, begin, end, scratch);
}
export function argSortU32(args: usize, begin: i32, end: i32, scratch: usize): void {
  argSort<u32, u32>(args, begin, end, scratch);
}
export function argSortF64(args: usize, begin: i32, end: i32, scratch: usize): void {
  argSort<f64, u64>(args, begin, end, scratch);
}
