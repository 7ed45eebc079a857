/**
 * Batches of tensors from a data set: order, collation, prefetch. Samples stay host arrays until
 * their batch is yielded, so an iteration that ends early leaves no tensor behind.
 */
import { type Backend, hostRandom, type Tensor, tensor, ValueError } from '@tenon/core';
import { collate, SampleError } from './collate.ts';
import type { Dataset, HostArray, Pair, Sample, SampleLike } from './dataset.ts';
import { isInMemory, requireSamples } from './dataset.ts';

/** The tensors of one batch, `[batch, ...sample shape]` per column. */
export type Batch<S extends Sample = Pair> = { -readonly [K in keyof S]: Tensor };

/** Options of DataLoader. */
export interface DataLoaderOptions<S extends Sample = Pair> {
  /** Samples per batch; 32 by default. */
  readonly batchSize?: number;
  /** A new order each epoch, from `seed` and the epoch's number; false by default. */
  readonly shuffle?: boolean;
  /** Seed of the orders; 0 by default. */
  readonly seed?: number;
  /** Leave out the last batch when it is not full; false by default. */
  readonly dropLast?: boolean;
  /** Applied to each sample, on the host, every time it is read. */
  readonly map?: (sample: S, index: number) => SampleLike<S> | Promise<SampleLike<S>>;
  /** Applied to the tensors of each batch as it is yielded. */
  readonly mapBatch?: (batch: Batch<S>) => Batch<S>;
  /**
   * Batches read ahead while one is in use, with `for await` over a data set that is not in memory
   * or with an asynchronous `map`; 2 by default, 0 to read each batch when asked for. At most
   * `(prefetch + 1) * batchSize` samples are read at a time.
   */
  readonly prefetch?: number;
  /** Where the tensors go; the default backend when left out. */
  readonly backend?: Backend;
}

/**
 * Iterates over a data set in batches of tensors, usually `[x, y]`: `Float32Array` columns become
 * f32, `Int32Array` and `Uint8Array` columns i32.
 *
 * Each iteration is an epoch: it takes the next epoch number when it starts, so iterations may run
 * side by side, and `(seed, epoch)` alone fixes the order. `for await` always works, `for … of`
 * over in-memory data. A sample that can't be read raises SampleError with its index.
 * Throws ValueError for an empty data set, a batch size or prefetch that is not a usable integer,
 * or when `dropLast` would leave no batch.
 *
 * @example
 * ```ts
 * import { cpuJs } from '@tenon/cpu-js';
 * import { DataLoader, digits } from '@tenon/data';
 *
 * const loader = new DataLoader(await digits(), {
 *   batchSize: 64, shuffle: true, seed: 1, backend: cpuJs(),
 * });
 * for await (const [x, y] of loader) {
 *   console.log(x.shape, y.shape, y.dtype); // [ 64, 1, 28, 28 ] [ 64 ] i32
 *   break;
 * }
 * ```
 */
export class DataLoader<S extends Sample = Pair>
  implements AsyncIterable<Batch<S>>, Iterable<Batch<S>>
{
  readonly dataset: Dataset<S>;
  readonly batchSize: number;
  /** Number of batches in an epoch. */
  readonly length: number;
  readonly #options: DataLoaderOptions<S>;
  readonly #prefetch: number;
  #epoch = 0;

  constructor(dataset: Dataset<S>, options: DataLoaderOptions<S> = {}) {
    const { batchSize = 32, prefetch = 2, dropLast = false, seed = 0 } = options;
    requireSamples('DataLoader', dataset.length);
    if (typeof dataset.get !== 'function') {
      throw new ValueError(
        'DataLoader: a data set with length and get was expected, got an object without get ' +
          '(columns in memory: new ArrayDataset([…]))',
      );
    }
    requireInteger('batchSize', batchSize, 1);
    requireInteger('prefetch', prefetch, 0);
    requireInteger('seed', seed, 0);
    const batches = dataset.length / batchSize;
    this.length = dropLast ? Math.floor(batches) : Math.ceil(batches);
    if (this.length === 0) {
      throw new ValueError(
        `DataLoader: at least one full batch was expected with dropLast, got ${dataset.length} ` +
          `samples for batches of ${batchSize}; lower batchSize or drop dropLast`,
      );
    }
    this.dataset = dataset;
    this.batchSize = batchSize;
    this.#options = options;
    this.#prefetch = prefetch;
  }

  /** Number of the epoch that the next iteration will be, from 0. */
  get epoch(): number {
    return this.#epoch;
  }

  /** Makes the next iteration epoch `epoch`, as when a run is resumed. */
  setEpoch(epoch: number): void {
    requireInteger('epoch', epoch, 0);
    this.#epoch = epoch;
  }

  [Symbol.asyncIterator](): AsyncGenerator<Batch<S>, void, undefined> {
    const order = this.#nextOrder();
    const immediate = isInMemory(this.dataset) && this.#options.map === undefined;
    return immediate ? this.#batchesLater(order) : this.#prefetched(order);
  }

  [Symbol.iterator](): Generator<Batch<S>, void, undefined> {
    if (!isInMemory(this.dataset)) {
      throw new ValueError(
        'DataLoader: for … of needs a data set in memory (one with gather), got one whose ' +
          'samples may arrive later; iterate with for await',
      );
    }
    return this.#batches(this.#nextOrder());
  }

  /** The order of the epoch that starts now. */
  #nextOrder(): Int32Array {
    const epoch = this.#epoch++;
    const { shuffle = false, seed = 0 } = this.#options;
    const { length } = this.dataset;
    if (!shuffle) return Int32Array.from({ length }, (_, index) => index);
    return hostRandom(epochSeed(seed, epoch)).permutation(length);
  }

  #indices(order: Int32Array, batch: number): Int32Array {
    return order.subarray(batch * this.batchSize, (batch + 1) * this.batchSize);
  }

  *#batches(order: Int32Array): Generator<Batch<S>, void, undefined> {
    for (let batch = 0; batch < this.length; batch++) {
      yield this.#toTensors(this.#readNow(this.#indices(order, batch)));
    }
  }

  async *#batchesLater(order: Int32Array): AsyncGenerator<Batch<S>, void, undefined> {
    yield* this.#batches(order);
  }

  async *#prefetched(order: Int32Array): AsyncGenerator<Batch<S>, void, undefined> {
    const reading: Promise<readonly HostArray[]>[] = [];
    let next = 0;
    for (let batch = 0; batch < this.length; batch++) {
      while (next < this.length && next <= batch + this.#prefetch) {
        const read = this.#readLater(this.#indices(order, next++));
        // reported when its turn comes; an iteration that ends before then has no use for it
        read.catch(() => undefined);
        reading.push(read);
      }
      yield this.#toTensors(await reading.shift()!);
    }
  }

  #readNow(indices: Int32Array): readonly HostArray[] {
    const { dataset } = this;
    const { map } = this.#options;
    if (map === undefined && isInMemory(dataset)) return dataset.gather(indices);
    const samples = Array.from(indices, (index) => {
      const sample = this.#sample(index);
      if (!(sample instanceof Promise)) return sample;
      sample.catch(() => undefined);
      throw new ValueError(
        'DataLoader: for … of needs samples at once, got a promise from get() or map; ' +
          'iterate with for await',
      );
    });
    return collate(samples, indices);
  }

  async #readLater(indices: Int32Array): Promise<readonly HostArray[]> {
    const reads = Array.from(indices, async (index) => this.#sample(index));
    return collate(await Promise.all(reads), indices);
  }

  #sample(index: number): Sample | Promise<Sample> {
    const { map } = this.#options;
    const failed = (error: unknown): never => {
      throw error instanceof SampleError ? error : new SampleError('DataLoader', index, error);
    };
    try {
      const sample = this.dataset.get(index);
      if (sample instanceof Promise) {
        return sample.then((value) => (map ? map(value, index) : value)).catch(failed);
      }
      const mapped = map ? map(sample, index) : sample;
      return mapped instanceof Promise ? mapped.catch(failed) : mapped;
    } catch (error) {
      return failed(error);
    }
  }

  #toTensors(columns: readonly HostArray[]): Batch<S> {
    const { backend, mapBatch } = this.#options;
    const placed = backend === undefined ? {} : { backend };
    const tensors = columns.map(({ data, shape }) => tensor(data, { shape, ...placed }));
    const batch = tensors as Batch<Sample> as Batch<S>;
    return mapBatch === undefined ? batch : mapBatch(batch);
  }
}

function requireInteger(what: string, value: number, least: number): void {
  if (!Number.isSafeInteger(value) || value < least) {
    throw new ValueError(
      `DataLoader: an integer ${what} of at least ${least} was expected, got ${value}`,
    );
  }
}

/** One 32-bit seed of a seed and an epoch, mixed by MurmurHash3's finalizer. */
function epochSeed(seed: number, epoch: number): number {
  const high = mix(Math.floor(seed / 2 ** 32) + 0x9e3779b9);
  return mix(mix(mix(seed ^ high) + epoch) ^ Math.floor(epoch / 2 ** 32));
}

function mix(word: number): number {
  let h = word >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
