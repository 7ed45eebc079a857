/** Indexing: picking and adding elements by position, integer indices or masks. */
import { bind } from '../bind.ts';
import { isInteger } from '../dtype.ts';
import { DTypeError, IndexRangeError, ShapeError, ValueError } from '../errors.ts';
import {
  type GatherAttrs,
  gather as gatherPrimitive,
  type ScatterAddAttrs,
  scatterAdd as scatterPrimitive,
} from '../primitives/indexing.ts';
import { formatShape, normalizeAxis, sameShape } from '../shape.ts';
import { type Index, Tensor } from '../tensor.ts';
import { arange, tensor } from './create.ts';
import { add, cast, equal, greaterEqual, where } from './elementwise.ts';
import { castTo, constant, expandTo, requireTensor } from './operand.ts';
import { data, dataSync } from './read.ts';
import { concat, moveAxis, narrow, reshape, unsqueeze } from './shape.ts';

/** y[batch, …o, …j, …i] = x[batch, …o, index[batch, …j], …i]. Low level: see take, takeAlong. */
export function gather(x: Tensor, index: Tensor, attrs: GatherAttrs): Tensor {
  return bind(gatherPrimitive, [x, index], attrs);
}
/** The transpose of gather, summed into an axis of attrs.size. Low level: see scatterAdd. */
export function scatterSum(x: Tensor, index: Tensor, attrs: ScatterAddAttrs): Tensor {
  return bind(scatterPrimitive, [x, index], attrs);
}

function indexTensor(
  op: string,
  x: Tensor,
  indices: Tensor | readonly number[],
  size: number,
): Tensor {
  if (indices instanceof Tensor) {
    if (!isInteger(indices.dtype)) {
      throw new DTypeError(`${op}: indices must be i32, got ${indices.dtype} (use cast('i32'))`);
    }
    return castTo(indices, 'i32');
  }
  const list = indices.map((i) => position(op, i, size));
  return tensor(Int32Array.from(list), { backend: x.backend });
}
function position(op: string, index: number, size: number): number {
  const at = index < 0 ? index + size : index;
  if (!Number.isInteger(index) || at < 0 || at >= size) {
    throw new IndexRangeError(`${op}: index ${index} is outside [${-size}, ${size})`);
  }
  return at;
}

/**
 * Slices of x at `indices` along an axis, in the shape of the indices (embedding look-up).
 * @throws IndexRangeError on the CPU backends when an index lies outside the axis
 */
export function take(x: Tensor, indices: Tensor | readonly number[], axis = 0): Tensor {
  requireTensor('take', x);
  const at = normalizeAxis('take', axis, x.rank);
  const index = indexTensor('take', x, indices, x.shape[at] as number);
  return gather(x, index, { axis: at, batch: 0 });
}

/** y[…, i, …] = x[…, indices[…, i, …], …]: one index per element, as PyTorch's gather. */
export function takeAlong(x: Tensor, indices: Tensor, axis: number): Tensor {
  requireTensor('takeAlong', x);
  const at = normalizeAxis('takeAlong', axis, x.rank);
  const index = indexTensor('takeAlong', x, indices, x.shape[at] as number);
  const base = cropTo('takeAlong', x, index, at);
  const rows = gather(moveAxis(base, at, -1), moveAxis(index, at, -1), {
    axis: x.rank - 1,
    batch: x.rank - 1,
  });
  return moveAxis(rows, -1, at);
}
/** The leading part of x that the indices cover on the other axes. */
function cropTo(op: string, x: Tensor, index: Tensor, axis: number): Tensor {
  if (index.rank !== x.rank) {
    throw new ShapeError(
      `${op}: indices ${formatShape(index.shape)} and ${formatShape(x.shape)} differ in rank`,
    );
  }
  return index.shape.reduce((y, size, i) => {
    if (i === axis) return y;
    if (size > (y.shape[i] as number)) {
      throw new ShapeError(
        `${op}: indices ${formatShape(index.shape)} reach beyond ${formatShape(x.shape)} ` +
          `on axis ${i}`,
      );
    }
    return narrow(y, i, 0, size);
  }, x);
}

/** Values summed along an axis at one index each, into an axis of `size`: takeAlong transposed. */
export function scatterAlong(values: Tensor, indices: Tensor, axis: number, size: number): Tensor {
  const last = values.rank - 1;
  const rows = scatterSum(moveAxis(values, axis, -1), moveAxis(indices, axis, -1), {
    axis: last,
    batch: last,
    size,
  });
  return moveAxis(rows, -1, axis);
}

/** x with values added at indices along an axis, one index per value, as PyTorch's scatter_add. */
export function scatterAdd(x: Tensor, axis: number, indices: Tensor, values: Tensor): Tensor {
  const at = normalizeAxis('scatterAdd', axis, x.rank);
  const index = indexTensor('scatterAdd', x, indices, x.shape[at] as number);
  const used = cropTo('scatterAdd', values, index, -1);
  cropTo('scatterAdd', x, index, at);
  let sum = scatterAlong(castTo(used, x.dtype), index, at, x.shape[at] as number);
  sum.shape.forEach((size, i) => {
    const rest = (x.shape[i] as number) - size;
    if (rest > 0) {
      const shape = sum.shape.map((n, k) => (k === i ? rest : n));
      sum = concat([sum, constant(x.runtime, 0, shape, x.dtype)], i);
    }
  });
  return add(x, sum);
}

/** x with slices of values added at a list of indices along an axis, as PyTorch's index_add. */
export function indexAdd(x: Tensor, axis: number, indices: Tensor, values: Tensor): Tensor {
  const at = normalizeAxis('indexAdd', axis, x.rank);
  const size = x.shape[at] as number;
  const index = indexTensor('indexAdd', x, indices, size);
  const expected = [...x.shape.slice(0, at), ...index.shape, ...x.shape.slice(at + 1)];
  if (!sameShape(values.shape, expected)) {
    throw new ShapeError(
      `indexAdd: values must be ${formatShape(expected)}, got ${formatShape(values.shape)}`,
    );
  }
  return add(x, scatterSum(castTo(values, x.dtype), index, { axis: at, batch: 0, size }));
}

/**
 * x at indices, one per axis: an integer drops the axis, null keeps it, a list of integers or an
 * integer tensor gathers along it, and a bool tensor (alone) selects elements.
 * @example
 * import { tensor } from '@tenon/core';
 * const x = tensor([[1, 2, 3], [4, 5, 6]]);
 * x.at(0, [1, 2]); // [2, 3]
 * x.at(null, -1); // [3, 6]
 */
export function at(x: Tensor, ...indices: readonly Index[]): Tensor {
  requireTensor('at', x);
  const [first] = indices;
  if (indices.length === 1 && first instanceof Tensor && first.dtype === 'bool') {
    return selectSync(x, first);
  }
  if (indices.length > x.rank) {
    throw new ShapeError(`at: ${indices.length} indices for ${formatShape(x.shape)}`);
  }
  let y = x;
  let axis = 0;
  for (const index of indices) {
    if (index === null) axis++;
    else if (typeof index === 'number') {
      const row = position('at', index, y.shape[axis] as number);
      const part = narrow(y, axis, row, 1);
      y = reshape(
        part,
        part.shape.filter((_, i) => i !== axis),
      );
    } else {
      const width = index instanceof Tensor ? index.rank : 1;
      y = take(y, index, axis);
      axis += width;
    }
  }
  return y;
}

function maskPositions(x: Tensor, mask: Tensor, values: ArrayLike<number>): Tensor {
  if (!sameShape(mask.shape, x.shape.slice(0, mask.rank))) {
    throw new ShapeError(
      `maskSelect: mask ${formatShape(mask.shape)} does not fit ${formatShape(x.shape)}`,
    );
  }
  const list: number[] = [];
  for (let i = 0; i < values.length; i++) if (values[i] !== 0) list.push(i);
  const rows = reshape(x, [mask.size, ...x.shape.slice(mask.rank)]);
  return take(rows, tensor(Int32Array.from(list), { backend: x.backend }), 0);
}
function selectSync(x: Tensor, mask: Tensor): Tensor {
  if (!x.backend.capabilities.syncRead) {
    throw new ValueError(
      `at: how many elements a mask selects must be read, which ${x.backend.name} cannot do ` +
        'at once: ' +
        'use await x.maskSelect(mask), or where()',
    );
  }
  return maskPositions(x, mask, dataSync(mask) as ArrayLike<number>);
}
/** The elements (or slices) where a bool mask over the leading axes is true. */
export async function maskSelect(x: Tensor, mask: Tensor): Promise<Tensor> {
  requireTensor('maskSelect', x);
  if (mask.dtype !== 'bool')
    throw new DTypeError(`maskSelect: the mask must be bool, got ${mask.dtype}`);
  return maskPositions(x, mask, (await data(mask)) as ArrayLike<number>);
}

/** 1 at each index, 0 elsewhere, along a new last axis of `classes`; indices are not checked. */
export function oneHot(
  indices: Tensor,
  classes: number,
  options: { readonly dtype?: 'f32' | 'i32' | 'f64' | 'bool' } = {},
): Tensor {
  const index = castTo(indices, 'i32');
  const shape = [...index.shape, classes];
  const classOf = expandTo(arange(classes, { backend: index.backend }), shape);
  return cast(equal(expandTo(unsqueeze(index, -1), shape), classOf), options.dtype ?? 'i32');
}

/** 1 where row + diagonal >= column. */
function isLower(x: Tensor, diagonal: number): Tensor {
  const [rows, columns] = x.shape.slice(-2) as [number, number];
  const { backend } = x;
  const row = unsqueeze(arange(rows, { backend }), -1);
  return greaterEqual(add(row, diagonal), arange(columns, { backend }));
}
/** Zero of a dtype: a bool stays one. */
function nothing(x: Tensor): number | boolean {
  return x.dtype === 'bool' ? false : 0;
}
/** The lower triangle of the last two axes, 0 above the diagonal. */
export function tril(x: Tensor, diagonal = 0): Tensor {
  return where(isLower(x, diagonal), x, nothing(x));
}
/** The upper triangle of the last two axes, 0 below the diagonal. */
export function triu(x: Tensor, diagonal = 0): Tensor {
  return where(isLower(x, diagonal - 1), nothing(x), x);
}
