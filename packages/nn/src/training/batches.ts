/**
 * What fit, evaluate and predict take as data, and how it becomes batches. Shuffling, mapping and
 * prefetching are the DataLoader's (@tenon/data), which is one such source.
 */
import { type Backend, DTypeError, ShapeError, Tensor, tensor, ValueError } from '@tenon/core';

/** Inputs and targets, both with the batch as first axis. */
export type Batch = readonly [x: Tensor, y: Tensor];

/** Anything to iterate over more than once. `length`, where there is one, counts batches. */
export type BatchSource<B = Batch> = (Iterable<B> | AsyncIterable<B>) & {
  readonly length?: number;
};

/** A data set in memory (as @tenon/data's): `gather` stacks the samples at `indices`. */
export interface GatherDataset {
  readonly length: number;
  gather?(indices: Int32Array): readonly {
    readonly data: Float32Array | Int32Array | Uint8Array;
    readonly shape: readonly number[];
  }[];
}

/** Data to train on or to evaluate: batches, or a data set in memory, taken in order. */
export type TrainingData = BatchSource | GatherDataset;

export interface Batches<B> {
  readonly batches: AsyncIterable<B> | Iterable<B>;
  /** How many there are, where the data says so. */
  readonly count: number | null;
}

/**
 * The batches of `data`.
 *
 * @throws ValueError when it is empty
 */
export function batchesOf(
  op: string,
  data: TrainingData,
  batchSize: number,
  backend: Backend | null,
): Batches<Batch> {
  requireBatchSize(op, batchSize);
  if (data.length === 0) {
    throw new ValueError(`${op}: expected at least one sample, got an empty data set`);
  }
  if (isIterable(data)) {
    return { batches: checked(op, data), count: data.length ?? null };
  }
  if (typeof data.gather !== 'function') {
    throw new ValueError(
      `${op}: expected batches or a data set in memory, got a data set without gather: ` +
        'wrap it in a DataLoader',
    );
  }
  return {
    batches: checked(op, gathered(data, batchSize, backend)),
    count: Math.ceil(data.length / batchSize),
  };
}

/** A size of 0 would never end. */
export function requireBatchSize(op: string, batchSize: number): void {
  if (!Number.isInteger(batchSize) || batchSize < 1) {
    throw new ValueError(`${op}: batchSize: expected a positive integer, got ${batchSize}`);
  }
}

/** Whether `data` gives batches itself. */
export function isIterable<B>(data: BatchSource<B> | GatherDataset): data is BatchSource<B> {
  return Symbol.asyncIterator in data || Symbol.iterator in data;
}

async function* checked(
  op: string,
  source: Iterable<unknown> | AsyncIterable<unknown>,
): AsyncGenerator<Batch> {
  for await (const batch of source) {
    const [x, y] = Array.isArray(batch) ? batch : [];
    if (!(x instanceof Tensor) || !(y instanceof Tensor)) {
      throw new ValueError(`${op}: expected batches [x, y] of two tensors, got ${nameOf(batch)}`);
    }
    if (x.rank === 0 || y.rank === 0 || x.shape[0] !== y.shape[0]) {
      throw new ShapeError(
        `${op}: expected x and y with as many samples, got [${x.shape.join(', ')}] and ` +
          `[${y.shape.join(', ')}]`,
      );
    }
    yield [x, y];
  }
}

function* gathered(
  data: GatherDataset,
  batchSize: number,
  backend: Backend | null,
): Generator<readonly Tensor[]> {
  const options = backend === null ? {} : { backend };
  for (let start = 0; start < data.length; start += batchSize) {
    const count = Math.min(batchSize, data.length - start);
    const indices = Int32Array.from({ length: count }, (_, i) => start + i);
    const columns = data.gather?.(indices) ?? [];
    yield columns.map((column) => {
      const { data: values, shape } = column;
      if (values instanceof Float32Array || values instanceof Int32Array) {
        return tensor(values, { ...options, shape });
      }
      if (values instanceof Uint8Array)
        return tensor(Int32Array.from(values), { ...options, shape });
      throw new DTypeError(`data set: expected f32, i32 or u8 columns, got ${nameOf(values)}`);
    });
  }
}

function nameOf(value: unknown): string {
  if (Array.isArray(value)) return `an array of ${value.length} ${nameOf(value[0])}`;
  return typeof value === 'object' && value !== null ? value.constructor.name : String(value);
}
