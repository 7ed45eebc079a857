/**
 * Convolutions with few channels a group (depthwise), where rows of a product would be mostly
 * empty: each place adds up its window. Four rows of four places at a time share each weight; the
 * last rows and columns are done over where fewer are left, with the same result. 3x3 with stride 1
 * has a loop of its own: 8x64x56x56 1.2 against 1.6 ms.
 */
import {
  columns, columnsTiles, copyTile, depth, inner, outer, readGeometry, row0, column0, rows,
  rowsTiles, rowStride, selectTile, slice0, slices, slicesTiles, sliceStride, targetOffset,
  targetPlane, targetSlice, tapsX, tapsY, tapsZ, weight, writeTaps,
} from './conv-tile';
import { madd, splatAt } from './lanes';
import { word } from './words';

let tapTable: usize = 0;
let weights: usize = 0;
let tile: usize = 0;

/** Copies one group's weights to [outer][inner · taps], from wherever their strides say. */
function gatherWeights(args: usize, group: i32): void {
  let to = weights;
  const start = word(args, 53) + group * word(args, 47);
  for (let o = 0; o < outer; o++) {
    for (let c = 0; c < inner; c++) {
      const first = start + o * word(args, 48) + c * word(args, 49);
      for (let z = 0; z < tapsZ; z++) {
        for (let y = 0; y < tapsY; y++) {
          for (let x = 0; x < tapsX; x++, to += 4) {
            const at = first + z * word(args, 50) + y * word(args, 51) + x * word(args, 52);
            store<f32>(to, load<f32>(weight + (<isize>at << 2)));
          }
        }
      }
    }
  }
}

/** Four rows, `stride` bytes apart, of four places from `from`. */
// @ts-ignore: decorator
@inline
function fourRows(
  from: usize, stride: usize, w: usize, to: usize, pitch: usize, step: usize,
): void {
  let s0 = f32x4.splat(0);
  let s1 = s0;
  let s2 = s0;
  let s3 = s0;
  let p = w;
  const second = from + stride;
  const third = second + stride;
  const fourth = third + stride;
  const end = tapTable + (<usize>depth << 2);
  for (let t = tapTable; t < end; t += 4, p += 4) {
    const at = load<u32>(t);
    const x = splatAt<f32>(p);
    s0 = madd<f32>(x, v128.load(from + at), s0);
    s1 = madd<f32>(x, v128.load(second + at), s1);
    s2 = madd<f32>(x, v128.load(third + at), s2);
    s3 = madd<f32>(x, v128.load(fourth + at), s3);
  }
  put(to, s0, step);
  put(to + pitch, s1, step);
  put(to + pitch * 2, s2, step);
  put(to + pitch * 3, s3, step);
}

/** One row of a source against the three taps of one row of weights. */
// @ts-ignore: decorator
@inline
function three(sum: v128, a: v128, b: v128, c: v128, u: v128, v: v128, w: v128): v128 {
  return madd<f32>(w, c, madd<f32>(v, b, madd<f32>(u, a, sum)));
}

/** Four rows of windows of 3x3 that lie one row apart: each row is loaded once, sums as above. */
function rowsOfNine(from: usize, stride: usize, w: usize, to: usize, pitch: usize): void {
  const d1 = load<u32>(tapTable, 4);
  const d2 = load<u32>(tapTable, 8);
  const w0 = v128.load32_splat(w);
  const w1 = v128.load32_splat(w, 4);
  const w2 = v128.load32_splat(w, 8);
  const w3 = v128.load32_splat(w, 12);
  const w4 = v128.load32_splat(w, 16);
  const w5 = v128.load32_splat(w, 20);
  const w6 = v128.load32_splat(w, 24);
  const w7 = v128.load32_splat(w, 28);
  const w8 = v128.load32_splat(w, 32);
  const zero = f32x4.splat(0);
  for (let x = 0; x < columns; x += 4) {
    const column = <usize>min(x, columns - 4) << 2;
    let p = from + column;
    let q = to + column;
    let a = v128.load(p);
    let b = v128.load(p + d1);
    let c = v128.load(p + d2);
    let s0 = three(zero, a, b, c, w0, w1, w2);
    p += stride;
    a = v128.load(p);
    b = v128.load(p + d1);
    c = v128.load(p + d2);
    s0 = three(s0, a, b, c, w3, w4, w5);
    let s1 = three(zero, a, b, c, w0, w1, w2);
    p += stride;
    a = v128.load(p);
    b = v128.load(p + d1);
    c = v128.load(p + d2);
    v128.store(q, three(s0, a, b, c, w6, w7, w8));
    s1 = three(s1, a, b, c, w3, w4, w5);
    let s2 = three(zero, a, b, c, w0, w1, w2);
    p += stride;
    q += pitch;
    a = v128.load(p);
    b = v128.load(p + d1);
    c = v128.load(p + d2);
    v128.store(q, three(s1, a, b, c, w6, w7, w8));
    s2 = three(s2, a, b, c, w3, w4, w5);
    let s3 = three(zero, a, b, c, w0, w1, w2);
    p += stride;
    q += pitch;
    a = v128.load(p);
    b = v128.load(p + d1);
    c = v128.load(p + d2);
    v128.store(q, three(s2, a, b, c, w6, w7, w8));
    s3 = three(s3, a, b, c, w3, w4, w5);
    p += stride;
    q += pitch;
    a = v128.load(p);
    b = v128.load(p + d1);
    c = v128.load(p + d2);
    v128.store(q, three(s3, a, b, c, w6, w7, w8));
  }
}

/** Whether rowsOfNine takes these windows. */
function isNine(stride: usize, step: usize): bool {
  if (depth != 9 || tapsX != 3 || tapsY != 3 || step != 4) return false;
  return load<u32>(tapTable, 12) == stride && load<u32>(tapTable, 24) == 2 * stride;
}

// @ts-ignore: decorator
@inline
function oneRow(from: usize, w: usize): v128 {
  let sum = f32x4.splat(0);
  let p = w;
  const end = tapTable + (<usize>depth << 2);
  for (let t = tapTable; t < end; t += 4, p += 4) {
    sum = madd<f32>(splatAt<f32>(p), v128.load(from + load<u32>(t)), sum);
  }
  return sum;
}

/** Stores four places, `step` bytes apart. */
// @ts-ignore: decorator
@inline
function put(to: usize, value: v128, step: usize): void {
  if (step == 4) {
    v128.store(to, value);
  } else {
    v128.store_lane<f32>(to, value, 0);
    v128.store_lane<f32>(to + step, value, 1);
    v128.store_lane<f32>(to + step * 2, value, 2);
    v128.store_lane<f32>(to + step * 3, value, 3);
  }
}

/** All places of a slice for one outer channel. pitch, step: bytes between rows and places. */
function plane(from: usize, w: usize, to: usize, pitch: usize, step: usize): void {
  const stride = <usize>rowStride();
  if (ASC_FEATURE_SIMD && columns >= 4) {
    const isNines = isNine(stride, step);
    for (let y = 0; y < rows;) {
      const isFour = rows >= 4;
      if (isFour && y > rows - 4) y = rows - 4;
      const row = from + <usize>y * stride;
      const out = to + <usize>y * pitch;
      if (isNines && isFour) {
        rowsOfNine(row, stride, w, out, pitch);
        y += 4;
        continue;
      }
      for (let x = 0; x < columns;) {
        if (x > columns - 4) x = columns - 4;
        const at = row + (<usize>x << 2);
        if (isFour) fourRows(at, stride, w, out + <usize>x * step, pitch, step);
        else put(out + <usize>x * step, oneRow(at, w), step);
        x += 4;
      }
      y += isFour ? 4 : 1;
    }
    return;
  }
  const end = tapTable + (<usize>depth << 2);
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) {
      const at = from + <usize>y * stride + (<usize>x << 2);
      let sum: f32 = 0;
      let p = w;
      for (let t = tapTable; t < end; t += 4, p += 4) {
        // As the lanes do, so that a place has one value, wherever tiles end.
        sum = add(sum, load<f32>(p), load<f32>(at + load<u32>(t)));
      }
      store<f32>(to + <usize>y * pitch + <usize>x * step, sum);
    }
  }
}

// @ts-ignore: decorator
@inline
function add(sum: f32, a: f32, b: f32): f32 {
  if (ASC_FEATURE_SIMD) {
    return f32x4.extract_lane(madd<f32>(f32x4.splat(a), f32x4.splat(b), f32x4.splat(sum)), 0);
  }
  return sum + a * b;
}

/**
 * Unit: a tile of windows in one group. Words: geometry, and from 39 those of convPackWeights, of
 * which the strides are read.
 */
export function convDirect(args: i32, begin: i32, end: i32, scratch: i32): void {
  readGeometry(args);
  tapTable = scratch;
  weights = tapTable + (<usize>depth << 2);
  tile = (weights + (<usize>(outer * depth) << 2) + 63) & ~63;
  writeTaps(tapTable);
  const tiles = slicesTiles * rowsTiles * columnsTiles;
  let last = -1;
  for (let unit = begin; unit < end; unit++) {
    const group = unit / tiles;
    if (group != last) gatherWeights(args, group);
    last = group;
    selectTile(unit % tiles);
    copyTile(group, 0, inner, tile);
    const start = targetOffset(row0, column0);
    const pitch = <usize>(targetOffset(1, 0) - targetOffset(0, 0));
    const step = <usize>(targetOffset(0, 1) - targetOffset(0, 0));
    for (let s = 0; s < slices; s++) {
      const from = tile + s * sliceStride();
      let to = targetSlice(slice0 + s, group) + start;
      for (let o = 0; o < outer; o++, to += targetPlane) {
        plane(from, weights + (<usize>(o * depth) << 2), to, pitch, step);
      }
    }
  }
}
