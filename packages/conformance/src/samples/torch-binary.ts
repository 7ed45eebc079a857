/** PyTorch's arithmetic, comparison and logic of two or three tensors in our ops. */

import type { Tensor, TensorLike } from '@tenon/core';
import * as core from '@tenon/core';
import type { TorchCall, TorchOp, TorchOps } from './torch.ts';

type Binary = (a: Tensor, b: TensorLike) => Tensor;

/** The other operand: a tensor or a number. */
function other(call: TorchCall, position: number, name: string): TensorLike {
  return call.optional(position, name) ?? call.number(position, name);
}
function binary(fn: Binary): TorchOp {
  return (call) => fn(call.tensor(0), other(call, 1, 'other'));
}
/** Arithmetic of bools gives integers here and bools there. */
function arithmetic(fn: Binary): TorchOp {
  return (call) => {
    const b = other(call, 1, 'other');
    const isBool = call.tensor(0).dtype === 'bool' && (typeof b !== 'object' || b.dtype === 'bool');
    return isBool ? BOOLS : fn(call.tensor(0), b);
  };
}
const BOOLS = 'bools count as integers in arithmetic here';
/** r-variants: the operands exchanged. */
function exchanged(fn: (a: TensorLike, b: Tensor) => Tensor): TorchOp {
  return (call) => fn(other(call, 1, 'other'), call.tensor(0));
}
/** a ± alpha · b */
function scaled(fn: (a: TensorLike, b: TensorLike) => Tensor, isExchanged = false): TorchOp {
  return (call) => {
    const alpha = call.number(9, 'alpha', 1);
    if (call.sample.outputs[0]?.dtype === 'bool') return BOOLS;
    const [a, b] = [call.tensor(0), other(call, 1, 'other')];
    if (isExchanged) return fn(b, alpha === 1 ? a : core.mul(a, alpha));
    return fn(a, alpha === 1 ? b : core.mul(b, alpha));
  };
}
const noBits: TorchOp = () => 'no bitwise ops';
const noPolar: TorchOp = () => 'no atan2, copysign, hypot or ldexp';

/** The better, but a number rather than NaN; on a tie all of the gradient goes to the first. */
function ignoringNaN(isBetter: Binary): TorchOp {
  return binary((a, b) => {
    const y = core.mul(b as Tensor, 1);
    return core.where(core.logicalOr(isBetter(a, y), core.isNaN(y)), a, y);
  });
}

const div: TorchOp = (call) => {
  const [a, b] = [call.tensor(0), other(call, 1, 'other')];
  const mode = call.text(9, 'rounding_mode', '');
  if (mode === '') return core.div(a, b);
  if (mode === 'floor') return core.floorDivide(a, b);
  const quotient = core.trunc(core.div(a, b));
  return call.sample.outputs[0]?.dtype === 'i32' ? quotient.cast('i32') : quotient;
};

/** Bounds as tensors or numbers; PyTorch gives the gradient to x at a bound that it meets. */
const clamp: TorchOp = (call) => {
  const x = call.tensor(0);
  const [low, high] = [call.optional(1, 'min'), call.optional(2, 'max')];
  if (low === null && high === null) {
    return x.clip(call.optionalNumber(1, 'min'), call.optionalNumber(2, 'max'));
  }
  const raised = low === null ? x : core.where(x.less(low), low, x);
  return high === null ? raised : core.where(raised.greater(high), high, raised);
};

/** log(e^a + e^b) */
function logAddExp(a: Tensor, b: Tensor): Tensor {
  return core.stack([a, b]).logSumExp(0);
}

export const TORCH_BINARY: TorchOps = {
  __radd__: exchanged(core.add),
  __rdiv__: exchanged(core.div),
  __rmul__: exchanged(core.mul),
  __rpow__: exchanged(core.pow),
  __rsub__: exchanged(core.sub),
  add: scaled(core.add),
  addcdiv: (call) => {
    const [x, a, b] = [call.tensor(0), call.tensor(1, 'tensor1'), call.tensor(2, 'tensor2')];
    return x.add(a.div(b).mul(call.number(9, 'value', 1)));
  },
  addcmul: (call) => {
    const [x, a, b] = [call.tensor(0), call.tensor(1, 'tensor1'), call.tensor(2, 'tensor2')];
    return x.add(a.mul(b).mul(call.number(9, 'value', 1)));
  },
  atan2: noPolar,
  clamp,
  clamp_max: binary((a, b) => core.where(a.greater(b), b, a)),
  clamp_min: binary((a, b) => core.where(a.less(b), b, a)),
  copysign: noPolar,
  div,
  floor_divide: binary(core.floorDivide),
  fmax: ignoringNaN(core.greaterEqual),
  fmin: ignoringNaN(core.lessEqual),
  fmod: binary(core.fmod),
  heaviside: (call) => {
    const [x, values] = [call.tensor(0), call.tensor(1, 'values')];
    return core.where(x.equal(0), values, x.greater(0).cast(x.dtype));
  },
  hypot: noPolar,
  ldexp: noPolar,
  lerp: (call) => core.lerp(call.tensor(0), call.tensor(1, 'end'), other(call, 2, 'weight')),
  logaddexp: (call) => logAddExp(call.tensor(0), call.tensor(1, 'other')),
  logaddexp2: (call) => {
    const [a, b] = [call.tensor(0), call.tensor(1, 'other')];
    return logAddExp(a.mul(Math.LN2), b.mul(Math.LN2)).div(Math.LN2);
  },
  masked_fill: (call) => {
    const [x, value] = [call.tensor(0), other(call, 2, 'value')];
    const fill = x.dtype === 'bool' && typeof value === 'number' ? value !== 0 : value;
    return core.where(call.tensor(1, 'mask'), fill, x);
  },
  max: binary(core.maximum),
  maximum: arithmetic(core.maximum),
  min: binary(core.minimum),
  minimum: arithmetic(core.minimum),
  mul: arithmetic(core.mul),
  pow: binary(core.pow),
  remainder: binary(core.remainder),
  rsub: scaled(core.sub, true),
  sub: scaled(core.sub),
  true_divide: binary(core.div),
  where: (call) => {
    // Recorded with the tensor first: x.where(condition, y).
    const isMethod = call.tensor(0).dtype !== 'bool' || call.tensor(1, 'self').dtype === 'bool';
    const order = isMethod ? [1, 0, 2] : [0, 1, 2];
    const [condition, a, b] = order.map((i) => call.tensor(i, 'operand')) as [
      Tensor,
      Tensor,
      Tensor,
    ];
    return core.where(condition, a, b);
  },
  xlogy: (call) => {
    const [x, y] = [call.tensor(0), call.tensor(1, 'other')];
    const isZero = x.equal(0);
    return core.where(isZero, 0, x.mul(core.where(isZero, 1, y).log()));
  },
};

const tensorOnly = (fn: (a: Tensor, b: Tensor) => Tensor): TorchOp =>
  binary((a, b) => (typeof b === 'object' ? fn(a, b) : fn(a, core.fullLike(a, Number(b)))));

function isClose(call: TorchCall): Tensor {
  const [a, b] = [call.tensor(0), call.tensor(1, 'other')];
  const [rtol, atol] = [call.number(9, 'rtol', 1e-5), call.number(9, 'atol', 1e-8)];
  const near = core.logicalAnd(
    core.isFinite(b),
    a.sub(b).abs().lessEqual(b.abs().mul(rtol).add(atol)),
  );
  const close = core.logicalOr(a.equal(b), near);
  if (!call.boolean(9, 'equal_nan')) return close;
  return core.logicalOr(close, core.logicalAnd(core.isNaN(a), core.isNaN(b)));
}

export const TORCH_LOGICAL: TorchOps = {
  allclose: (call) => isClose(call).all(),
  bitwise_and: noBits,
  bitwise_left_shift: noBits,
  bitwise_not: noBits,
  bitwise_or: noBits,
  bitwise_right_shift: noBits,
  bitwise_xor: noBits,
  eq: binary(core.equal),
  equal: tensorOnly((a, b) => {
    const isSame = a.shape.join() === b.shape.join();
    return isSame ? a.equal(b).all() : core.full([], false);
  }),
  ge: binary(core.greaterEqual),
  gt: binary(core.greater),
  isclose: isClose,
  isin: (call) => {
    const [x, elements] = [call.tensor(0), call.tensor(1, 'test_elements')];
    return x.unsqueeze(-1).equal(elements.flatten()).any(-1);
  },
  le: binary(core.lessEqual),
  logical_and: binary(core.logicalAnd),
  logical_or: binary(core.logicalOr),
  logical_xor: binary(core.logicalXor),
  lt: binary(core.less),
  ne: binary(core.notEqual),
};
