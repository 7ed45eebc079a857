/**
 * Packing for matrix products. Panels of B: [k][W], columns beyond the last are zeros. Rows of A:
 * tile after tile as `nextRows` cuts them, each [k][rows]; so a tile that begins at row i begins at
 * byte i·depth·sizeof<T>(). All strides in bytes.
 */
import { nextRows, panelBytes, panelWidth, tileRows } from './gemm-tile';

/** Four rows of four f32 from p, transposed, to rows of `stride` bytes at q. */
// @ts-ignore: decorator
@inline
function transpose4(p0: usize, p1: usize, p2: usize, p3: usize, q: usize, stride: usize): void {
  const r0 = v128.load(p0);
  const r1 = v128.load(p1);
  const r2 = v128.load(p2);
  const r3 = v128.load(p3);
  const t0 = v128.shuffle<f32>(r0, r1, 0, 4, 1, 5);
  const t1 = v128.shuffle<f32>(r2, r3, 0, 4, 1, 5);
  const t2 = v128.shuffle<f32>(r0, r1, 2, 6, 3, 7);
  const t3 = v128.shuffle<f32>(r2, r3, 2, 6, 3, 7);
  v128.store(q, v128.shuffle<f32>(t0, t1, 0, 1, 4, 5));
  v128.store(q + stride, v128.shuffle<f32>(t0, t1, 2, 3, 6, 7));
  v128.store(q + 2 * stride, v128.shuffle<f32>(t2, t3, 0, 1, 4, 5));
  v128.store(q + 3 * stride, v128.shuffle<f32>(t2, t3, 2, 3, 6, 7));
}

/** `count` elements of each k, one by one, to places `stride` bytes apart per k. */
function packAny<T extends number>(
  from: usize,
  sK: usize,
  sN: usize,
  depth: i32,
  count: i32,
  to: usize,
  stride: usize,
): void {
  const size = sizeof<T>();
  let j = 0;
  for (; j + 4 <= count; j += 4) {
    let p0 = from + sN * j;
    let p1 = p0 + sN;
    let p2 = p1 + sN;
    let p3 = p2 + sN;
    let q = to + size * j;
    for (let k = 0; k < depth; k++) {
      store<T>(q, load<T>(p0));
      store<T>(q + size, load<T>(p1));
      store<T>(q + 2 * size, load<T>(p2));
      store<T>(q + 3 * size, load<T>(p3));
      p0 += sK;
      p1 += sK;
      p2 += sK;
      p3 += sK;
      q += stride;
    }
  }
  for (; j < count; j++) {
    let p = from + sN * j;
    let q = to + size * j;
    for (let k = 0; k < depth; k++) {
      store<T>(q, load<T>(p));
      p += sK;
      q += stride;
    }
  }
}

/** Groups of four f32 columns that are contiguous in k; returns how many k it did. */
function packColumns4(from: usize, sN: usize, depth: i32, to: usize, stride: usize): i32 {
  let p0 = from;
  let p1 = p0 + sN;
  let p2 = p1 + sN;
  let p3 = p2 + sN;
  const whole = depth & ~3;
  for (let k = 0; k < whole; k += 4) {
    transpose4(p0, p1, p2, p3, to, stride);
    p0 += 16;
    p1 += 16;
    p2 += 16;
    p3 += 16;
    to += 4 * stride;
  }
  return whole;
}

/** `count` columns (rows of A) of any strides, to [k] rows of `stride` bytes. */
function packStrip<T extends number>(
  from: usize,
  sK: usize,
  sN: usize,
  depth: i32,
  count: i32,
  to: usize,
  stride: usize,
): void {
  let j = 0;
  if (ASC_FEATURE_SIMD && sizeof<T>() == 4) {
    if (sK == 4) {
      for (; j + 4 <= count; j += 4) {
        const p = from + <usize>j * sN;
        const q = to + <usize>j * 4;
        const k = packColumns4(p, sN, depth, q, stride);
        packAny<T>(p + 4 * k, 4, sN, depth - k, 4, q + stride * k, stride);
      }
    } else if (sN == 4) {
      for (; j + 4 <= count; j += 4) {
        let p = from + 4 * <usize>j;
        let q = to + 4 * <usize>j;
        for (let k = 0; k < depth; k++) {
          v128.store(q, v128.load(p));
          p += sK;
          q += stride;
        }
      }
    }
  }
  packAny<T>(from + <usize>j * sN, sK, sN, depth, count - j, to + <usize>j * sizeof<T>(), stride);
}

/** Rows that lie as a panel wants them: all panels of one k after the other, as memory has them. */
function packWide(from: usize, sK: usize, depth: i32, panels: i32, to: usize): void {
  const step = <usize>depth << 5;
  for (let k = 0; k < depth; k++) {
    let p = from + <usize>k * sK;
    let q = to + (<usize>k << 5);
    for (let i = 0; i < panels; i++) {
      const low = v128.load(p);
      const high = v128.load(p, 16);
      v128.store(q, low);
      v128.store(q, high, 16);
      p += 32;
      q += step;
    }
  }
}

/** One panel of n ≤ W columns. */
export function packPanel<T extends number>(
  from: usize,
  sK: usize,
  sN: usize,
  depth: i32,
  n: i32,
  to: usize,
): void {
  const bytes = panelBytes<T>();
  if (n < panelWidth<T>()) memory.fill(to, 0, bytes * depth);
  packStrip<T>(from, sK, sN, depth, n, to, bytes);
}

/** A block of `depth` × n of B, in panels. */
export function packPanels<T extends number>(
  from: usize,
  sK: usize,
  sN: usize,
  depth: i32,
  n: i32,
  to: usize,
): void {
  const width = panelWidth<T>();
  const step = panelBytes<T>() * depth;
  let j = 0;
  if (ASC_FEATURE_SIMD) {
    if (sN == sizeof<T>()) {
      const panels = n / width;
      packWide(from, sK, depth, panels, to);
      j = panels * width;
      to += step * panels;
    }
  }
  for (; j < n; j += width) {
    packPanel<T>(from + <usize>j * sN, sK, sN, depth, min(width, n - j), to);
    to += step;
  }
}

/** Tiles that are filled together: reads along a row of memory, and few places to write to. */
// @ts-ignore: decorator
@inline
const TILES: i32 = 8;

/** Tiles of the full height whose rows are contiguous: the row of each k goes piece by piece. */
function packAcross(from: usize, sK: usize, depth: i32, tiles: i32, to: usize): void {
  const bytes = <usize>tileRows() * 4;
  const step = bytes * depth;
  for (let k = 0; k < depth; k++) {
    let p = from;
    let q = to;
    for (let t = 0; t < tiles; t++) {
      v128.store(q, v128.load(p));
      if (ASC_FEATURE_RELAXED_SIMD) store<u64>(q, load<u64>(p, 16), 16);
      else store<u32>(q, load<u32>(p, 16), 16);
      p += bytes;
      q += step;
    }
    from += sK;
    to += bytes;
  }
}

/** m rows of A × depth, in tiles. */
export function packRows<T extends number>(
  from: usize,
  sM: usize,
  sK: usize,
  depth: i32,
  m: i32,
  to: usize,
): void {
  for (let i = 0; i < m; ) {
    let rows = nextRows(m - i);
    const p = from + sM * i;
    if (ASC_FEATURE_SIMD && sizeof<T>() == 4) {
      if (sM == 4 && rows == tileRows()) {
        let tiles = 1;
        while (tiles < TILES && nextRows(m - i - tiles * rows) == rows) tiles++;
        packAcross(p, sK, depth, tiles, to);
        rows *= tiles;
        to += <usize>rows * 4 * depth;
        i += rows;
        continue;
      }
    }
    const stride = <usize>rows * sizeof<T>();
    packStrip<T>(p, sK, sM, depth, rows, to, stride);
    to += stride * depth;
    i += rows;
  }
}
