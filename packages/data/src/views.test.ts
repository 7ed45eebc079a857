import { IndexRangeError, ShapeError, ValueError } from '@tenon/core';
import { describe, expect, test } from 'vitest';
import { ArrayDataset } from './array-dataset.ts';
import { SampleError } from './collate.ts';
import type { Dataset } from './dataset.ts';
import { cyclic, numbered, slow } from './fixtures.ts';
import { concatDatasets, mapDataset, subset } from './views.ts';

describe('subset', () => {
  test('takes samples, labels and classes along, in the order given', () => {
    const part = subset(cyclic(10, 3), [7, 2, 7]);
    expect(part.length).toBe(3);
    expect(part.labels).toEqual(Int32Array.of(1, 2, 1));
    expect(part.classes).toEqual(['class 0', 'class 1', 'class 2']);
    expect(part.get(1)).toEqual(cyclic(10, 3).get(2));
    expect(part.gather(Int32Array.of(2, 1))[0].data).toEqual(Float32Array.of(7, -7, 2, -2));
  });

  test('a subset of a subset reads the base data set directly', () => {
    const base = cyclic(10, 3);
    const inner = subset(subset(base, [9, 8, 7, 6]), [3, 0]);
    expect(inner.labels).toEqual(Int32Array.of(0, 0));
    const reads: number[] = [];
    const spied: Dataset = {
      length: 10,
      get(index) {
        reads.push(index);
        return base.get(index);
      },
    };
    void subset(subset(spied, [9, 8, 7, 6]), [3, 0]).get(0);
    expect(reads).toEqual([6]);
    expect(inner.get(0)).toEqual(base.get(6));
  });

  test('is in memory only when its source is', () => {
    expect(subset(cyclic(4, 2), [0]).gather).toBeTypeOf('function');
    expect(subset(slow(4), [0]).gather).toBeUndefined();
  });

  test('a subset of a mapped data set keeps the mapping and the map’s labels', () => {
    const mapped = mapDataset(cyclic(4, 2), ([x, y]) => [x, y], {
      labels: Int32Array.of(3, 2, 1, 0),
    });
    expect(subset(mapped, [0, 3]).labels).toEqual(Int32Array.of(3, 0));
  });

  test('throws for no indices and for one outside', () => {
    expect(() => subset(cyclic(4, 2), [])).toThrow(
      new ValueError('subset: a data set of at least 1 sample was expected, got 0'),
    );
    expect(() => subset(cyclic(4, 2), [1, 4])).toThrow(
      new IndexRangeError('subset: an index in [0, 4) was expected, got 4'),
    );
    expect(() => subset(cyclic(4, 2), [0.5])).toThrow(IndexRangeError);
    expect(() => subset(cyclic(4, 2), [1]).get(1)).toThrow(IndexRangeError);
  });
});

describe('mapDataset', () => {
  test('maps reads and gathers alike and leaves the source alone', () => {
    const source = numbered([0, 1, 0]);
    const mapped = mapDataset(source, ([x, y], index) => [
      Float32Array.of(x.data[0]! * 10 + index),
      y,
    ]);
    expect(mapped.get(2)).toEqual([Float32Array.of(22), { data: Int32Array.of(0), shape: [] }]);
    expect(mapped.gather?.(Int32Array.of(2, 1))).toEqual([
      { data: Float32Array.of(22, 11), shape: [2, 1] },
      { data: Int32Array.of(0, 1), shape: [2] },
    ]);
    expect(mapped.labels).toBe(source.labels);
    expect(source.get(2)[0].data).toEqual(Float32Array.of(2, -2));
  });

  test('labels and classes can be replaced or dropped', () => {
    const labels = Int32Array.of(1, 0);
    const mapped = mapDataset(numbered([0, 1]), (sample) => sample, { labels, classes: null });
    expect(mapped.labels).toBe(labels);
    expect(mapped.classes).toBeUndefined();
  });

  test('an asynchronous map reads with await and refuses to gather', async () => {
    const mapped = mapDataset(numbered([0, 1]), async ([x, y]) => [x, y]);
    await expect(mapped.get(1)).resolves.toEqual(numbered([0, 1]).get(1));
    expect(() => mapped.gather?.(Int32Array.of(0))).toThrow(
      'mapDataset: a synchronous map was expected, got one that returns a promise; ' +
        'iterate the loader with for await',
    );
  });

  test('samples that do not stack name the sample', () => {
    const ragged = mapDataset(cyclic(6, 2), ([, y], index) => [new Float32Array(1 + index), y]);
    const act = () => ragged.gather?.(Int32Array.of(3, 5));
    expect(act).toThrow(SampleError);
    expect(act).toThrow(
      'DataLoader: sample 5 could not be read: collate: shape [4] was expected in column 0, ' +
        "as in the batch's first sample, got [6]",
    );
  });
});

describe('concatDatasets', () => {
  test('puts data sets end to end, in one gather across them', () => {
    const both = concatDatasets([numbered([0, 1, 2]), numbered([2, 1, 0, 0])]);
    expect(both.length).toBe(7);
    expect(both.labels).toEqual(Int32Array.of(0, 1, 2, 2, 1, 0, 0));
    expect(both.get(3)).toEqual(numbered([2, 1, 0, 0]).get(0));
    expect(both.gather?.(Int32Array.of(6, 0, 4, 2))).toEqual([
      { data: Float32Array.of(3, -3, 0, -0, 1, -1, 2, -2), shape: [4, 2] },
      { data: Int32Array.of(0, 0, 1, 2), shape: [4] },
    ]);
  });

  test('is neither in memory nor labelled when one of them is not', () => {
    const both = concatDatasets<readonly [Float32Array, number]>([
      { length: 2, get: (i) => [Float32Array.of(i), 0] },
      { length: 3, get: (i) => [Float32Array.of(10 * i), 1] },
    ]);
    expect(both.gather).toBeUndefined();
    expect(both.labels).toBeUndefined();
    expect(both.get(4)).toEqual([Float32Array.of(20), 1]);
  });

  test('throws for nothing, other classes, other shapes, and indices outside', () => {
    expect(() => concatDatasets([])).toThrow(ValueError);
    expect(() => concatDatasets([cyclic(4, 2), cyclic(4, 3)])).toThrow(
      'concatDatasets: equal classes were expected, got [class 0,class 1] in data set 0 ' +
        'and [class 0,class 1,class 2] in data set 1',
    );
    const flat = new ArrayDataset([{ data: new Float32Array(2) }]);
    const wide = new ArrayDataset([{ data: new Float32Array(2), shape: [2] }]);
    const bytes = new ArrayDataset([{ data: new Uint8Array(2) }]);
    expect(() => concatDatasets([flat, wide]).gather?.(Int32Array.of(1, 2))).toThrow(
      new ShapeError(
        "concatDatasets: samples of shape [] were expected, as in the batch's first data set, " +
          'got [2] in data set 1',
      ),
    );
    expect(() => concatDatasets([flat, bytes]).gather?.(Int32Array.of(1, 2))).toThrow(
      "concatDatasets: Float32Array was expected, as in the batch's first data set, " +
        'got Uint8Array in data set 1',
    );
    expect(() => concatDatasets([flat]).get(2)).toThrow(IndexRangeError);
  });
});
