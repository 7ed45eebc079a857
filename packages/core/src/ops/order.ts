/** Ops in which order matters: sorting, the k largest, running sums and products. */
import { bind } from '../bind.ts';
import { ValueError } from '../errors.ts';
import {
  argSort as argSortPrimitive,
  cumMax as cumMaxPrimitive,
  cumSum as cumSumPrimitive,
} from '../primitives/order.ts';
import { formatShape, normalizeAxis } from '../shape.ts';
import type { Sorted, SortOptions, Tensor, TopKOptions } from '../tensor.ts';
import { mul } from './elementwise.ts';
import { takeAlong } from './indexing.ts';
import { castTo, requireTensor } from './operand.ts';
import { narrow, pad } from './shape.ts';

/** The stable permutation (i32) that sorts an axis; NaN counts as the largest. */
export function argSort(x: Tensor, axis = -1, options: SortOptions = {}): Tensor {
  requireTensor('argSort', x);
  const at = normalizeAxis('argSort', axis, x.rank);
  return bind(argSortPrimitive, [x], { axis: at, descending: options.descending ?? false });
}
/** Values in order along an axis and where they were. Stable; NaN counts as the largest. */
export function sort(x: Tensor, axis = -1, options: SortOptions = {}): Sorted {
  const indices = argSort(x, axis, options);
  return { values: takeAlong(x, indices, axis), indices };
}
/** The k largest (or smallest) along an axis, in order, and where they were. */
export function topK(x: Tensor, k: number, axis = -1, options: TopKOptions = {}): Sorted {
  requireTensor('topK', x);
  const at = normalizeAxis('topK', axis, x.rank);
  if (!Number.isInteger(k) || k < 0 || k > (x.shape[at] as number)) {
    throw new ValueError(
      `topK: k must lie in [0, ${x.shape[at]}] for axis ${at} of ${formatShape(x.shape)}, got ${k}`,
    );
  }
  const order = argSort(x, at, { descending: options.largest ?? true });
  const indices = narrow(order, at, 0, k);
  return { values: takeAlong(x, indices, at), indices };
}

/** Running sum along an axis: y[n] = x[0] + … + x[n]. */
export function cumSum(x: Tensor, axis: number): Tensor {
  requireTensor('cumSum', x);
  const y = x.dtype === 'bool' ? castTo(x, 'i32') : x;
  return bind(cumSumPrimitive, [y], { axis: normalizeAxis('cumSum', axis, x.rank) });
}
/** Running maximum along an axis. */
export function cumMax(x: Tensor, axis: number): Tensor {
  requireTensor('cumMax', x);
  return bind(cumMaxPrimitive, [x], { axis: normalizeAxis('cumMax', axis, x.rank) });
}
/**
 * Running product along an axis; `exclusive` leaves x[n] itself out (and starts with 1). By
 * doubling (Hillis and Steele, 1986): log₂ n products, each exact with zeros and differentiable.
 */
export function cumProd(
  x: Tensor,
  axis: number,
  options: { readonly exclusive?: boolean } = {},
): Tensor {
  requireTensor('cumProd', x);
  const at = normalizeAxis('cumProd', axis, x.rank);
  const size = x.shape[at] as number;
  const shift = (y: Tensor, by: number): Tensor =>
    pad(
      narrow(y, at, 0, size - by),
      y.shape.map((_, i): [number, number] => [i === at ? by : 0, 0]),
      1,
    );
  let y = options.exclusive && size > 0 ? shift(x, 1) : x;
  for (let by = 1; by < size; by *= 2) y = mul(y, shift(y, by));
  return y;
}
