/**
 * Scalar functions of one tensor: type rule, derivative and documentation side by side. A new one
 * starts as a name in scalars.ts; this table is then incomplete and does not compile.
 */
import type { TensorType } from '../backend.ts';
import type { DType } from '../dtype.ts';
import {
  type Derivative,
  type MapPrimitive,
  NO_DERIVATIVE,
  NO_SAVES,
  type PartialRule,
  type Saves,
} from '../primitive.ts';
import type { SCALARS } from '../scalars.ts';
import { requireDType, requireFloat, requireNumeric } from './rules.ts';

/** The scalar names that take one argument, but for cast, which has attributes. */
export type UnaryName = Exclude<
  { [K in keyof typeof SCALARS]: (typeof SCALARS)[K] extends 1 ? K : never }[keyof typeof SCALARS],
  'cast'
>;

type Check = (op: string, type: TensorType) => void;
const INPUT: Saves = { inputs: [0], output: false };
const OUTPUT: Saves = { inputs: [], output: true };

function unary(
  name: UnaryName,
  check: Check,
  saves: Saves,
  partial: PartialRule<null> | null,
): MapPrimitive<null> {
  const derivative: Derivative<null> =
    partial === null ? NO_DERIVATIVE : { kind: 'pointwise', partials: [partial] };
  return {
    name,
    kind: 'map',
    scalar: name,
    saves,
    derivative,
    type: ([x]) => {
      check(name, x as TensorType);
      return x as TensorType;
    },
  };
}

const TWO_OVER_SQRT_PI = 2 / Math.sqrt(Math.PI);

/** Every unary row. x is input 0, y the output. */
export const UNARY: Readonly<Record<UnaryName, MapPrimitive<null>>> = {
  /** -x */
  neg: unary('neg', requireNumeric, NO_SAVES, () => -1),
  /** |x|; slope 0 at 0, as in PyTorch. */
  abs: unary('abs', requireNumeric, INPUT, (ops, ctx) => ops.sign(ctx.input(0))),
  /** -1, 0, 1; keeps the sign of zero and NaN. */
  sign: unary('sign', requireNumeric, NO_SAVES, () => null),
  /** The greatest whole number not above x. */
  floor: unary('floor', requireFloat, NO_SAVES, () => null),
  /** e^x */
  exp: unary('exp', requireFloat, OUTPUT, (_ops, ctx) => ctx.output()),
  /** e^x - 1, accurate near 0 */
  expm1: unary('expm1', requireFloat, OUTPUT, (ops, ctx) => ops.add(ctx.output(), 1)),
  /** Natural logarithm: -∞ at 0, NaN below. */
  log: unary('log', requireFloat, INPUT, (ops, ctx) => ops.div(1, ctx.input(0))),
  /** log(1 + x), accurate near 0 */
  log1p: unary('log1p', requireFloat, INPUT, (ops, ctx) => ops.div(1, ops.add(ctx.input(0), 1))),
  /** √x: NaN below 0. */
  sqrt: unary('sqrt', requireFloat, OUTPUT, (ops, ctx) => ops.div(0.5, ctx.output())),
  sin: unary('sin', requireFloat, INPUT, (ops, ctx) => ops.cos(ctx.input(0))),
  cos: unary('cos', requireFloat, INPUT, (ops, ctx) => ops.neg(ops.sin(ctx.input(0)))),
  tanh: unary('tanh', requireFloat, OUTPUT, (ops, ctx) =>
    ops.sub(1, ops.mul(ctx.output(), ctx.output())),
  ),
  /** 2/√π · ∫₀ˣ e^(-t²) dt */
  erf: unary('erf', requireFloat, INPUT, (ops, ctx) => {
    const x = ctx.input(0);
    return ops.mul(ops.exp(ops.neg(ops.mul(x, x))), TWO_OVER_SQRT_PI);
  }),
  /** Logical negation of a bool. */
  not: unary('not', (op, x) => requireDType(op, 'the operand', x, 'bool'), NO_SAVES, null),
  /** u32 bits → f32 in [0, 1): (bits >>> 8) · 2^-24, every multiple of 2^-24 equally likely. */
  unitFloat: {
    ...unary('unitFloat', (op, x) => requireDType(op, 'the bits', x, 'u32'), NO_SAVES, null),
    type: ([x]) => {
      requireDType('unitFloat', 'the bits', x as TensorType, 'u32');
      return { shape: (x as TensorType).shape, dtype: 'f32' };
    },
  },
};

export interface CastAttrs {
  readonly dtype: DType;
}
/** Another dtype: float → integer truncates and saturates (NaN → 0), anything → bool is x ≠ 0. */
export const cast: MapPrimitive<CastAttrs> = {
  name: 'cast',
  kind: 'map',
  scalar: 'cast',
  saves: NO_SAVES,
  type: ([x], attrs) => ({ shape: (x as TensorType).shape, dtype: attrs.dtype }),
  derivative: {
    kind: 'linear',
    transpose: (ops, g, ctx) => ops.cast(g, (ctx.types[0] as TensorType).dtype),
  },
};

/** The same values in a dense storage of their own. */
export const copy: MapPrimitive<null> = {
  name: 'copy',
  kind: 'map',
  scalar: null,
  saves: NO_SAVES,
  type: ([x]) => x as TensorType,
  derivative: { kind: 'linear', transpose: (_ops, g) => g },
};
