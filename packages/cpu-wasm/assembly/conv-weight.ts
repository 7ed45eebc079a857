/**
 * The weight gradient as a product: cotangent [rows, places] times windows [places, terms], both
 * packed from where they lie. Places are summed in tiles, tiles in a fixed number of chunks, each
 * into a sum of its own, and chunks at the end in their order: the result does not depend on who
 * computes what.
 */
import { multiplyTile, nextRows } from './conv-product';
import {
  blockChannels, column0, columns, columnsTiles, copyTile, countX, depth, groups, inner,
  outer, readGeometry, row0, rows, rowsTiles, rowStride, selectTile, slice0, slices, slicesTiles,
  sliceStride, taps, targetOffset, targetPlane, targetSlice, tileColumns, tileRows, tileSlices,
  weight, writeTaps,
} from './conv-tile';
import { word } from './words';

/** Rows of the cotangent that are packed at once: a multiple of 4, 5 and 6. */
const ROW_GROUP = 60;

let tapTable: usize = 0;
let packedRows: usize = 0;
let tile: usize = 0;
let panels: usize = 0;

/** a and b with their lanes alternating: low or high halves. */
// @ts-ignore: decorator
@inline
function zipLow(a: v128, b: v128): v128 {
  return v128.shuffle<f32>(a, b, 0, 4, 1, 5);
}
// @ts-ignore: decorator
@inline
function zipHigh(a: v128, b: v128): v128 {
  return v128.shuffle<f32>(a, b, 2, 6, 3, 7);
}

/** Four places of four rows: to[place · pitch + row]. */
// @ts-ignore: decorator
@inline
function transpose(a: v128, b: v128, c: v128, d: v128, to: usize, pitch: usize): void {
  const ac = zipLow(a, c);
  const bd = zipLow(b, d);
  const ac2 = zipHigh(a, c);
  const bd2 = zipHigh(b, d);
  v128.store(to, zipLow(ac, bd));
  v128.store(to + pitch, zipHigh(ac, bd));
  v128.store(to + pitch * 2, zipLow(ac2, bd2));
  v128.store(to + pitch * 3, zipHigh(ac2, bd2));
}

/** A run of `count` places of one panel: eight terms from `table`, at most `last`. */
function packRun(from: usize, count: i32, table: usize, last: usize, to: usize): void {
  const p0 = from + load<u32>(table);
  const p1 = from + load<u32>(min(table + 4, last));
  const p2 = from + load<u32>(min(table + 8, last));
  const p3 = from + load<u32>(min(table + 12, last));
  const p4 = from + load<u32>(min(table + 16, last));
  const p5 = from + load<u32>(min(table + 20, last));
  const p6 = from + load<u32>(min(table + 24, last));
  const p7 = from + load<u32>(min(table + 28, last));
  let at = to;
  const bytes = <usize>count << 2;
  if (ASC_FEATURE_SIMD) {
    // The last four may reach over the run: the next run is written over that.
    for (let i: usize = 0; i < bytes; i += 16, at += 128) {
      transpose(
        v128.load(p0 + i), v128.load(p1 + i), v128.load(p2 + i), v128.load(p3 + i), at, 32,
      );
      transpose(
        v128.load(p4 + i), v128.load(p5 + i), v128.load(p6 + i), v128.load(p7 + i), at + 16, 32,
      );
    }
  } else {
    for (let i: usize = 0; i < bytes; i += 4, at += 32) {
      store<f32>(at, load<f32>(p0 + i));
      store<f32>(at, load<f32>(p1 + i), 4);
      store<f32>(at, load<f32>(p2 + i), 8);
      store<f32>(at, load<f32>(p3 + i), 12);
      store<f32>(at, load<f32>(p4 + i), 16);
      store<f32>(at, load<f32>(p5 + i), 20);
      store<f32>(at, load<f32>(p6 + i), 24);
      store<f32>(at, load<f32>(p7 + i), 28);
    }
  }
}

/** All panels of the tile at hand: [terms / 8][place][8]. */
function packWindows(terms: i32): void {
  const last = tapTable + (<usize>(terms - 1) << 2);
  let to = panels;
  for (let t = 0; t < terms; t += 8) {
    const table = tapTable + (<usize>t << 2);
    for (let s = 0; s < slices; s++) {
      for (let y = 0; y < rows; y++) {
        packRun(tile + s * sliceStride() + y * rowStride(), columns, table, last, to);
        to += <usize>columns << 5;
      }
    }
  }
}

/** A run of `count` places of `size` rows of the cotangent: to[place][size]. */
function packRowsRun(from: usize, count: i32, size: i32, to: usize): void {
  const pitch = <usize>size << 2;
  let i = 0;
  if (ASC_FEATURE_SIMD && size >= 4) {
    const a = from + targetPlane;
    const b = a + targetPlane;
    const c = b + targetPlane;
    let at = to;
    for (; i + 4 <= count; i += 4, at += pitch * 4) {
      const offset = <usize>i << 2;
      transpose(
        v128.load(from + offset), v128.load(a + offset), v128.load(b + offset),
        v128.load(c + offset), at, pitch,
      );
      for (let m = 4; m < size; m++) {
        const value = v128.load(from + <usize>m * targetPlane + offset);
        const p = at + (<usize>m << 2);
        v128.store_lane<f32>(p, value, 0);
        v128.store_lane<f32>(p + pitch, value, 1);
        v128.store_lane<f32>(p + pitch * 2, value, 2);
        v128.store_lane<f32>(p + pitch * 3, value, 3);
      }
    }
  }
  for (; i < count; i++) {
    const at = to + <usize>i * pitch;
    let p = from + (<usize>i << 2);
    for (let m = 0; m < size; m++, p += targetPlane) {
      store<f32>(at + (<usize>m << 2), load<f32>(p));
    }
  }
}

/** Packs rows m… of the cotangent in the tile at hand: [place][size]. */
function packRows(group: i32, m: i32, size: i32, to: usize): void {
  // Rows of a whole width follow each other.
  const runs = columns == countX ? 1 : rows;
  const length = columns * (rows / runs);
  let at = to;
  for (let s = 0; s < slices; s++) {
    const from = targetSlice(slice0 + s, group) + <usize>m * targetPlane;
    for (let y = 0; y < runs; y++) {
      packRowsRun(from + targetOffset(row0 + y, column0), length, size, at);
      at += <usize>(length * size) << 2;
    }
  }
}

/** Adds the tile at hand to sums [outer][pitch], from the first column of a block of channels. */
function addTile(group: i32, terms: i32, sums: usize, pitch: usize, isFirst: bool): void {
  const places = slices * rows * columns;
  const panel = <usize>places << 5;
  for (let m = 0; m < outer;) {
    const first = m;
    let at = packedRows;
    while (m < outer && m - first + nextRows(outer - m) <= ROW_GROUP) {
      const size = nextRows(outer - m);
      packRows(group, m, size, at);
      at += <usize>(places * size) << 2;
      m += size;
    }
    at = packedRows;
    for (let j = first; j < m;) {
      const size = nextRows(outer - j);
      let b = panels;
      let c = sums + <usize>j * pitch;
      for (let t = 0; t < terms; t += 8, b += panel, c += 32) {
        multiplyTile(size, places, at, b, c, pitch, min(8, terms - t), isFirst);
      }
      at += <usize>(places * size) << 2;
      j += size;
    }
  }
}

/**
 * Unit: a block of channels of one group in one chunk of tiles. Words: geometry (weight: the sums
 * [chunk][group][outer][terms], target: the cotangent), 38 bytes of the tile, 39 tiles of a chunk,
 * 40 blocks of channels.
 */
export function convWeightSums(args: i32, begin: i32, end: i32, scratch: i32): void {
  readGeometry(args);
  const perChunk = word(args, 39);
  const channelBlocks = word(args, 40);
  const pitch = <usize>depth << 2;
  const most = tileSlices * tileRows * tileColumns;
  tapTable = scratch;
  packedRows = (tapTable + (<usize>(blockChannels * taps) << 2) + 63) & ~63;
  tile = packedRows + (<usize>(most * ROW_GROUP) << 2);
  panels = (tile + word(args, 38) + 127) & ~63;
  writeTaps(tapTable);
  const tiles = slicesTiles * rowsTiles * columnsTiles;
  for (let unit = begin; unit < end; unit++) {
    const sum = unit / channelBlocks;
    const group = sum % groups;
    const first = (sum / groups) * perChunk;
    const channel = (unit % channelBlocks) * blockChannels;
    const channels = min(blockChannels, inner - channel);
    const sums = weight + <usize>(sum * outer) * pitch + (<usize>(channel * taps) << 2);
    for (let t = first; t < min(first + perChunk, tiles); t++) {
      selectTile(t);
      copyTile(group, channel, channels, tile);
      packWindows(channels * taps);
      addTile(group, channels * taps, sums, pitch, t == first);
    }
  }
}

/**
 * Unit: a row of the result, the sum of its chunks. Words: 0 sums, 1 result, 2 chunks, 3 elements
 * of a row, 4 of a chunk.
 */
export function convWeightTotal(args: i32, begin: i32, end: i32, scratch: i32): void {
  const count = word(args, 3);
  const chunk = <usize>word(args, 4) << 2;
  for (let unit = begin; unit < end; unit++) {
    const row = <usize>(unit * count) << 2;
    total(<usize>word(args, 0) + row, <usize>word(args, 1) + row, count, word(args, 2), chunk);
  }
}

function total(from: usize, to: usize, count: i32, chunks: i32, chunk: usize): void {
  let i: usize = 0;
  const bytes = <usize>count << 2;
  if (ASC_FEATURE_SIMD) {
    for (; i + 16 <= bytes; i += 16) {
      let p = from + i;
      let sum = v128.load(p);
      for (let c = 1; c < chunks; c++) {
        p += chunk;
        sum = f32x4.add(sum, v128.load(p));
      }
      v128.store(to + i, sum);
    }
  }
  for (; i < bytes; i += 4) {
    let p = from + i;
    let sum = load<f32>(p);
    for (let c = 1; c < chunks; c++) {
      p += chunk;
      sum += load<f32>(p);
    }
    store<f32>(to + i, sum);
  }
}
