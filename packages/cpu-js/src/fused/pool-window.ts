/** How pooling windows lie in a plane of up to three axes: words, and what they mean. */
import type { PoolAttrs, TensorType } from '@tenon/core';
import { AXES, threeAxes } from './geometry.ts';

export function isFloat({ dtype }: TensorType): true | string {
  return dtype === 'f32' || dtype === 'f64' ? true : `takes f32 and f64, not ${dtype}`;
}

export function poolSupports(x: TensorType, { counts }: PoolAttrs): true | string {
  return counts.length > AXES ? `has ${counts.length} spatial axes, over ${AXES}` : isFloat(x);
}

/** Planes, then sizes, counts, kernel, stride and dilation of three axes. `input`: [N, C, …]. */
export function poolWords(
  [n, c, ...sizes]: readonly number[],
  { counts, kernel, stride, dilation }: PoolAttrs,
): number[] {
  return [
    n! * c!,
    ...threeAxes(sizes, 1),
    ...threeAxes(counts, 1),
    ...threeAxes(kernel, 1),
    ...threeAxes(stride, 1),
    ...threeAxes(dilation, 1),
  ];
}

/** The words of one launch, unpacked; kept and refilled. */
export class Window {
  planes = 0;
  /** Of an input plane. */
  elements = 0;
  /** Windows along the three axes, and elements from one to the next. */
  slices = 0;
  rows = 0;
  columns = 0;
  stepSlice = 0;
  stepRow = 0;
  step = 0;
  /** Offsets of a window's elements, in row-major order. */
  taps: Int32Array<ArrayBuffer> = new Int32Array(4);
  length = 0;

  read(args: Int32Array): void {
    const height = args[2]!;
    const width = args[3]!;
    this.planes = args[0]!;
    this.elements = args[1]! * height * width;
    this.slices = args[4]!;
    this.rows = args[5]!;
    this.columns = args[6]!;
    this.stepSlice = args[10]! * height * width;
    this.stepRow = args[11]! * width;
    this.step = args[12]!;
    this.length = args[7]! * args[8]! * args[9]!;
    if (this.taps.length < this.length) this.taps = new Int32Array(this.length);
    let t = 0;
    for (let z = 0; z < args[7]!; z++) {
      for (let y = 0; y < args[8]!; y++) {
        const row = (z * args[13]! * height + y * args[14]!) * width;
        for (let x = 0; x < args[9]!; x++) this.taps[t++] = row + x * args[15]!;
      }
    }
  }
}
