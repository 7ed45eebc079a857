/**
 * Where pooling windows lie in planes that need no padding (core pads before). Unit of all kernels
 * that read it: a row of windows. Words from `first` on: planes, then sizes, counts, kernel, stride
 * and dilation of three axes (src/fused/pool-window.ts). Offsets are bytes.
 */
import { word } from './words';

// Module variables belong to an instance, and each thread has its own.
/** Elements of an input plane. */
export let elements: i32 = 0;
/** Windows in a row, and bytes from one to the next. */
export let columns: i32 = 0;
export let step: usize = 0;
/** Elements of a window. */
export let taps: i32 = 0;
let slices: i32 = 0;
let rows: i32 = 0;
let stepRow: i32 = 0;
let stepSlice: i32 = 0;

/** Reads the words and writes the offsets of a window's elements to `table`. */
export function readWindow(args: usize, first: i32, table: usize): void {
  const height = word(args, first + 2);
  const width = word(args, first + 3);
  elements = word(args, first + 1) * height * width;
  slices = word(args, first + 4);
  rows = word(args, first + 5);
  columns = word(args, first + 6);
  stepSlice = word(args, first + 10) * height * width;
  stepRow = word(args, first + 11) * width;
  step = <usize>word(args, first + 12) << 2;
  const kernelZ = word(args, first + 7);
  const kernelY = word(args, first + 8);
  const kernelX = word(args, first + 9);
  taps = kernelZ * kernelY * kernelX;
  let to = table;
  for (let z = 0; z < kernelZ; z++) {
    for (let y = 0; y < kernelY; y++) {
      const row = (z * word(args, first + 13) * height + y * word(args, first + 14)) * width;
      for (let x = 0; x < kernelX; x++, to += 4) {
        store<i32>(to, (row + x * word(args, first + 15)) << 2);
      }
    }
  }
}

/** Rows of windows in a plane. */
export function rowsOfPlane(): i32 {
  return slices * rows;
}
/** Where a row of windows starts within its plane, in elements. */
export function rowStart(row: i32): i32 {
  return ((row / rows) % slices) * stepSlice + (row % rows) * stepRow;
}

/**
 * The element at p of four windows; stride: elements from one window to the next, 1 or 2, or 0 for
 * any (a constant, so that loops hold no choice). Reads nothing beyond the last.
 */
// @ts-ignore: decorator
@inline
export function loadFour(p: usize, stride: i32): v128 {
  if (stride == 1) return v128.load(p);
  if (stride == 2) return v128.shuffle<f32>(v128.load(p), v128.load(p, 12), 0, 2, 5, 7);
  const a = v128.load32_zero(p);
  const b = v128.load32_lane(p + step, a, 1);
  const c = v128.load32_lane(p + step * 2, b, 2);
  return v128.load32_lane(p + step * 3, c, 3);
}
