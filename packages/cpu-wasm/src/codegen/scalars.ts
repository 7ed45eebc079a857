/**
 * The scalar table: one row per ScalarName, emitting instructions on lanes. A missing row does not
 * compile. Values of dtype f32, i32 (also for u32), f64 are lanes of that kind; a bool is a mask.
 * Semantics are cpu-js's, bit for bit where cpu-js is exact.
 */
import type { DType, ScalarName } from '@tenon/core';
import {
  divideI32,
  divideU32,
  powerI32,
  powerU32,
  remainderF32,
  remainderF64,
  remainderInteger,
} from './arithmetic.ts';
import type { F32, F64, I32, Kind, Lanes, Mask, Value } from './lanes.ts';
import { POW, UNARY_MATH, type UnaryFunction } from './math/functions.ts';
import { emitThreefry } from './threefry.ts';

type Numeric = 'f32' | 'i32' | 'f64';
type Float = 'f32' | 'f64';

/** `from`: dtype of the operands (of the values, for select); `dtype`: of the result. */
type Emit = (lanes: Lanes, args: readonly Value[], dtype: DType, from: DType) => Value;

interface Row {
  /** Costs more than a store and a load: kept in scratch instead of computed in two phases. */
  readonly isCostly: boolean;
  /** Largest error of an f32 result in ULP against the rounded float64 one; 0: as rounded. */
  readonly ulp: number;
  readonly emit: Emit;
}

/** The kind of lanes that holds a dtype in registers. */
function kindOf(dtype: DType): 'f32' | 'i32' | 'f64' | 'mask' {
  if (dtype === 'i32' || dtype === 'u32') return 'i32';
  if (dtype === 'bool') return 'mask';
  if (dtype === 'f16') throw new Error('scalars: f16 does not exist on cpu-wasm');
  return dtype;
}

function plain(emit: Emit): Row {
  return { isCostly: false, ulp: 0, emit };
}

function unary(emit: (lanes: Lanes, a: Value<Numeric>, from: DType) => Value): Row {
  return plain((lanes, [a], _dtype, from) => emit(lanes, a as Value<Numeric>, from));
}

function binary(
  emit: (lanes: Lanes, a: Value<Numeric>, b: Value<Numeric>, from: DType) => Value,
): Row {
  return plain((lanes, [a, b], _dtype, from) =>
    emit(lanes, a as Value<Numeric>, b as Value<Numeric>, from),
  );
}

/** A row of floats; integers are whole already. */
function rounding(emit: (lanes: Lanes, a: Value<Float>) => Value<Float>): Row {
  return unary((lanes, a) => (a.kind === 'i32' ? a : emit(lanes, a as Value<Float>)));
}

/** A row of bools. */
function logic(emit: (lanes: Lanes, a: Mask, b: Mask) => Mask): Row {
  return plain((lanes, [a, b]) => emit(lanes, a as Mask, b as Mask));
}

/** A comparison: of numbers, of u32, of bools. */
function comparison(
  numbers: (lanes: Lanes, a: Value<Numeric>, b: Value<Numeric>) => Value<'mask' | 'mask64'>,
  unsigned: (lanes: Lanes, a: I32, b: I32) => Mask,
  bools: (lanes: Lanes, a: Mask, b: Mask) => Mask,
): Row {
  return plain((lanes, [a, b], _dtype, from) => {
    if (from === 'bool') return bools(lanes, a as Mask, b as Mask);
    if (from === 'u32') return unsigned(lanes, a as I32, b as I32);
    return narrowMask(lanes, numbers(lanes, a as Value<Numeric>, b as Value<Numeric>));
  });
}

/** maximum and minimum: of numbers, of u32, of bools. */
function extreme(
  numbers: (lanes: Lanes, a: Value<Numeric>, b: Value<Numeric>) => Value<Numeric>,
  unsigned: (lanes: Lanes, a: I32, b: I32) => I32,
  bools: (lanes: Lanes, a: Mask, b: Mask) => Mask,
): Row {
  return plain((lanes, [a, b], dtype) => {
    if (dtype === 'bool') return bools(lanes, a as Mask, b as Mask);
    if (dtype === 'u32') return unsigned(lanes, a as I32, b as I32);
    return numbers(lanes, a as Value<Numeric>, b as Value<Numeric>);
  });
}

/** A function of `math/`. */
function transcendental(name: UnaryFunction): Row {
  const { ulp, f32, f64 } = UNARY_MATH[name];
  return {
    isCostly: true,
    ulp,
    emit: (lanes, [a], dtype) => (dtype === 'f32' ? f32(lanes, a as F32) : f64(lanes, a as F64)),
  };
}

function narrowMask(lanes: Lanes, mask: Value<'mask' | 'mask64'>): Mask {
  return mask.kind === 'mask64' ? lanes.narrowMask(mask as Value<'mask64'>) : (mask as Mask);
}

/** mask ? a : b for a value of any kind. */
function choose(lanes: Lanes, mask: Mask, a: Value, b: Value): Value {
  if (a.kind === 'f64') return lanes.select(lanes.widenMask(mask), a as F64, b as F64);
  return lanes.select(mask, a as F32, b as F32);
}

function constant(lanes: Lanes, kind: Kind, value: number): Value<Numeric> {
  if (kind === 'f64') return lanes.f64(value);
  return kind === 'f32' ? lanes.f32(value) : lanes.i32(value);
}

/** -1, 0 or 1; a zero or a NaN is returned as it is. */
function emitSign(lanes: Lanes, a: Value<Numeric>, from: DType): Value {
  if (from === 'u32') return lanes.minU(a as I32, lanes.i32(1));
  const one = constant(lanes, a.kind, 1);
  const minusOne = constant(lanes, a.kind, -1);
  if (a.kind === 'i32') return lanes.max(lanes.min(a as I32, one as I32), minusOne as I32);
  const zero = constant(lanes, a.kind, 0);
  const isNegative = narrowMask(lanes, lanes.lt(a, zero));
  const isPositive = narrowMask(lanes, lanes.gt(a, zero));
  return choose(lanes, isPositive, one, choose(lanes, isNegative, minusOne, a));
}

function emitCast(lanes: Lanes, a: Value, dtype: DType, from: DType): Value {
  const to = kindOf(dtype);
  if (kindOf(from) === to) return a;
  if (to === 'mask') {
    const number = a as Value<Numeric>;
    return narrowMask(lanes, lanes.ne(number, constant(lanes, number.kind, 0)));
  }
  if (from === 'bool') {
    if (to === 'i32') return lanes.bool(a as Mask);
    return choose(lanes, a as Mask, constant(lanes, to, 1), constant(lanes, to, 0));
  }
  const isUnsigned = dtype === 'u32' || from === 'u32';
  if (from === 'f32') {
    if (to === 'f64') return lanes.widen(a as F32);
    return isUnsigned ? lanes.toU32(a as F32) : lanes.toI32(a as F32);
  }
  if (from === 'f64') {
    if (to === 'f32') return lanes.narrow(a as F64);
    return isUnsigned ? lanes.narrowU32(a as F64) : lanes.narrowI32(a as F64);
  }
  if (to === 'f32') return isUnsigned ? lanes.fromU32(a as I32) : lanes.fromI32(a as I32);
  return isUnsigned ? lanes.widenU32(a as I32) : lanes.widenI32(a as I32);
}

function emitDiv(lanes: Lanes, a: Value<Numeric>, b: Value<Numeric>, from: DType): Value {
  if (from === 'i32') return divideI32(lanes, a as I32, b as I32);
  if (from === 'u32') return divideU32(lanes, a as I32, b as I32);
  return lanes.div(a as Value<Float>, b as Value<Float>);
}

function emitRem(lanes: Lanes, a: Value<Numeric>, b: Value<Numeric>, from: DType): Value {
  if (from === 'f32') return remainderF32(lanes, a as F32, b as F32);
  if (from === 'f64') return remainderF64(lanes, a as F64, b as F64);
  return remainderInteger(lanes, a as I32, b as I32, emitDiv(lanes, a, b, from) as I32);
}

function emitPow(lanes: Lanes, a: Value<Numeric>, b: Value<Numeric>, from: DType): Value {
  if (from === 'i32') return powerI32(lanes, a as I32, b as I32);
  if (from === 'u32') return powerU32(lanes, a as I32, b as I32);
  if (from === 'f64') return POW.f64(lanes, a as F64, b as F64);
  return POW.f32(lanes, a as F32, b as F32);
}

export const ROWS: Readonly<Record<ScalarName, Row>> = {
  neg: unary((lanes, a) => lanes.neg(a)),
  abs: unary((lanes, a, from) => (from === 'u32' ? a : lanes.abs(a))),
  sign: unary(emitSign),
  floor: rounding((lanes, a) => lanes.floor(a)),
  exp: transcendental('exp'),
  expm1: transcendental('expm1'),
  log: transcendental('log'),
  log1p: transcendental('log1p'),
  sqrt: unary((lanes, a) => lanes.sqrt(a as Value<Float>)),
  sin: transcendental('sin'),
  cos: transcendental('cos'),
  tanh: transcendental('tanh'),
  erf: transcendental('erf'),
  not: logic((lanes, a) => lanes.not(a)),
  cast: plain((lanes, [a], dtype, from) => emitCast(lanes, a as Value, dtype, from)),
  unitFloat: plain((lanes, [a]) =>
    lanes.mul(lanes.fromI32(lanes.shrU(a as I32, 8)), lanes.f32(2 ** -24)),
  ),
  add: binary((lanes, a, b) => lanes.add(a, b)),
  sub: binary((lanes, a, b) => lanes.sub(a, b)),
  mul: binary((lanes, a, b) => lanes.mul(a, b)),
  div: binary(emitDiv),
  rem: { ...binary(emitRem), isCostly: true },
  pow: { ...binary(emitPow), isCostly: true, ulp: POW.ulp },
  maximum: extreme(
    (lanes, a, b) => lanes.max(a, b),
    (lanes, a, b) => lanes.maxU(a, b),
    (lanes, a, b) => lanes.or(a, b),
  ),
  minimum: extreme(
    (lanes, a, b) => lanes.min(a, b),
    (lanes, a, b) => lanes.minU(a, b),
    (lanes, a, b) => lanes.and(a, b),
  ),
  and: logic((lanes, a, b) => lanes.and(a, b)),
  or: logic((lanes, a, b) => lanes.or(a, b)),
  eq: comparison(
    (lanes, a, b) => lanes.eq(a, b),
    (lanes, a, b) => lanes.eq(a, b),
    (lanes, a, b) => lanes.not(lanes.xor(a, b)),
  ),
  lt: comparison(
    (lanes, a, b) => lanes.lt(a, b),
    (lanes, a, b) => lanes.ltU(a, b),
    (lanes, a, b) => lanes.and(lanes.not(a), b),
  ),
  le: comparison(
    (lanes, a, b) => lanes.le(a, b),
    (lanes, a, b) => lanes.leU(a, b),
    (lanes, a, b) => lanes.or(lanes.not(a), b),
  ),
  select: plain((lanes, [mask, a, b]) => choose(lanes, mask as Mask, a as Value, b as Value)),
  randomBits: {
    isCostly: true,
    ulp: 0,
    emit: (lanes, [key0, key1, counter]) =>
      emitThreefry(lanes, key0 as I32, key1 as I32, counter as I32),
  },
};

/** Emits one step of a scalar program. */
export function emitScalar(
  lanes: Lanes,
  op: ScalarName,
  args: readonly Value[],
  dtype: DType,
  from: DType,
): Value {
  return ROWS[op].emit(lanes, args, dtype, from);
}

/** Whether a value of this row is worth keeping in scratch; for `planRegion`. */
export function isCostly(op: ScalarName): boolean {
  return ROWS[op].isCostly;
}
