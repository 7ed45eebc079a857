import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { FormatError, ValueError } from '@tenon/core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { idxBytes } from './fixtures.ts';
import { parseIdx, readIdx } from './idx.ts';
import { fashionMnist, idxDataset } from './idx-dataset.ts';

const images = idxBytes(8, [3, 2, 2], [0, 255, 51, 102, 1, 2, 3, 4, 250, 251, 252, 253]);
const labels = idxBytes(8, [3], [2, 0, 1]);

describe('parseIdx', () => {
  // the bytes are written out by hand from IEEE 754 and two's complement
  test.each([
    ['u8', 0x08, [0, 255], Uint8Array.of(0, 255)],
    ['i8', 0x09, [0x80, 0x7f], Int8Array.of(-128, 127)],
    ['i16', 0x0b, [0xff, 0xfe, 0x01, 0x02], Int16Array.of(-2, 258)],
    ['i32', 0x0c, [0xff, 0xff, 0xff, 0xfd, 0, 1, 0, 0], Int32Array.of(-3, 65536)],
    ['f32', 0x0d, [0x3f, 0xc0, 0, 0, 0xc0, 0, 0, 0], Float32Array.of(1.5, -2)],
    [
      'f64',
      0x0e,
      [0x3f, 0xf8, 0, 0, 0, 0, 0, 0, 0xbf, 0xb9, 0x99, 0x99, 0x99, 0x99, 0x99, 0x9a],
      Float64Array.of(1.5, -0.1),
    ],
  ])('decodes %s', (_, type, bytes, data) => {
    expect(parseIdx(idxBytes(type, [1, 2], bytes))).toEqual({ data, shape: [1, 2] });
  });

  test('reads from within a larger buffer and copies', () => {
    const outer = new Uint8Array(labels.length + 6);
    outer.set(labels, 3);
    const { data } = parseIdx(outer.subarray(3, 3 + labels.length));
    outer.fill(9);
    expect(data).toEqual(Uint8Array.of(2, 0, 1));
  });

  const magic = 'the magic 00 00, a dtype of 08 09 0b 0c 0d 0e and the rank were expected';
  test.each([
    ['nothing', [], `${magic} at the start of the bytes given, got no bytes`],
    ['three bytes', [0, 0, 8], `${magic} at the start of the bytes given, got 00 00 08`],
    ['a wrong magic', [1, 0, 8, 1], `${magic} at the start of the bytes given, got 01 00 08 01`],
    [
      'an unknown dtype',
      [0, 0, 10, 1],
      `${magic} at the start of the bytes given, got 00 00 0a 01`,
    ],
    [
      'a header cut short',
      [0, 0, 8, 2, 0, 0, 0, 1, 0],
      'a header of 12 bytes (rank 2) was expected in the bytes given, got 9 bytes',
    ],
    [
      'values missing',
      [...labels.slice(0, -1)],
      '11 bytes were expected in the bytes given for shape [3], got 10 (truncated)',
    ],
    [
      'values too many',
      [...labels, 7],
      '11 bytes were expected in the bytes given for shape [3], got 12 (with bytes left over)',
    ],
    [
      'extents beyond all memory',
      [...idxBytes(8, [0xffffffff, 0xffffffff, 0xffffffff], [1])],
      'got 17 (truncated)',
    ],
  ])('throws for %s', (_, bytes, message) => {
    const act = () => parseIdx(Uint8Array.from(bytes));
    expect(act).toThrow(FormatError);
    expect(act).toThrow(message);
  });
});

describe('files', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tenon-idx-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  test('readIdx takes paths, bytes, buffers and blobs, gzipped or not', async () => {
    const path = join(folder, 'one.gz');
    await writeFile(path, gzipSync(labels));
    const expected = { data: Uint8Array.of(2, 0, 1), shape: [3] };
    for (const source of [path, labels, labels.buffer, new Blob([labels]), gzipSync(labels)]) {
      expect(await readIdx(source)).toEqual(expected);
    }
  });

  test('a file that is not there is a ValueError with its path', async () => {
    const path = join(folder, 'nothing');
    await expect(readIdx(path)).rejects.toThrow(ValueError);
    await expect(readIdx(path)).rejects.toThrow(
      `readIdx: a readable file was expected at ${path}, got ENOENT`,
    );
  });

  test('gzip streams cut short, damaged or followed by more are FormatErrors', async () => {
    const packed = gzipSync(labels);
    const damaged = Uint8Array.from(packed);
    damaged[packed.length - 6]! ^= 1;
    for (const bytes of [packed.subarray(0, -3), damaged, Uint8Array.of(...packed, 1, 2)]) {
      const read = readIdx(bytes);
      await expect(read).rejects.toThrow(FormatError);
      await expect(read).rejects.toThrow(
        'readIdx: one complete gzip stream was expected in the bytes given, ' +
          `got ${bytes.length} bytes that are truncated, corrupt or followed by more`,
      );
    }
  });

  test('idxDataset scales images, keeps labels and names classes', async () => {
    const set = await idxDataset({ images, labels });
    expect(set.length).toBe(3);
    expect(set.labels).toEqual(Int32Array.of(2, 0, 1));
    expect(set.classes).toEqual(['0', '1', '2']);
    expect(set.get(0)).toEqual([
      { data: Float32Array.of(0, 1, 51 / 255, 102 / 255), shape: [1, 2, 2] },
      { data: Int32Array.of(2), shape: [] },
    ]);
  });

  test('idxDataset keeps real-valued inputs of any rank as they are', async () => {
    const rows = idxBytes(0x0d, [3, 1], [0x3f, 0xc0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0]);
    const set = await idxDataset({ images: rows, labels }, { classes: ['a', 'b', 'c'] });
    expect(set.get(1)[0]).toEqual({ data: Float32Array.of(-2), shape: [1] });
    expect(set.classes).toEqual(['a', 'b', 'c']);
  });

  test('idxDataset finds the usual names in a folder, plain and gzipped', async () => {
    await writeFile(join(folder, 'train-images-idx3-ubyte'), images);
    await writeFile(join(folder, 'train-labels.idx1-ubyte.gz'), gzipSync(labels));
    expect((await idxDataset(folder)).labels).toEqual(Int32Array.of(2, 0, 1));
    expect((await idxDataset(`${folder}/`, { split: 'train' })).length).toBe(3);
    const test = idxDataset(folder, { split: 'test' });
    await expect(test).rejects.toThrow(ValueError);
    await expect(test).rejects.toThrow(
      'idxDataset: t10k-images-idx3-ubyte (or t10k-images.idx3-ubyte, ' +
        `t10k-images-idx3-ubyte.gz, t10k-images.idx3-ubyte.gz) was expected in ${folder}, got [`,
    );
  });

  test.each([
    [
      'labels and images of different counts',
      { images, labels: idxBytes(8, [2], [0, 1]) },
      FormatError,
      'idxDataset: 2 images were expected in the bytes given, as many as labels in the bytes ' +
        'given, got shape [3,2,2]',
    ],
    [
      'files swapped',
      { images: labels, labels: images },
      FormatError,
      'idxDataset: integer labels of rank 1 were expected in the bytes given, ' +
        'got Uint8Array of shape [3,2,2]',
    ],
    [
      'float labels',
      { images, labels: idxBytes(0x0d, [1], [0x7f, 0xc0, 0, 0]) },
      FormatError,
      'got Float32Array of shape [1]',
    ],
    [
      'a label that no class could have, instead of making up billions of names',
      { images, labels: idxBytes(0x0c, [3], [0, 0, 0, 1, 0x77, 0x35, 0x94, 0, 0, 0, 0, 0]) },
      ValueError,
      'idxDataset: labels in 0..65535 were expected in the bytes given, got 2000000000 in row 1',
    ],
    [
      'a negative label',
      { images, labels: idxBytes(0x09, [3], [1, 0xff, 0]) },
      ValueError,
      'got -1 in row 1',
    ],
  ])('idxDataset throws for %s', async (_, files, type, message) => {
    const read = idxDataset(files);
    await expect(read).rejects.toThrow(type);
    await expect(read).rejects.toThrow(message);
  });

  test('a label outside the classes names its row', async () => {
    await expect(idxDataset({ images, labels }, { classes: ['a', 'b'] })).rejects.toThrow(
      new ValueError('idxDataset: labels in 0..1 (2 classes) were expected, got 2 in row 0'),
    );
  });

  test('fashionMnist reads a folder with its class names, or says what to install', async () => {
    await writeFile(join(folder, 'train-images-idx3-ubyte'), images);
    await writeFile(join(folder, 'train-labels-idx1-ubyte'), labels);
    const set = await fashionMnist(folder);
    expect(set.classes?.length).toBe(10);
    expect(set.classes?.[set.labels![0]!]).toBe('Pullover');
    const missing = fashionMnist(join(folder, 'nowhere'), { split: 'test' });
    await expect(missing).rejects.toThrow(ValueError);
    await expect(missing).rejects.toThrow(
      `was expected in ${join(folder, 'nowhere')}, got no such folder; install them with ` +
        '`apt-get install dataset-fashion-mnist`, or pass the folder that holds the four IDX files',
    );
  });
});
