/** PyTorch's functions of one tensor in our ops. */

import type { Tensor } from '@tenon/core';
import * as core from '@tenon/core';
import type { TorchOp, TorchOps } from './torch.ts';

function unary(fn: (x: Tensor) => Tensor): TorchOp {
  return (call) => fn(call.tensor(0));
}
const sign: TorchOp = (call) => {
  const { data } = call.sample.inputs[0] ?? { data: [] };
  if (data.some((x: number) => Number.isNaN(x))) return 'the sign of NaN is NaN here, 0 there';
  return core.sign(call.tensor(0));
};
const noInverse: TorchOp = () => 'no inverse trigonometric or hyperbolic functions';
const noGamma: TorchOp = () => 'no gamma functions';

export const TORCH_UNARY: TorchOps = {
  abs: unary(core.abs),
  acos: noInverse,
  acosh: noInverse,
  asin: noInverse,
  asinh: noInverse,
  atan: noInverse,
  atanh: noInverse,
  bool: unary((x) => x.cast('bool')),
  ceil: unary(core.ceil),
  clone: unary((x) => x.contiguous()),
  cos: unary(core.cos),
  cosh: unary(core.cosh),
  deg2rad: unary((x) => x.mul(Math.PI / 180)),
  digamma: noGamma,
  erf: unary(core.erf),
  erfc: () => 'no erfc: 1 - erf(x) cancels for large x',
  erfinv: unary(core.erfInv),
  exp: unary(core.exp),
  exp2: unary((x) => core.pow(2, x)),
  expm1: unary(core.expm1),
  float: unary((x) => x.cast('f32')),
  floor: unary(core.floor),
  frac: unary((x) => x.sub(core.trunc(x))),
  int: unary((x) => x.cast('i32')),
  isfinite: unary(core.isFinite),
  isinf: unary(core.isInf),
  isnan: unary(core.isNaN),
  isneginf: unary((x) => x.equal(Number.NEGATIVE_INFINITY)),
  isposinf: unary((x) => x.equal(Number.POSITIVE_INFINITY)),
  lgamma: noGamma,
  log: unary(core.log),
  log10: unary(core.log10),
  log1p: unary(core.log1p),
  log2: unary(core.log2),
  logical_not: unary(core.logicalNot),
  logit: (call) => {
    const eps = call.optionalNumber(1, 'eps');
    const x = call.tensor(0);
    const y = eps === null ? x : x.clip(eps, 1 - eps);
    return y.log().sub(core.log1p(y.neg()));
  },
  nan_to_num: unary((x) => {
    const most = 3.4028234663852886e38;
    return core.where(core.isNaN(x), 0, x.clip(-most, most));
  }),
  neg: unary(core.neg),
  positive: unary((x) => x.contiguous()),
  rad2deg: unary((x) => x.mul(180 / Math.PI)),
  reciprocal: unary(core.reciprocal),
  round: unary(core.round),
  rsqrt: unary(core.rsqrt),
  sgn: sign,
  sigmoid: unary((x) => x.sigmoid()),
  sign,
  signbit: unary((x) => core.logicalOr(x.less(0), core.reciprocal(x).less(0))),
  sin: unary(core.sin),
  sinc: unary((x) => {
    const isZero = x.equal(0);
    const y = core.where(isZero, 1, x).mul(Math.PI);
    return core.where(isZero, 1, y.sin().div(y));
  }),
  sinh: unary(core.sinh),
  sqrt: unary(core.sqrt),
  square: unary(core.square),
  tan: unary(core.tan),
  tanh: unary(core.tanh),
  trunc: unary(core.trunc),
};
