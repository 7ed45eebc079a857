/**
 * Scalar functions of two or three tensors of one shape: arithmetic, comparison, logic, selection,
 * random bits. Strict: ops.ts has broadcast and promoted. A missing name does not compile.
 */
import type { TensorType } from '../backend.ts';
import {
  type Derivative,
  type MapPrimitive,
  NO_DERIVATIVE,
  NO_SAVES,
  type PartialRule,
  type Saves,
} from '../primitive.ts';
import type { SCALARS } from '../scalars.ts';
import { requireDType, requireNumeric, requireSameShape, requireSameType } from './rules.ts';

export type BinaryName = {
  [K in keyof typeof SCALARS]: (typeof SCALARS)[K] extends 2 ? K : never;
}[keyof typeof SCALARS];

const BOTH: Saves = { inputs: [0, 1], output: false };
type Result = 'same' | 'bool' | 'logic';

function binary(
  name: BinaryName,
  result: Result,
  saves: Saves,
  partials: readonly PartialRule<null>[] | null,
): MapPrimitive<null> {
  const derivative: Derivative<null> =
    partials === null ? NO_DERIVATIVE : { kind: 'pointwise', partials };
  return {
    name,
    kind: 'map',
    scalar: name,
    saves,
    derivative,
    type: ([x, y]) => {
      const a = x as TensorType;
      requireSameType(name, a, y as TensorType);
      if (result === 'logic') requireDType(name, 'operands', a, 'bool');
      else if (name !== 'eq') requireNumeric(name, a);
      return result === 'same' ? a : { shape: a.shape, dtype: 'bool' };
    },
  };
}

/** Share of the gradient where an operand wins: 1, and ½ each on a tie, as in PyTorch. */
function winner(loser: 0 | 1): PartialRule<null> {
  return (ops, ctx) => {
    const [a, b] = [ctx.input(0), ctx.input(1)];
    const wins = loser === 0 ? ops.less(a, b) : ops.less(b, a);
    const tie = ops.mul(ops.cast(ops.equal(a, b), a.dtype), 0.5);
    return ops.add(ops.cast(wins, a.dtype), tie);
  };
}

/** Every binary row: a is input 0, b is input 1, y the output. */
export const BINARY: Readonly<Record<BinaryName, MapPrimitive<null>>> = {
  add: {
    ...binary('add', 'same', NO_SAVES, [() => 1, () => 1]),
    neutral: { value: 0, side: 'both' },
  },
  sub: {
    ...binary('sub', 'same', NO_SAVES, [() => 1, () => -1]),
    neutral: { value: 0, side: 'right' },
  },
  mul: {
    ...binary('mul', 'same', BOTH, [(_o, ctx) => ctx.input(1), (_o, ctx) => ctx.input(0)]),
    neutral: { value: 1, side: 'both' },
  },
  /** a / b; integers truncate (ops.div makes them floats first). */
  div: {
    ...binary('div', 'same', { inputs: [1], output: true }, [
      (ops, ctx) => ops.div(1, ctx.input(1)),
      (ops, ctx) => ops.neg(ops.div(ctx.output(), ctx.input(1))),
    ]),
    neutral: { value: 1, side: 'right' },
  },
  /** The remainder of the division truncated towards zero: sign of a, as C's fmod. */
  rem: binary('rem', 'same', BOTH, [
    () => 1,
    (ops, ctx) => ops.neg(ops.trunc(ops.div(ctx.input(0), ctx.input(1)))),
  ]),
  /** a^b with IEEE's special cases; slopes 0 where b = 0 and, for the exponent, where a = 0. */
  pow: binary('pow', 'same', { inputs: [0, 1], output: true }, [
    (ops, ctx) => {
      const [a, b] = [ctx.input(0), ctx.input(1)];
      return ops.where(ops.equal(b, 0), 0, ops.mul(b, ops.pow(a, ops.sub(b, 1))));
    },
    (ops, ctx) => {
      const [a, b] = [ctx.input(0), ctx.input(1)];
      const isFlat = ops.logicalAnd(ops.equal(a, 0), ops.greaterEqual(b, 0));
      return ops.where(isFlat, 0, ops.mul(ctx.output(), ops.log(a)));
    },
  ]),
  /** The larger; NaN if either is NaN. */
  maximum: binary('maximum', 'same', BOTH, [winner(1), winner(0)]),
  /** The smaller; NaN if either is NaN. */
  minimum: binary('minimum', 'same', BOTH, [winner(0), winner(1)]),
  and: binary('and', 'logic', NO_SAVES, null),
  or: binary('or', 'logic', NO_SAVES, null),
  /** Equal; false where either is NaN. */
  eq: binary('eq', 'bool', NO_SAVES, null),
  lt: binary('lt', 'bool', NO_SAVES, null),
  le: binary('le', 'bool', NO_SAVES, null),
};

/** condition ? a : b, element by element. No gradient leaks from the branch not taken. */
export const select: MapPrimitive<null> = {
  name: 'select',
  kind: 'map',
  scalar: 'select',
  saves: { inputs: [0], output: false },
  type: ([c, a, b]) => {
    requireDType('select', 'the condition', c as TensorType, 'bool');
    requireSameType('select', a as TensorType, b as TensorType);
    requireSameShape('select', c as TensorType, a as TensorType);
    return a as TensorType;
  },
  derivative: {
    kind: 'custom',
    vjp: (ops, g, ctx) => [
      null,
      ctx.needs[1] ? ops.where(ctx.input(0), g, 0) : null,
      ctx.needs[2] ? ops.where(ctx.input(0), 0, g) : null,
    ],
  },
};

/**
 * First word of Threefry-2x32 with 13 rounds of (counter, 0) under (key0, key1): Salmon et al.,
 * "Parallel random numbers: as easy as 1, 2, 3" (SC 2011). Pure, so it fuses and needs no state.
 */
export const randomBits: MapPrimitive<null> = {
  name: 'randomBits',
  kind: 'map',
  scalar: 'randomBits',
  saves: NO_SAVES,
  type: (inputs) => {
    for (const x of inputs) requireDType('randomBits', 'keys and counters', x, 'u32');
    requireSameShape('randomBits', inputs[0] as TensorType, inputs[2] as TensorType);
    requireSameShape('randomBits', inputs[1] as TensorType, inputs[2] as TensorType);
    return inputs[2] as TensorType;
  },
  derivative: NO_DERIVATIVE,
};
