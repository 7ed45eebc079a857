/**
 * The inner loops of matmul: packing into panels of four and a 4x4 register tile. All accumulate in
 * double: V8's scalar double arithmetic is as fast as single, needs no rounding between steps
 * (2.4 GFLOP/s with Math.fround, 5.8 without), and serves f64 too.
 *
 * Order of every sum, here and in `skinny.ts`: blocks of K_BLOCK in turn, each from zero in the
 * order of k. So a product's bits do not depend on which path or tile computed it.
 * m n k: rows, columns, inner index. A panel is [k][4], padded with zeros.
 */
import type { View } from '../storage.ts';

/** Panels of this depth (8 KB) stay in the first-level cache. */
export const K_BLOCK = 256;
export const M_BLOCK = 128;
export const N_BLOCK = 128;
/** Packed operands up to this many elements (16 MB) are kept whole; larger ones block by block. */
export const KEPT_ELEMENTS: number = 2 ** 21;
/** Scratch for the packed operands and for unrounded results. */
export const SLOT_A = 200;
export const SLOT_B = 201;
export const SLOT_TILE = 202;

/** Up to whole panels. */
export const roundUp = (n: number): number => (n + 3) & ~3;

/** Packs `count` rows (or columns) of `depth` inner positions into panels of four. */
export function pack(
  from: View,
  offset: number,
  strideRow: number,
  strideK: number,
  count: number,
  depth: number,
  to: Float64Array,
  start: number,
): void {
  let p = start;
  for (let row = 0; row < count; row += 4) {
    let i0 = offset + row * strideRow;
    if (row + 4 <= count) {
      let i1 = i0 + strideRow;
      let i2 = i1 + strideRow;
      let i3 = i2 + strideRow;
      for (let k = 0; k < depth; k++) {
        to[p] = from[i0]!;
        to[p + 1] = from[i1]!;
        to[p + 2] = from[i2]!;
        to[p + 3] = from[i3]!;
        p += 4;
        i0 += strideK;
        i1 += strideK;
        i2 += strideK;
        i3 += strideK;
      }
    } else {
      const rest = count - row;
      for (let k = 0; k < depth; k++) {
        to[p] = from[i0]!;
        to[p + 1] = rest > 1 ? from[i0 + strideRow]! : 0;
        to[p + 2] = rest > 2 ? from[i0 + 2 * strideRow]! : 0;
        to[p + 3] = 0;
        p += 4;
        i0 += strideK;
      }
    }
  }
}

/** tile[4x4 at t] = (or += unless `isFirst`) Σk a[k][4] · b[k][4] over `depth` positions. */
function micro(
  a: Float64Array,
  pa: number,
  b: Float64Array,
  pb: number,
  depth: number,
  tile: Float64Array,
  t: number,
  stride: number,
  isFirst: boolean,
): void {
  let c00 = 0,
    c01 = 0,
    c02 = 0,
    c03 = 0;
  let c10 = 0,
    c11 = 0,
    c12 = 0,
    c13 = 0;
  let c20 = 0,
    c21 = 0,
    c22 = 0,
    c23 = 0;
  let c30 = 0,
    c31 = 0,
    c32 = 0,
    c33 = 0;
  for (let p = pa, q = pb, end = pb + 4 * depth; q < end; p += 4, q += 4) {
    const b0 = b[q]!;
    const b1 = b[(q + 1) | 0]!;
    const b2 = b[(q + 2) | 0]!;
    const b3 = b[(q + 3) | 0]!;
    const a0 = a[p]!;
    c00 += a0 * b0;
    c01 += a0 * b1;
    c02 += a0 * b2;
    c03 += a0 * b3;
    const a1 = a[(p + 1) | 0]!;
    c10 += a1 * b0;
    c11 += a1 * b1;
    c12 += a1 * b2;
    c13 += a1 * b3;
    const a2 = a[(p + 2) | 0]!;
    c20 += a2 * b0;
    c21 += a2 * b1;
    c22 += a2 * b2;
    c23 += a2 * b3;
    const a3 = a[(p + 3) | 0]!;
    c30 += a3 * b0;
    c31 += a3 * b1;
    c32 += a3 * b2;
    c33 += a3 * b3;
  }
  const t1 = t + stride;
  const t2 = t1 + stride;
  const t3 = t2 + stride;
  if (isFirst) {
    tile[t] = c00;
    tile[t + 1] = c01;
    tile[t + 2] = c02;
    tile[t + 3] = c03;
    tile[t1] = c10;
    tile[t1 + 1] = c11;
    tile[t1 + 2] = c12;
    tile[t1 + 3] = c13;
    tile[t2] = c20;
    tile[t2 + 1] = c21;
    tile[t2 + 2] = c22;
    tile[t2 + 3] = c23;
    tile[t3] = c30;
    tile[t3 + 1] = c31;
    tile[t3 + 2] = c32;
    tile[t3 + 3] = c33;
    return;
  }
  tile[t] = tile[t]! + c00;
  tile[t + 1] = tile[t + 1]! + c01;
  tile[t + 2] = tile[t + 2]! + c02;
  tile[t + 3] = tile[t + 3]! + c03;
  tile[t1] = tile[t1]! + c10;
  tile[t1 + 1] = tile[t1 + 1]! + c11;
  tile[t1 + 2] = tile[t1 + 2]! + c12;
  tile[t1 + 3] = tile[t1 + 3]! + c13;
  tile[t2] = tile[t2]! + c20;
  tile[t2 + 1] = tile[t2 + 1]! + c21;
  tile[t2 + 2] = tile[t2 + 2]! + c22;
  tile[t2 + 3] = tile[t2 + 3]! + c23;
  tile[t3] = tile[t3]! + c30;
  tile[t3 + 1] = tile[t3 + 1]! + c31;
  tile[t3 + 2] = tile[t3 + 2]! + c32;
  tile[t3 + 3] = tile[t3 + 3]! + c33;
}

/**
 * The same from wherever two tables of offsets say, to the start of `to`: row (or column) r at
 * inner position k is from[offset + rows[firstRow + r] + inner[firstInner + k]].
 */
export function packAt(
  from: View,
  offset: number,
  rows: Int32Array,
  firstRow: number,
  count: number,
  inner: Int32Array,
  firstInner: number,
  depth: number,
  to: Float64Array,
): void {
  const end = firstInner + depth;
  const last = firstRow + count - 1;
  let p = 0;
  for (let row = firstRow; row <= last; row += 4) {
    const i0 = offset + rows[row]!;
    if (row + 3 <= last) {
      const i1 = offset + rows[row + 1]!;
      const i2 = offset + rows[row + 2]!;
      const i3 = offset + rows[row + 3]!;
      for (let k = firstInner; k < end; k++) {
        const at = inner[k]!;
        to[p] = from[(i0 + at) | 0]!;
        to[p + 1] = from[(i1 + at) | 0]!;
        to[p + 2] = from[(i2 + at) | 0]!;
        to[p + 3] = from[(i3 + at) | 0]!;
        p += 4;
      }
    } else {
      const rest = last + 1 - row;
      const i1 = rest > 1 ? offset + rows[row + 1]! : i0;
      const i2 = rest > 2 ? offset + rows[row + 2]! : i0;
      for (let k = firstInner; k < end; k++) {
        const at = inner[k]!;
        to[p] = from[i0 + at]!;
        to[p + 1] = rest > 1 ? from[i1 + at]! : 0;
        to[p + 2] = rest > 2 ? from[i2 + at]! : 0;
        to[p + 3] = 0;
        p += 4;
      }
    }
  }
}

/** One block: packed A at pa times packed B at pb into `tile` from `at` (m rows of `stride`). */
export function multiplyBlock(
  a: Float64Array,
  pa: number,
  b: Float64Array,
  pb: number,
  m: number,
  n: number,
  depth: number,
  tile: Float64Array,
  at: number,
  stride: number,
  isFirst: boolean,
): void {
  for (let j = 0; j < n; j += 4) {
    for (let i = 0; i < m; i += 4) {
      const t = at + i * stride + j;
      micro(a, pa + i * depth, b, pb + j * depth, depth, tile, t, stride, isFirst);
    }
  }
}
