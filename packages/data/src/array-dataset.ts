/**
 * The in-memory data set: columns of typed arrays, samples along the first axis. Batches are
 * gathered straight from the columns into one fresh array each.
 */
import { IndexRangeError, ShapeError, ValueError } from '@tenon/core';
import { allocateLike } from './collate.ts';
import type { HostArray, HostBatch, HostData, InMemoryDataset } from './dataset.ts';
import { asTuple, requireHostData, requireLabelRange, requireSamples, sizeOf } from './dataset.ts';

/** One column of an ArrayDataset: all its samples, back to back. */
export interface Column {
  /** `[samples, ...shape]`, row-major. Not copied and never written. */
  readonly data: HostData;
  /** Shape of one sample; `[]` (the default) is a number per sample. */
  readonly shape?: readonly number[];
  /** Values are divided by this as they are read, and become f32 (255 for 8-bit pixels). */
  readonly divisor?: number;
}

/** One host array per column. */
export type ColumnValues<C extends readonly Column[]> = { readonly [K in keyof C]: HostArray };

/** Options of ArrayDataset. */
export interface ArrayDatasetOptions {
  /** Names of the classes; labels must then be integers in `[0, classes.length)`. */
  readonly classes?: readonly string[];
}

/** A column with its defaults filled in. */
interface FullColumn {
  readonly data: HostData;
  readonly shape: readonly number[];
  readonly size: number;
  /** `gather` copies when undefined; a table for 8-bit data, else the divisor itself. */
  readonly scale: Float32Array | number | undefined;
}

/**
 * A data set of in-memory columns, the last of them (of two or more) being the labels or targets.
 *
 * A scalar integer column of labels gives `labels`; with `classes`, labels are checked against
 * them. Throws ShapeError when columns differ in their number of samples, ValueError for no
 * samples, NaN among the labels, or a label outside the classes.
 *
 * @example
 * ```ts
 * import { ArrayDataset } from '@tenon/data';
 *
 * const points = new ArrayDataset([
 *   { data: Float32Array.of(0, 0, 0, 1, 1, 0, 1, 1), shape: [2] },
 *   { data: Int32Array.of(0, 1, 1, 0) },
 * ]);
 * console.log(points.length, points.get(2)[0].data); // 4 Float32Array(2) [ 1, 0 ]
 * ```
 */
export class ArrayDataset<C extends readonly Column[] = readonly [x: Column, y: Column]>
  implements InMemoryDataset<ColumnValues<C>>
{
  readonly length: number;
  readonly classes: readonly string[] | undefined;
  readonly labels: Int32Array | undefined;
  readonly #columns: readonly FullColumn[];

  constructor(columns: readonly [...C], options: ArrayDatasetOptions = {}) {
    const full: FullColumn[] = columns.map(fillColumn);
    this.length = commonLength(full);
    this.classes = options.classes;
    if (full.length > 1) {
      const last = full.length - 1;
      full[last] = checkTarget(full[last]!, last, options.classes);
      this.labels = labelsOf(full[last]);
    }
    this.#columns = full;
  }

  /** The sample at `index` as views of the columns (a copy where a divisor applies). */
  get(index: number): ColumnValues<C> {
    requireIndex(index, this.length);
    return asTuple(
      this.#columns.map((column) => ({
        data:
          column.scale === undefined
            ? column.data.subarray(index * column.size, (index + 1) * column.size)
            : gatherColumn(column, Int32Array.of(index)),
        shape: column.shape,
      })),
    );
  }

  gather(indices: Int32Array): HostBatch<ColumnValues<C>> {
    for (const index of indices) requireIndex(index, this.length);
    return asTuple(
      this.#columns.map((column) => ({
        data: gatherColumn(column, indices),
        shape: [indices.length, ...column.shape],
      })),
    );
  }
}

function requireIndex(index: number, length: number): void {
  if (!Number.isInteger(index) || index < 0 || index >= length) {
    throw new IndexRangeError(
      `ArrayDataset: an index in [0, ${length}) was expected, got ${index}`,
    );
  }
}

function fillColumn(column: Column, position: number): FullColumn {
  requireHostData('ArrayDataset', `column ${position}`, column.data);
  const shape = column.shape ?? [];
  const size = sizeOf(shape);
  if (!shape.every((extent) => Number.isInteger(extent) && extent > 0)) {
    throw new ShapeError(
      `ArrayDataset: positive integers were expected in the shape of column ${position}, ` +
        `got [${shape}]`,
    );
  }
  if (column.data.length % size !== 0) {
    throw new ShapeError(
      `ArrayDataset: a multiple of ${size} values was expected in column ${position} ` +
        `(sample shape [${shape}]), got ${column.data.length}`,
    );
  }
  return { data: column.data, shape, size, scale: scaleOf(column, position) };
}

function scaleOf(column: Column, position: number): Float32Array | number | undefined {
  const { divisor, data } = column;
  if (divisor === undefined) return undefined;
  if (!Number.isFinite(divisor) || divisor === 0) {
    throw new ValueError(
      `ArrayDataset: a finite divisor other than 0 was expected in column ${position}, ` +
        `got ${divisor}`,
    );
  }
  // 256 quotients, each rounded once to f32: the same bits as dividing, without the division
  if (data instanceof Uint8Array) return Float32Array.from({ length: 256 }, (_, k) => k / divisor);
  return divisor;
}

function commonLength(columns: readonly FullColumn[]): number {
  const lengths = columns.map((column) => column.data.length / column.size);
  const length = lengths[0] ?? 0;
  const other = lengths.findIndex((n) => n !== length);
  if (other > 0) {
    throw new ShapeError(
      `ArrayDataset: columns of equal length were expected, got ${length} samples in column 0 ` +
        `and ${lengths[other]} in column ${other}`,
    );
  }
  requireSamples('ArrayDataset', length);
  return length;
}

/** The target column without NaN, and as Int32Array in the range of `classes` where given. */
function checkTarget(
  column: FullColumn,
  position: number,
  classes: readonly string[] | undefined,
): FullColumn {
  const { data, size } = column;
  if (data instanceof Float32Array) {
    const at = data.findIndex(Number.isNaN);
    if (at >= 0) {
      throw new ValueError(
        `ArrayDataset: labels without NaN were expected in column ${position}, ` +
          `got NaN in row ${Math.floor(at / size)}`,
      );
    }
  }
  if (classes === undefined) return column;
  if (column.shape.length > 0 || column.scale !== undefined) {
    throw new ShapeError(
      `ArrayDataset: one undivided label per sample (shape []) was expected in column ` +
        `${position} of a data set with classes, got shape [${column.shape}]`,
    );
  }
  const fraction = data.findIndex((value) => !Number.isInteger(value));
  if (fraction >= 0) {
    throw new ValueError(
      `ArrayDataset: integer labels were expected in column ${position}, ` +
        `got ${data[fraction]} in row ${fraction}`,
    );
  }
  const labels = data instanceof Int32Array ? data : Int32Array.from(data);
  requireLabelRange('ArrayDataset', labels, classes.length);
  return { ...column, data: labels };
}

function labelsOf(column: FullColumn): Int32Array | undefined {
  if (column.shape.length > 0 || column.scale !== undefined) return undefined;
  if (column.data instanceof Float32Array) return undefined;
  return column.data instanceof Int32Array ? column.data : Int32Array.from(column.data);
}

/** Rows `indices` of a column in a fresh array. */
function gatherColumn(column: FullColumn, indices: Int32Array): HostData {
  const { data, size, scale } = column;
  if (scale === undefined) return copyRows(data, size, indices);
  const out = new Float32Array(indices.length * size);
  let to = 0;
  for (const index of indices) {
    const end = (index + 1) * size;
    if (typeof scale === 'number') {
      for (let from = index * size; from < end; from++) out[to++] = data[from]! / scale;
    } else {
      for (let from = index * size; from < end; from++) out[to++] = scale[data[from]!]!;
    }
  }
  return out;
}

function copyRows(data: HostData, size: number, indices: Int32Array): HostData {
  const out = allocateLike(data, indices.length * size);
  for (let k = 0; k < indices.length; k++) {
    const from = indices[k]! * size;
    if (size === 1) out[k] = data[from]!;
    else out.set(data.subarray(from, from + size), k * size);
  }
  return out;
}
