import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { encode } from 'fast-png';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FileError } from './errors.ts';
import { fitInto, readPng, resize, toGrey } from './image.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tenon-image-'));
});
afterAll(() => rm(folder, { recursive: true }));

const decoded = { text: {}, width: 2, height: 1 };

describe('toGrey', () => {
  it('weighs red, green and blue by BT.601', () => {
    const png = { ...decoded, width: 3, depth: 8 as const, channels: 3 };
    const data = Uint8Array.of(255, 0, 0, 0, 255, 0, 0, 0, 255);
    const grey = toGrey({ ...png, data }, { invert: false });
    expect([...grey.data]).toEqual([0.299, 0.587, 0.114].map(Math.fround));
  });

  it('takes transparent pixels as background, inverted or not', () => {
    const png = { ...decoded, depth: 8 as const, channels: 2, data: Uint8Array.of(0, 0, 51, 255) };
    expect([...toGrey(png, { invert: false }).data]).toEqual([0, Math.fround(0.2)]);
    expect([...toGrey(png, { invert: true }).data]).toEqual([0, Math.fround(0.8)]);
  });

  it('reads 16-bit samples', () => {
    const data = Uint16Array.of(0, 65535);
    const png = { ...decoded, depth: 16 as const, channels: 1, data };
    expect([...toGrey(png, { invert: false }).data]).toEqual([0, 1]);
  });

  it('reads 1-bit samples, each row starting on a byte', () => {
    const png = { ...decoded, width: 3, height: 2, depth: 1 as const, channels: 1 };
    const grey = toGrey(
      { ...png, data: Uint8Array.of(0b1010_0000, 0b0110_0000) },
      { invert: false },
    );
    expect([...grey.data]).toEqual([1, 0, 1, 0, 1, 1]);
  });

  it('looks palette colours up', () => {
    const palette = [
      [0, 0, 0],
      [255, 255, 255],
    ];
    const png = { ...decoded, depth: 8 as const, channels: 1, data: Uint8Array.of(1, 0), palette };
    expect([...toGrey(png, { invert: false }).data]).toEqual([1, 0]);
  });
});

describe('resize', () => {
  it('leaves an image of the right size as it is', () => {
    const data = Float32Array.from({ length: 12 }, (_, i) => i / 12);
    expect([...resize({ width: 4, height: 3, data }, 4, 3).data]).toEqual([...data]);
  });

  it('halves by the triangle filter', () => {
    // Weights 1, 3, 3, 1 (eighths), cut off and renormalised at the borders: 3, 3, 1 (sevenths).
    const image = { width: 4, height: 1, data: Float32Array.of(0, 1, 0, 0) };
    const expected = [3 / 7, 1 / 7].map(Math.fround);
    expect([...resize(image, 2, 1).data]).toEqual(expected);
  });

  it('interpolates linearly when it enlarges', () => {
    const image = { width: 2, height: 1, data: Float32Array.of(0, 1) };
    expect([...resize(image, 4, 1).data]).toEqual([0, 0.25, 0.75, 1]);
  });
});

describe('fitInto', () => {
  it('keeps the aspect ratio and centres on background', () => {
    const image = { width: 2, height: 4, data: new Float32Array(8).fill(1) };
    const fitted = fitInto(image, 4, 4);
    expect([...fitted.data.subarray(0, 4)]).toEqual([0, 1, 1, 0]);
    expect(fitted.data.reduce((sum, value) => sum + value)).toBe(8);
  });
});

describe('readPng', () => {
  it('reads a file', async () => {
    const path = join(folder, 'grey.png');
    await writeFile(
      path,
      encode({ width: 2, height: 1, channels: 1, data: Uint8Array.of(0, 255) }),
    );
    const image = await readPng(path, { invert: true });
    expect(image).toEqual({ width: 2, height: 1, data: Float32Array.of(1, 0) });
  });

  it('names a file that is missing', async () => {
    const path = join(folder, 'none.png');
    await expect(readPng(path, { invert: false })).rejects.toThrow(
      new FileError(`cannot read the image ${path}: no such file or folder`, path),
    );
  });

  it.each([
    ['no PNG at all', (bytes: Uint8Array) => bytes.fill(7)],
    ['truncated', (bytes: Uint8Array) => bytes.subarray(0, bytes.length - 30)],
    ['one bit flipped', (bytes: Uint8Array) => bytes.fill(bytes[45]! ^ 1, 45, 46)],
    ['without a palette for its indices', (bytes: Uint8Array) => withHeader(bytes, 8, 3)],
    ['without pixels', (bytes: Uint8Array) => withHeader(bytes, 0, 0)],
  ])('refuses a file that is %s', async (_, damage) => {
    const path = join(folder, 'bad.png');
    const data = Uint8Array.from({ length: 64 }, (_, i) => i * 4);
    await writeFile(path, damage(encode({ width: 8, height: 8, channels: 1, data })));
    await expect(readPng(path, { invert: false })).rejects.toThrow('expected a PNG image, got');
  });
});

/** The PNG with its height and colour type replaced, the checksum of the header set right. */
function withHeader(bytes: Uint8Array, height: number, colourType: number): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  view.setUint32(20, height);
  view.setUint8(25, colourType);
  view.setUint32(29, crc32(bytes.subarray(12, 29)));
  return bytes;
}
