// scatterAdd: out[b,o,n,i] = Σj [index[b,j] = n] · x[b,o,j,i], always in the order of j. Each unit
// owns places of out that no other unit writes, so every split gives the same bits.
import { address, fillWith, plus, plusLanes, word } from './words';

/** Columns per unit: whole cache lines, so that two threads share none. */
// @ts-ignore: decorator
@inline
const COLUMNS: i32 = 16;

/** to += from, over `bytes`. */
// @ts-ignore: decorator
@inline
function addRow<T extends number>(to: usize, from: usize, bytes: usize): void {
  let k: usize = 0;
  if (ASC_FEATURE_SIMD) {
    for (; k + 16 <= bytes; k += 16) {
      v128.store(to + k, plusLanes<T>(v128.load(to + k), v128.load(from + k)));
    }
  }
  for (; k < bytes; k += sizeof<T>()) {
    store<T>(to + k, plus<T>(load<T>(to + k), load<T>(from + k)));
  }
}

/** A slice of out is zeroed just before it is added to; small ones so many bytes at a time. */
// @ts-ignore: decorator
@inline
const ZEROED: usize = 16384;

/** Words: x, index, out, B·O, O, N, J, I. Units: blocks of columns, slice by slice [n, i]. */
// @ts-ignore: decorator
@inline
function columns<T extends number>(args: usize, begin: i32, end: i32): void {
  const outer = word(args, 4);
  const n = address(args, 5);
  const j = address(args, 6);
  const i = word(args, 7);
  const row = <usize>i * sizeof<T>();
  const blocks = (i + COLUMNS - 1) / COLUMNS;
  if (blocks == 1) {
    slices<T>(args, begin, end);
    return;
  }
  for (let unit = begin; unit < end; ) {
    const slice = unit / blocks;
    const block = unit - slice * blocks;
    const count = min(blocks - block, end - unit);
    const left = <usize>(block * COLUMNS) * sizeof<T>();
    const bytes = min(row, <usize>((block + count) * COLUMNS) * sizeof<T>()) - left;
    const to = address(args, 2) + <usize>slice * n * row + left;
    let from = address(args, 0) + <usize>slice * j * row + left;
    let at = address(args, 1) + ((<usize>(slice / outer) * j) << 2);
    const last = at + (j << 2);
    if (bytes == row) {
      fillWith<i32>(to, n * row, 0);
    } else {
      for (let p: usize = 0; p < n; p++) fillWith<i32>(to + p * row, bytes, 0);
    }
    for (; at < last; at += 4, from += row) addRow<T>(to + load<usize>(at) * row, from, bytes);
    unit += count;
  }
}

/** The case of narrow rows: whole [n, i] slices from `begin` to `end`. */
// @ts-ignore: decorator
@inline
function slices<T extends number>(args: usize, begin: i32, end: i32): void {
  const outer = word(args, 4);
  const j = address(args, 6) << 2;
  const row = address(args, 7) * sizeof<T>();
  const slice = address(args, 5) * row;
  let to = address(args, 2) + <usize>begin * slice;
  let from = address(args, 0) + <usize>begin * address(args, 6) * row;
  let place = begin % outer;
  let index = address(args, 1) + <usize>(begin / outer) * j;
  let zeroed = to;
  const stop = to + <usize>(end - begin) * slice;
  for (let unit = begin; unit < end; unit++, to += slice) {
    if (to == zeroed) {
      const bytes = min(stop - to, max(slice, (ZEROED / slice) * slice));
      fillWith<i32>(to, bytes, 0);
      zeroed = to + bytes;
    }
    const last = index + j;
    if (row == sizeof<T>()) {
      for (let at = index; at < last; at += 4, from += sizeof<T>()) {
        const cell = to + load<usize>(at) * sizeof<T>();
        store<T>(cell, plus<T>(load<T>(cell), load<T>(from)));
      }
    } else {
      for (let at = index; at < last; at += 4, from += row) {
        addRow<T>(to + load<usize>(at) * row, from, row);
      }
    }
    if (++place == outer) {
      place = 0;
      index = last;
    }
  }
}

/** The same words. Units: rows n of every [n, i]; each piece looks through all indices. */
// @ts-ignore: decorator
@inline
function rows<T extends number>(args: usize, begin: i32, end: i32): void {
  const slices = word(args, 3);
  const outer = word(args, 4);
  const n = address(args, 5);
  const j = address(args, 6);
  const row = address(args, 7) * sizeof<T>();
  const span = <usize>(end - begin);
  for (let slice = 0; slice < slices; slice++) {
    const to = address(args, 2) + (<usize>slice * n + <usize>begin) * row;
    let from = address(args, 0) + <usize>slice * j * row;
    let at = address(args, 1) + ((<usize>(slice / outer) * j) << 2);
    const last = at + (j << 2);
    fillWith<i32>(to, span * row, 0);
    for (; at < last; at += 4, from += row) {
      const place = load<usize>(at) - <usize>begin;
      if (place < span) addRow<T>(to + place * row, from, row);
    }
  }
}

export function scatterColumnsF32(args: usize, begin: i32, end: i32, scratch: usize): void {
  columns<f32>(args, begin, end);
}
export function scatterColumnsI32(args: usize, begin: i32, end: i32, scratch: usize): void {
  columns<i32>(args, begin, end);
}
export function scatterColumnsBool(args: usize, begin: i32, end: i32, scratch: usize): void {
  columns<u32>(args, begin, end);
}
export function scatterColumnsF64(args: usize, begin: i32, end: i32, scratch: usize): void {
  columns<f64>(args, begin, end);
}
export function scatterRowsF32(args: usize, begin: i32, end: i32, scratch: usize): void {
  rows<f32>(args, begin, end);
}
export function scatterRowsI32(args: usize, begin: i32, end: i32, scratch: usize): void {
  rows<i32>(args, begin, end);
}
export function scatterRowsBool(args: usize, begin: i32, end: i32, scratch: usize): void {
  rows<u32>(args, begin, end);
}
export function scatterRowsF64(args: usize, begin: i32, end: i32, scratch: usize): void {
  rows<f64>(args, begin, end);
}
