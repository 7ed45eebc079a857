/**
 * maxPool, several windows at a time, and its gradient. In a window the first of the largest
 * elements wins, or the last NaN: a later one replaces an earlier one where it is larger or NaN.
 */
import {
  columns, elements, loadFour, readWindow, rowsOfPlane, rowStart, step, taps,
} from './pool-window';
import { fillWith, word } from './words';

let table: usize = 0;

/** Where `value` takes the place of `best`. */
// @ts-ignore: decorator
@inline
function wins(value: v128, best: v128): v128 {
  return v128.or(f32x4.lt(best, value), f32x4.ne(value, value));
}

/** a where mask, else b. Masks are whole lanes, so the relaxed instruction is exact. */
// @ts-ignore: decorator
@inline
function pick(a: v128, b: v128, mask: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return i32x4.relaxed_laneselect(a, b, mask);
  return v128.bitselect(a, b, mask);
}

/** Four windows from column x and four from `other`, so that neither waits for itself alone. */
// @ts-ignore: decorator
@inline
function eightWindows(
  p: usize, at: i32, x: i32, other: i32, stride: i32, y: usize, indices: usize,
): void {
  const from = p + <usize>x * step;
  const from2 = p + <usize>other * step;
  let best = loadFour(from, stride);
  let best2 = loadFour(from2, stride);
  let index = i32x4.splat(0);
  let index2 = index;
  const end = table + (<usize>taps << 2);
  for (let t = table + 4; t < end; t += 4) {
    const offset = load<u32>(t);
    const value = loadFour(from + offset, stride);
    const value2 = loadFour(from2 + offset, stride);
    const mask = wins(value, best);
    const mask2 = wins(value2, best2);
    const place = i32x4.splat(offset >> 2);
    best = pick(value, best, mask);
    best2 = pick(value2, best2, mask2);
    index = pick(place, index, mask);
    index2 = pick(place, index2, mask2);
  }
  v128.store(y + (<usize>x << 2), best);
  v128.store(y + (<usize>other << 2), best2);
  const distance = <i32>(step >> 2);
  const four = i32x4.mul(i32x4.splat(distance), i32x4(0, 1, 2, 3));
  const first = i32x4.add(i32x4.splat(at + x * distance), four);
  const first2 = i32x4.add(i32x4.splat(at + other * distance), four);
  v128.store(indices + (<usize>x << 2), i32x4.add(index, first));
  v128.store(indices + (<usize>other << 2), i32x4.add(index2, first2));
}

// @ts-ignore: decorator
@inline
function rowOfEights(p: usize, at: i32, stride: i32, y: usize, indices: usize): void {
  const last = columns - 4;
  for (let x = 0; x < columns; x += 8) {
    // The last ones overlap those before.
    eightWindows(p, at, min(x, last), min(x + 4, last), stride, y, indices);
  }
}

function anyWindow(p: usize, at: i32, y: usize, indices: usize): void {
  let best = load<f32>(p);
  let index = at;
  for (let t = 1; t < taps; t++) {
    const offset = load<u32>(table + (<usize>t << 2));
    const value = load<f32>(p + offset);
    if (value > best || value != value) {
      best = value;
      index = at + <i32>(offset >> 2);
    }
  }
  store<f32>(y, best);
  store<i32>(indices, index);
}

function anyRow(p: usize, at: i32, y: usize, indices: usize): void {
  if (ASC_FEATURE_SIMD && columns >= 4) {
    if (step == 4) rowOfEights(p, at, 1, y, indices);
    else if (step == 8) rowOfEights(p, at, 2, y, indices);
    else rowOfEights(p, at, 0, y, indices);
    return;
  }
  const stride = <i32>(step >> 2);
  for (let x = 0; x < columns; x++) {
    const to = <usize>x << 2;
    anyWindow(p + <usize>x * step, at + x * stride, y + to, indices + to);
  }
}

/** Windows of 2x2 side by side; `next`: bytes to their second row. */
function rowOfPairs(p: usize, next: usize, at: i32, y: usize, indices: usize): void {
  let x = 0;
  if (ASC_FEATURE_SIMD && columns >= 4) {
    for (; x < columns; x += 4) fourPairs(p, next, at, min(x, columns - 4), y, indices);
    return;
  }
  for (; x < columns; x++) {
    const to = <usize>x << 2;
    let best = p + (<usize>x << 3);
    best = better(best, best + 4);
    best = better(best, p + (<usize>x << 3) + next);
    best = better(best, p + (<usize>x << 3) + next + 4);
    store<f32>(y + to, load<f32>(best));
    if (indices != 0) store<i32>(indices + to, at + <i32>((best - p) >> 2));
  }
}

// @ts-ignore: decorator
@inline
function better(best: usize, other: usize): usize {
  const value = load<f32>(other);
  return value > load<f32>(best) || value != value ? other : best;
}

// @ts-ignore: decorator
@inline
function fourPairs(p: usize, next: usize, at: i32, x: i32, y: usize, indices: usize): void {
  const from = p + (<usize>x << 3);
  const a0 = v128.load(from);
  const a1 = v128.load(from, 16);
  const b0 = v128.load(from + next);
  const b1 = v128.load(from + next, 16);
  const left = v128.shuffle<f32>(a0, a1, 0, 2, 4, 6);
  const right = v128.shuffle<f32>(a0, a1, 1, 3, 5, 7);
  const topMask = wins(right, left);
  const top = pick(right, left, topMask);
  const left2 = v128.shuffle<f32>(b0, b1, 0, 2, 4, 6);
  const right2 = v128.shuffle<f32>(b0, b1, 1, 3, 5, 7);
  const bottomMask = wins(right2, left2);
  const bottom = pick(right2, left2, bottomMask);
  const mask = wins(bottom, top);
  v128.store(y + (<usize>x << 2), pick(bottom, top, mask));
  if (indices != 0) {
    const first = i32x4.add(i32x4.splat(at + 2 * x), i32x4(0, 2, 4, 6));
    // A mask is -1: what it selects is one further.
    const topIndex = i32x4.sub(first, topMask);
    const second = i32x4.add(first, i32x4.splat(<i32>(next >> 2)));
    const bottomIndex = i32x4.sub(second, bottomMask);
    v128.store(indices + (<usize>x << 2), pick(bottomIndex, topIndex, mask));
  }
}

/**
 * Unit: a row of windows. Words: 0 x, 1 y, 2 indices (i32, positions within the plane; 0: none, for
 * pairs only), 3 whether windows are 2x2 side by side, then those of the windows.
 */
export function maxPool(args: i32, begin: i32, end: i32, scratch: i32): void {
  table = scratch;
  readWindow(args, 4, table);
  const perPlane = rowsOfPlane();
  const bytes = <usize>columns << 2;
  const isPairs = word(args, 3) == 1;
  const next = isPairs ? <usize>load<u32>(table, 8) : 0;
  for (let row = begin; row < end; row++) {
    const at = rowStart(row % perPlane);
    const p = <usize>word(args, 0) + (<usize>((row / perPlane) * elements + at) << 2);
    const y = <usize>word(args, 1) + <usize>row * bytes;
    const base = <usize>word(args, 2);
    const indices = base != 0 ? base + <usize>row * bytes : 0;
    if (isPairs) rowOfPairs(p, next, at, y, indices);
    else anyRow(p, at, y, indices);
  }
}

/**
 * out[index] += g in each plane, in the order of windows. Unit: a plane. Words: 0 g, 1 indices,
 * 2 out, 3 windows and 4 elements of a plane.
 */
export function maxPoolGrad(args: i32, begin: i32, end: i32, scratch: i32): void {
  const positions = <usize>word(args, 3) << 2;
  const bytes = <usize>word(args, 4) << 2;
  for (let plane = <usize>begin; plane < <usize>end; plane++) {
    const g = <usize>word(args, 0) + plane * positions;
    const indices = <usize>word(args, 1) + plane * positions;
    const out = <usize>word(args, 2) + plane * bytes;
    fillWith<i32>(out, bytes, 0);
    for (let i: usize = 0; i < positions; i += 4) {
      const p = out + (load<u32>(indices + i) << 2);
      store<f32>(p, load<f32>(p) + load<f32>(g + i));
    }
  }
}
