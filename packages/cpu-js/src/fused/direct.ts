/**
 * Convolutions too thin for a product of 4x4 tiles: one output channel a group, or one input
 * channel and few outputs (depthwise). Each output row is added up tap by tap in a row of doubles;
 * 3x3 windows in one go. In the order of the decomposition: blocks of K_BLOCK taps, each from zero.
 */
import type { Scratch } from '../codegen.ts';
import { K_BLOCK, SLOT_A, SLOT_TILE } from '../kernels/gemm.ts';
import type { View } from '../storage.ts';
import { type Geometry, paddedRoom, padPlanes } from './geometry.ts';

/** With more outputs the register tile of the product is full enough to win. */
export function isThin({ inner, outer }: Geometry): boolean {
  return outer === 1 || (inner === 1 && outer < 4);
}

/** row[i] += four taps from t at x[at + i·step + …]. */
function addFour(
  g: Geometry,
  x: View,
  at: number,
  weight: View,
  weightAt: number,
  t: number,
  row: Float64Array,
): void {
  const { taps } = g;
  const length = g.count[2]!;
  const step = g.stride[2]!;
  const w0 = weight[weightAt + t]!;
  const w1 = weight[weightAt + t + 1]!;
  const w2 = weight[weightAt + t + 2]!;
  const w3 = weight[weightAt + t + 3]!;
  let p0 = at + taps[t]!;
  let p1 = at + taps[t + 1]!;
  let p2 = at + taps[t + 2]!;
  let p3 = at + taps[t + 3]!;
  for (let i = 0; i < length; i++) {
    let sum = row[i]! + w0 * x[p0]!;
    sum += w1 * x[p1]!;
    sum += w2 * x[p2]!;
    row[i] = sum + w3 * x[p3]!;
    p0 += step;
    p1 += step;
    p2 += step;
    p3 += step;
  }
}

function addOne(g: Geometry, x: View, at: number, w: number, row: Float64Array): void {
  const length = g.count[2]!;
  const step = g.stride[2]!;
  for (let i = 0, p = at; i < length; i++, p += step) row[i] = row[i]! + w * x[p]!;
}

/** out[to + i] of one row for windows of any size. */
function rowOfAny(
  g: Geometry,
  x: View,
  at: number,
  weight: View,
  weightAt: number,
  out: View,
  to: number,
  scratch: Scratch,
): void {
  const { depth, taps } = g;
  const length = g.count[2]!;
  const total = scratch.wide(SLOT_TILE, length);
  const block = scratch.wide(SLOT_A, length);
  total.fill(0, 0, length);
  for (let k0 = 0; k0 < depth; k0 += K_BLOCK) {
    const end = Math.min(depth, k0 + K_BLOCK);
    block.fill(0, 0, length);
    let t = k0;
    for (; t + 3 < end; t += 4) addFour(g, x, at, weight, weightAt, t, block);
    for (; t < end; t++) addOne(g, x, at + taps[t]!, weight[weightAt + t]!, block);
    for (let i = 0; i < length; i++) total[i] = total[i]! + block[i]!;
  }
  for (let i = 0; i < length; i++) out[to + i] = total[i]!;
}

/** The same for windows of 3x3 in one channel: sums stay in registers. */
function rowOfNine(
  g: Geometry,
  x: View,
  at: number,
  weight: View,
  weightAt: number,
  out: View,
  to: number,
): void {
  const { taps } = g;
  const length = g.count[2]!;
  const step = g.stride[2]!;
  const d1 = taps[1]! | 0;
  const d2 = taps[2]! | 0;
  const w0 = weight[weightAt]!;
  const w1 = weight[weightAt + 1]!;
  const w2 = weight[weightAt + 2]!;
  const w3 = weight[weightAt + 3]!;
  const w4 = weight[weightAt + 4]!;
  const w5 = weight[weightAt + 5]!;
  const w6 = weight[weightAt + 6]!;
  const w7 = weight[weightAt + 7]!;
  const w8 = weight[weightAt + 8]!;
  let p0 = at;
  let p3 = at + taps[3]!;
  let p6 = at + taps[6]!;
  for (let i = 0; i < length; i++) {
    let sum = w0 * x[p0]!;
    sum += w1 * x[(p0 + d1) | 0]!;
    sum += w2 * x[(p0 + d2) | 0]!;
    sum += w3 * x[p3]!;
    sum += w4 * x[(p3 + d1) | 0]!;
    sum += w5 * x[(p3 + d2) | 0]!;
    sum += w6 * x[p6]!;
    sum += w7 * x[(p6 + d1) | 0]!;
    // From 0 like every sum: nine terms of -0 are 0.
    out[(to + i) | 0] = 0 + (sum + w8 * x[(p6 + d2) | 0]!);
    p0 += step;
    p3 += step;
    p6 += step;
  }
}

function isNine({ inner, kernel }: Geometry): boolean {
  return inner === 1 && kernel[0] === 1 && kernel[1] === 3 && kernel[2] === 3;
}

export function directConv(g: Geometry, x: View, weight: View, out: View, scratch: Scratch): void {
  const { batch, groups, inner, outer, depth, positions, places } = g;
  const length = g.count[2]!;
  const windows = g.isDirect ? x : paddedRoom(g, x, 1, scratch);
  const row = isNine(g) ? rowOfNine : rowOfAny;
  for (let image = 0; image < batch; image++) {
    for (let group = 0; group < groups; group++) {
      const from = g.offset(image, group, inner, g.elements);
      if (!g.isDirect) padPlanes(g, x, from, inner, windows, 0);
      const base = g.isDirect ? from + g.start : 0;
      for (let o = 0; o < outer; o++) {
        const weightAt = (group * outer + o) * depth;
        const to = g.offset(image, group, outer, positions) + o * positions;
        for (let p = 0; p < positions; p += length) {
          row(g, windows, base + places[p]!, weight, weightAt, out, to + p, scratch);
        }
      }
    }
  }
}

/** sums[to + t…] += Σ over one plane of windows of g · x, for up to four taps from t at a time. */
function addPlane(
  g: Geometry,
  x: View,
  base: number,
  cotangent: View,
  read: number,
  t: number,
  sums: Float64Array,
  to: number,
): void {
  const { taps, places, positions, depth } = g;
  const length = g.count[2]!;
  const step = g.stride[2]!;
  const last = depth - 1;
  // Beyond the last tap the last one is read again, and its sum is not used.
  const d1 = taps[Math.min(t + 1, last)]! - taps[t]!;
  const d2 = taps[Math.min(t + 2, last)]! - taps[t]!;
  const d3 = taps[Math.min(t + 3, last)]! - taps[t]!;
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  for (let p = 0; p < positions; p += length) {
    let at = base + places[p]! + taps[t]!;
    for (let i = read + p, end = i + length; i < end; i++, at += step) {
      const value = cotangent[i]!;
      s0 += value * x[at]!;
      s1 += value * x[(at + d1) | 0]!;
      s2 += value * x[(at + d2) | 0]!;
      s3 += value * x[(at + d3) | 0]!;
    }
  }
  sums[to + t] = sums[to + t]! + s0;
  if (t < last) sums[to + t + 1] = sums[to + t + 1]! + s1;
  if (t + 1 < last) sums[to + t + 2] = sums[to + t + 2]! + s2;
  if (t + 2 < last) sums[to + t + 3] = sums[to + t + 3]! + s3;
}

/** Σ over all windows of g · x for each tap. */
export function directWeightGrad(
  g: Geometry,
  x: View,
  cotangent: View,
  out: View,
  scratch: Scratch,
): void {
  const { batch, groups, inner, outer, depth, positions } = g;
  const windows = g.isDirect ? x : paddedRoom(g, x, 1, scratch);
  const count = groups * outer * depth;
  const sums = scratch.wide(SLOT_TILE, count);
  sums.fill(0, 0, count);
  for (let image = 0; image < batch; image++) {
    for (let group = 0; group < groups; group++) {
      const from = g.offset(image, group, inner, g.elements);
      if (!g.isDirect) padPlanes(g, x, from, inner, windows, 0);
      const base = g.isDirect ? from + g.start : 0;
      for (let o = 0; o < outer; o++) {
        const read = g.offset(image, group, outer, positions) + o * positions;
        const to = (group * outer + o) * depth;
        for (let t = 0; t < depth; t += 4) {
          addPlane(g, windows, base, cotangent, read, t, sums, to);
        }
      }
    }
  }
  for (let i = 0; i < count; i++) out[i] = sums[i]!;
}
