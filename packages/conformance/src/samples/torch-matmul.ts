/** PyTorch's products of matrices and vectors in our ops. */

import type { Tensor } from '@tenon/core';
import * as core from '@tenon/core';
import type { TorchCall, TorchOp, TorchOps } from './torch.ts';

/** beta · x + alpha · product */
function added(product: (a: Tensor, b: Tensor) => Tensor): TorchOp {
  return (call) => {
    const [x, a, b] = [call.tensor(0), call.tensor(1, 'a'), call.tensor(2, 'b')];
    const [beta, alpha] = [call.number(9, 'beta', 1), call.number(9, 'alpha', 1)];
    return x.mul(beta).add(product(a, b).mul(alpha));
  };
}
function product(fn: (a: Tensor, b: Tensor) => Tensor): TorchOp {
  return (call) => fn(call.tensor(0), call.tensor(1, 'other'));
}
const cross: TorchOp = (call) => {
  const [a, b] = [call.tensor(0), call.tensor(1, 'other')];
  const first = (shape: readonly number[]): number => shape.indexOf(3);
  const dim = call.number(9, 'dim', call.op === 'cross' ? first(a.shape) : -1);
  return a
    .roll(-1, dim)
    .mul(b.roll(-2, dim))
    .sub(a.roll(-2, dim).mul(b.roll(-1, dim)));
};
/** Pairwise distances by the definition: no expansion into squares. */
function distances(call: TorchCall): Tensor {
  const [a, b] = [call.tensor(0), call.tensor(1, 'x2')];
  return a
    .unsqueeze(-2)
    .sub(b.unsqueeze(-3))
    .norm({ p: call.number(2, 'p', 2), axes: -1 });
}

export const TORCH_MATMUL: TorchOps = {
  __rmatmul__: (call) => call.tensor(1, 'other').matmul(call.tensor(0)),
  addbmm: added((a, b) => a.matmul(b).sum(0)),
  addmm: added(core.matmul),
  addmv: added(core.matmul),
  addr: added(core.outer),
  baddbmm: added(core.matmul),
  bmm: product(core.matmul),
  cdist: distances,
  cross,
  dot: product(core.dot),
  einsum: (call) => {
    // The equation comes after the operands in these samples.
    const equation = call.text(1, 'equation', '');
    return core.einsum(equation, ...call.tensors(0));
  },
  inner: product((a, b) => {
    if (a.rank === 0 || b.rank === 0) return a.mul(b);
    const rows = a.reshape([-1, a.shape.at(-1) as number]);
    const columns = b.reshape([-1, b.shape.at(-1) as number]).transpose();
    return rows.matmul(columns).reshape([...a.shape.slice(0, -1), ...b.shape.slice(0, -1)]);
  }),
  kron: product((a, b) => {
    const shape = a.shape.map((n, i) => n * (b.shape[i] as number));
    const wide = a.reshape(a.shape.flatMap((n) => [n, 1]));
    return wide.mul(b.reshape(b.shape.flatMap((n) => [1, n]))).reshape(shape);
  }),
  'linalg.cross': cross,
  'linalg.matrix_power': (call) => {
    const n = call.number(1, 'n');
    const x = call.tensor(0);
    if (n < 0) return 'no matrix inverse';
    const identity = core.eye(x.shape.at(-1) as number).expand(x.shape);
    return Array.from({ length: n }).reduce<Tensor>((y) => y.matmul(x), identity.add(x.mul(0)));
  },
  'linalg.multi_dot': (call) => call.tensors(0).reduce((a, b) => a.matmul(b)),
  'linalg.vecdot': (call) =>
    call
      .tensor(0)
      .mul(call.tensor(1, 'other'))
      .sum(call.number(9, 'dim', -1)),
  matmul: (call) => {
    const isInteger = call.tensor(0).dtype === 'i32';
    return isInteger ? 'products of integers' : call.tensor(0).matmul(call.tensor(1, 'other'));
  },
  mm: product(core.matmul),
  mv: product(core.matmul),
  'nn.functional.bilinear': (call) => {
    const [a, b, weight] = [call.tensor(0), call.tensor(1, 'input2'), call.tensor(2, 'weight')];
    return core.bilinear(a, b, weight, call.optional(3, 'bias'));
  },
  'nn.functional.linear': (call) =>
    core.linear(call.tensor(0), call.tensor(1, 'weight'), call.optional(2, 'bias')),
  outer: product(core.outer),
  tensordot: (call) => {
    const [a, b] = [call.tensor(0), call.tensor(1, 'other')];
    const dims = call.numbers(9, 'dims');
    if (dims?.length !== 1) return 'tensordot over listed axes: write it as an einsum';
    const n = dims[0] as number;
    const split = a.rank - n;
    const inner = a.shape.slice(split).reduce((x, y) => x * y, 1);
    const y = a.reshape([-1, inner]).matmul(b.reshape([inner, -1]));
    return y.reshape([...a.shape.slice(0, split), ...b.shape.slice(n)]);
  },
  vdot: product(core.dot),
};
