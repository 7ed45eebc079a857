/**
 * Labelled images in IDX files, as MNIST and its relatives come: four files in a folder, or an
 * images and a labels file in hand.
 */
import { FormatError, ValueError } from '@tenon/core';
import { ArrayDataset, type Column } from './array-dataset.ts';
import type { ByteSource } from './bytes.ts';
import { listFolder, nameOf } from './bytes.ts';
import type { HostData } from './dataset.ts';
import { requireLabelRange } from './dataset.ts';
import { type IdxArray, type IdxData, readIdx } from './idx.ts';

/** A labelled image set in memory: x f32 `[channels, height, width]`, y i32. */
export type ImageDataset = ArrayDataset<readonly [x: Column, y: Column]>;

/** The two files of an IDX data set. */
export interface IdxFiles {
  readonly images: ByteSource;
  readonly labels: ByteSource;
}

/** Options of idxDataset. */
export interface IdxDatasetOptions {
  /** Which files of a folder: `train-…` (the default) or `t10k-…`. */
  readonly split?: 'train' | 'test';
  /** Class names; '0', '1', … up to the largest label when left out. */
  readonly classes?: readonly string[];
}

/** More classes than this are not made up from labels. */
const mostClasses = 65_536;

const fashionFolder = '/usr/share/datasets/fashion-mnist';

const fashionClasses: readonly string[] = [
  'T-shirt/top',
  'Trouser',
  'Pullover',
  'Dress',
  'Coat',
  'Sandal',
  'Shirt',
  'Sneaker',
  'Bag',
  'Ankle boot',
];

/** The usual names of one file: with `-` or `.` before the suffix, plain or gzipped. */
function usualNames(split: 'train' | 'test', kind: 'images' | 'labels'): string[] {
  const prefix = split === 'train' ? 'train' : 't10k';
  const suffix = kind === 'images' ? 'idx3-ubyte' : 'idx1-ubyte';
  const names = [`${prefix}-${kind}-${suffix}`, `${prefix}-${kind}.${suffix}`];
  return [...names, ...names.map((name) => `${name}.gz`)];
}

async function findFiles(
  op: string,
  folder: string,
  split: 'train' | 'test',
  fix: string,
): Promise<IdxFiles> {
  const present = await listFolder(op, folder);
  const find = (kind: 'images' | 'labels'): string => {
    const names = usualNames(split, kind);
    const name = names.find((candidate) => present?.includes(candidate));
    if (name !== undefined) return `${folder.replace(/\/+$/, '')}/${name}`;
    const got = present === undefined ? 'no such folder' : `[${present.slice(0, 8).join(', ')}]`;
    throw new ValueError(
      `${op}: ${names[0]} (or ${names.slice(1).join(', ')}) was expected in ${folder}, ` +
        `got ${got}${fix}`,
    );
  };
  return { images: find('images'), labels: find('labels') };
}

/** Pixels and the like as a column: 8-bit ones scaled to 0..1, others kept as f32 or i32. */
function inputColumn({ data, shape }: IdxArray): Column {
  const sample = shape.length === 3 ? [1, ...shape.slice(1)] : shape.slice(1);
  if (data instanceof Uint8Array) return { data, shape: sample, divisor: 255 };
  return { data: hostDataOf(data), shape: sample };
}

function hostDataOf(data: IdxData): HostData {
  if (data instanceof Float64Array) return Float32Array.from(data);
  if (data instanceof Int8Array || data instanceof Int16Array) return Int32Array.from(data);
  return data;
}

async function readPair(
  op: string,
  files: IdxFiles,
  classes: readonly string[] | undefined,
): Promise<ImageDataset> {
  const [images, labels] = await Promise.all([readIdx(files.images), readIdx(files.labels)]);
  const name = nameOf(files.labels);
  const isFloat = labels.data instanceof Float32Array || labels.data instanceof Float64Array;
  if (labels.shape.length !== 1 || isFloat) {
    throw new FormatError(
      `${op}: integer labels of rank 1 were expected in ${name}, ` +
        `got ${labels.data.constructor.name} of shape [${labels.shape}]`,
    );
  }
  if (images.shape.length < 2 || images.shape[0] !== labels.shape[0]) {
    throw new FormatError(
      `${op}: ${labels.shape[0]} images were expected in ${nameOf(files.images)}, as many as ` +
        `labels in ${name}, got shape [${images.shape}]`,
    );
  }
  const y = Int32Array.from(labels.data);
  if (classes !== undefined) requireLabelRange(op, y, classes.length);
  const named = classes ?? classesOf(op, name, y);
  return new ArrayDataset([inputColumn(images), { data: y }], { classes: named });
}

/** '0', '1', … up to the largest label; a label too large to be one is damage. */
function classesOf(op: string, file: string, labels: Int32Array): string[] {
  const bad = labels.findIndex((label) => label < 0 || label >= mostClasses);
  if (bad >= 0) {
    throw new ValueError(
      `${op}: labels in 0..${mostClasses - 1} were expected in ${file}, got ${labels[bad]} in ` +
        `row ${bad} (name the classes to have more)`,
    );
  }
  const largest = labels.reduce((a, b) => Math.max(a, b), 0);
  return Array.from({ length: largest + 1 }, (_, k) => String(k));
}

/**
 * Labelled samples of IDX files: of a folder with the usual MNIST names, plain or gzipped, or of
 * the two files given. 8-bit images become f32 in 0..1 of shape `[1, height, width]`.
 *
 * Throws ValueError when a file is missing or a label is outside the classes, FormatError for files
 * that are corrupt or don't belong together.
 *
 * @example
 * ```ts
 * import { idxDataset } from '@tenon/data';
 *
 * const images = Uint8Array.of(0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 0, 255, 51, 102);
 * const labels = Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 2, 1, 0);
 * const set = await idxDataset({ images, labels });
 * console.log(set.get(0)[0].data, set.get(0)[0].shape); // Float32Array(2) [ 0, 1 ] [ 1, 1, 2 ]
 * ```
 */
export async function idxDataset(
  source: string | IdxFiles,
  options: IdxDatasetOptions = {},
): Promise<ImageDataset> {
  const { split = 'train', classes } = options;
  const op = 'idxDataset';
  const files = typeof source === 'string' ? await findFiles(op, source, split, '') : source;
  return readPair(op, files, classes);
}

/**
 * Fashion-MNIST: 28x28 grey images of ten kinds of clothing, 60,000 to train on and 10,000 to test.
 * Reads the Debian package `dataset-fashion-mnist`, or any folder with its four IDX files.
 *
 * Throws ValueError, saying what to install, when the files are not there.
 */
export function fashionMnist(
  folder: string = fashionFolder,
  options: { readonly split?: 'train' | 'test' } = {},
): Promise<ImageDataset> {
  const op = 'fashionMnist';
  const fix =
    '; install them with `apt-get install dataset-fashion-mnist`, or pass the folder that holds ' +
    'the four IDX files';
  return findFiles(op, folder, options.split ?? 'train', fix).then((files) =>
    readPair(op, files, fashionClasses),
  );
}
