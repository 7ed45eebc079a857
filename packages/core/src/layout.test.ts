import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  denseLayout,
  denseStrides,
  expandLayout,
  Layout,
  permuteLayout,
  reshapeLayout,
  sliceLayout,
  unfoldLayout,
} from './layout.ts';
import { sizeOf } from './shape.ts';

/** The storage positions of all elements, in row-major order: what a layout means. */
function positions(layout: Layout): number[] {
  let out = [layout.offset];
  layout.shape.forEach((size, axis) => {
    const stride = layout.strides[axis] as number;
    out = out.flatMap((at) => Array.from({ length: size }, (_, i) => at + i * stride));
  });
  return out;
}

describe('dense layouts', () => {
  test('are interned: equal shapes give the same object', () => {
    expect(denseLayout([2, 3])).toBe(denseLayout([2, 3]));
    expect(denseLayout([2, 3])).not.toBe(denseLayout([3, 2]));
    expect(denseLayout([]).size).toBe(1);
  });

  test('do not follow later changes of the array they were asked with', () => {
    const shape = [4, 5];
    const layout = denseLayout(shape);
    shape[0] = 9;
    expect(layout.shape).toEqual([4, 5]);
  });

  test('walk the storage in order', () => {
    expect(positions(denseLayout([2, 2, 3]))).toEqual(Array.from({ length: 12 }, (_, i) => i));
    expect(denseStrides([2, 0, 3])).toEqual([0, 3, 1]);
  });

  test('isDense ignores strides of axes of size 1, but not an offset', () => {
    expect(new Layout([1, 3], [77, 1], 0).isDense).toBe(true);
    expect(new Layout([1, 3], [3, 1], 1).isDense).toBe(false);
    expect(new Layout([2, 3], [1, 2], 0).isDense).toBe(false);
  });
});

describe('views', () => {
  test('permute exchanges axes', () => {
    const turned = permuteLayout(denseLayout([2, 3]), [1, 0]);
    expect(turned.shape).toEqual([3, 2]);
    expect(positions(turned)).toEqual([0, 3, 1, 4, 2, 5]);
  });

  test('expand repeats axes of size 1 and new leading axes', () => {
    const wide = expandLayout(denseLayout([2, 1]), [3, 2, 2]);
    expect(positions(wide)).toEqual([0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1]);
  });

  test('slice walks backwards with a negative step', () => {
    const back = sliceLayout(denseLayout([5]), [4], [3], [-2]);
    expect(positions(back)).toEqual([4, 2, 0]);
  });

  test('unfold overlaps windows', () => {
    const windows = unfoldLayout(denseLayout([5]), 0, 2, 2, 2, 2);
    expect(windows.shape).toEqual([2, 2]);
    expect(positions(windows)).toEqual([0, 2, 2, 4]);
  });
});

describe('reshape', () => {
  test('is a view where strides allow', () => {
    const rows = sliceLayout(denseLayout([4, 6]), [1, 0], [2, 6], [1, 1]);
    const view = reshapeLayout(rows, [3, 4]);
    expect(view).not.toBeNull();
    expect(positions(view as Layout)).toEqual(positions(rows));
  });

  test('is null where they do not', () => {
    expect(reshapeLayout(permuteLayout(denseLayout([2, 3]), [1, 0]), [6])).toBeNull();
    const columns = sliceLayout(denseLayout([4, 6]), [0, 0], [4, 3], [1, 1]);
    expect(reshapeLayout(columns, [12])).toBeNull();
  });

  test('keeps an expanded axis whole', () => {
    const repeated = expandLayout(denseLayout([1, 3]), [2, 3]);
    expect(reshapeLayout(repeated, [6])).toBeNull();
    expect(positions(reshapeLayout(repeated, [2, 1, 3]) as Layout)).toEqual([0, 1, 2, 0, 1, 2]);
  });

  test('agrees with the positions for any split of any view', () => {
    const factor = fc.integer({ min: 1, max: 4 });
    fc.assert(
      fc.property(fc.array(factor, { minLength: 1, maxLength: 4 }), fc.integer(), (shape, seed) => {
        const order = shape
          .map((_, i) => i)
          .sort((a, b) => ((a * 7 + seed) % 3) - ((b * 7 + seed) % 3));
        const view = permuteLayout(denseLayout(shape), order);
        for (const target of [
          [view.size],
          [1, view.size],
          [...view.shape, 1],
          [...shape].reverse(),
        ]) {
          if (sizeOf(target) !== view.size) continue;
          const reshaped = reshapeLayout(view, target);
          if (reshaped !== null) expect(positions(reshaped)).toEqual(positions(view));
        }
      }),
      { seed: 5, numRuns: 500 },
    );
  });
});
