/** PyTorch's reductions, statistics, running and sorting functions in our ops. */

import type { Axes, Tensor } from '@tenon/core';
import * as core from '@tenon/core';
import type { TorchCall, TorchOp, TorchOps, TorchResult } from './torch.ts';

interface Options {
  readonly axes: Axes | undefined;
  readonly keepDims: boolean;
}
/** `dim` (None or an empty list: all) and `keepdim`. */
function reduction(call: TorchCall, dim = 1, keep = 2): Options {
  const axes = call.numbers(dim, 'dim');
  const isAll = axes === undefined || axes.length === 0;
  return { axes: isAll ? undefined : axes, keepDims: call.boolean(keep, 'keepdim') };
}
function reduced(
  fn: (x: Tensor, axes: Axes | undefined, options: { keepDims: boolean }) => Tensor,
): TorchOp {
  return (call) => {
    const { axes, keepDims } = reduction(call);
    const dtype = call.dtype(9, 'dtype');
    const x = call.tensor(0);
    return fn(dtype === null ? x : x.cast(dtype), axes, { keepDims });
  };
}
function extremeWithIndex(
  name: 'max' | 'min',
  pick: (x: Tensor) => Tensor,
  index: (x: Tensor, axis: number, options: { keepDims: boolean }) => Tensor,
): TorchOp {
  return (call) => {
    const x = call.tensor(0);
    if (call.isTensor(1, 'other')) {
      const y = call.tensor(1, 'other');
      return name === 'max' ? x.maximum(y) : x.minimum(y);
    }
    if (!call.has(1, 'dim')) {
      // PyTorch gives all the gradient to one element where ties have equal shares here: no ties.
      return pick(x);
    }
    const axis = call.number(1, 'dim');
    if (x.rank === 0) return [x, core.zeros([], { dtype: 'i32' })];
    const keepDims = call.boolean(2, 'keepdim');
    const at = index(x, axis, { keepDims: true });
    const values = x.takeAlong(at, axis);
    return keepDims ? [values, at] : [values.squeeze(axis), at.squeeze(axis)];
  };
}
function argExtreme(fn: typeof core.argMax): TorchOp {
  return (call) => {
    const axes = call.numbers(1, 'dim');
    const x = call.tensor(0);
    const keepDims = call.boolean(2, 'keepdim');
    if (x.rank === 0) return fn(x);
    return fn(x, axes?.[0], { keepDims });
  };
}

function spreadOf(call: TorchCall): {
  axes: Axes | undefined;
  keepDims: boolean;
  correction: number;
} {
  const isFlag = typeof call.sample.args[1] === 'boolean';
  const unbiased = isFlag ? call.boolean(1, 'unbiased') : call.boolean(9, 'unbiased', true);
  const axes = isFlag ? undefined : call.numbers(1, 'dim');
  return {
    axes: axes === undefined || axes.length === 0 ? undefined : axes,
    keepDims: call.boolean(9, 'keepdim'),
    correction: call.number(9, 'correction', unbiased ? 1 : 0),
  };
}
function spread(fn: typeof core.variance, withMean = false): TorchOp {
  return (call): TorchResult => {
    const { axes, keepDims, correction } = spreadOf(call);
    const x = call.tensor(0);
    const y = fn(x, axes, { keepDims, correction });
    return withMean ? [y, x.mean(axes, { keepDims })] : y;
  };
}

/** Without the NaN elements. */
function ignoringNaN(isMean: boolean): TorchOp {
  return (call) => {
    const { axes, keepDims } = reduction(call);
    const x = call.tensor(0);
    const isNumber = core.logicalNot(core.isNaN(x));
    const total = core.where(isNumber, x, 0).sum(axes, { keepDims });
    return isMean ? total.div(isNumber.cast('f32').sum(axes, { keepDims })) : total;
  };
}

/** The order of a vector norm as PyTorch writes it. */
function orderOf(value: unknown): number | string {
  if (value === undefined || value === null || value === 'fro') return 2;
  return typeof value === 'number' ? value : `norm of order ${String(value)}`;
}
function vectorNorm(call: TorchCall, at: number, name: string, dim: number): TorchResult {
  const p = orderOf(call.raw(at, name));
  if (typeof p === 'string') return p;
  const axes = call.numbers(dim, 'dim');
  const isAll = axes === undefined || axes.length === 0;
  const keepDims = call.boolean(dim + 1, 'keepdim');
  return call.tensor(0).norm({ p, keepDims, ...(isAll ? {} : { axes }) });
}

export const TORCH_REDUCE: TorchOps = {
  all: reduced(core.all),
  amax: reduced(core.max),
  amin: reduced(core.min),
  aminmax: (call) => {
    const { axes, keepDims } = reduction(call);
    const x = call.tensor(0);
    return [x.min(axes, { keepDims }), x.max(axes, { keepDims })];
  },
  any: reduced(core.any),
  argmax: argExtreme(core.argMax),
  argmin: argExtreme(core.argMin),
  corrcoef: (call) => {
    const x = call.tensor(0);
    if (x.rank < 2 || x.shape[0] === 1) return 'a correlation of one variable';
    const centred = x.sub(x.mean(1, { keepDims: true }));
    const cov = centred.matmul(centred.transpose());
    const scale = centred.square().sum(1).sqrt();
    return cov.div(scale.unsqueeze(1)).div(scale.unsqueeze(0));
  },
  count_nonzero: reduced(core.countNonZero),
  cov: () => 'no weighted covariance',
  dist: (call) =>
    call
      .tensor(0)
      .sub(call.tensor(1, 'other'))
      .norm({ p: call.number(2, 'p', 2) }),
  'linalg.matrix_norm': (call) => {
    if (call.text(1, 'ord', '') !== 'fro') return 'no singular values and no induced matrix norms';
    return call
      .tensor(0)
      .norm({ axes: call.sizes(2, 'dim'), keepDims: call.boolean(3, 'keepdim') });
  },
  'linalg.norm': (call) => {
    const dims = call.numbers(2, 'dim');
    const isMatrix = (dims ?? call.tensor(0).shape).length === 2 && call.has(1, 'ord');
    return isMatrix ? 'no induced matrix norms' : vectorNorm(call, 1, 'ord', 2);
  },
  'linalg.vector_norm': (call) => vectorNorm(call, 1, 'ord', 2),
  logsumexp: (call) => {
    // Its gradient is exp(x - y) there: 1 each for equal numbers beyond the reach of log 3.
    const isHuge = call.sample.inputs[0]?.data.some(
      (x: number) => Math.abs(x) > 1e20 && x !== -Infinity,
    );
    const y = reduced(core.logSumExp)(call);
    return isHuge && call.sample.variant === 'large' ? 'gradients among numbers of 1e30' : y;
  },
  max: extremeWithIndex('max', (x) => x.max(), core.argMax),
  mean: reduced(core.mean),
  median: () => 'no median',
  min: extremeWithIndex('min', (x) => x.min(), core.argMin),
  mode: () => 'no mode',
  nanmean: ignoringNaN(true),
  nanmedian: () => 'no median',
  nansum: ignoringNaN(false),
  norm: (call) => vectorNorm(call, 1, 'p', 2),
  prod: reduced(core.prod),
  quantile: () => 'no quantile',
  renorm: (call) => {
    const [p, dim, most] = [call.number(1, 'p'), call.number(2, 'dim'), call.number(3, 'maxnorm')];
    const x = call.tensor(0);
    const axis = dim < 0 ? dim + x.rank : dim;
    const axes = x.shape.map((_, i) => i).filter((i) => i !== axis);
    const size = x.norm({ p, axes, keepDims: true });
    return x.mul(core.where(size.greater(most), core.div(most, size.add(1e-7)), 1));
  },
  std: spread(core.std),
  std_mean: spread(core.std, true),
  sum: reduced(core.sum),
  trace: (call) => {
    const x = call.tensor(0);
    const n = Math.min(...x.shape);
    return core.einsum('ii->', x.slice([0, n], [0, n]));
  },
  var: spread(core.variance),
  var_mean: spread(core.variance, true),
};

function running(fn: (x: Tensor, axis: number) => Tensor): TorchOp {
  return (call) => {
    const dtype = call.dtype(9, 'dtype');
    const x = call.tensor(0);
    const y = dtype === null ? x : x.cast(dtype);
    return fn(y, call.number(1, 'dim', 0));
  };
}
function along(x: Tensor, dim: number, start: number, length: number): Tensor {
  return x.narrow(dim, start, length);
}
/** Trapezoid areas along an axis: by dx or between the points of x. */
function areas(call: TorchCall): { areas: Tensor; dim: number } {
  const y = call.tensor(0);
  const dim = call.number(9, 'dim', -1);
  const n = (y.shape.at(dim) as number) - 1;
  const sums = along(y, dim, 1, n).add(along(y, dim, 0, n));
  const x = call.optional(1, 'x');
  if (x === null) return { areas: sums.mul(call.number(9, 'dx', 1) / 2), dim };
  const at = x.rank === 1 ? 0 : dim;
  const steps = along(x, at, 1, n).sub(along(x, at, 0, n));
  const fitted = x.rank === 1 && dim !== -1 && dim !== y.rank - 1;
  const wide = fitted
    ? steps.reshape(y.shape.map((_, i) => (i === (dim + y.rank) % y.rank ? n : 1)))
    : steps;
  return { areas: sums.mul(wide).mul(0.5), dim };
}
const trapezoid: TorchOp = (call) => {
  const { areas: parts, dim } = areas(call);
  return parts.sum(dim);
};

function difference(call: TorchCall): Tensor {
  if (call.number(1, 'n', 1) === 0) return call.tensor(0).contiguous();
  const dim = call.number(2, 'dim', -1);
  const parts = [call.optional(3, 'prepend'), call.tensor(0), call.optional(4, 'append')];
  let x = core.concat(
    parts.filter((part) => part !== null),
    dim,
  );
  for (let i = 0; i < call.number(1, 'n', 1); i++) {
    const n = Math.max(0, (x.shape.at(dim) as number) - 1);
    x = along(x, dim, Math.min(1, x.shape.at(dim) as number), n).sub(along(x, dim, 0, n));
  }
  return x;
}

export const TORCH_SCAN: TorchOps = {
  argsort: (call) => {
    const x = call.tensor(0);
    return x.argSort(call.number(1, 'dim', -1), { descending: call.boolean(2, 'descending') });
  },
  bucketize: () => 'no search in sorted tensors',
  cummax: (call) => {
    const x = call.tensor(0);
    return [core.cumMax(x, call.number(1, 'dim'))];
  },
  cummin: (call) => {
    const x = call.tensor(0);
    return [core.cumMax(x.neg(), call.number(1, 'dim')).neg()];
  },
  cumprod: running(core.cumProd),
  cumsum: running(core.cumSum),
  cumulative_trapezoid: (call) => {
    const { areas: parts, dim } = areas(call);
    return parts.cumSum(dim);
  },
  diff: difference,
  histc: () => 'no histogram',
  kthvalue: (call) => {
    const x = call.tensor(0);
    const [k, dim] = [call.number(1, 'k'), call.number(2, 'dim', -1)];
    const { values, indices } = x.sort(dim);
    const picked = [values, indices].map((t) => t.narrow(dim, k - 1, 1));
    return call.boolean(3, 'keepdim') ? picked : picked.map((t) => t.squeeze(dim));
  },
  logcumsumexp: () => 'no running log-sum-exp',
  msort: (call) => call.tensor(0).sort(0).values,
  searchsorted: () => 'no search in sorted tensors',
  sort: (call) => {
    const x = call.tensor(0);
    const descending = call.boolean(2, 'descending');
    const { values, indices } = x.sort(call.number(1, 'dim', -1), { descending });
    return [values, indices];
  },
  topk: (call) => {
    const x = call.tensor(0);
    const options = { largest: call.boolean(3, 'largest', true) };
    const { values, indices } = x.topK(call.number(1, 'k'), call.number(2, 'dim', -1), options);
    return [values, indices];
  },
  trapezoid,
  trapz: trapezoid,
  unique: () => 'no unique: its size depends on the values',
};
