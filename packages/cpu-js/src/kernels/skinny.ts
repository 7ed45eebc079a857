/**
 * Matrix products with fewer than four rows (or, transposed, columns): packing would cost as much
 * as the product. s: the short index; l: the long one. Sums are in the order that `gemm.ts` states.
 */
import type { View } from '../storage.ts';
import { K_BLOCK } from './gemm.ts';

/** One row of the product: x[k] · y[k, l]. Strides in elements; out is a scratch of doubles. */
export interface SkinnyRow {
  x: View;
  y: View;
  out: Float64Array;
  atX: number;
  strideX: number;
  atY: number;
  strideK: number;
  strideL: number;
  /** Inner positions and columns. */
  depth: number;
  length: number;
  atOut: number;
  strideOut: number;
}

/** y is contiguous along l: adds four scaled rows at a time to a row of accumulators. */
function alongRows(row: SkinnyRow, block: Float64Array, from: number, depth: number): void {
  const { x, y, length, strideK, strideX } = row;
  let px = row.atX + from * strideX;
  let p0 = row.atY + from * strideK;
  block.fill(0, 0, length);
  let k = 0;
  for (; k + 3 < depth; k += 4) {
    const x0 = x[px]!;
    const x1 = x[px + strideX]!;
    const x2 = x[px + 2 * strideX]!;
    const x3 = x[px + 3 * strideX]!;
    const p1 = p0 + strideK;
    const p2 = p1 + strideK;
    const p3 = p2 + strideK;
    for (let l = 0; l < length; l++) {
      let sum = block[l]! + x0 * y[(p0 + l) | 0]!;
      sum += x1 * y[(p1 + l) | 0]!;
      sum += x2 * y[(p2 + l) | 0]!;
      block[l] = sum + x3 * y[(p3 + l) | 0]!;
    }
    px += 4 * strideX;
    p0 = p3 + strideK;
  }
  for (; k < depth; k++) {
    const x0 = x[px]!;
    for (let l = 0; l < length; l++) block[l] = block[l]! + x0 * y[(p0 + l) | 0]!;
    px += strideX;
    p0 += strideK;
  }
}

/** Any other y: four columns at a time, each a sum of its own. */
function alongColumns(row: SkinnyRow, block: Float64Array, from: number, depth: number): void {
  const { x, y, length, strideK, strideL, strideX } = row;
  let l = 0;
  for (; l + 3 < length; l += 4) {
    let px = row.atX + from * strideX;
    let p0 = row.atY + from * strideK + l * strideL;
    let p1 = p0 + strideL;
    let p2 = p1 + strideL;
    let p3 = p2 + strideL;
    let s0 = 0;
    let s1 = 0;
    let s2 = 0;
    let s3 = 0;
    for (let k = 0; k < depth; k++) {
      const value = x[px]!;
      s0 += value * y[p0]!;
      s1 += value * y[p1]!;
      s2 += value * y[p2]!;
      s3 += value * y[p3]!;
      px += strideX;
      p0 += strideK;
      p1 += strideK;
      p2 += strideK;
      p3 += strideK;
    }
    block[l] = s0;
    block[l + 1] = s1;
    block[l + 2] = s2;
    block[l + 3] = s3;
  }
  for (; l < length; l++) {
    let px = row.atX + from * strideX;
    let p = row.atY + from * strideK + l * strideL;
    let sum = 0;
    for (let k = 0; k < depth; k++) {
      sum += x[px]! * y[p]!;
      px += strideX;
      p += strideK;
    }
    block[l] = sum;
  }
}

/** out[l] = Σk x[k] · y[k, l] for all columns of the row. */
export function multiplyRow(row: SkinnyRow, block: Float64Array): void {
  const { out, atOut, strideOut, length } = row;
  for (let from = 0; from === 0 || from < row.depth; from += K_BLOCK) {
    const depth = Math.min(K_BLOCK, row.depth - from);
    if (row.strideL === 1) alongRows(row, block, from, depth);
    else alongColumns(row, block, from, depth);
    for (let l = 0; l < length; l++) {
      const at = atOut + l * strideOut;
      out[at] = from === 0 ? block[l]! : out[at]! + block[l]!;
    }
  }
}
