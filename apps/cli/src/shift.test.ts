import { ArrayDataset } from '@tenon/data';
import { describe, expect, it } from 'vitest';
import { shifted } from './shift.ts';

const SIDE = 5;
/** Images with one lit pixel in the middle: where it is afterwards is the offset. */
const dots = new ArrayDataset([
  {
    data: Float32Array.from({ length: 200 * SIDE * SIDE }, (_, i) => Number(i % 25 === 12)),
    shape: [1, SIDE, SIDE],
  },
  { data: Int32Array.from({ length: 200 }, (_, i) => i) },
]);
const all = Int32Array.from({ length: 200 }, (_, i) => i);

function positions(data: ArrayLike<number>): number[] {
  return Array.from({ length: 200 }, (_, i) => {
    const image = Array.from(data).slice(i * 25, (i + 1) * 25);
    expect(image.reduce((sum, value) => sum + value)).toBe(1);
    return image.indexOf(1);
  });
}

describe('shifted', () => {
  it('moves each image by up to so many pixels along both axes, and no further', () => {
    const [x, y] = shifted(dots, 1, 7).gather(all);
    expect(x.shape).toEqual([200, 1, SIDE, SIDE]);
    expect([...y.data]).toEqual([...all]);
    const found = new Set(positions(x.data));
    expect([...found].sort((a, b) => a - b)).toEqual([6, 7, 8, 11, 12, 13, 16, 17, 18]);
  });

  it('gives the same offsets for the same seed, others when read again', () => {
    const [first, second] = [shifted(dots, 2, 7), shifted(dots, 2, 7)];
    const a = positions(first.gather(all)[0].data);
    expect(positions(second.gather(all)[0].data)).toEqual(a);
    expect(positions(first.gather(all)[0].data)).not.toEqual(a);
    expect(positions(shifted(dots, 2, 8).gather(all)[0].data)).not.toEqual(a);
  });

  it('fills with background, and never wraps around', () => {
    const full = new ArrayDataset([
      { data: new Float32Array(100 * 25).fill(1), shape: [1, SIDE, SIDE] },
      { data: new Int32Array(100) },
    ]);
    const [x] = shifted(full, 1, 3).gather(all.slice(0, 100));
    const counts = new Set<number>();
    for (let i = 0; i < 100; i++) {
      counts.add(
        Array.from(x.data)
          .slice(i * 25, i * 25 + 25)
          .reduce((sum, v) => sum + v),
      );
    }
    // 5x5, 5x4 and 4x4 pixels stay lit.
    expect([...counts].sort((a, b) => a - b)).toEqual([16, 20, 25]);
  });
});
