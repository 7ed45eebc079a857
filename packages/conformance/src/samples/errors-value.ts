/** Values, indices and equations that cannot be used: what each op says, in full. */
import * as core from '@tenon/core';
import { IndexRangeError, ShapeError, TenonError, tensor, ValueError } from '@tenon/core';
import { type ErrorSample, of, ones, untyped } from './error-sample.ts';

export const VALUES: readonly ErrorSample[] = [
  of(
    IndexRangeError,
    'take with a list',
    () => ones(3).take([3]),
    'take: index 3 is outside [-3, 3)',
  ),
  of(IndexRangeError, 'at', () => ones(3).at(-4), 'at: index -4 is outside [-3, 3)'),
  of(
    ValueError,
    'a fraction as i32',
    () => tensor([1, 0.5], { dtype: 'i32' }),
    'tensor: element 1 is 0.5, which i32 cannot hold',
  ),
  of(
    ValueError,
    'too large for i32',
    () => tensor([2 ** 31], { dtype: 'i32' }),
    'tensor: element 0 is 2147483648, which i32 cannot hold',
  ),
  of(
    ValueError,
    'text in data',
    () => tensor(['a'] as never),
    'tensor: elements must be numbers or bools, got a',
  ),
  of(
    ValueError,
    'x + y',
    () => (ones(2) as never) + 1,
    'a tensor [2] is not a number: use x.add(y) instead of x + y, ' +
      'x.less(y) instead of x < y, or read it with await x.item()',
  ),
  of(
    ValueError,
    'no tensor at all',
    () => core.exp(untyped([1, 2])),
    'exp: expected a tensor, got an array (wrap it with tensor(…))',
  ),
  of(
    ValueError,
    'null as an operand',
    () => ones(2).add(untyped(null)),
    'add: expected a tensor, got null (wrap it with tensor(…))',
  ),
  of(
    ValueError,
    'text as an operand',
    () => ones(2).mul(untyped('2')),
    'mul: expected a tensor, got a string (wrap it with tensor(…))',
  ),
  of(ValueError, 'a step of 0', () => ones(3).slice([0, 3, 0]), 'slice: step must not be 0, got 0'),
  of(ValueError, 'arange by 0', () => core.arange(0, 3, 0), 'arange: cannot go from 0 to 3 by 0'),
  of(
    ValueError,
    'linspace',
    () => core.linspace(0, 1, 1.5),
    'linspace: steps must be a whole number, got 1.5',
  ),
  of(
    ValueError,
    'concat of nothing',
    () => core.concat([]),
    'concat: expected at least one tensor, got none',
  ),
  of(
    ValueError,
    'split by 0',
    () => ones(3).split(0),
    'split: the size of a piece must be a whole number above 0, got 0',
  ),
  of(ValueError, 'roll', () => ones(3, 3).roll([1, 2], [0]), 'roll: 2 shifts for 1 axes'),
  of(
    ValueError,
    'topK',
    () => ones(3).topK(4),
    'topK: k must lie in [0, 3] for axis 0 of [3], got 4',
  ),
  of(
    ValueError,
    'norm',
    () => ones(3).norm({ p: Number.NaN }),
    'norm: p must be a number, got NaN',
  ),
  of(
    ValueError,
    'a probability above 1',
    () => core.bernoulli(1.5, [2]),
    'bernoulli: p must lie in [0, 1], got 1.5',
  ),
  of(
    ValueError,
    'randint',
    () => core.randint(3, 3, [2]),
    'randint: expected whole numbers with 1 <= high - low <= 2^24, got [3, 3)',
  ),
  of(
    ValueError,
    'truncatedNormal',
    () => core.truncatedNormal([2], { low: 1, high: 0 }),
    'truncatedNormal: expected low < high and std > 0, got 1, 0, 1',
  ),
  of(
    ValueError,
    'a seed',
    () => core.setSeed(-1),
    'seed: expected a whole number in [0, 2^53], got -1',
  ),
  of(
    TenonError,
    'a promise in scope',
    () => core.scope(async () => 1),
    'library: the function returned a promise; other code would run under library while ' +
      'it waits. Put library inside it, around the synchronous part.',
  ),
];

export const EINSUM: readonly ErrorSample[] = [
  of(
    ValueError,
    'a malformed equation',
    () => core.einsum('ij->i->j', ones(2, 2)),
    "einsum: 'ij->i->j' is not of the form 'ij,jk->ik'",
  ),
  of(
    ValueError,
    'another number of operands',
    () => core.einsum('ij,jk', ones(2, 2)),
    "einsum: 'ij,jk' names 2 operands, got 1",
  ),
  of(
    ValueError,
    'an output letter from nowhere',
    () => core.einsum('ij->ik', ones(2, 2)),
    "einsum: 'ij->ik': output letter 'k' is in no operand",
  ),
  of(
    ValueError,
    'an output letter twice',
    () => core.einsum('ij->ii', ones(2, 2)),
    "einsum: 'ij->ii': a letter occurs twice in the output",
  ),
  of(
    ShapeError,
    'letters and rank',
    () => core.einsum('ijk->i', ones(2, 2)),
    "einsum: 'ijk' has 3 letters for [2, 2]",
  ),
  of(
    ShapeError,
    'sizes of a letter',
    () => core.einsum('ij,jk->ik', ones(2, 3), ones(4, 2)),
    "einsum: 'ij,jk->ik': letter 'j' is 3 and 4",
  ),
  of(
    ShapeError,
    'a diagonal of a rectangle',
    () => core.einsum('ii->i', ones(2, 3)),
    "einsum: 'ii->i': a repeated letter is 2 and 3 in [2, 3]",
  ),
];
