/**
 * What a data set is: a length, and samples by index. Samples live on the host; tensors are made
 * by the DataLoader, a batch at a time. No file formats here.
 */
import { DTypeError, ValueError } from '@tenon/core';

/** The host arrays that samples are made of: batches become f32 (Float32Array) or i32 tensors. */
export type HostData = Float32Array | Int32Array | Uint8Array;

/** Values on the host with their shape, row-major. */
export interface HostArray {
  readonly data: HostData;
  readonly shape: readonly number[];
}

/**
 * One value of a sample: a host array; a bare typed array, read as shape `[length]`; or an integer,
 * read as an i32 label of shape `[]` (a real-valued target is `Float32Array` data of shape `[]`).
 */
export type SampleValue = HostArray | HostData | number;

/** One sample: a value per column, inputs first and the label or target last. */
export type Sample = readonly SampleValue[];

/** The usual sample: an input and its label. */
export type Pair = readonly [x: SampleValue, y: SampleValue];

/** The columns of several samples, each stacked along a new first axis. */
export type HostBatch<S extends Sample = Sample> = { readonly [K in keyof S]: HostArray };

/** A sample of the same number of columns, its values in any of the accepted forms. */
export type SampleLike<S extends Sample> = { readonly [K in keyof S]: SampleValue };

/**
 * A finite sequence of samples of equal shapes.
 *
 * `get` may be asynchronous (files, network). A data set that holds its samples in memory also has
 * `gather`, which makes it sync-iterable in a DataLoader. `labels[i]` is the class index of sample
 * `i` and `classes[k]` the name of class `k`, both optional.
 *
 * @example
 * ```ts
 * import { DataLoader, type Dataset } from '@tenon/data';
 *
 * const parity: Dataset = {
 *   length: 100,
 *   get: (i) => [Float32Array.of(i / 100), i % 2],
 * };
 * console.log(new DataLoader(parity, { batchSize: 32 }).length); // 4
 * ```
 */
export interface Dataset<S extends Sample = Pair> {
  readonly length: number;
  get(index: number): S | Promise<S>;
  /** The samples at `indices`, stacked per column, in freshly allocated arrays. */
  gather?(indices: Int32Array): HostBatch<S>;
  readonly classes?: readonly string[] | undefined;
  readonly labels?: Int32Array | undefined;
}

/** A data set that holds its samples in memory. */
export interface InMemoryDataset<S extends Sample = Pair> extends Dataset<S> {
  gather(indices: Int32Array): HostBatch<S>;
}

/** The number of elements of `shape`. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((size, extent) => size * extent, 1);
}

/** Gives a column list the tuple type that its data set declares; the caller vouches for it. */
export function asTuple<T extends readonly unknown[]>(values: readonly unknown[]): T {
  return values as T;
}

/** Whether every sample can be read at once, without waiting. */
export function isInMemory<S extends Sample>(dataset: Dataset<S>): dataset is InMemoryDataset<S> {
  return dataset.gather !== undefined;
}

/** Throws the ValueError of an operation over a data set without samples. */
export function requireSamples(op: string, length: number): void {
  if (!Number.isInteger(length) || length < 1) {
    throw new ValueError(`${op}: a data set of at least 1 sample was expected, got ${length}`);
  }
}

/** Throws a DTypeError for anything but the arrays that become tensors. */
export function requireHostData(op: string, what: string, data: unknown): void {
  if (data instanceof Float32Array || data instanceof Int32Array || data instanceof Uint8Array) {
    return;
  }
  const got = typeof data === 'object' && data !== null ? data.constructor.name : typeof data;
  throw new DTypeError(
    `${op}: a Float32Array, Int32Array or Uint8Array was expected in ${what}, got ${got}`,
  );
}

/** Throws a ValueError naming the first label outside [0, classes). */
export function requireLabelRange(op: string, labels: Int32Array, classes: number): void {
  for (let row = 0; row < labels.length; row++) {
    const label = labels[row]!;
    if (label < 0 || label >= classes) {
      throw new ValueError(
        `${op}: labels in 0..${classes - 1} (${classes} classes) were expected, ` +
          `got ${label} in row ${row}`,
      );
    }
  }
}
