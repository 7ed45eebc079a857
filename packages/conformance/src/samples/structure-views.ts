/** Views and moves: element `index` of the result in terms of elements of the operand. */

import type { Tensor } from '@tenon/core';
import * as core from '@tenon/core';
import { build, elementOf, type Reference } from '../reference.ts';
import { picks, ravel, type StructureSample, unravel } from './structure-sample.ts';

const reshaped = (from: readonly number[], to: readonly number[]): StructureSample =>
  picks(
    `reshape [${from.join()}] → [${to.join()}]`,
    from,
    (x) => x.reshape(to),
    to,
    (index) => unravel(ravel(index, to), from),
  );

/** Views: no element changes. */
export const VIEWS: readonly StructureSample[] = [
  reshaped([4, 6], [2, 2, 3, 2]),
  reshaped([2, 3, 4], [6, 4]),
  reshaped([2, 3, 4], [24]),
  reshaped([6], [1, 6, 1]),
  reshaped([1], []),
  reshaped([3, 0], [0, 5]),
  picks(
    'reshape with -1',
    [4, 6],
    (x) => x.reshape([-1, 3]),
    [8, 3],
    (index) => unravel(ravel(index, [8, 3]), [4, 6]),
  ),
  picks(
    'flatten',
    [2, 3, 4],
    (x) => x.flatten(1),
    [2, 12],
    ([i, j]) => [i!, Math.floor(j! / 4), j! % 4],
  ),
  picks(
    'permute',
    [2, 3, 4],
    (x) => x.permute([2, 0, 1]),
    [4, 2, 3],
    ([a, b, c]) => [b!, c!, a!],
  ),
  picks(
    'transpose',
    [2, 3, 4],
    (x) => x.transpose(0, -1),
    [4, 3, 2],
    ([a, b, c]) => [c!, b!, a!],
  ),
  picks(
    'moveAxis',
    [2, 3, 4],
    (x) => x.moveAxis(0, 2),
    [3, 4, 2],
    ([a, b, c]) => [c!, a!, b!],
  ),
  picks(
    'expand',
    [3, 1],
    (x) => x.expand([2, 3, 4]),
    [2, 3, 4],
    ([, b]) => [b!, 0],
  ),
  picks(
    'squeeze',
    [1, 3, 1],
    (x) => x.squeeze(),
    [3],
    ([i]) => [0, i!, 0],
  ),
  picks(
    'unsqueeze',
    [3],
    (x) => x.unsqueeze(-1),
    [3, 1],
    ([i]) => [i!],
  ),
  picks(
    'slice',
    [5, 6],
    (x) => x.slice([1, 4], [5, 0, -2]),
    [3, 3],
    ([i, j]) => [i! + 1, 5 - 2 * j!],
  ),
  picks(
    'slice from the end',
    [5],
    (x) => x.slice([-3, null]),
    [3],
    ([i]) => [i! + 2],
  ),
  picks(
    'slice to nothing',
    [5, 2],
    (x) => x.slice([4, 1]),
    [0, 2],
    (index) => index,
  ),
  picks(
    'slice of slices',
    [9],
    (x) => x.slice([1, 8, 2]).slice([null, null, -1]),
    [4],
    ([i]) => [7 - 2 * i!],
  ),
  picks(
    'narrow',
    [5, 2],
    (x) => x.narrow(0, 2, 2),
    [2, 2],
    ([i, j]) => [i! + 2, j!],
  ),
  picks(
    'flip',
    [3, 4],
    (x) => x.flip([1]),
    [3, 4],
    ([i, j]) => [i!, 3 - j!],
  ),
  picks(
    'unfold',
    [2, 7],
    (x) => x.unfold(1, 3, 2),
    [2, 3, 3],
    ([a, w, k]) => [a!, 2 * w! + k!],
  ),
  picks(
    'unfold dilated',
    [9, 2],
    (x) => x.unfold(0, 3, 1, 3),
    [3, 3, 2],
    ([w, k, b]) => [w! + 3 * k!, b!],
  ),
  picks(
    'at',
    [3, 4, 2],
    (x) => x.at(-1, null, 1),
    [4],
    ([j]) => [2, j!, 1],
  ),
  picks(
    'detach',
    [3, 2],
    (x) => x.detach(),
    [3, 2],
    (index) => index,
  ),
];

/** Copies of elements to other places. */
export const MOVES: readonly StructureSample[] = [
  picks(
    'roll',
    [3, 4],
    (x) => x.roll(1, 1),
    [3, 4],
    ([i, j]) => [i!, (j! + 3) % 4],
  ),
  picks(
    'roll flat',
    [3, 4],
    (x) => x.roll(-2),
    [3, 4],
    (index) => unravel((ravel(index, [3, 4]) + 2) % 12, [3, 4]),
  ),
  picks(
    'repeat',
    [2, 3],
    (x) => x.repeat([2, 1, 2]),
    [2, 2, 6],
    ([, i, j]) => [i!, j! % 3],
  ),
  picks(
    'concat',
    [2, 3],
    (x) => core.concat([x, x.flip(0), x], 0),
    [6, 3],
    ([i, j]) => [i! === 2 ? 1 : i! === 3 ? 0 : i! % 2, j!],
  ),
  picks(
    'concat on the last axis',
    [2, 3],
    (x) => core.concat([x, x], -1),
    [2, 6],
    ([i, j]) => [i!, j! % 3],
  ),
  picks(
    'stack',
    [2, 3],
    (x) => core.stack([x, x], 1),
    [2, 2, 3],
    ([i, , j]) => [i!, j!],
  ),
  picks(
    'split and concat',
    [5, 2],
    (x) => core.concat(x.split([2, 3]).reverse()),
    [5, 2],
    ([i, j]) => [(i! + 2) % 5, j!],
  ),
  picks(
    'chunk',
    [5, 2],
    (x) => x.chunk(2)[1] as Tensor,
    [2, 2],
    ([i, j]) => [i! + 3, j!],
  ),
  picks(
    'unstack',
    [3, 4],
    (x) => x.unstack(1)[2] as Tensor,
    [3],
    ([i]) => [i!, 2],
  ),
  picks(
    'contiguous',
    [3, 4],
    (x) => x.contiguous(),
    [3, 4],
    (index) => index,
  ),
  {
    name: 'pad',
    shape: [2, 3],
    apply: (x) =>
      x.pad(
        [
          [1, 0],
          [2, 1],
        ],
        9,
      ),
    want: (x) =>
      build([3, 6], ([i, j]) =>
        i! >= 1 && j! >= 2 && j! < 5 ? elementOf(x, [i! - 1, j! - 2]) : 9,
      ),
  },
  {
    name: 'pad that cuts',
    shape: [4, 3],
    apply: (x) =>
      x.pad([
        [-1, 1],
        [0, -2],
      ]),
    want: (x) => build([4, 1], ([i]) => (i! < 3 ? elementOf(x, [i! + 1, 0]) : 0)),
  },
  {
    name: 'pad of nothing',
    shape: [0, 2],
    apply: (x) =>
      x.pad(
        [
          [2, 0],
          [0, 0],
        ],
        3,
      ),
    want: () => build([2, 2], () => 3),
  },
  {
    name: 'fold',
    shape: [2, 3, 2],
    apply: (x) => core.fold(x, 1, 6, 2, 1),
    want: (x) => build([2, 6], ([a, n]) => elementOf(x, [a!, Math.floor(n! / 2), n! % 2])),
  },
  {
    name: 'fold overlapping and dilated',
    shape: [3, 2, 2],
    apply: (x) => core.fold(x, 0, 6, 1, 3),
    want: (x) => folded(x, 6, 1, 3),
  },
  {
    name: 'tril',
    shape: [3, 4],
    apply: (x) => x.tril(1),
    want: (x) => triangle(x, (i, j) => j <= i + 1),
  },
  {
    name: 'triu',
    shape: [3, 4],
    apply: (x) => x.triu(-1),
    want: (x) => triangle(x, (i, j) => j >= i - 1),
  },
];

function folded(x: Reference, length: number, step: number, dilation: number): Reference {
  const [windows, size, inner] = x.shape as [number, number, number];
  const data = new Array<number>(length * inner).fill(0);
  for (let w = 0; w < windows; w++) {
    for (let k = 0; k < size; k++) {
      for (let i = 0; i < inner; i++) {
        data[(w * step + k * dilation) * inner + i]! += elementOf(x, [w, k, i]);
      }
    }
  }
  return { shape: [length, inner], data };
}
function triangle(x: Reference, keep: (i: number, j: number) => boolean): Reference {
  return build(x.shape, ([i, j]) => (keep(i!, j!) ? elementOf(x, [i!, j!]) : 0));
}
