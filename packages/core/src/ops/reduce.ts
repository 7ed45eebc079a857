/** Reductions and statistics over one axis, several, or all. */
import { bind } from '../bind.ts';
import { ValueError } from '../errors.ts';
import { argMax as argMaxPrimitive, argMin as argMinPrimitive } from '../primitives/order.ts';
import { REDUCE } from '../primitives/reduce.ts';
import type { ReduceName } from '../scalars.ts';
import { type Axes, normalizeAxes, normalizeAxis, reducedShape } from '../shape.ts';
import type { NormOptions, ReduceOptions, Tensor, VarianceOptions } from '../tensor.ts';
import {
  abs,
  add,
  div,
  equal,
  exp,
  isInf,
  log,
  mul,
  notEqual,
  pow,
  sqrt,
  square,
  sub,
  where,
} from './elementwise.ts';
import { castTo, requireTensor, toFloat } from './operand.ts';
import { reshape, stopGradient } from './shape.ts';

function reduce(
  name: ReduceName,
  input: Tensor,
  axes: Axes | undefined,
  { keepDims = false }: ReduceOptions,
): Tensor {
  requireTensor(name, input);
  const isCounting = name === 'sum' || name === 'prod';
  const x = isCounting && input.dtype === 'bool' ? castTo(input, 'i32') : input;
  const list = normalizeAxes(name, axes, x.rank);
  const y = bind(REDUCE[name], [x], { axes: list });
  return keepDims ? reshape(y, reducedShape(x.shape, list, true)) : y;
}

/** Σ x; sums are at least pairwise exact. Bools count as integers. */
export function sum(x: Tensor, axes?: Axes, options: ReduceOptions = {}): Tensor {
  return reduce('sum', x, axes, options);
}
/** Π x */
export function prod(x: Tensor, axes?: Axes, options: ReduceOptions = {}): Tensor {
  return reduce('prod', x, axes, options);
}
/** The largest element; NaN if any is. */
export function max(x: Tensor, axes?: Axes, options: ReduceOptions = {}): Tensor {
  return reduce('max', x, axes, options);
}
/** The smallest element; NaN if any is. */
export function min(x: Tensor, axes?: Axes, options: ReduceOptions = {}): Tensor {
  return reduce('min', x, axes, options);
}
/** Whether any element is true (not 0). */
export function any(x: Tensor, axes?: Axes, options: ReduceOptions = {}): Tensor {
  return truth('any', x, axes, options);
}
/** Whether all elements are true (not 0). */
export function all(x: Tensor, axes?: Axes, options: ReduceOptions = {}): Tensor {
  return truth('all', x, axes, options);
}
/** Through integers, so that any of nothing is false and all of nothing is true. */
function truth(
  name: 'any' | 'all',
  x: Tensor,
  axes: Axes | undefined,
  options: ReduceOptions,
): Tensor {
  const asInteger = castTo(castTo(x, 'bool'), 'i32');
  return castTo(reduce(name === 'any' ? 'sum' : 'prod', asInteger, axes, options), 'bool');
}
/** How many elements are not 0, as i32. */
export function countNonZero(x: Tensor, axes?: Axes, options: ReduceOptions = {}): Tensor {
  return sum(castTo(castTo(x, 'bool'), 'i32'), axes, options);
}

function count(op: string, x: Tensor, axes: Axes | undefined): number {
  return normalizeAxes(op, axes, x.rank).reduce((n, axis) => n * (x.shape[axis] as number), 1);
}

/** The arithmetic mean; NaN of nothing. Integers give f32. */
export function mean(x: Tensor, axes?: Axes, options: ReduceOptions = {}): Tensor {
  requireTensor('mean', x);
  return div(sum(toFloat(x), axes, options), count('mean', x, axes));
}

/** Σ (x - mean)² / (n - correction), in two passes: accurate far from 0. */
export function variance(x: Tensor, axes?: Axes, options: VarianceOptions = {}): Tensor {
  requireTensor('variance', x);
  const { correction = 1, ...rest } = options;
  const y = toFloat(x);
  const centred = sub(y, mean(y, axes, { keepDims: true }));
  const n = count('variance', x, axes) - correction;
  return div(sum(square(centred), axes, rest), Math.max(n, 0));
}

/** √variance */
export function std(x: Tensor, axes?: Axes, options: VarianceOptions = {}): Tensor {
  return sqrt(variance(x, axes, options));
}

/** log Σ e^x without overflow: the largest element is taken out first. */
export function logSumExp(x: Tensor, axes?: Axes, options: ReduceOptions = {}): Tensor {
  const y = toFloat(x);
  const peak = stopGradient(max(y, axes, { keepDims: true }));
  const shift = where(isInf(peak), 0, peak);
  const total = log(sum(exp(sub(y, shift)), axes, options));
  return add(total, options.keepDims ? shift : reshape(shift, total.shape));
}

/** (Σ |x|^p)^(1/p); p = Infinity is the largest |x|, p = 0 counts what is not 0. */
export function norm(x: Tensor, options: NormOptions = {}): Tensor {
  const { p = 2, axes, ...rest } = options;
  const y = toFloat(x);
  if (Number.isNaN(p)) throw new ValueError('norm: p must be a number, got NaN');
  if (p === Number.POSITIVE_INFINITY) return max(abs(y), axes, rest);
  if (p === Number.NEGATIVE_INFINITY) return min(abs(y), axes, rest);
  if (p === 0) return sum(castTo(notEqual(y, 0), y.dtype), axes, rest);
  if (p === 1) return sum(abs(y), axes, rest);
  if (p !== 2) return pow(sum(pow(abs(y), p), axes, rest), 1 / p);
  return euclidean(y, axes, rest);
}
/** √Σx², with gradient 0 where the norm is 0 (the subgradient that PyTorch takes). */
function euclidean(x: Tensor, axes: Axes | undefined, options: ReduceOptions): Tensor {
  const total = sum(mul(x, x), axes, options);
  const isZero = equal(total, 0);
  return where(isZero, 0, sqrt(where(isZero, 1, total)));
}

function argReduce(
  primitive: typeof argMaxPrimitive,
  x: Tensor,
  axis: number | undefined,
  { keepDims = false }: ReduceOptions,
): Tensor {
  requireTensor(primitive.name, x);
  const y = x.dtype === 'bool' ? castTo(x, 'i32') : x;
  if (axis === undefined) {
    const index = bind(primitive, [reshape(y, [y.size])], { axis: 0 });
    return keepDims
      ? reshape(
          index,
          y.shape.map(() => 1),
        )
      : index;
  }
  const normal = normalizeAxis(primitive.name, axis, y.rank);
  const index = bind(primitive, [y], { axis: normal });
  return keepDims ? reshape(index, reducedShape(y.shape, [normal], true)) : index;
}
/** Index (i32) of the first largest element along an axis, or of the flattened tensor. */
export function argMax(x: Tensor, axis?: number, options: ReduceOptions = {}): Tensor {
  return argReduce(argMaxPrimitive, x, axis, options);
}
/** Index (i32) of the first smallest element along an axis, or of the flattened tensor. */
export function argMin(x: Tensor, axis?: number, options: ReduceOptions = {}): Tensor {
  return argReduce(argMinPrimitive, x, axis, options);
}
