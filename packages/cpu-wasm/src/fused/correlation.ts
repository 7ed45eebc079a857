/**
 * What all three convolutions are to the kernels: out[n, o, place] = Σ weight[o, c, tap] ·
 * source[n, c, place·step + first + tap·tapStep], zeros outside, on three axes (missing ones have
 * size 1). Here the numbers are worked out, tiles included; assembly/conv-tile.ts reads them.
 */
import type { ConvAttrs, TensorType } from '@tenon/core';
import { SCRATCH_BYTES } from '../machine.ts';

export const AXES = 3;

/** One axis: where windows and their elements lie in the source, and where results go. */
export interface Axis {
  /** Elements of the source. */
  readonly size: number;
  /** Windows, elements from one to the next, and where the first starts (negative: in padding). */
  readonly count: number;
  readonly step: number;
  readonly first: number;
  /** Elements of a window, and from one to the next. */
  readonly taps: number;
  readonly tapStep: number;
  /** Elements of the target, the first one written and the distance to the next. */
  readonly targetSize: number;
  readonly targetFirst: number;
  readonly targetStep: number;
}
/** `inner` and `outer`: channels of a group in the source and in the target. */
export interface Correlation {
  readonly images: number;
  readonly groups: number;
  readonly inner: number;
  readonly outer: number;
  readonly axes: readonly [z: Axis, y: Axis, x: Axis];
}

/** Words of a correlation and its tile: what assembly/conv-tile.ts reads. */
export const TILE_WORDS = 38;

export interface Tile {
  /** Images (or, with three axes, images and z) taken together, and windows along y and x. */
  readonly slices: number;
  readonly rows: number;
  readonly columns: number;
  /** Source channels taken together. */
  readonly channels: number;
  /** Bytes of the source's part in scratch. */
  readonly bytes: number;
  /** How many tiles there are. */
  readonly count: number;
}

/** A list for up to three spatial axes, preceded by `missing` for the axes that are not there. */
export function threeAxes(list: readonly number[], missing: number): readonly number[] {
  return [...new Array<number>(AXES - list.length).fill(missing), ...list];
}

/** Windows of a convolution over `sizes`, along each axis. */
function windowCounts(sizes: readonly number[], attrs: ConvAttrs): number[] {
  return sizes.map((size, i) => {
    const [low, high] = attrs.padding[i]!;
    const span = (attrs.kernel[i]! - 1) * attrs.dilation[i]! + 1;
    return Math.floor((size + low + high - span) / attrs.stride[i]!) + 1;
  });
}

/** The axes of a convolution over an input of `sizes`: read there, written to the windows. */
export function forwardAxes(sizes: readonly number[], attrs: ConvAttrs): Correlation['axes'] {
  const counts = threeAxes(windowCounts(sizes, attrs), 1);
  const size = threeAxes(sizes, 1);
  const kernel = threeAxes(attrs.kernel, 1);
  const stride = threeAxes(attrs.stride, 1);
  const dilation = threeAxes(attrs.dilation, 1);
  const low = threeAxes(
    attrs.padding.map(([before]) => before),
    0,
  );
  const axis = (i: number): Axis => ({
    size: size[i]!,
    count: counts[i]!,
    step: stride[i]!,
    first: -low[i]!,
    taps: kernel[i]!,
    tapStep: dilation[i]!,
    targetSize: counts[i]!,
    targetFirst: 0,
    targetStep: 1,
  });
  return [axis(0), axis(1), axis(2)];
}

export function windowOf({ axes }: Correlation): number {
  return axes[0].taps * axes[1].taps * axes[2].taps;
}

/** Elements of one plane of a tile in scratch. */
function planeOf({ axes: [, y, x] }: Correlation, rows: number, columns: number): number {
  const height = y.taps === 1 ? rows : (rows - 1) * y.step + (y.taps - 1) * y.tapStep + 1;
  const phases = x.taps === 1 ? 1 : x.step;
  const length = columns + Math.floor(((x.taps - 1) * x.tapStep) / phases) + (phases > 1 ? 1 : 0);
  return height * phases * length;
}

/** The number of equal parts of at most `most` that `count` is cut into, and their size. */
function evenly(count: number, most: number): number {
  return Math.ceil(count / Math.ceil(count / most));
}

/** Rows of windows in a tile: those that leave the fewest columns of the last panels empty. */
function bestRows(count: number, columns: number, places: number): number {
  const most = Math.max(1, Math.min(count, Math.floor(places / columns)));
  let best = 1;
  let least = Infinity;
  for (let rows = most; rows * 2 > most; rows--) {
    const whole = Math.floor(count / rows);
    const rest = count - whole * rows;
    const panels = whole * Math.ceil((rows * columns) / 8) + Math.ceil((rest * columns) / 8);
    // A tile has a cost of its own, about that of a panel.
    const cost = panels + whole + (rest > 0 ? 1 : 0);
    if (cost < least) [best, least] = [rows, cost];
  }
  return best;
}

export interface Limits {
  /** Windows of a tile, and terms of a window that are added up together. */
  readonly places: number;
  readonly terms: number;
  /** Elements of the source's part, and of windows packed from it (places · terms). */
  readonly tile: number;
  readonly packed: number;
}
/** Half of scratch for what is packed, three eighths for the tile, the rest for tables. */
export const PRODUCT_LIMITS: Limits = {
  places: 256,
  terms: 288,
  tile: (SCRATCH_BYTES / 32) * 3,
  packed: SCRATCH_BYTES / 8,
};

/** Cuts a correlation into tiles that fit scratch; null where even the smallest does not. */
export function cutTiles(c: Correlation, limits: Limits): Tile | null {
  const [z, y, x] = c.axes;
  const window = windowOf(c);
  const all = c.images * z.count;
  let channels = Math.max(1, Math.min(c.inner, Math.floor(limits.terms / window)));
  // Panels are whole: a multiple of 8.
  let places = roundDown(Math.min(limits.places, limits.packed / (channels * window)));
  while (places >= 8) {
    const isWide = x.count > places;
    const columns = isWide ? Math.ceil(evenly(x.count, places) / 8) * 8 : x.count;
    const rows = isWide ? 1 : bestRows(y.count, columns, places);
    const isWhole = !isWide && rows === y.count;
    const slices = isWhole
      ? evenly(all, Math.max(1, Math.min(all, Math.floor(places / (rows * columns)))))
      : 1;
    const elements = slices * channels * z.taps * planeOf(c, rows, columns);
    if (elements <= limits.tile) {
      const count =
        Math.ceil(all / slices) * Math.ceil(y.count / rows) * Math.ceil(x.count / columns);
      return { slices, rows, columns, channels, bytes: elements * 4, count };
    }
    if (channels > 1) channels = Math.ceil(channels / 2);
    else places = roundDown(places / 2);
  }
  return null;
}
function roundDown(n: number): number {
  return Math.floor(n / 8) * 8;
}

/** Addresses come first and are filled in at each launch. */
export function tileWords(c: Correlation, tile: Tile): number[] {
  const all = (pick: (axis: Axis) => number): number[] => c.axes.map(pick);
  return [
    ...[0, 0, 0],
    ...[c.images, c.groups, c.inner, c.outer],
    ...all((axis) => axis.size),
    ...all((axis) => axis.count),
    ...all((axis) => axis.step),
    ...all((axis) => axis.first),
    ...all((axis) => axis.taps),
    ...all((axis) => axis.tapStep),
    ...all((axis) => axis.targetSize),
    ...all((axis) => axis.targetFirst),
    ...all((axis) => axis.targetStep),
    ...[tile.slices, tile.rows, tile.columns, tile.channels],
  ];
}

/** Why no kernel here takes these operands; true where one may. */
export function convSupports(inputs: readonly TensorType[], attrs: ConvAttrs): true | string {
  if (attrs.kernel.length > AXES) return `has ${attrs.kernel.length} spatial axes, over ${AXES}`;
  const { dtype } = inputs[0]!;
  if (dtype !== 'f32') return `takes f32, not ${dtype}`;
  if (inputs.some(({ shape }) => shape.includes(0))) return 'has no elements to read';
  return true;
}
