/** Shapes, dtypes and axes that do not fit: what each op says, in full. */
import * as core from '@tenon/core';
import { AxisError, DTypeError, ShapeError, tensor } from '@tenon/core';
import { bools, type ErrorSample, ints, of, ones, unsigned } from './error-sample.ts';

export const SHAPES: readonly ErrorSample[] = [
  of(
    ShapeError,
    'operands that do not broadcast',
    () => ones(2, 3).add(ones(4)),
    'add: shapes [2, 3] and [4] do not broadcast: 3 ≠ 4 at axis -1 (sizes must be equal or 1)',
  ),
  of(
    ShapeError,
    'where',
    () => core.where(bools(), ones(3), 0),
    'where: shapes [2] and [3] do not broadcast: 2 ≠ 3 at axis -1 (sizes must be equal or 1)',
  ),
  of(
    ShapeError,
    'matmul, inner sizes',
    () => ones(2, 3).matmul(ones(4, 5)),
    'matmul: inner sizes differ: [2, 3] · [4, 5] (3 ≠ 4)',
  ),
  of(
    ShapeError,
    'matmul, batches',
    () => ones(2, 3, 4).matmul(ones(5, 4, 3)),
    'matmul: shapes [2] and [5] do not broadcast: 2 ≠ 5 at axis -1 (sizes must be equal or 1)',
  ),
  of(
    ShapeError,
    'matmul of a number',
    () => ones().matmul(ones(2)),
    'matmul: expected vectors or matrices, got [] · [2] (use mul)',
  ),
  of(
    ShapeError,
    'dot',
    () => ones(2).dot(ones(3)),
    'dot: expected vectors of one size, got [2] · [3]',
  ),
  of(
    ShapeError,
    'outer',
    () => ones(2).outer(ones(2, 2)),
    'outer: expected two vectors, got [2] · [2, 2]',
  ),
  of(
    ShapeError,
    'reshape',
    () => ones(2, 3).reshape([4]),
    'reshape: [2, 3] (6 elements) does not fit [4]',
  ),
  of(
    ShapeError,
    'reshape, two holes',
    () => ones(2, 3).reshape([-1, -1]),
    'reshape: [2, 3] (6 elements) does not fit [-1, -1] (only one size may be -1)',
  ),
  of(
    ShapeError,
    'expand',
    () => ones(2, 3).expand([3, 3]),
    'expand: shapes [2, 3] and [3, 3] do not broadcast: 2 ≠ 3 at axis -2 ' +
      '(sizes must be equal or 1)',
  ),
  of(
    ShapeError,
    'expand to a smaller rank',
    () => ones(2, 3).expand([3]),
    'expand: [2, 3] does not broadcast to [3]',
  ),
  of(
    ShapeError,
    'squeeze',
    () => ones(2, 1).squeeze(0),
    'squeeze: axis 0 of [2, 1] has size 2, not 1',
  ),
  of(
    ShapeError,
    'concat',
    () => core.concat([ones(2, 3), ones(3, 2)]),
    'concat: shapes must agree but for axis 0, got [2, 3], [3, 2]',
  ),
  of(
    ShapeError,
    'stack',
    () => core.stack([ones(2), ones(3)]),
    'stack: shapes must be equal, got [2], [3]',
  ),
  of(
    ShapeError,
    'split',
    () => ones(5).split([2, 2]),
    'split: sizes [2, 2] must add up to 5 (axis 0 of [5])',
  ),
  of(
    ShapeError,
    'slice, too many ranges',
    () => ones(2).slice([0, 1], [0, 1]),
    'slice: 2 ranges for [2]',
  ),
  of(
    ShapeError,
    'narrow',
    () => ones(3).narrow(0, 2, 2),
    'narrow: [2, 4) is outside axis 0 of [3]',
  ),
  of(
    ShapeError,
    'unfold',
    () => ones(3).unfold(0, 4),
    'unfold: windows of 4 (step 1, dilation 1) span 4, axis 0 of [3] has 3',
  ),
  of(
    ShapeError,
    'fold',
    () => core.fold(ones(3, 2), 0, 3, 2),
    'fold: [3, 2] with step 2 and dilation 1 spans 6 elements, got length 3',
  ),
  of(
    ShapeError,
    'pad',
    () => ones(2, 2).pad([[1, 1]]),
    'pad: expected 2 pairs of whole numbers, got [[1,1]]',
  ),
  of(ShapeError, 'repeat', () => ones(2, 2).repeat([2]), 'repeat: 1 repetitions for [2, 2]'),
  of(ShapeError, 'at, too many indices', () => ones(2).at(0, 0), 'at: 2 indices for [2]'),
  of(
    ShapeError,
    'takeAlong, ranks',
    () => ones(2, 2).takeAlong(ints(0), 0),
    'takeAlong: indices [1] and [2, 2] differ in rank',
  ),
  of(
    ShapeError,
    'takeAlong, sizes',
    () => ones(2, 2).takeAlong(ints(0, 0, 0).reshape([1, 3]), 0),
    'takeAlong: indices [1, 3] reach beyond [2, 2] on axis 1',
  ),
  of(
    ShapeError,
    'indexAdd',
    () => ones(3).indexAdd(0, ints(0, 1), ones(3)),
    'indexAdd: values must be [2], got [3]',
  ),
  of(
    ShapeError,
    'maskSelect',
    () => ones(3).maskSelect(bools()),
    'maskSelect: mask [2] does not fit [3]',
  ),
  of(
    ShapeError,
    'max of nothing',
    () => ones(2, 0).max(1),
    'max: there is no max of nothing, got [2, 0]',
  ),
  of(
    ShapeError,
    'argMin of nothing',
    () => ones(0).argMin(0),
    'argMin: there is no min of nothing, got [0]',
  ),
  of(
    ShapeError,
    'item of several',
    () => ones(2).item(),
    'item: expected a tensor of one element, got shape [2]',
  ),
  of(
    ShapeError,
    'a negative size',
    () => core.zeros([2, -1]),
    'full: sizes must be whole numbers of at least 0, got [2, -1]',
  ),
  of(
    ShapeError,
    'too many elements',
    () => core.zeros([65536, 65536]),
    'full: a tensor holds at most 2147483647 elements, got [65536, 65536]',
  ),
  of(
    ShapeError,
    'a ragged array',
    () => tensor([[1, 2], [3]]),
    'tensor: ragged array: expected 2 elements on axis 1, got 1',
  ),
  of(
    ShapeError,
    'a ragged array, number and list',
    () => tensor([[1, 2], 3]),
    'tensor: ragged array: expected an array on axis 1, got 3',
  ),
  of(
    ShapeError,
    'a ragged array, list in a number',
    () => tensor([1, [2]]),
    'tensor: ragged array: expected no elements on axis 1, got 1',
  ),
  of(
    ShapeError,
    'a shape of another size',
    () => tensor([1, 2, 3], { shape: [2, 2] }),
    'tensor: shape [2, 2] holds 4 elements, got 3',
  ),
  of(
    ShapeError,
    'assign',
    () => core.variable([1, 2]).assign(ones(3)),
    'assign: the variable has shape [2], got [3]',
  ),
];

export const DTYPES: readonly ErrorSample[] = [
  of(
    DTypeError,
    'i32 with u32',
    () => ints(1, 2).add(unsigned()),
    'add: i32 and u32 have no common dtype (use cast)',
  ),
  of(
    DTypeError,
    'concat of i32 and u32',
    () => core.concat([ints(1), unsigned()]),
    'concat: i32 and u32 have no common dtype (use cast)',
  ),
  of(
    DTypeError,
    'matmul of integers',
    () =>
      ints(1, 2)
        .reshape([1, 2])
        .matmul(ints(1, 2).reshape([2, 1])),
    "matmul: expected f32 or f64, got i32 (use x.cast('f32'))",
  ),
  of(
    DTypeError,
    'float indices',
    () => ones(3).take(ones(1)),
    "take: indices must be i32, got f32 (use cast('i32'))",
  ),
  of(
    DTypeError,
    'a mask that is not bool',
    () => ones(2).maskSelect(ones(2)),
    'maskSelect: the mask must be bool, got f32',
  ),
  of(
    DTypeError,
    'assign',
    () => core.variable([1, 2]).assign(ints(1, 2)),
    'assign: the variable is f32, got i32 (use cast)',
  ),
  of(
    DTypeError,
    'a parameter of integers',
    () => core.parameter(ints(1, 2)),
    'parameter: only f32 and f64 have gradients, got i32 (use variable)',
  ),
  of(
    DTypeError,
    'a key that is none',
    () => core.randomBits(ones(2), [3]),
    'randomBits: a key is u32 [2], got f32 of 2 (use nextKey)',
  ),
];

export const AXES: readonly ErrorSample[] = [
  of(
    AxisError,
    'an axis too large',
    () => ones(2, 3).sum(2),
    'sum: axis 2 is outside [-2, 2) of a rank-2 tensor',
  ),
  of(
    AxisError,
    'an axis too small',
    () => ones(2, 3).max(-3),
    'max: axis -3 is outside [-2, 2) of a rank-2 tensor',
  ),
  of(
    AxisError,
    'an axis that is no whole number',
    () => ones(2, 3).mean(0.5),
    'sum: axis 0.5 is outside [-2, 2) of a rank-2 tensor',
  ),
  of(AxisError, 'an axis named twice', () => ones(2, 3).sum([1, -1]), 'sum: axis 1 is named twice'),
  of(
    AxisError,
    'permute',
    () => ones(2, 3).permute([0, 0]),
    'permute: expected each of 2 axes once, got [0, 0]',
  ),
  of(AxisError, 'flatten', () => ones(2, 3).flatten(1, 0), 'flatten: start 1 lies after end 0'),
  of(
    AxisError,
    'transpose of a vector',
    () => ones(2).transpose(),
    'transpose: axis -2 is outside [-1, 1) of a rank-1 tensor',
  ),
];
