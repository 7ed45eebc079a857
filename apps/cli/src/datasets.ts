// Data sets by the names that `--data` takes, divided into samples to train on and samples held
// out.
import { open, readdir, stat } from 'node:fs/promises';
import { hostRandom, ShapeError, ValueError } from '@tenon/core';
import {
  csvDataset,
  digits,
  fashionMnist,
  type InMemoryDataset,
  idxDataset,
  split,
  subset,
} from '@tenon/data';
import { DATA_FORMS } from './data-forms.ts';
import { FileError, readingFiles, systemReason, UsageError } from './errors.ts';

/** Data to train a classifier on, and data held out to test it on. */
export interface TrainingData {
  readonly train: InMemoryDataset;
  readonly test: InMemoryDataset;
  readonly classes: readonly string[];
  /** The shape of one sample. */
  readonly shape: readonly number[];
  /** Whether the source brought `test` itself, rather than being split. */
  readonly hasOwnTest: boolean;
}

export interface DataOptions {
  /** Of the split and of the choice of samples where `limit` leaves some out. */
  readonly seed: number;
  readonly limit: number | null;
  /** The column of a CSV file that holds the classes; null for the last one. */
  readonly label: string | null;
  /** The classes that labels must be among, in order; those found where left out. */
  readonly classes?: readonly string[];
}

/** The share of the samples that is trained on, where the source has no test set of its own. */
const TRAIN_SHARE = 0.8;

interface Parts {
  readonly train: InMemoryDataset;
  /** Absent where the source is one set, to be split. */
  readonly test?: InMemoryDataset;
}

/** The data called `source`; the same options give the same samples in both parts. */
export async function openData(source: string, options: DataOptions): Promise<TrainingData> {
  const read = reader(source, options);
  return readingFiles(async () => {
    const parts = await read();
    const { train, test } = divide(parts, options);
    const { classes } = train;
    if (!classes || !train.labels) {
      throw new ValueError(`--data ${source}: expected class labels, got numbers as targets`);
    }
    const shape = sampleShape(train);
    const tested = sampleShape(test);
    if (tested.join() !== shape.join()) {
      throw new ShapeError(
        `--data ${source}: expected test samples of shape [${shape.join(', ')}], as those to ` +
          `train on, got [${tested.join(', ')}]`,
      );
    }
    return { train, test, classes, shape, hasOwnTest: parts.test !== undefined };
  });
}

/** A short name of the data for a file name: that of its folder or file where it has one. */
export function dataName(source: string): string {
  const colon = source.indexOf(':');
  if (colon < 0) return source;
  const last = source
    .slice(colon + 1)
    .split(/[\\/]/)
    .filter(Boolean)
    .at(-1);
  return last?.replace(/\.[^.]*$/, '') || source.slice(0, colon);
}

function sampleShape(dataset: InMemoryDataset): readonly number[] {
  return dataset.gather(Int32Array.of(0))[0].shape.slice(1);
}

function reader(source: string, { label, classes }: DataOptions): () => Promise<Parts> {
  const colon = source.indexOf(':');
  const kind = colon < 0 ? source : source.slice(0, colon);
  const path = colon < 0 ? '' : source.slice(colon + 1);
  if (label !== null && kind !== 'csv') {
    throw new UsageError(`--label: expected csv:<file> as --data, got '${source}'`);
  }
  if (kind === 'digits' && !path) return async () => ({ train: await digits() });
  if (kind === 'fashion-mnist') {
    const folder = path || undefined;
    return async () => ({
      train: await fashionMnist(folder),
      test: await fashionMnist(folder, { split: 'test' }),
    });
  }
  if (kind === 'idx' && path) return () => readIdxFolder(path, classes);
  if (kind === 'csv' && path) return async () => ({ train: await readCsv(path, label, classes) });
  throw new UsageError(`--data: expected one of ${DATA_FORMS.join(', ')}, got '${source}'`);
}

/** The `train-…` files of a folder, and its `t10k-…` files where it has any. */
async function readIdxFolder(
  folder: string,
  classes: readonly string[] | undefined,
): Promise<Parts> {
  let names: string[];
  try {
    names = await readdir(folder);
  } catch (error) {
    const reason = systemReason(error);
    throw new FileError(`--data idx:${folder}: cannot read the folder: ${reason}`, folder);
  }
  const train = await idxDataset(folder, classes ? { classes } : {});
  if (!names.some((name) => name.startsWith('t10k-'))) return { train };
  return { train, test: await idxDataset(folder, { split: 'test', classes: train.classes ?? [] }) };
}

async function readCsv(
  path: string,
  label: string | null,
  classes: readonly string[] | undefined,
): Promise<InMemoryDataset> {
  try {
    await (await open(path)).close();
    if ((await stat(path)).isDirectory()) throw new Error('it is a folder');
  } catch (error) {
    throw new FileError(`--data csv:${path}: cannot read the file: ${systemReason(error)}`, path);
  }
  return csvDataset(path, { label: label ?? -1, ...(classes && { classes }) });
}

/** Applies the limit, then splits where there is one set only. */
function divide({ train, test }: Parts, { seed, limit }: DataOptions): Required<Parts> {
  if (!test) {
    const whole = limited(train, limit, seed);
    if (whole.length < 2) {
      throw new ValueError(`split: at least 2 samples were expected, got ${whole.length}`);
    }
    const trained = Math.min(whole.length - 1, Math.round(whole.length * TRAIN_SHARE));
    const [first, second] = split(whole, [trained, whole.length - trained], {
      seed,
      stratify: true,
    });
    return { train: first, test: second };
  }
  if (limit === null) return { train, test };
  const trained = Math.min(limit - 1, Math.round(limit * TRAIN_SHARE));
  return {
    train: limited(train, trained, seed),
    test: limited(test, limit - trained, seed),
  };
}

/** `limit` samples of `dataset`, chosen by the seed. */
export function limited(
  dataset: InMemoryDataset,
  limit: number | null,
  seed: number,
): InMemoryDataset {
  if (limit === null || limit >= dataset.length) return dataset;
  return subset(dataset, hostRandom(seed).permutation(dataset.length).subarray(0, limit));
}
