/**
 * The part of a (padded) source that a tile of windows covers, copied to scratch, so that no loop
 * after it knows of padding, strides along rows, or where images end. Columns are split by phase
 * (column mod stride): with that, neighbouring windows read neighbouring elements for any stride.
 * The words are those of src/fused/correlation.ts; all pitches and offsets are bytes.
 */

import { copyWords, fillWith, word } from './words';

// Module variables belong to an instance, and each thread has its own.
export let source: usize = 0;
export let weight: usize = 0;
export let target: usize = 0;
export let images: i32 = 0;
export let groups: i32 = 0;
/** Channels of one group, read and written. */
export let inner: i32 = 0;
export let outer: i32 = 0;
let sizeZ: i32 = 0;
let sizeY: i32 = 0;
let sizeX: i32 = 0;
/** Windows along the axes. */
export let countZ: i32 = 0;
export let countY: i32 = 0;
export let countX: i32 = 0;
let stepZ: i32 = 0;
let stepY: i32 = 0;
let stepX: i32 = 0;
let firstZ: i32 = 0;
let firstY: i32 = 0;
let firstX: i32 = 0;
export let tapsZ: i32 = 0;
export let tapsY: i32 = 0;
export let tapsX: i32 = 0;
let tapStepZ: i32 = 0;
let tapStepY: i32 = 0;
let tapStepX: i32 = 0;
let targetZ: i32 = 0;
let targetY: i32 = 0;
let targetX: i32 = 0;
let targetFirstZ: i32 = 0;
let targetFirstY: i32 = 0;
let targetFirstX: i32 = 0;
let targetStepZ: i32 = 0;
let targetStepY: i32 = 0;
let targetStepX: i32 = 0;
/** A full tile: so many slices (an image and a z of windows), rows and columns of windows. */
export let tileSlices: i32 = 0;
export let tileRows: i32 = 0;
export let tileColumns: i32 = 0;
/** Source channels whose terms are added up together. */
export let blockChannels: i32 = 0;

/** Elements of one window in one channel, and all terms of a window. */
export let taps: i32 = 0;
export let depth: i32 = 0;
/** From one channel of the target to the next. */
export let targetPlane: usize = 0;
// Number of tiles along slices, rows and columns of windows.
export let slicesTiles: i32 = 0;
export let rowsTiles: i32 = 0;
export let columnsTiles: i32 = 0;
// The tile's layout: [slice][channel · tapsZ][row][phase][column].
let phases: i32 = 0;
let phaseLength: i32 = 0;
let tileHeight: i32 = 0;
let rowPitch: i32 = 0;
let planePitch: i32 = 0;
let slicePitch: i32 = 0;

/** The tile at hand: first window and number of windows along each axis. */
export let slice0: i32 = 0;
export let row0: i32 = 0;
export let column0: i32 = 0;
export let slices: i32 = 0;
export let rows: i32 = 0;
export let columns: i32 = 0;

export function readGeometry(args: usize): void {
  source = <usize>word(args, 0);
  weight = <usize>word(args, 1);
  target = <usize>word(args, 2);
  images = word(args, 3);
  groups = word(args, 4);
  inner = word(args, 5);
  outer = word(args, 6);
  sizeZ = word(args, 7);
  sizeY = word(args, 8);
  sizeX = word(args, 9);
  countZ = word(args, 10);
  countY = word(args, 11);
  countX = word(args, 12);
  stepZ = word(args, 13);
  stepY = word(args, 14);
  stepX = word(args, 15);
  firstZ = word(args, 16);
  firstY = word(args, 17);
  firstX = word(args, 18);
  tapsZ = word(args, 19);
  tapsY = word(args, 20);
  tapsX = word(args, 21);
  tapStepZ = word(args, 22);
  tapStepY = word(args, 23);
  tapStepX = word(args, 24);
  targetZ = word(args, 25);
  targetY = word(args, 26);
  targetX = word(args, 27);
  targetFirstZ = word(args, 28);
  targetFirstY = word(args, 29);
  targetFirstX = word(args, 30);
  targetStepZ = word(args, 31);
  targetStepY = word(args, 32);
  targetStepX = word(args, 33);
  tileSlices = word(args, 34);
  tileRows = word(args, 35);
  tileColumns = word(args, 36);
  blockChannels = word(args, 37);
  layOut();
}

function layOut(): void {
  taps = tapsZ * tapsY * tapsX;
  depth = inner * taps;
  targetPlane = <usize>(targetZ * targetY * targetX) << 2;
  slicesTiles = ceilDiv(images * countZ, tileSlices);
  rowsTiles = ceilDiv(countY, tileRows);
  columnsTiles = ceilDiv(countX, tileColumns);
  phases = tapsX == 1 ? 1 : stepX;
  phaseLength = tileColumns + ((tapsX - 1) * tapStepX) / phases;
  if (phases > 1) phaseLength += 1;
  tileHeight = tapsY == 1 ? tileRows : (tileRows - 1) * stepY + (tapsY - 1) * tapStepY + 1;
  rowPitch = (phases * phaseLength) << 2;
  planePitch = tileHeight * rowPitch;
  slicePitch = blockChannels * tapsZ * planePitch;
}

export function ceilDiv(a: i32, b: i32): i32 {
  return (a + b - 1) / b;
}

/** Makes tile `index` (of slicesTiles · rowsTiles · columnsTiles) the tile at hand. */
export function selectTile(index: i32): void {
  column0 = (index % columnsTiles) * tileColumns;
  const rest = index / columnsTiles;
  row0 = (rest % rowsTiles) * tileRows;
  slice0 = (rest / rowsTiles) * tileSlices;
  columns = min(tileColumns, countX - column0);
  rows = min(tileRows, countY - row0);
  slices = min(tileSlices, images * countZ - slice0);
}

/** Writes where the terms of a window are, from its first: [blockChannels · taps] offsets. */
export function writeTaps(table: usize): void {
  let to = table;
  for (let c = 0; c < blockChannels; c++) {
    for (let z = 0; z < tapsZ; z++) {
      for (let y = 0; y < tapsY; y++) {
        const row = (c * tapsZ + z) * planePitch + y * tapStepY * rowPitch;
        for (let x = 0; x < tapsX; x++) {
          const column = x * tapStepX;
          const phase = column % phases;
          store<i32>(to, row + ((phase * phaseLength + column / phases) << 2));
          to += 4;
        }
      }
    }
  }
}

/** From one row of windows to the next in the tile. */
export function rowStride(): i32 {
  return tapsY == 1 ? rowPitch : stepY * rowPitch;
}
export function sliceStride(): i32 {
  return slicePitch;
}

/** Where a slice's target starts in the first channel of a group. */
export function targetSlice(slice: i32, group: i32): usize {
  const image = slice / countZ;
  const z = targetFirstZ + (slice % countZ) * targetStepZ;
  const plane = <usize>((image * groups + group) * outer) * targetPlane;
  return target + plane + (<usize>(z * targetY * targetX) << 2);
}
/** Where a window goes, from there. */
export function targetOffset(row: i32, column: i32): i32 {
  const y = targetFirstY + row * targetStepY;
  return (y * targetX + targetFirstX + column * targetStepX) << 2;
}

/** Copies `count` channels of a group from `channel` into the tile at `to`. */
export function copyTile(group: i32, channel: i32, count: i32, to: usize): void {
  const height = tapsY == 1 ? rows : (rows - 1) * stepY + (tapsY - 1) * tapStepY + 1;
  const width = columns + ((tapsX - 1) * tapStepX) / phases + (phases > 1 ? 1 : 0);
  const area = sizeY * sizeX;
  for (let s = 0; s < slices; s++) {
    const slice = slice0 + s;
    const first = (((slice / countZ) * groups + group) * inner + channel) * sizeZ;
    const z0 = firstZ + (slice % countZ) * stepZ;
    let plane = to + s * slicePitch;
    for (let c = 0; c < count; c++) {
      for (let t = 0; t < tapsZ; t++) {
        const z = z0 + t * tapStepZ;
        const isInside = z >= 0 && z < sizeZ;
        const from = source + (<usize>((first + c * sizeZ + z) * area) << 2);
        copyPlane(from, isInside, plane, height, width);
        plane += planePitch;
      }
    }
  }
}

function copyPlane(from: usize, isInside: bool, to: usize, height: i32, width: i32): void {
  const x0 = firstX + column0 * stepX;
  const y0 = firstY + row0 * stepY;
  const yStep = tapsY == 1 ? stepY : 1;
  for (let f = 0; f < phases; f++) {
    // Columns x0 + f + i·stepX that lie inside: i in [low, high).
    const start = x0 + f;
    const low = min(width, start < 0 ? ceilDiv(-start, stepX) : 0);
    const high = max(low, min(width, start < sizeX ? ceilDiv(sizeX - start, stepX) : 0));
    let at = to + (f * phaseLength << 2);
    for (let r = 0; r < height; r++, at += rowPitch) {
      const y = y0 + r * yStep;
      if (!isInside || y < 0 || y >= sizeY) {
        fillZero(at, width);
        continue;
      }
      fillZero(at, low);
      const row = from + ((y * sizeX + start + low * stepX) << 2);
      copyRow(row, at + (low << 2), high - low);
      fillZero(at + (high << 2), width - high);
    }
  }
}

// @ts-ignore: decorator
@inline
function fillZero(to: usize, count: i32): void {
  fillWith<i32>(to, <usize>count << 2, 0);
}

/** to[i] = from[i · stepX] */
function copyRow(from: usize, to: usize, count: i32): void {
  if (stepX == 1) {
    copyWords(to, from, <usize>count << 2);
    return;
  }
  let i = 0;
  if (ASC_FEATURE_SIMD) {
    if (stepX == 2) {
      // Nothing is read beyond the fourth element.
      for (; i + 4 <= count; i += 4) {
        const a = v128.load(from + (i << 3));
        const b = v128.load(from + (i << 3), 12);
        v128.store(to + (i << 2), v128.shuffle<f32>(a, b, 0, 2, 5, 7));
      }
    }
  }
  const step = stepX << 2;
  for (; i < count; i++) store<f32>(to + (i << 2), load<f32>(from + i * step));
}
