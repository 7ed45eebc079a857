/** What convolution and pooling share: per-axis settings, window counts, windows as views. */
import { ShapeError, ValueError } from '../errors.ts';
import type { Ops } from '../ops.ts';
import { formatShape, type Shape } from '../shape.ts';
import type { Tensor } from '../tensor.ts';

/** One number for all spatial axes, or one for each. */
export type PerAxis = number | readonly number[];
/** Elements before and after an axis. */
export type Pair = readonly [low: number, high: number];

/** One whole number for each spatial axis, none below `least`. */
export function perAxis(
  op: string,
  what: string,
  value: PerAxis,
  rank: number,
  least: number,
): number[] {
  const list = typeof value === 'number' ? new Array<number>(rank).fill(value) : [...value];
  if (list.length !== rank || !list.every((n) => Number.isInteger(n) && n >= least)) {
    throw new ValueError(
      `${op}: ${what} must be a whole number of at least ${least}, or ${rank} of them, ` +
        `got ${typeof value === 'number' ? value : formatShape(value)}`,
    );
  }
  return list;
}

/** How windows lie on the spatial axes of a padded input. Plain data. */
export interface WindowAttrs {
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
}

/** Elements that a window spans, from its first to its last. */
export function span(kernel: number, dilation: number): number {
  return (kernel - 1) * dilation + 1;
}

/** Windows along each axis of these padded sizes. @throws ShapeError when one does not fit once */
export function windowCounts(op: string, padded: Shape, attrs: WindowAttrs): number[] {
  return padded.map((size, i) => {
    const { kernel, stride, dilation } = attrs;
    const wide = span(kernel[i] as number, dilation[i] as number);
    if (wide > size) {
      throw new ShapeError(
        `${op}: a window of ${formatShape(kernel)} (dilation ${formatShape(dilation)}) ` +
          `spans ${wide} ` +
          `on spatial axis ${i}, the padded input ${formatShape(padded)} has only ${size}`,
      );
    }
    return Math.floor((size - wide) / (stride[i] as number)) + 1;
  });
}

/** [...lead, S1, …] as a view [...lead, W1, …, K1, …]: all windows, then positions within one. */
export function windowsView(ops: Ops, x: Tensor, counts: Shape, attrs: WindowAttrs): Tensor {
  const rank = counts.length;
  const lead = x.rank - rank;
  let y = x;
  counts.forEach((windows, i) => {
    const size = attrs.kernel[i] as number;
    const step = attrs.stride[i] as number;
    const dilation = attrs.dilation[i] as number;
    y = ops.windows(y, { axis: lead + 2 * i, windows, size, step, dilation });
  });
  const axes = Array.from({ length: lead }, (_, i) => i);
  for (let i = 0; i < rank; i++) axes.push(lead + 2 * i);
  for (let i = 0; i < rank; i++) axes.push(lead + 2 * i + 1);
  return ops.permute(y, axes);
}

/** The transpose of windowsView: [...lead, W1, …, K1, …] summed into [...lead, S1, …]. */
export function foldWindows(ops: Ops, y: Tensor, sizes: Shape, attrs: WindowAttrs): Tensor {
  const rank = sizes.length;
  const lead = y.rank - 2 * rank;
  const axes = Array.from({ length: lead }, (_, i) => i);
  for (let i = 0; i < rank; i++) axes.push(lead + i, lead + rank + i);
  let x = ops.permute(y, axes);
  for (let i = rank - 1; i >= 0; i--) {
    const [stride, dilation] = [attrs.stride[i] as number, attrs.dilation[i] as number];
    x = ops.fold(x, lead + 2 * i, sizes[i] as number, stride, dilation);
  }
  return x;
}

/** Padding of the spatial axes, none of those before. Negative amounts cut off. */
export function padSpatial(ops: Ops, x: Tensor, padding: readonly Pair[], value = 0): Tensor {
  const lead = x.rank - padding.length;
  return ops.pad(x, [...Array.from({ length: lead }, (): Pair => [0, 0]), ...padding], value);
}

/** x as [N, C, …spatial]: a sample without a batch axis gets one. @throws ShapeError otherwise */
export function requireBatch(op: string, x: Tensor, rank: number): { isSingle: boolean } {
  if (x.rank === rank + 2) return { isSingle: false };
  if (x.rank === rank + 1) return { isSingle: true };
  throw new ShapeError(
    `${op}: expected an input [N, C, ${axisNames(rank)}] or [C, ${axisNames(rank)}], ` +
      `got ${formatShape(x.shape)}`,
  );
}
export function axisNames(rank: number): string {
  return ['D', 'H', 'W'].slice(3 - rank).join(', ');
}
