/**
 * Elementwise functions. Operands broadcast (NumPy's rule) and are promoted
 * (bool < i32 < f32 < f64; numbers take the dtype of the tensor they meet).
 */
import { bind } from '../bind.ts';
import { type DType, isFloat, isInteger } from '../dtype.ts';
import type { MapPrimitive } from '../primitive.ts';
import { BINARY, select } from '../primitives/binary.ts';
import { UNARY, type UnaryName } from '../primitives/unary.ts';
import { Tensor, type TensorLike } from '../tensor.ts';
import {
  castTo,
  commonDType,
  commonShape,
  conform,
  requireTensor,
  toFloat,
  unify,
} from './operand.ts';

function numeric(name: UnaryName, x: Tensor): Tensor {
  requireTensor(name, x);
  return bind(UNARY[name], [x.dtype === 'bool' ? castTo(x, 'i32') : x], null);
}
function float(name: UnaryName, x: Tensor): Tensor {
  requireTensor(name, x);
  return bind(UNARY[name], [toFloat(x)], null);
}

/** -x */
export function neg(x: Tensor): Tensor {
  return numeric('neg', x);
}
/** |x| */
export function abs(x: Tensor): Tensor {
  return numeric('abs', x);
}
/** -1, 0 or 1; NaN stays NaN. */
export function sign(x: Tensor): Tensor {
  return numeric('sign', x);
}
/** The greatest whole number not above x. */
export function floor(x: Tensor): Tensor {
  requireTensor('floor', x);
  return isFloat(x.dtype) ? float('floor', x) : x;
}
/** The least whole number not below x. */
export function ceil(x: Tensor): Tensor {
  return isFloat(x.dtype) ? neg(floor(neg(x))) : x;
}
/** The whole number next to x towards zero. */
export function trunc(x: Tensor): Tensor {
  return isFloat(x.dtype) ? where(less(x, 0), ceil(x), floor(x)) : x;
}
/** The nearest whole number; halves go to the even one, as IEEE and NumPy round. */
export function round(x: Tensor): Tensor {
  if (!isFloat(x.dtype)) return x;
  const below = floor(x);
  const rest = sub(x, below);
  const isOdd = notEqual(fmod(below, 2), 0);
  const isUp = logicalOr(greater(rest, 0.5), logicalAnd(equal(rest, 0.5), isOdd));
  // Whole (and infinite) x stay as they are; -(-b - 1) is b + 1, but -0 where b is -1, as in IEEE.
  return where(equal(below, x), x, where(isUp, neg(sub(neg(below), 1)), below));
}
/** e^x */
export function exp(x: Tensor): Tensor {
  return float('exp', x);
}
/** e^x - 1, accurate near 0 */
export function expm1(x: Tensor): Tensor {
  return float('expm1', x);
}
/** Natural logarithm */
export function log(x: Tensor): Tensor {
  return float('log', x);
}
/** log(1 + x), accurate near 0 */
export function log1p(x: Tensor): Tensor {
  return float('log1p', x);
}
export function log2(x: Tensor): Tensor {
  return div(log(x), Math.LN2);
}
export function log10(x: Tensor): Tensor {
  return div(log(x), Math.LN10);
}
/** √x */
export function sqrt(x: Tensor): Tensor {
  return float('sqrt', x);
}
/** 1/√x */
export function rsqrt(x: Tensor): Tensor {
  return div(1, sqrt(x));
}
/** x² */
export function square(x: Tensor): Tensor {
  return mul(x, x);
}
/** 1/x */
export function reciprocal(x: Tensor): Tensor {
  return div(1, x);
}
export function sin(x: Tensor): Tensor {
  return float('sin', x);
}
export function cos(x: Tensor): Tensor {
  return float('cos', x);
}
export function tan(x: Tensor): Tensor {
  return div(sin(x), cos(x));
}
/** (e^x - e^-x)/2: through expm1 near 0, through halves where e^x would overflow first. */
export function sinh(x: Tensor): Tensor {
  const y = toFloat(x);
  const t = expm1(clip(y, -1, 1));
  const near = mul(add(t, div(t, add(t, 1))), 0.5);
  const up = exp(mul(y, 0.5));
  const down = exp(mul(y, -0.5));
  const far = sub(mul(mul(up, 0.5), up), mul(mul(down, 0.5), down));
  return where(less(abs(y), 1), near, far);
}
/** (e^x + e^-x)/2 */
export function cosh(x: Tensor): Tensor {
  const up = exp(mul(toFloat(x), 0.5));
  const down = exp(mul(toFloat(x), -0.5));
  return add(mul(mul(up, 0.5), up), mul(mul(down, 0.5), down));
}
export function tanh(x: Tensor): Tensor {
  return float('tanh', x);
}
/** The error function, 2/√π · ∫₀ˣ e^(-t²) dt */
export function erf(x: Tensor): Tensor {
  return float('erf', x);
}
/**
 * The inverse of erf on (-1, 1), to about 3 units in the last place of f32: two polynomials in
 * -log(1 - x²). Giles, "Approximating the erfinv function" (GPU Computing Gems, 2010).
 */
export function erfInv(x: Tensor): Tensor {
  const y = toFloat(x);
  const w = neg(log(mul(sub(1, y), add(y, 1))));
  const polynomial = (t: Tensor, coefficients: readonly number[]): Tensor =>
    coefficients
      .slice(1)
      .reduce<Tensor>(
        (p, c) => add(mul(p, t), c),
        mul(add(mul(t, 0), 1), coefficients[0] as number),
      );
  const centre = polynomial(sub(w, 2.5), ERF_INV_CENTRE);
  const tail = polynomial(sub(sqrt(where(less(w, 5), 5, w)), 3), ERF_INV_TAIL);
  const value = mul(where(less(w, 5), centre, tail), y);
  // Through sign, so that the infinite branch has no slope: 0 · ∞ would be NaN.
  return where(equal(abs(y), 1), mul(sign(y), Number.POSITIVE_INFINITY), value);
}
const ERF_INV_CENTRE: readonly number[] = [
  2.81022636e-8, 3.43273939e-7, -3.5233877e-6, -4.39150654e-6, 0.00021858087, -0.00125372503,
  -0.00417768164, 0.246640727, 1.50140941,
];
const ERF_INV_TAIL: readonly number[] = [
  -0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773, -0.0076224613,
  0.00943887047, 1.00167406, 2.83297682,
];
/** u32 bits as f32 in [0, 1). */
export function unitFloat(bits: Tensor): Tensor {
  return bind(UNARY.unitFloat, [bits], null);
}
// biome-ignore lint/suspicious/noShadowRestrictedNames: the name that NumPy and PyTorch use
export function isNaN(x: Tensor): Tensor {
  return notEqual(x, x);
}
export function isInf(x: Tensor): Tensor {
  return equal(abs(x), Number.POSITIVE_INFINITY);
}
// biome-ignore lint/suspicious/noShadowRestrictedNames: the name that NumPy and PyTorch use
export function isFinite(x: Tensor): Tensor {
  return isFloat(x.dtype) ? less(abs(x), Number.POSITIVE_INFINITY) : equal(x, x);
}
/** Another dtype: float → integer truncates and saturates (NaN → 0), anything → bool is x ≠ 0. */
export function cast(x: Tensor, dtype: DType): Tensor {
  requireTensor('cast', x);
  return castTo(x, dtype);
}

function binary(primitive: MapPrimitive<null>, a: TensorLike, b: TensorLike): Tensor {
  // The common case first: two tensors that already agree.
  if (a instanceof Tensor && b instanceof Tensor && a.layout === b.layout && a.dtype === b.dtype) {
    return bind(primitive, [a, b], null);
  }
  return bind(primitive, unify(primitive.name, [a, b]), null);
}
/** Bools count as integers in arithmetic. */
function arithmetic(primitive: MapPrimitive<null>, a: TensorLike, b: TensorLike): Tensor {
  if (isBool(a) && isBool(b)) {
    return bind(primitive, unify(primitive.name, [a, b], 'i32'), null);
  }
  return binary(primitive, a, b);
}
function isBool(x: TensorLike): boolean {
  return x instanceof Tensor ? x.dtype === 'bool' : typeof x === 'boolean';
}
function isIntegral(x: TensorLike): boolean {
  if (x instanceof Tensor) return !isFloat(x.dtype);
  return typeof x === 'boolean' || Number.isInteger(x);
}

/** a + b */
export function add(a: TensorLike, b: TensorLike): Tensor {
  return arithmetic(BINARY.add, a, b);
}
/** a - b */
export function sub(a: TensorLike, b: TensorLike): Tensor {
  return arithmetic(BINARY.sub, a, b);
}
/** a · b, element by element */
export function mul(a: TensorLike, b: TensorLike): Tensor {
  return arithmetic(BINARY.mul, a, b);
}
/** a / b; integers give f32. See floorDivide. */
export function div(a: TensorLike, b: TensorLike): Tensor {
  if (isIntegral(a) && isIntegral(b)) return bind(BINARY.div, unify('div', [a, b], 'f32'), null);
  return binary(BINARY.div, a, b);
}
/** ⌊a / b⌋; integers stay integers, and x / 0 is 0 for them. */
export function floorDivide(a: TensorLike, b: TensorLike): Tensor {
  const operands = isBool(a) && isBool(b) ? unify('floorDivide', [a, b], 'i32') : [a, b];
  const [x, y] = unify('floorDivide', operands) as [Tensor, Tensor];
  if (!isInteger(x.dtype)) return floor(div(x, y));
  const quotient = bind(BINARY.div, [x, y], null);
  const rest = sub(x, mul(quotient, y));
  const isBelow = logicalAnd(notEqual(rest, 0), logicalXor(less(rest, 0), less(y, 0)));
  return sub(quotient, cast(isBelow, x.dtype));
}
/** a - b·⌊a / b⌋: the sign of b, as Python's %. */
export function remainder(a: TensorLike, b: TensorLike): Tensor {
  const [x, y] = unify('remainder', [a, b]) as [Tensor, Tensor];
  const rest = fmod(x, y);
  const isOther = logicalAnd(notEqual(rest, 0), logicalXor(less(rest, 0), less(y, 0)));
  return where(isOther, add(rest, y), rest);
}
/** a - b·trunc(a / b): the sign of a, as C's fmod and JavaScript's %. */
export function fmod(a: TensorLike, b: TensorLike): Tensor {
  return arithmetic(BINARY.rem, a, b);
}
/** a^b */
export function pow(a: TensorLike, b: TensorLike): Tensor {
  if (b === 2 && a instanceof Tensor) return square(a);
  return arithmetic(BINARY.pow, a, b);
}
/** The larger; NaN if either is. */
export function maximum(a: TensorLike, b: TensorLike): Tensor {
  return arithmetic(BINARY.maximum, a, b);
}
/** The smaller; NaN if either is. */
export function minimum(a: TensorLike, b: TensorLike): Tensor {
  return arithmetic(BINARY.minimum, a, b);
}

export function logicalNot(x: Tensor): Tensor {
  return bind(UNARY.not, [castTo(x, 'bool')], null);
}
export function logicalAnd(a: TensorLike, b: TensorLike): Tensor {
  return bind(BINARY.and, unify('logicalAnd', [a, b].map(truth), 'bool'), null);
}
export function logicalOr(a: TensorLike, b: TensorLike): Tensor {
  return bind(BINARY.or, unify('logicalOr', [a, b].map(truth), 'bool'), null);
}
export function logicalXor(a: TensorLike, b: TensorLike): Tensor {
  const [x, y] = unify('logicalXor', [a, b].map(truth), 'bool') as [Tensor, Tensor];
  return notEqual(x, y);
}
function truth(x: TensorLike): TensorLike {
  return typeof x === 'number' ? x !== 0 : x;
}
/** a = b, element by element; false where either is NaN. */
export function equal(a: TensorLike, b: TensorLike): Tensor {
  return binary(BINARY.eq, a, b);
}
export function notEqual(a: TensorLike, b: TensorLike): Tensor {
  return logicalNot(equal(a, b));
}
export function less(a: TensorLike, b: TensorLike): Tensor {
  return arithmetic(BINARY.lt, a, b);
}
export function lessEqual(a: TensorLike, b: TensorLike): Tensor {
  return arithmetic(BINARY.le, a, b);
}
export function greater(a: TensorLike, b: TensorLike): Tensor {
  return less(b, a);
}
export function greaterEqual(a: TensorLike, b: TensorLike): Tensor {
  return lessEqual(b, a);
}

/** condition ? a : b, element by element. No gradient leaks from the branch not taken. */
export function where(condition: Tensor, a: TensorLike, b: TensorLike): Tensor {
  requireTensor('where', condition);
  const shape = commonShape('where', [condition, a, b]);
  const dtype = commonDType('where', [a, b]);
  const { runtime } = condition;
  const mask = conform(condition, runtime, shape, 'bool');
  const [x, y] = [conform(a, runtime, shape, dtype), conform(b, runtime, shape, dtype)];
  return bind(select, [mask, x, y], null);
}

/** x held within [low, high] (null: no bound); NaN stays NaN. Slope 1 at the bounds. */
export function clip(x: Tensor, low: number | null, high: number | null): Tensor {
  requireTensor('clip', x);
  const raised = low === null ? x : where(less(x, low), low, x);
  return high === null ? raised : where(greater(raised, high), high, raised);
}

/** a + weight · (b - a) */
export function lerp(a: Tensor, b: TensorLike, weight: TensorLike): Tensor {
  return add(a, mul(weight, sub(b, a)));
}
