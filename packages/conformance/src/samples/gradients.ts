/**
 * Functions to differentiate: every scalar row (total by type), every primitive and every public op
 * with a gradient, over domains away from kinks. Composites have their own list.
 */
import * as core from '@tenon/core';
import { type ScalarName, type Tensor, tensor } from '@tenon/core';

/** One differentiable argument: seeded uniform values. */
interface GradientInput {
  readonly shape: readonly number[];
  /** -2 … 2 by default. */
  readonly low?: number;
  readonly high?: number;
}
export interface GradientSample {
  readonly name: string;
  readonly inputs: readonly GradientInput[];
  readonly apply: (...x: Tensor[]) => Tensor;
  /** The second derivative is not checked: why. */
  readonly firstOrderOnly?: string;
}

const VECTOR: GradientInput = { shape: [7] };
const POSITIVE: GradientInput = { shape: [7], low: 0.3, high: 3 };
const MATRIX: GradientInput = { shape: [3, 4] };

function of(
  name: string,
  apply: (...x: Tensor[]) => Tensor,
  ...inputs: GradientInput[]
): GradientSample {
  return { name, apply, inputs: inputs.length === 0 ? [VECTOR] : inputs };
}
/** Both operands, broadcast, so that the sums over repeated axes are checked too. */
function binary(
  name: string,
  apply: (a: Tensor, b: Tensor) => Tensor,
  positive = false,
): GradientSample[] {
  const range = positive ? { low: 0.3, high: 2.5 } : {};
  return [
    of(name, apply, { shape: [3, 4], ...range }, { shape: [3, 4], ...range }),
    of(`${name}, broadcast`, apply, { shape: [3, 1], ...range }, { shape: [4], ...range }),
    of(`${name} of itself`, (x) => apply(x, x.mul(0.5).add(0.25)), { shape: [5], ...range }),
  ];
}

/** Reason in words where a row has no gradient. */
type Rows = readonly GradientSample[] | string;

/** Every scalar row. */
export const SCALAR_GRADIENTS: Readonly<Record<ScalarName, Rows>> = {
  neg: [of('neg', core.neg)],
  abs: [of('abs', core.abs)],
  sign: [of('sign', (x) => core.sign(x).mul(x))],
  floor: [of('floor', (x) => core.floor(x).mul(x))],
  exp: [of('exp', core.exp)],
  expm1: [of('expm1', core.expm1)],
  log: [of('log', core.log, POSITIVE)],
  log1p: [of('log1p', core.log1p, { shape: [7], low: -0.7, high: 3 })],
  sqrt: [of('sqrt', core.sqrt, POSITIVE)],
  sin: [of('sin', core.sin)],
  cos: [of('cos', core.cos)],
  tanh: [of('tanh', core.tanh)],
  erf: [of('erf', core.erf)],
  not: 'bools have no gradient',
  cast: [of('cast', (x) => x.cast(x.dtype).mul(x.cast(x.dtype)))],
  unitFloat: 'bits have no gradient',
  add: binary('add', core.add),
  sub: binary('sub', core.sub),
  mul: binary('mul', core.mul),
  div: binary('div', core.div, true),
  rem: [
    of('rem', core.fmod, { shape: [6], low: 2.1, high: 2.9 }, { shape: [6], low: 0.8, high: 1 }),
  ],
  pow: binary('pow', core.pow, true),
  maximum: binary('maximum', core.maximum),
  minimum: binary('minimum', core.minimum),
  and: 'bools have no gradient',
  or: 'bools have no gradient',
  eq: 'comparisons have no gradient',
  lt: 'comparisons have no gradient',
  le: 'comparisons have no gradient',
  select: [
    of('select', (a, b) => core.where(a.detach().greater(b.detach()), a.mul(b), b), MATRIX, MATRIX),
    of(
      'select, broadcast',
      (a, b) => core.where(tensor([true, false, true, false]), a, b),
      MATRIX,
      {
        shape: [3, 1],
      },
    ),
  ],
  randomBits: 'bits have no gradient',
};

const axesOf = [undefined, 0, [0, 1], 1] as const;
const reducing = (
  ['sum', 'prod', 'max', 'min', 'mean', 'variance', 'std', 'logSumExp'] as const
).flatMap((name) =>
  axesOf.map((axes) =>
    of(`${name} over ${axes === undefined ? 'all' : axes}`, (x) => x[name](axes), MATRIX),
  ),
);

/** Moves and views: linear, so values do not matter. */
const moving: readonly GradientSample[] = [
  of('reshape', (x) => x.reshape([2, 6]).mul(x.reshape([2, 6])), MATRIX),
  of('reshape of a transpose', (x) => x.transpose().reshape([6, 2]), MATRIX),
  of('permute', (x) => x.permute([2, 0, 1]), { shape: [2, 3, 2] }),
  of('expand', (x) => x.expand([2, 3, 4]), { shape: [3, 1] }),
  of('slice', (x) => x.slice([1, 3], [null, null, 2]), MATRIX),
  of('slice backwards', (x) => x.slice([2, 0, -1], [3, null, -2]), MATRIX),
  of('slice to nothing', (x) => core.concat([x.slice([1, 1]), x]), MATRIX),
  of('unfold', (x) => x.unfold(1, 3, 2, 1), { shape: [2, 7] }),
  of('unfold dilated', (x) => x.unfold(0, 2, 1, 3), { shape: [6] }),
  of('fold', (x) => core.fold(x, 0, 6, 1, 2), { shape: [2, 3] }),
  of('squeeze and unsqueeze', (x) => x.unsqueeze(1).squeeze(1)),
  of('flip', (x) => x.flip([0, 1]), MATRIX),
  of('roll', (x) => x.roll([1, -1], [0, 1]), MATRIX),
  of('repeat', (x) => x.repeat([2, 1, 2]), MATRIX),
  of(
    'pad',
    (x) =>
      x.pad(
        [
          [1, 0],
          [0, 2],
        ],
        3,
      ),
    MATRIX,
  ),
  of(
    'pad that cuts',
    (x) =>
      x.pad([
        [-1, 1],
        [0, -2],
      ]),
    MATRIX,
  ),
  of('concat', (a, b) => core.concat([a, b, a], 1), MATRIX, { shape: [3, 2] }),
  of('stack', (a, b) => core.stack([a, b], 1), MATRIX, MATRIX),
  of('split', (x) => core.concat(x.split([1, 2]).reverse()), MATRIX),
  of('unstack', (x) => (x.unstack(1)[2] as Tensor).mul(x.unstack(1)[0] as Tensor), MATRIX),
  of('contiguous', (x) => x.transpose().contiguous(), MATRIX),
  of('tril', (x) => x.tril(), MATRIX),
  of('triu', (x) => x.triu(1), MATRIX),
];

const index = (...i: number[]): Tensor => tensor(Int32Array.from(i));
const indexing: readonly GradientSample[] = [
  of('take', (x) => x.take([2, 0, 0]), MATRIX),
  of('take on the last axis', (x) => x.take(index(3, 1, 1), 1), MATRIX),
  of('takeAlong', (x) => x.takeAlong(index(0, 2, 2, 1, 0, 1, 1, 2).reshape([2, 4]), 0), MATRIX),
  of('at', (x) => x.at([1, 2], -1), MATRIX),
  of(
    'scatterAdd',
    (x, v) => x.scatterAdd(0, index(0, 2, 2, 1, 0, 1, 1, 2).reshape([2, 4]), v),
    MATRIX,
    {
      shape: [2, 4],
    },
  ),
  of('indexAdd', (x, v) => x.indexAdd(1, index(3, 0, 3), v), MATRIX, { shape: [3, 3] }),
  of('sort', (x) => x.sort(1).values.mul(tensor([1, 2, 3, 4], { dtype: x.dtype })), MATRIX),
  of('topK', (x) => x.topK(2, 0).values, MATRIX),
  of('cumSum', (x) => x.cumSum(1), MATRIX),
  of('cumProd', (x) => x.cumProd(0), MATRIX),
  of('cumMax', (x) => core.cumMax(x, 1), MATRIX),
];

const products: readonly GradientSample[] = [
  of('matmul', core.matmul, { shape: [2, 3] }, { shape: [3, 2] }),
  of('matmul, batches broadcast', core.matmul, { shape: [2, 1, 2, 3] }, { shape: [2, 3, 2] }),
  of('matmul of many rows', core.matmul, { shape: [2, 2, 3] }, { shape: [3, 2] }),
  of('matmul, vectors', (m, v) => m.matmul(v), { shape: [2, 3] }, { shape: [3] }),
  of('matmul, transposed', (a, b) => a.transpose().matmul(b), { shape: [3, 2] }, { shape: [3, 2] }),
  of('dot', core.dot, { shape: [4] }, { shape: [4] }),
  of('outer', core.outer, { shape: [3] }, { shape: [2] }),
  of(
    'einsum',
    (a, b) => core.einsum('bij,bkj->bik', a, b),
    { shape: [2, 2, 3] },
    { shape: [2, 2, 3] },
  ),
  of('einsum diagonal', (x) => core.einsum('ii->i', x), { shape: [3, 3] }),
  of(
    'einsum three',
    (a, b, c) => core.einsum('i,ij,j->', a, b, c),
    { shape: [2] },
    { shape: [2, 3] },
    {
      shape: [3],
    },
  ),
];

const more: readonly GradientSample[] = [
  of('log2', core.log2, POSITIVE),
  of('log10', core.log10, POSITIVE),
  of('rsqrt', core.rsqrt, POSITIVE),
  of('square', core.square),
  of('reciprocal', core.reciprocal, POSITIVE),
  of('tan', core.tan, { shape: [6], low: -1.2, high: 1.2 }),
  of('sinh', core.sinh),
  of('cosh', core.cosh),
  of('lerp', core.lerp, MATRIX, MATRIX, { shape: [4], low: 0, high: 1 }),
  of('clip', (x) => x.clip(-1, 1.1)),
  of(
    'remainder',
    core.remainder,
    { shape: [6], low: 2.1, high: 2.9 },
    { shape: [6], low: 0.8, high: 1 },
  ),
  of('power of a number', (x) => x.pow(3).add(x.pow(2))),
  of('number to a power', (x) => core.pow(2, x)),
  of('norm 1', (x) => x.norm({ p: 1, axes: 1 }), MATRIX),
  of('norm 2', (x) => x.norm({ axes: 0 }), MATRIX),
  of('norm 3', (x) => x.norm({ p: 3 }), POSITIVE),
  of('norm ∞', (x) => x.norm({ p: Number.POSITIVE_INFINITY, axes: 1 }), MATRIX),
  of('variance of the population', (x) => x.variance(1, { correction: 0, keepDims: true }), MATRIX),
  of('several uses', (x) => x.mul(x).add(x.sin()).mul(x)),
  of('constants and ranges', (x) =>
    x
      .mul(core.arange(1, 8))
      .add(core.ones([7]))
      .sub(2),
  ),
];

/** Everything but the scalar rows. */
export const GRADIENTS: readonly GradientSample[] = [
  ...reducing,
  ...moving,
  ...indexing,
  ...products,
  ...more,
];
