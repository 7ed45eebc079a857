/**
 * Pooling to a given size, over PyTorch's regions: output i of n covers [⌊i·S/n⌋, ⌈(i+1)·S/n⌉) of
 * an axis of size S. Where n divides S that is ordinary pooling.
 */
import { ShapeError, ValueError } from '../errors.ts';
import { library } from '../memory/ownership.ts';
import { tensor } from '../ops/create.ts';
import { take } from '../ops/indexing.ts';
import { matmul } from '../ops/linalg.ts';
import { requireTensor, toFloat } from '../ops/operand.ts';
import { moveAxis, reshape, squeeze, unsqueeze } from '../ops/shape.ts';
import { formatShape, type Shape } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { avgPoolBatch, maxPoolBatch } from './pooling.ts';
import { requireBatch } from './spatial.ts';

/** One size for all spatial axes, or one for each; null keeps the input's. */
export type AdaptiveSize = number | readonly (number | null)[];

interface Region {
  readonly start: number;
  readonly stop: number;
}
function regions(size: number, count: number): Region[] {
  return Array.from({ length: count }, (_, i) => ({
    start: Math.floor((i * size) / count),
    stop: Math.ceil(((i + 1) * size) / count),
  }));
}

function outputSizes(op: string, sizes: Shape, outputSize: AdaptiveSize): number[] {
  const list = typeof outputSize === 'number' ? sizes.map(() => outputSize) : outputSize;
  const isFit =
    list.length === sizes.length && list.every((n) => n === null || (Number.isInteger(n) && n > 0));
  if (!isFit) {
    throw new ValueError(
      `${op}: outputSize must be a whole number above 0, or ${sizes.length} of them ` +
        `(null keeps a size), got ${JSON.stringify(outputSize)}`,
    );
  }
  if (sizes.includes(0)) {
    throw new ShapeError(`${op}: there is nothing to pool in spatial sizes ${formatShape(sizes)}`);
  }
  return list.map((n, i) => n ?? (sizes[i] as number));
}

type Pool = (x: Tensor, sizes: readonly number[]) => Tensor;

function adaptive(
  op: string,
  rank: number,
  x: Tensor,
  outputSize: AdaptiveSize,
  pool: Pool,
): Tensor {
  return library(() => {
    requireTensor(op, x);
    const { isSingle } = requireBatch(op, x, rank);
    const batch = isSingle ? unsqueeze(toFloat(x), 0) : toFloat(x);
    const y = pool(batch, outputSizes(op, batch.shape.slice(2), outputSize));
    return isSingle ? squeeze(y, 0) : y;
  });
}

function isRegular(x: Tensor, sizes: Shape): boolean {
  return sizes.every((n, i) => (x.shape[2 + i] as number) % n === 0);
}
function regularKernel(x: Tensor, sizes: Shape): number[] {
  return sizes.map((n, i) => (x.shape[2 + i] as number) / n);
}

/** A mean over a box is the mean along each axis in turn: products with matrices of shares. */
function averagePool(op: string): Pool {
  return (x, sizes) => {
    if (isRegular(x, sizes)) return avgPoolBatch(op, x, regularKernel(x, sizes), {});
    return sizes.reduce((y, count, i) => {
      const axis = 2 + i;
      const size = y.shape[axis] as number;
      if (count === size) return y;
      return moveAxis(matmul(moveAxis(y, axis, -1), shareMatrix(y, size, count)), -1, axis);
    }, x);
  };
}
/** [size, count]: 1/length where the element lies in the region. */
function shareMatrix(x: Tensor, size: number, count: number): Tensor {
  const values = new Float64Array(size * count);
  regions(size, count).forEach(({ start, stop }, i) => {
    for (let at = start; at < stop; at++) values[at * count + i] = 1 / (stop - start);
  });
  return tensor(values, { shape: [size, count], dtype: x.dtype, backend: x.backend });
}

/** Regions as equal windows: a short one repeats its last element, which changes no maximum. */
function largestPool(op: string): Pool {
  return (x, sizes) => {
    if (isRegular(x, sizes)) return maxPoolBatch(op, x, regularKernel(x, sizes), {});
    const kernel: number[] = [];
    const laidOut = sizes.reduce((y, count, i) => {
      const axis = 2 + i;
      const list = regions(y.shape[axis] as number, count);
      const width = Math.max(...list.map(({ start, stop }) => stop - start));
      kernel.push(width);
      const indices = list.flatMap(({ start, stop }) =>
        Array.from({ length: width }, (_, k) => Math.min(start + k, stop - 1)),
      );
      return take(y, tensor(Int32Array.from(indices), { backend: y.backend }), axis);
    }, x);
    const shape = [...x.shape.slice(0, 2), ...sizes.map((n, i) => n * (kernel[i] as number))];
    return maxPoolBatch(op, reshape(laidOut, shape), kernel, {});
  };
}

/** The mean of each region: x [N, C, L] → [N, C, outputSize]. */
export function adaptiveAvgPool1d(x: Tensor, outputSize: AdaptiveSize): Tensor {
  return adaptive('adaptiveAvgPool1d', 1, x, outputSize, averagePool('adaptiveAvgPool1d'));
}
/**
 * The mean of each region: x [N, C, H, W] → [N, C, …outputSize].
 * @example
 * import { adaptiveAvgPool2d, ones } from '@tenon/core';
 * adaptiveAvgPool2d(ones([8, 64, 7, 7]), 1); // [8, 64, 1, 1]
 */
export function adaptiveAvgPool2d(x: Tensor, outputSize: AdaptiveSize): Tensor {
  return adaptive('adaptiveAvgPool2d', 2, x, outputSize, averagePool('adaptiveAvgPool2d'));
}
/** The mean of each region: x [N, C, D, H, W] → [N, C, …outputSize]. */
export function adaptiveAvgPool3d(x: Tensor, outputSize: AdaptiveSize): Tensor {
  return adaptive('adaptiveAvgPool3d', 3, x, outputSize, averagePool('adaptiveAvgPool3d'));
}
/** The largest element of each region: x [N, C, L] → [N, C, outputSize]. */
export function adaptiveMaxPool1d(x: Tensor, outputSize: AdaptiveSize): Tensor {
  return adaptive('adaptiveMaxPool1d', 1, x, outputSize, largestPool('adaptiveMaxPool1d'));
}
/** The largest element of each region: x [N, C, H, W] → [N, C, …outputSize]. */
export function adaptiveMaxPool2d(x: Tensor, outputSize: AdaptiveSize): Tensor {
  return adaptive('adaptiveMaxPool2d', 2, x, outputSize, largestPool('adaptiveMaxPool2d'));
}
/** The largest element of each region: x [N, C, D, H, W] → [N, C, …outputSize]. */
export function adaptiveMaxPool3d(x: Tensor, outputSize: AdaptiveSize): Tensor {
  return adaptive('adaptiveMaxPool3d', 3, x, outputSize, largestPool('adaptiveMaxPool3d'));
}
