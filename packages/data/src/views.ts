/**
 * Data sets made of other data sets: a subset, a mapped one, several end to end. None copies the
 * samples; they stay in memory, and sync, where their source is.
 */
import { IndexRangeError, ShapeError, ValueError } from '@tenon/core';
import { allocateLike, collate } from './collate.ts';
import type {
  Dataset,
  HostArray,
  HostBatch,
  InMemoryDataset,
  Pair,
  Sample,
  SampleLike,
} from './dataset.ts';
import { asTuple, isInMemory, requireSamples } from './dataset.ts';

/** Where a subset's samples come from, so that a subset of a subset reads the base directly. */
const origins = new WeakMap<object, { readonly base: object; readonly indices: Int32Array }>();

function requireIndex(op: string, index: number, length: number): void {
  if (!Number.isInteger(index) || index < 0 || index >= length) {
    throw new IndexRangeError(`${op}: an index in [0, ${length}) was expected, got ${index}`);
  }
}

function pick(values: Int32Array, indices: Int32Array): Int32Array {
  return Int32Array.from(indices, (index) => values[index]!);
}

/**
 * The samples of `dataset` at `indices`, in that order; an index may come twice.
 *
 * Throws ValueError for no indices, IndexRangeError for one outside the data set.
 */
export function subset<S extends Sample>(
  dataset: InMemoryDataset<S>,
  indices: ArrayLike<number>,
): InMemoryDataset<S>;
export function subset<S extends Sample = Pair>(
  dataset: Dataset<S>,
  indices: ArrayLike<number>,
): Dataset<S>;
export function subset<S extends Sample>(
  dataset: Dataset<S>,
  indices: ArrayLike<number>,
): Dataset<S> {
  requireSamples('subset', indices.length);
  for (let k = 0; k < indices.length; k++) requireIndex('subset', indices[k]!, dataset.length);
  let own: Int32Array = Int32Array.from(indices);
  let base = dataset;
  const origin = origins.get(dataset);
  if (origin !== undefined) {
    own = pick(origin.indices, own);
    base = origin.base as Dataset<S>;
  }
  const view = makeSubset(base, own, dataset);
  origins.set(view, { base, indices: own });
  return view;
}

function makeSubset<S extends Sample>(
  base: Dataset<S>,
  own: Int32Array,
  described: Dataset<S>,
): Dataset<S> {
  const view: Dataset<S> = {
    length: own.length,
    classes: described.classes,
    labels: base.labels === undefined ? undefined : pick(base.labels, own),
    get(index) {
      requireIndex('subset', index, own.length);
      return base.get(own[index]!);
    },
  };
  if (!isInMemory(base)) return view;
  return {
    ...view,
    gather(indices: Int32Array): HostBatch<S> {
      for (const index of indices) requireIndex('subset', index, own.length);
      return base.gather(pick(own, indices));
    },
  };
}

/** Options of mapDataset. */
export interface MapDatasetOptions {
  /** Class indices after the mapping; the source's when left out, none for null. */
  readonly labels?: Int32Array | null;
  /** Class names after the mapping; the source's when left out, none for null. */
  readonly classes?: readonly string[] | null;
}

/**
 * Applies `map(sample, index)` whenever a sample is read. Over in-memory data a synchronous `map`
 * keeps the result sync-iterable; an asynchronous one needs `for await`.
 *
 * `labels` and `classes` are taken over from the source: pass others (or null) when `map` changes
 * the labels.
 *
 * @example
 * ```ts
 * import { ArrayDataset, mapDataset } from '@tenon/data';
 *
 * const raw = new ArrayDataset([
 *   { data: Float32Array.of(1, 2, 3) },
 *   { data: Int32Array.of(0, 1, 0) },
 * ]);
 * const doubled = mapDataset(raw, ([x, y]) => [Float32Array.of(2 * x.data[0]!), y]);
 * const [x, y] = await doubled.get(1);
 * console.log(x, y); // Float32Array(1) [ 4 ] { data: Int32Array(1) [ 1 ], shape: [] }
 * ```
 */
export function mapDataset<S extends Sample, T extends Sample = SampleLike<S>>(
  dataset: Dataset<S>,
  map: (sample: S, index: number) => T | Promise<T>,
  options: MapDatasetOptions = {},
): Dataset<T> {
  const view: Dataset<T> = {
    length: dataset.length,
    labels: options.labels === undefined ? dataset.labels : (options.labels ?? undefined),
    classes: options.classes === undefined ? dataset.classes : (options.classes ?? undefined),
    get(index) {
      const sample = dataset.get(index);
      return sample instanceof Promise
        ? sample.then((value) => map(value, index))
        : map(sample, index);
    },
  };
  if (!isInMemory(dataset)) return view;
  return {
    ...view,
    gather(indices: Int32Array): HostBatch<T> {
      const samples = Array.from(indices, (index) => {
        const sample = view.get(index);
        if (sample instanceof Promise) {
          sample.catch(() => undefined);
          throw new ValueError(
            'mapDataset: a synchronous map was expected, got one that returns a promise; ' +
              'iterate the loader with for await',
          );
        }
        return sample;
      });
      return asTuple(collate(samples, indices));
    },
  };
}

/**
 * The data sets one after the other. In memory when all of them are; `labels` when all have them.
 *
 * Throws ValueError for no data sets, or for class tables that differ.
 */
export function concatDatasets<S extends Sample>(
  datasets: readonly InMemoryDataset<S>[],
): InMemoryDataset<S>;
export function concatDatasets<S extends Sample>(datasets: readonly Dataset<S>[]): Dataset<S>;
export function concatDatasets<S extends Sample>(datasets: readonly Dataset<S>[]): Dataset<S> {
  const starts = [0];
  for (const { length } of datasets) starts.push(starts.at(-1)! + length);
  const length = starts.at(-1)!;
  requireSamples('concatDatasets', length);
  const classes = commonClasses(datasets);
  const view: Dataset<S> = {
    length,
    classes,
    labels: concatLabels(datasets, starts),
    get(index) {
      requireIndex('concatDatasets', index, length);
      const part = partOf(starts, index);
      return datasets[part]!.get(index - starts[part]!);
    },
  };
  const parts = datasets.filter(isInMemory);
  if (parts.length < datasets.length) return view;
  return {
    ...view,
    gather(indices: Int32Array): HostBatch<S> {
      for (const index of indices) requireIndex('concatDatasets', index, length);
      return asTuple(gatherParts(parts, starts, indices));
    },
  };
}

/** The data set that holds sample `index`: the last one starting at or before it, if not empty. */
function partOf(starts: readonly number[], index: number): number {
  let low = 0;
  let high = starts.length - 2;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (starts[middle]! <= index) low = middle;
    else high = middle - 1;
  }
  return low;
}

function commonClasses(datasets: readonly Dataset<Sample>[]): readonly string[] | undefined {
  const first = datasets[0]!.classes;
  for (const [position, { classes }] of datasets.entries()) {
    if (first?.join('\n') !== classes?.join('\n')) {
      throw new ValueError(
        `concatDatasets: equal classes were expected, got [${first ?? ''}] in data set 0 ` +
          `and [${classes ?? ''}] in data set ${position}`,
      );
    }
  }
  return first;
}

function concatLabels(
  datasets: readonly Dataset<Sample>[],
  starts: readonly number[],
): Int32Array | undefined {
  const labels = new Int32Array(starts.at(-1)!);
  for (const [position, dataset] of datasets.entries()) {
    if (dataset.labels === undefined) return undefined;
    labels.set(dataset.labels, starts[position]!);
  }
  return labels;
}

/** One gather per data set, its rows then put where the batch wants them. */
function gatherParts(
  parts: readonly InMemoryDataset<Sample>[],
  starts: readonly number[],
  indices: Int32Array,
): HostArray[] {
  const positions: number[][] = parts.map(() => []);
  for (let k = 0; k < indices.length; k++) positions[partOf(starts, indices[k]!)]!.push(k);
  let columns: HostArray[] | undefined;
  for (const [part, at] of positions.entries()) {
    if (at.length === 0) continue;
    const local = Int32Array.from(at, (k) => indices[k]! - starts[part]!);
    const rows = parts[part]!.gather(local);
    columns ??= rows.map(({ data, shape }) => ({
      data: allocateLike(data, (data.length / at.length) * indices.length),
      shape: [indices.length, ...shape.slice(1)],
    }));
    for (const [c, column] of columns.entries()) placeRows(column, rows[c], at, part);
  }
  return columns ?? [];
}

function placeRows(
  column: HostArray,
  rows: HostArray | undefined,
  at: readonly number[],
  part: number,
): void {
  const shape = column.shape.slice(1);
  const got = rows?.shape.slice(1);
  if (rows === undefined || got?.join() !== shape.join()) {
    throw new ShapeError(
      `concatDatasets: samples of shape [${shape}] were expected, as in the batch's first data ` +
        `set, got [${got ?? ''}] in data set ${part}`,
    );
  }
  if (rows.data.constructor !== column.data.constructor) {
    throw new ValueError(
      `concatDatasets: ${column.data.constructor.name} was expected, as in the batch's first ` +
        `data set, got ${rows.data.constructor.name} in data set ${part}`,
    );
  }
  const size = rows.data.length / at.length;
  for (const [k, row] of at.entries()) {
    column.data.set(rows.data.subarray(k * size, (k + 1) * size), row * size);
  }
}
