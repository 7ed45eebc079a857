/**
 * The weight gradient of convolutions with few channels a group (depthwise): for each weight the
 * sum over all places of cotangent times source, nine weights at a time over rows of a tile. Sums
 * of a tile's vectors are added up in f64.
 */
import {
  columns, columnsTiles, copyTile, depth, inner, outer, readGeometry, row0, column0, rows,
  rowsTiles, rowStride, selectTile, slice0, slices, slicesTiles, sliceStride, targetOffset,
  targetPlane, targetSlice, weight, writeTaps,
} from './conv-tile';
import { madd } from './lanes';

const NINE = 9;

let tapTable: usize = 0;
let sums: usize = 0;

// @ts-ignore: decorator
@inline
function addLanes(to: usize, value: v128): void {
  const low = <f64>f32x4.extract_lane(value, 0) + <f64>f32x4.extract_lane(value, 1);
  const high = <f64>f32x4.extract_lane(value, 2) + <f64>f32x4.extract_lane(value, 3);
  store<f64>(to, load<f64>(to) + (low + high));
}

/** Nine weights from `table` (beyond `last` it is read again, and its sum not used). */
function addNine(
  from: usize, g: usize, stride: usize, pitch: usize, table: usize, last: usize, to: usize,
): void {
  const t0 = load<u32>(table);
  const t1 = load<u32>(min(table + 4, last));
  const t2 = load<u32>(min(table + 8, last));
  const t3 = load<u32>(min(table + 12, last));
  const t4 = load<u32>(min(table + 16, last));
  const t5 = load<u32>(min(table + 20, last));
  const t6 = load<u32>(min(table + 24, last));
  const t7 = load<u32>(min(table + 28, last));
  const t8 = load<u32>(min(table + 32, last));
  const whole = <usize>(columns & ~3) << 2;
  let s0 = f32x4.splat(0);
  let s1 = s0;
  let s2 = s0;
  let s3 = s0;
  let s4 = s0;
  let s5 = s0;
  let s6 = s0;
  let s7 = s0;
  let s8 = s0;
  for (let y = 0; y < rows; y++) {
    let p = from + <usize>y * stride;
    let q = g + <usize>y * pitch;
    for (const end = q + whole; q < end; q += 16, p += 16) {
      const value = v128.load(q);
      s0 = madd<f32>(value, v128.load(p + t0), s0);
      s1 = madd<f32>(value, v128.load(p + t1), s1);
      s2 = madd<f32>(value, v128.load(p + t2), s2);
      s3 = madd<f32>(value, v128.load(p + t3), s3);
      s4 = madd<f32>(value, v128.load(p + t4), s4);
      s5 = madd<f32>(value, v128.load(p + t5), s5);
      s6 = madd<f32>(value, v128.load(p + t6), s6);
      s7 = madd<f32>(value, v128.load(p + t7), s7);
      s8 = madd<f32>(value, v128.load(p + t8), s8);
    }
    for (let x = columns & 3; x > 0; x--, q += 4, p += 4) {
      const value = v128.load32_zero(q);
      s0 = madd<f32>(value, v128.load32_zero(p + t0), s0);
      s1 = madd<f32>(value, v128.load32_zero(p + t1), s1);
      s2 = madd<f32>(value, v128.load32_zero(p + t2), s2);
      s3 = madd<f32>(value, v128.load32_zero(p + t3), s3);
      s4 = madd<f32>(value, v128.load32_zero(p + t4), s4);
      s5 = madd<f32>(value, v128.load32_zero(p + t5), s5);
      s6 = madd<f32>(value, v128.load32_zero(p + t6), s6);
      s7 = madd<f32>(value, v128.load32_zero(p + t7), s7);
      s8 = madd<f32>(value, v128.load32_zero(p + t8), s8);
    }
  }
  addLanes(to, s0);
  addLanes(to + 8, s1);
  addLanes(to + 16, s2);
  addLanes(to + 24, s3);
  addLanes(to + 32, s4);
  addLanes(to + 40, s5);
  addLanes(to + 48, s6);
  addLanes(to + 56, s7);
  addLanes(to + 64, s8);
}

function addOne(from: usize, g: usize, stride: usize, pitch: usize, to: usize): void {
  let sum: f64 = 0;
  for (let y = 0; y < rows; y++) {
    let p = from + <usize>y * stride;
    let q = g + <usize>y * pitch;
    for (let x = 0; x < columns; x++, p += 4, q += 4) sum += <f64>(load<f32>(p) * load<f32>(q));
  }
  store<f64>(to, load<f64>(to) + sum);
}

/** All weights of one outer channel in one slice. */
function addSlice(from: usize, g: usize, stride: usize, pitch: usize, to: usize): void {
  const last = tapTable + (<usize>(depth - 1) << 2);
  let at = to;
  if (ASC_FEATURE_SIMD) {
    for (let t = tapTable; t <= last; t += NINE * 4, at += NINE * 8) {
      addNine(from, g, stride, pitch, t, last, at);
    }
  } else {
    for (let t = tapTable; t <= last; t += 4, at += 8) {
      addOne(from + load<u32>(t), g, stride, pitch, at);
    }
  }
}

/** Unit: a group. Words: geometry; weight: the result, target: the cotangent. */
export function convDirectWeight(args: i32, begin: i32, end: i32, scratch: i32): void {
  readGeometry(args);
  tapTable = scratch;
  sums = (tapTable + (<usize>depth << 2) + 63) & ~63;
  // Rows of sums are whole nines: those beyond the last weight are not used.
  const length = <usize>((depth + NINE - 1) / NINE) * NINE * 8;
  const tile = (sums + <usize>outer * length + 63) & ~63;
  writeTaps(tapTable);
  const tiles = slicesTiles * rowsTiles * columnsTiles;
  const pitch = <usize>(targetOffset(1, 0) - targetOffset(0, 0));
  for (let group = begin; group < end; group++) {
    memory.fill(sums, 0, <usize>outer * length);
    for (let t = 0; t < tiles; t++) {
      selectTile(t);
      copyTile(group, 0, inner, tile);
      for (let s = 0; s < slices; s++) {
        const from = tile + s * sliceStride();
        let g = targetSlice(slice0 + s, group) + targetOffset(row0, column0);
        for (let o = 0; o < outer; o++, g += targetPlane) {
          addSlice(from, g, rowStride(), pitch, sums + <usize>o * length);
        }
      }
    }
    let to = weight + (<usize>(group * outer * depth) << 2);
    for (let o = 0; o < outer; o++) {
      for (let k = 0; k < depth; k++, to += 4) {
        store<f32>(to, <f32>load<f64>(sums + <usize>o * length + (<usize>k << 3)));
      }
    }
  }
}
