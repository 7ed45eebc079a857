// The reference against published digits: everything else is compared with it.
import { describe, expect, test } from 'vitest';
import {
  build,
  erfReference,
  indicesOf,
  matmulReference,
  REDUCE_REFERENCE,
  reduceReference,
  SCALAR_REFERENCE,
  threefryReference,
} from './reference.ts';

describe('scalars', () => {
  test('erf: digits of DLMF 7.23 and of the series', () => {
    const table: readonly (readonly [number, number])[] = [
      [0.1, 0.1124629160182849],
      [0.5, 0.5204998778130465],
      [1, 0.8427007929497149],
      [1.5, 0.9661051464753108],
      [2, 0.9953222650189527],
      [3, 0.9999779095030014],
      [5, 0.9999999999984626],
    ];
    for (const [x, y] of table) {
      expect(Math.abs(erfReference(x) - y)).toBeLessThanOrEqual(2.3e-16);
      expect(erfReference(-x)).toBe(-erfReference(x));
    }
    expect(erfReference(-0)).toBe(-0);
    expect(erfReference(Infinity)).toBe(1);
    expect(erfReference(Number.NaN)).toBeNaN();
  });

  test('Threefry-2x32-13: the zero vector of Random123', () => {
    expect(threefryReference(0, 0, 0)).toBe(0x9d1c5ec6);
  });

  test('integers wrap, casts saturate, powers of one and minus one', () => {
    const { mul, pow, cast, div, rem } = SCALAR_REFERENCE;
    expect(mul([65537, 65537], 'i32', 'i32')).toBe(131073);
    expect(pow([3, 21], 'i32', 'i32')).toBe(1870418611);
    expect(pow([-1, -3], 'i32', 'i32')).toBe(-1);
    expect(pow([1, Number.NaN], 'f32', 'f32')).toBe(1);
    expect(cast([3e9], 'i32', 'f32')).toBe(2 ** 31 - 1);
    expect(cast([Number.NaN], 'i32', 'f32')).toBe(0);
    expect(cast([-1], 'u32', 'f32')).toBe(0);
    expect([
      div([-7, 2], 'i32', 'i32'),
      rem([-7, 2], 'i32', 'i32'),
      div([1, 0], 'i32', 'i32'),
    ]).toEqual([-3, -1, 0]);
  });
});

describe('arrays', () => {
  test('the compensated sum keeps what plain addition loses', () => {
    expect(REDUCE_REFERENCE.sum([1e16, 1, 1, -1e16])).toBe(2);
    expect(REDUCE_REFERENCE.sum([Infinity, 1])).toBe(Infinity);
    expect(REDUCE_REFERENCE.sum([])).toBe(0);
  });

  test('indices run in row-major order, over nothing not at all, once in 0-d', () => {
    expect([...indicesOf([2, 2])]).toEqual([
      [0, 0],
      [0, 1],
      [1, 0],
      [1, 1],
    ]);
    expect([...indicesOf([2, 0])]).toEqual([]);
    expect([...indicesOf([])]).toEqual([[]]);
  });

  test('reductions and products by hand', () => {
    const x = build([2, 3], ([i, j]) => 10 * i! + j!);
    expect(reduceReference(x, [0], REDUCE_REFERENCE.sum)).toEqual({
      shape: [3],
      data: [10, 12, 14],
    });
    expect(reduceReference(x, [0, 1], REDUCE_REFERENCE.max)).toEqual({ shape: [], data: [12] });
    const y = build([3, 1], ([i]) => i! - 1);
    expect(matmulReference(x, y)).toEqual({
      value: { shape: [2, 1], data: [2, 2] },
      scale: [2, 22],
    });
  });
});
