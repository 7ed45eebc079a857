/** Indexing by integers, and ops in which the order along an axis matters. */
import * as core from '@tenon/core';
import { type DType, type Tensor, tensor } from '@tenon/core';
import { build, elementOf, type Reference } from '../reference.ts';
import { picks, type StructureSample } from './structure-sample.ts';

const INDEX = [2, 0, 0, 1];
const indexTensor = (): Tensor => tensor(Int32Array.from(INDEX));
const ALONG = [1, 0, 2, 2, 1, 0];

/** Integer indices: reading and adding. */
export const INDEXING: readonly StructureSample[] = [
  picks(
    'take',
    [3, 4],
    (x) => x.take(indexTensor()),
    [4, 4],
    ([i, j]) => [INDEX[i!]!, j!],
  ),
  picks(
    'take on the last axis',
    [2, 3],
    (x) => x.take([2, 0, 0, 1], -1),
    [2, 4],
    ([i, j]) => [i!, INDEX[j!]!],
  ),
  picks(
    'take with a matrix of indices',
    [3, 2],
    (x) => x.take(indexTensor().reshape([2, 2])),
    [2, 2, 2],
    ([a, b, j]) => [INDEX[2 * a! + b!]!, j!],
  ),
  picks(
    'takeAlong',
    [3, 3],
    (x) => x.takeAlong(tensor(Int32Array.from(ALONG)).reshape([2, 3]), 0),
    [2, 3],
    ([i, j]) => [ALONG[3 * i! + j!]!, j!],
  ),
  picks(
    'at with lists',
    [3, 4],
    (x) => x.at([2, 0], [1, 3]),
    [2, 2],
    ([i, j]) => [[2, 0][i!]!, [1, 3][j!]!],
  ),
  {
    name: 'scatterAdd',
    shape: [2, 3],
    apply: (x) =>
      core
        .zeros([3, 3], { dtype: x.dtype })
        .scatterAdd(0, tensor(Int32Array.from(ALONG)).reshape([2, 3]), x),
    want: (x) =>
      build([3, 3], ([n, j]) =>
        [0, 1].reduce((sum, i) => sum + (ALONG[3 * i + j!] === n ? elementOf(x, [i, j!]) : 0), 0),
      ),
  },
  {
    name: 'indexAdd',
    shape: [2, 4],
    apply: (x) => core.ones([2, 3], { dtype: x.dtype }).indexAdd(1, indexTensor(), x),
    want: (x) =>
      build([2, 3], ([i, n]) =>
        INDEX.reduce((sum, at, j) => sum + (at === n ? elementOf(x, [i!, j]) : 0), 1),
      ),
  },
  {
    name: 'oneHot',
    shape: [4],
    dtypes: ['i32'],
    values: (i) => i % 3,
    apply: (x) => core.oneHot(x, 3),
    want: (x) => build([4, 3], ([i, c]) => (elementOf(x, [i!]) === c ? 1 : 0)),
  },
];

/** Runs along an axis: fn maps the row to a row of results. */
function rows(
  name: string,
  axis: 0 | 1,
  apply: (x: Tensor) => Tensor,
  fn: (row: number[]) => number[],
  rest: Partial<StructureSample> = {},
): StructureSample {
  const shape = [5, 4];
  const want = (x: Reference): Reference => {
    const length = fn([...x.data].slice(0, shape[axis])).length;
    const out = shape.map((n, i) => (i === axis ? length : n));
    return build(out, (index) => {
      const row = Array.from({ length: shape[axis]! }, (_, k) =>
        elementOf(
          x,
          index.map((i, a) => (a === axis ? k : i)),
        ),
      );
      return fn(row)[index[axis]!]!;
    });
  };
  return { name, shape, apply, want, ...rest };
}
function running(fn: (a: number, b: number) => number): (row: number[]) => number[] {
  return (row) => row.map((_, n) => row.slice(0, n + 1).reduce(fn));
}
/** Stable, NaN the largest. */
function sortedOrder(row: readonly number[], sign: 1 | -1): number[] {
  const rank = (x: number): number => (Number.isNaN(x) ? Number.POSITIVE_INFINITY : x);
  const order = row.map((_, i) => i);
  return order.sort((i, j) => {
    const [a, b] = [rank(row[i]!), rank(row[j]!)];
    const isNaNs = Number(Number.isNaN(row[i]!)) - Number(Number.isNaN(row[j]!));
    return a === b ? sign * isNaNs || i - j : sign * (a < b ? -1 : 1);
  });
}
/** Ties, both infinities and NaN among the values. */
const mixed = (i: number): number =>
  [2, -1, 2, Number.NaN, 0.5, Number.POSITIVE_INFINITY, -3, 2, Number.NEGATIVE_INFINITY, 0][
    (i * 7) % 10
  ]!;
const F32: readonly DType[] = ['f32'];
const first = (row: readonly number[], isBest: (a: number, b: number) => boolean): number =>
  row.reduce((best, x, i) => {
    const now = row[best]!;
    if (Number.isNaN(now)) return best;
    return Number.isNaN(x) || isBest(x, now) ? i : best;
  }, 0);

/** Ops in which order matters. */
export const ORDER: readonly StructureSample[] = [
  ...([0, 1] as const).flatMap((axis): StructureSample[] => [
    rows(
      `cumSum on axis ${axis}`,
      axis,
      (x) => x.cumSum(axis),
      running((a, b) => a + b),
    ),
    rows(
      `cumProd on axis ${axis}`,
      axis,
      (x) => x.cumProd(axis),
      running((a, b) => a * b),
    ),
    rows(
      `cumMax on axis ${axis}`,
      axis,
      (x) => core.cumMax(x, axis),
      running((a, b) => Math.max(a, b)),
      {
        dtypes: F32,
        values: mixed,
      },
    ),
    rows(
      `argSort on axis ${axis}`,
      axis,
      (x) => x.argSort(axis),
      (row) => sortedOrder(row, 1),
      {
        dtypes: F32,
        values: mixed,
        result: 'i32',
      },
    ),
    rows(
      `argSort descending on axis ${axis}`,
      axis,
      (x) => x.argSort(axis, { descending: true }),
      (row) => sortedOrder(row, -1),
      { dtypes: F32, values: mixed, result: 'i32' },
    ),
    rows(
      `argMax on axis ${axis}`,
      axis,
      (x) => x.argMax(axis, { keepDims: true }),
      (row) => [first(row, (a, b) => a > b)],
      { dtypes: F32, values: mixed, result: 'i32' },
    ),
    rows(
      `argMin on axis ${axis}`,
      axis,
      (x) => x.argMin(axis, { keepDims: true }),
      (row) => [first(row, (a, b) => a < b)],
      { dtypes: F32, values: mixed, result: 'i32' },
    ),
  ]),
  rows(
    'sort integers',
    1,
    (x) => x.sort(1).values,
    (row) => [...row].sort((a, b) => a - b),
    {
      dtypes: ['i32', 'u32'],
      values: (i) => (i * 37) % 11,
    },
  ),
  rows(
    'topK',
    0,
    (x) => x.topK(2, 0).values,
    (row) =>
      sortedOrder(row, -1)
        .slice(0, 2)
        .map((i) => row[i]!),
  ),
  rows(
    'topK smallest',
    1,
    (x) => x.topK(3, 1, { largest: false }).indices,
    (row) => sortedOrder(row, 1).slice(0, 3),
    { result: 'i32' },
  ),
];
