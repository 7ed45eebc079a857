/**
 * Convolution as an implicit product: packed weights [rows, terms] times windows [terms, places].
 * A tile of the source goes to scratch, panels of 8 windows are packed from there and multiplied at
 * once: nothing like im2col is stored. The input gradient is the same sum over other taps, once for
 * each remainder of a place by the stride (src/fused/correlation.ts makes the words).
 */
import { multiplyTile, nextRows } from './conv-product';
import {
  blockChannels, columns, columnsTiles, copyTile, depth, inner, outer,
  readGeometry, row0, column0, rows, rowsTiles, rowStride, selectTile, slice0, slices,
  slicesTiles, sliceStride, taps, targetOffset, targetPlane, targetSlice, tileColumns, tileRows,
  tileSlices, weight, writeTaps,
} from './conv-tile';
import { word } from './words';

/** Bytes that loads and stores of whole panels may reach over what they are for. */
const SLACK: usize = 64;

// Tables in scratch, and what lies behind them.
let tapTable: usize = 0;
/** Where each window of the tile is in it, and where it goes. */
let places: usize = 0;
let targets: usize = 0;
let corner: usize = 0;
let tile: usize = 0;
let panels: usize = 0;

/** Lays scratch out: tables, a corner for panels that are stored in parts, the tile, the panels. */
function layScratch(scratch: usize, tileBytes: usize): void {
  const most = (tileSlices * tileRows * tileColumns + 7) & ~7;
  tapTable = scratch;
  places = tapTable + (<usize>(blockChannels * taps) << 2);
  targets = places + (<usize>most << 2);
  corner = (targets + (<usize>most << 2) + 63) & ~63;
  tile = corner + 8 * 32;
  panels = (tile + tileBytes + SLACK + 63) & ~63;
}

/** Fills `places` and `targets` for the tile at hand. Returns the number of windows. */
function placeWindows(): i32 {
  let n: usize = 0;
  for (let s = 0; s < slices; s++) {
    const start = <i32>(targetSlice(slice0 + s, 0) - targetSlice(slice0, 0));
    for (let y = 0; y < rows; y++) {
      let place = s * sliceStride() + y * rowStride();
      let to = start + targetOffset(row0 + y, column0);
      const step = targetOffset(0, 1) - targetOffset(0, 0);
      for (let x = 0; x < columns; x++) {
        store<i32>(places + n, place);
        store<i32>(targets + n, to);
        n += 4;
        place += 4;
        to += step;
      }
    }
  }
  const count = <i32>(n >> 2);
  // What is behind the last window repeats it: computed, never stored.
  for (; (n & 31) != 0; n += 4) {
    store<i32>(places + n, load<i32>(places + n - 4));
    store<i32>(targets + n, load<i32>(targets + n - 4));
  }
  return count;
}

/** Packs 8 windows from `at` in `places`: panel [k][8]. */
function packPanel(at: usize, k: i32, to: usize): void {
  const p0 = load<i32>(at);
  let start = 1;
  while (start < 8 && load<i32>(at + (<usize>start << 2)) == p0 + (start << 2)) start++;
  let next = start + 1;
  const p1 = start < 8 ? load<i32>(at + (<usize>start << 2)) : 0;
  while (next < 8 && load<i32>(at + (<usize>next << 2)) == p1 + ((next - start) << 2)) next++;
  const end = tapTable + (<usize>k << 2);
  if (ASC_FEATURE_SIMD && next >= 8) {
    if (start >= 8) packOne(tile + p0, to, end);
    else packTwo(tile + p0, tile + p1, <usize>start << 2, to, end);
  } else {
    packAny(at, to, end);
  }
}

function packOne(from: usize, to: usize, end: usize): void {
  if (ASC_FEATURE_SIMD) {
    for (let t = tapTable; t < end; t += 4, to += 32) {
      const p = from + load<u32>(t);
      v128.store(to, v128.load(p));
      v128.store(to, v128.load(p, 16), 16);
    }
  }
}

/** Two runs: the second is written over the excess of the first, its own excess by the next k. */
function packTwo(from: usize, second: usize, start: usize, to: usize, end: usize): void {
  if (ASC_FEATURE_SIMD) {
    for (let t = tapTable; t < end; t += 4, to += 32) {
      const offset = load<u32>(t);
      const p = from + offset;
      const q = second + offset;
      v128.store(to, v128.load(p));
      v128.store(to, v128.load(p, 16), 16);
      v128.store(to + start, v128.load(q));
      v128.store(to + start, v128.load(q, 16), 16);
    }
  }
}

function packAny(at: usize, to: usize, end: usize): void {
  const p0 = tile + load<u32>(at);
  const p1 = tile + load<u32>(at, 4);
  const p2 = tile + load<u32>(at, 8);
  const p3 = tile + load<u32>(at, 12);
  const p4 = tile + load<u32>(at, 16);
  const p5 = tile + load<u32>(at, 20);
  const p6 = tile + load<u32>(at, 24);
  const p7 = tile + load<u32>(at, 28);
  for (let t = tapTable; t < end; t += 4, to += 32) {
    const offset = load<u32>(t);
    store<f32>(to, load<f32>(p0 + offset));
    store<f32>(to, load<f32>(p1 + offset), 4);
    store<f32>(to, load<f32>(p2 + offset), 8);
    store<f32>(to, load<f32>(p3 + offset), 12);
    store<f32>(to, load<f32>(p4 + offset), 16);
    store<f32>(to, load<f32>(p5 + offset), 20);
    store<f32>(to, load<f32>(p6 + offset), 24);
    store<f32>(to, load<f32>(p7 + offset), 28);
  }
}

/** A block of `size` rows times the panel of the windows from `at` in `targets`. */
function block(
  size: i32, k: i32, a: usize, b: usize, at: usize, count: i32, to: usize, isFirst: bool,
): void {
  const first = load<i32>(targets + at);
  const last = load<i32>(targets + at + (<usize>(count - 1) << 2));
  if (last == first + ((count - 1) << 2)) {
    multiplyTile(size, k, a, b, to + first, targetPlane, count, isFirst);
    return;
  }
  multiplyTile(size, k, a, b, corner, 32, 8, true);
  for (let m = 0; m < size; m++) {
    const row = to + <usize>m * targetPlane;
    const from = corner + (<usize>m << 5);
    for (let j = 0; j < count; j++) {
      const p = row + load<i32>(targets + at + (<usize>j << 2));
      const value = load<f32>(from + (<usize>j << 2));
      store<f32>(p, isFirst ? value : load<f32>(p) + value);
    }
  }
}

/** All rows of a group times all panels: rows outside, so that their weights are read once. */
function multiply(count: i32, k: i32, a: usize, to: usize, isFirst: bool): void {
  const panel = <usize>k << 5;
  for (let m = 0; m < outer;) {
    const size = nextRows(outer - m);
    const from = a + (<usize>(m * k) << 2);
    const row = to + <usize>m * targetPlane;
    for (let n = 0; n < count; n += 8) {
      const b = panels + <usize>(n >> 3) * panel;
      block(size, k, from, b, <usize>n << 2, min(8, count - n), row, isFirst);
    }
    m += size;
  }
}

/**
 * Unit: a tile of windows in one group. Words: geometry, then 38 bytes of the tile. `weight` is
 * packed by convPackWeights.
 */
export function convForward(args: i32, begin: i32, end: i32, scratch: i32): void {
  readGeometry(args);
  layScratch(scratch, word(args, 38));
  writeTaps(tapTable);
  const tiles = slicesTiles * rowsTiles * columnsTiles;
  for (let unit = begin; unit < end; unit++) {
    const group = unit / tiles;
    selectTile(unit % tiles);
    const count = placeWindows();
    const to = targetSlice(slice0, group);
    let a = weight + (<usize>(group * outer * depth) << 2);
    for (let c = 0; c < inner; c += blockChannels) {
      const channels = min(blockChannels, inner - c);
      const k = channels * taps;
      copyTile(group, c, channels, tile);
      for (let n = 0; n < count; n += 8) {
        packPanel(places + (<usize>n << 2), k, panels + (<usize>(n >> 3) * k << 5));
      }
      multiply(count, k, a, to, c == 0);
      a += <usize>(outer * k) << 2;
    }
  }
}

/**
 * Packs weights [block of channels][block of rows][k][row]. Unit: a channel of one group. Words:
 * 0 weights, 1 packed, 2 rows of a group, 3 channels, 4 channels of a block, 5-7 taps along z, y,
 * x, then elements from one weight to the next: 8 group, 9 row, 10 channel, 11-13 taps; 14: from
 * the start to the first.
 */
export function convPackWeights(args: i32, begin: i32, end: i32, scratch: i32): void {
  const rows = word(args, 2);
  const channels = word(args, 3);
  const perBlock = word(args, 4);
  const window = word(args, 5) * word(args, 6) * word(args, 7);
  for (let unit = begin; unit < end; unit++) {
    const group = unit / channels;
    const c = unit % channels;
    const first = c - (c % perBlock);
    const k = min(perBlock, channels - first) * window;
    const start = word(args, 14) + group * word(args, 8) + c * word(args, 10);
    let from = <usize>word(args, 0) + (<isize>start << 2);
    let to = <usize>word(args, 1) + (<usize>((group * channels + first) * window * rows) << 2);
    for (let m = 0; m < rows;) {
      const size = nextRows(rows - m);
      packChannel(args, from, size, to + (<usize>((c - first) * window * size) << 2));
      from += <isize>(size * word(args, 9)) << 2;
      to += <usize>(size * k) << 2;
      m += size;
    }
  }
}

/** The window of one channel in `size` rows: [tap][row]. */
function packChannel(args: usize, from: usize, size: i32, at: usize): void {
  const rowStep = <isize>word(args, 9) << 2;
  const xStep = <isize>word(args, 13) << 2;
  let to = at;
  for (let z = 0; z < word(args, 5); z++) {
    for (let y = 0; y < word(args, 6); y++) {
      let p = from + ((<isize>z * word(args, 11) + <isize>y * word(args, 12)) << 2);
      for (let x = word(args, 7); x > 0; x--, p += xStep) {
        let q = p;
        for (let m = 0; m < size; m++, to += 4, q += rowStep) store<f32>(to, load<f32>(q));
      }
    }
  }
}
