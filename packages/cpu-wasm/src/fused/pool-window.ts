/** How pooling windows lie in a plane of up to three axes: words for assembly/pool-window.ts. */
import type { PoolAttrs, TensorType } from '@tenon/core';
import { AXES, threeAxes } from './correlation.ts';

/** Larger windows are reductions in core, with another order of NaN, of zeros and of sums. */
const MAX_WINDOW = 16;

export function isFloat({ dtype }: TensorType): true | string {
  return dtype === 'f32' ? true : `takes f32, not ${dtype}`;
}

export function poolSupports(x: TensorType, { counts }: PoolAttrs): true | string {
  return counts.length > AXES ? `has ${counts.length} spatial axes, over ${AXES}` : isFloat(x);
}

export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** True, or why windows of this size have no kernel. */
export function windowSupports({ kernel }: PoolAttrs): true | string {
  const length = sizeOf(kernel);
  if (length >= 2 && length <= MAX_WINDOW) return true;
  return `takes windows of 2 to ${MAX_WINDOW} elements, not ${length}`;
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

/** Whether the last two axes have windows of 2x2 side by side, and the others none. */
export function isPairs({ kernel, stride, dilation }: PoolAttrs): boolean {
  const [kz, ky, kx] = threeAxes(kernel, 1);
  const [, sy, sx] = threeAxes(stride, 1);
  const [, dy, dx] = threeAxes(dilation, 1);
  return kz === 1 && [ky, kx, sy, sx].every((n) => n === 2) && dy === 1 && dx === 1;
}

/** Rows of windows of poolWords, and windows in thousands. */
export function rowsOf(words: Int32Array): { rows: number; thousands: number } {
  const rows = words[0]! * words[4]! * words[5]!;
  const window = words[7]! * words[8]! * words[9]!;
  return { rows, thousands: (rows * words[6]! * window) / 1000 };
}
