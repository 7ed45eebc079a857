/**
 * Where the windows of a convolution lie. Three spatial axes always (missing ones have size 1), so
 * one kernel serves conv1d to conv3d. Offsets of taps (channel and position within a window) and of
 * places (positions of windows) are tables; with them a convolution is a product whose operand is
 * read from the input itself: nothing like im2col is stored.
 */
import type { ConvAttrs, TensorType } from '@tenon/core';
import type { Scratch } from '../codegen.ts';
import { N_BLOCK } from '../kernels/gemm.ts';
import type { View } from '../storage.ts';

export const AXES = 3;
/** Scratch for padded images, typed like the data. */
const SLOT_PADDED = 210;

/** A list for up to three spatial axes, preceded by `missing` for the axes that are not there. */
export function threeAxes(list: readonly number[], missing: number): readonly number[] {
  return [...new Array<number>(AXES - list.length).fill(missing), ...list];
}

/** Launch words of conv, convInputGrad and convWeightGrad: batch groups inner outer, 6 per axis. */
export function convWords(
  { kernel, stride, dilation, padding, groups }: ConvAttrs,
  sizes: readonly number[],
  weight: readonly number[],
  batch: number,
): number[] {
  const low = padding.map(([before]) => before);
  const counts = sizes.map((size, i) => {
    const [before, after] = padding[i]!;
    const span = (kernel[i]! - 1) * dilation[i]! + 1;
    return Math.floor((size + before + after - span) / stride[i]!) + 1;
  });
  return [
    batch,
    groups,
    weight[1]!,
    weight[0]! / groups,
    ...threeAxes(sizes, 1),
    ...threeAxes(counts, 1),
    ...threeAxes(kernel, 1),
    ...threeAxes(stride, 1),
    ...threeAxes(dilation, 1),
    ...threeAxes(low, 0),
  ];
}

/** Why no kernel here takes these operands; true where one may. */
export function convSupports(inputs: readonly TensorType[], attrs: ConvAttrs): true | string {
  if (attrs.kernel.length > AXES) return `has ${attrs.kernel.length} spatial axes, over ${AXES}`;
  const { dtype } = inputs[0]!;
  if (dtype !== 'f32' && dtype !== 'f64') return `takes f32 and f64, not ${dtype}`;
  if (inputs.some(({ shape }) => shape.includes(0))) return 'has no elements to read';
  return true;
}

function grown(table: Int32Array<ArrayBuffer>, length: number): Int32Array<ArrayBuffer> {
  return table.length >= length ? table : new Int32Array(length);
}

/** One convolution's numbers, read from launch words. Refilled: launches allocate nothing. */
export class Geometry {
  batch = 0;
  groups = 0;
  /** Channels of one group, in and out. */
  inner = 0;
  outer = 0;
  /** Elements of one input plane, windows of one output plane, elements of one window. */
  elements = 0;
  positions = 0;
  window = 0;
  /** inner · window: terms of one output element. */
  depth = 0;
  /** Images whose windows are treated together, so that blocks of the product are full. */
  chunk = 1;
  /** Whether no window leaves the input: it is then read in place. */
  isDirect = false;
  /** Elements from one channel and one image to the next in what is read: x, or padded copies. */
  plane = 0;
  image = 0;
  /** Where the first window starts within a plane that is read in place. */
  start = 0;
  /** Offsets of [inner, window] and of [chunk, positions]. */
  taps: Int32Array<ArrayBuffer> = new Int32Array(0);
  places: Int32Array<ArrayBuffer> = new Int32Array(0);
  readonly size: Int32Array<ArrayBuffer> = new Int32Array(AXES);
  readonly count: Int32Array<ArrayBuffer> = new Int32Array(AXES);
  readonly kernel: Int32Array<ArrayBuffer> = new Int32Array(AXES);
  readonly stride: Int32Array<ArrayBuffer> = new Int32Array(AXES);
  readonly dilation: Int32Array<ArrayBuffer> = new Int32Array(AXES);
  readonly low: Int32Array<ArrayBuffer> = new Int32Array(AXES);
  /** What windows cover of each axis; the size of a padded copy. */
  readonly extent: Int32Array<ArrayBuffer> = new Int32Array(AXES);
  private readonly isPadded: boolean;

  /** `isPadded`: lay tables out over padded copies also where the input could be read in place. */
  constructor(isPadded: boolean) {
    this.isPadded = isPadded;
  }

  read(args: Int32Array): void {
    this.batch = args[0]!;
    this.groups = args[1]!;
    this.inner = args[2]!;
    this.outer = args[3]!;
    this.isDirect = !this.isPadded;
    this.elements = 1;
    this.positions = 1;
    this.window = 1;
    for (let axis = 0; axis < AXES; axis++) this.readAxis(args, axis);
    this.depth = this.inner * this.window;
    this.chunk = Math.min(this.batch, Math.max(1, Math.floor((2 * N_BLOCK) / this.positions)));
    const lengths = this.isDirect ? this.size : this.extent;
    const rows = lengths[2]!;
    const slices = lengths[1]! * rows;
    this.plane = lengths[0]! * slices;
    this.image = this.plane * this.inner * (this.isDirect ? this.groups : 1);
    this.start = this.isDirect ? -(this.low[0]! * slices + this.low[1]! * rows + this.low[2]!) : 0;
    this.fillTaps(slices, rows);
    this.fillPlaces(slices, rows);
  }

  private readAxis(args: Int32Array, axis: number): void {
    const word = 4 + axis;
    const size = args[word]!;
    const count = args[word + AXES]!;
    const kernel = args[word + 2 * AXES]!;
    const stride = args[word + 3 * AXES]!;
    const dilation = args[word + 4 * AXES]!;
    const low = args[word + 5 * AXES]!;
    const extent = (count - 1) * stride + (kernel - 1) * dilation + 1;
    this.size[axis] = size;
    this.count[axis] = count;
    this.kernel[axis] = kernel;
    this.stride[axis] = stride;
    this.dilation[axis] = dilation;
    this.low[axis] = low;
    this.extent[axis] = extent;
    this.elements *= size;
    this.positions *= count;
    this.window *= kernel;
    if (low > 0 || extent - low > size) this.isDirect = false;
  }

  private fillTaps(slices: number, rows: number): void {
    const { kernel, dilation, inner, plane } = this;
    this.taps = grown(this.taps, this.depth);
    let t = 0;
    for (let c = 0; c < inner; c++) {
      for (let z = 0; z < kernel[0]!; z++) {
        for (let y = 0; y < kernel[1]!; y++) {
          const row = c * plane + z * dilation[0]! * slices + y * dilation[1]! * rows;
          for (let x = 0; x < kernel[2]!; x++) this.taps[t++] = row + x * dilation[2]!;
        }
      }
    }
  }

  private fillPlaces(slices: number, rows: number): void {
    const { count, stride, chunk, image } = this;
    this.places = grown(this.places, chunk * this.positions);
    let p = 0;
    for (let i = 0; i < chunk; i++) {
      for (let z = 0; z < count[0]!; z++) {
        for (let y = 0; y < count[1]!; y++) {
          const row = i * image + z * stride[0]! * slices + y * stride[1]! * rows;
          for (let x = 0; x < count[2]!; x++) this.places[p++] = row + x * stride[2]!;
        }
      }
    }
  }

  /** Where a group of an image starts in a tensor of `channels` a group and planes of `length`. */
  offset(image: number, group: number, channels: number, length: number): number {
    return (image * this.groups + group) * channels * length;
  }
}

/** Room for `images` padded copies of one group, of the type of `x`. */
export function paddedRoom(g: Geometry, x: View, images: number, scratch: Scratch): View {
  const length = images * g.image;
  return x instanceof Float64Array
    ? scratch.wide(SLOT_PADDED, length)
    : scratch.narrow(SLOT_PADDED, length);
}

/** Copies `channels` planes of x from `from` to padded planes in `to` from `at`. */
export function padPlanes(
  g: Geometry,
  x: View,
  from: number,
  channels: number,
  to: View,
  at: number,
): void {
  const { size, extent, low } = g;
  const first = Math.max(0, low[2]!);
  const last = Math.min(extent[2]!, size[2]! + low[2]!);
  to.fill(0, at, at + channels * g.plane);
  for (let c = 0; c < channels; c++) {
    for (let z = Math.max(0, low[0]!); z < Math.min(extent[0]!, size[0]! + low[0]!); z++) {
      for (let y = Math.max(0, low[1]!); y < Math.min(extent[1]!, size[1]! + low[1]!); y++) {
        const source =
          from + c * g.elements + ((z - low[0]!) * size[1]! + y - low[1]!) * size[2]! - low[2]!;
        const target = at + c * g.plane + (z * extent[1]! + y) * extent[2]!;
        for (let i = first; i < last; i++) to[(target + i) | 0] = x[(source + i) | 0]!;
      }
    }
  }
}
