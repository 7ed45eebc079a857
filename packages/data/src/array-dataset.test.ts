import { DTypeError, IndexRangeError, ShapeError, ValueError } from '@tenon/core';
import { describe, expect, test } from 'vitest';
import { ArrayDataset } from './array-dataset.ts';
import { numbered } from './fixtures.ts';

describe('ArrayDataset', () => {
  test('reads single samples and gathers batches in the order asked for', () => {
    const data = numbered([0, 1, 2, 1]);
    expect(data.length).toBe(4);
    expect(data.get(3)).toEqual([
      { data: Float32Array.of(3, -3), shape: [2] },
      { data: Int32Array.of(1), shape: [] },
    ]);
    expect(data.gather(Int32Array.of(2, 0, 2))).toEqual([
      { data: Float32Array.of(2, -2, 0, -0, 2, -2), shape: [3, 2] },
      { data: Int32Array.of(2, 0, 2), shape: [3] },
    ]);
    expect(data.labels).toEqual(Int32Array.of(0, 1, 2, 1));
    expect(data.classes).toEqual(['class 0', 'class 1', 'class 2']);
  });

  test('a batch is a fresh array that shares no memory with the columns', () => {
    const x = Float32Array.of(1, 2);
    const data = new ArrayDataset([{ data: x }]);
    const [batch] = data.gather(Int32Array.of(0, 1));
    batch.data[0] = 9;
    expect(x).toEqual(Float32Array.of(1, 2));
    expect(batch.data.buffer.byteLength).toBe(8);
  });

  test('a divisor scales 8-bit values to the f32 nearest to k / 255', () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, k) => k);
    const data = new ArrayDataset([{ data: bytes, shape: [256], divisor: 255 }]);
    const expected = Float32Array.from({ length: 256 }, (_, k) => Math.fround(k / 255));
    expect(data.get(0)[0].data).toEqual(expected);
    expect(data.gather(Int32Array.of(0))[0].data).toEqual(expected);
    const halves = new ArrayDataset([{ data: Int32Array.of(3, 5), divisor: 2 }]);
    expect(halves.gather(Int32Array.of(1, 0))[0].data).toEqual(Float32Array.of(2.5, 1.5));
  });

  test('8-bit and integral float labels become i32 class indices', () => {
    const x = { data: Float32Array.of(0, 0) };
    const classes = ['a', 'b'];
    const bytes = new ArrayDataset([x, { data: Uint8Array.of(1, 0) }], { classes });
    expect(bytes.get(0)[1].data).toEqual(Int32Array.of(1));
    expect(bytes.labels).toEqual(Int32Array.of(1, 0));
    const floats = new ArrayDataset([x, { data: Float32Array.of(0, 1) }], { classes });
    expect(floats.labels).toEqual(Int32Array.of(0, 1));
    const targets = new ArrayDataset([x, { data: Float32Array.of(0, 1) }]);
    expect(targets.labels).toBeUndefined();
  });

  const x = { data: new Float32Array(6), shape: [2] };
  test.each([
    [
      'columns of different lengths',
      () => new ArrayDataset([x, { data: new Int32Array(4) }]),
      ShapeError,
      'ArrayDataset: columns of equal length were expected, got 3 samples in column 0 and 4 in ' +
        'column 1',
    ],
    [
      'no samples',
      () => new ArrayDataset([{ data: new Float32Array(0) }]),
      ValueError,
      'ArrayDataset: a data set of at least 1 sample was expected, got 0',
    ],
    [
      'no columns',
      () => new ArrayDataset([]),
      ValueError,
      'ArrayDataset: a data set of at least 1 sample was expected, got 0',
    ],
    [
      'a column that is no multiple of its sample',
      () => new ArrayDataset([{ data: new Float32Array(7), shape: [2] }]),
      ShapeError,
      'ArrayDataset: a multiple of 2 values was expected in column 0 (sample shape [2]), got 7',
    ],
    [
      'a shape with 0',
      () => new ArrayDataset([{ data: new Float32Array(7), shape: [2, 0] }]),
      ShapeError,
      'ArrayDataset: positive integers were expected in the shape of column 0, got [2,0]',
    ],
    [
      'NaN labels',
      () => new ArrayDataset([x, { data: Float32Array.of(0, 1, Number.NaN) }]),
      ValueError,
      'ArrayDataset: labels without NaN were expected in column 1, got NaN in row 2',
    ],
    [
      'NaN in a target of several values',
      () => new ArrayDataset([x, { data: Float32Array.of(0, 1, 2, Number.NaN, 4, 5), shape: [2] }]),
      ValueError,
      'ArrayDataset: labels without NaN were expected in column 1, got NaN in row 1',
    ],
    [
      'a label above the classes',
      () => new ArrayDataset([x, { data: Int32Array.of(0, 2, 1) }], { classes: ['a', 'b'] }),
      ValueError,
      'ArrayDataset: labels in 0..1 (2 classes) were expected, got 2 in row 1',
    ],
    [
      'a negative label',
      () => new ArrayDataset([x, { data: Int32Array.of(0, 1, -1) }], { classes: ['a', 'b'] }),
      ValueError,
      'ArrayDataset: labels in 0..1 (2 classes) were expected, got -1 in row 2',
    ],
    [
      'a fractional label',
      () => new ArrayDataset([x, { data: Float32Array.of(0, 0.5, 1) }], { classes: ['a', 'b'] }),
      ValueError,
      'ArrayDataset: integer labels were expected in column 1, got 0.5 in row 1',
    ],
    [
      'an array of a dtype that would be cut to bytes',
      () => new ArrayDataset([{ data: Float64Array.of(0.5) as never }]),
      DTypeError,
      'ArrayDataset: a Float32Array, Int32Array or Uint8Array was expected in column 0, ' +
        'got Float64Array',
    ],
    [
      'a divisor of 0',
      () => new ArrayDataset([{ data: new Uint8Array(2), divisor: 0 }]),
      ValueError,
      'ArrayDataset: a finite divisor other than 0 was expected in column 0, got 0',
    ],
    [
      'an index past the end',
      () => numbered([0, 1]).get(2),
      IndexRangeError,
      'ArrayDataset: an index in [0, 2) was expected, got 2',
    ],
    [
      'a negative index in gather',
      () => numbered([0, 1]).gather(Int32Array.of(0, -1)),
      IndexRangeError,
      'ArrayDataset: an index in [0, 2) was expected, got -1',
    ],
  ])('throws for %s', (_, act, type, message) => {
    expect(act).toThrow(type);
    expect(act).toThrow(message);
  });
});
