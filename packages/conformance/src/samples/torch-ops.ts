/** All PyTorch ops of the goldens that our public ops cover, and how closely they must agree. */

import type { TorchOps } from './torch.ts';
import { TORCH_BINARY, TORCH_LOGICAL } from './torch-binary.ts';
import { TORCH_FUNCTIONAL } from './torch-functional.ts';
import { TORCH_INDEXING } from './torch-indexing.ts';
import { TORCH_MATMUL } from './torch-matmul.ts';
import { TORCH_REDUCE, TORCH_SCAN } from './torch-reduce.ts';
import { TORCH_RNN } from './torch-rnn.ts';
import { TORCH_SHAPE } from './torch-shape.ts';
import { TORCH_UNARY } from './torch-unary.ts';

/** By family of the golden files: `max` and `min` occur in two of them. */
const OPS: Readonly<Record<string, TorchOps>> = {
  unary: TORCH_UNARY,
  binary: TORCH_BINARY,
  logical: TORCH_LOGICAL,
  reduce: TORCH_REDUCE,
  scan: TORCH_SCAN,
  matmul: TORCH_MATMUL,
  shape: TORCH_SHAPE,
  indexing: TORCH_INDEXING,
  rnn: TORCH_RNN,
};
/** With the families of composites. */
export const TORCH_FAMILIES: Readonly<Record<string, TorchOps>> = { ...OPS, ...TORCH_FUNCTIONAL };

/** A bound on the error, in units of 2^-23, and what it is relative to. */
export interface TorchTolerance {
  readonly units: number;
  /** Each expected value; the largest of the tensor, where terms cancel; or 1. */
  readonly scale: 'element' | 'tensor' | 'one';
}
const EXACT: TorchTolerance = { units: 0, scale: 'element' };

/** Forward values by family. The goldens were computed in double precision and rounded once. */
export const VALUE_TOLERANCE: Readonly<Record<string, TorchTolerance>> = {
  // One scalar row, or a few roundings that do not cancel.
  unary: { units: 4, scale: 'element' },
  binary: { units: 4, scale: 'element' },
  logical: EXACT,
  // Sums whose terms are larger than their result.
  reduce: { units: 8, scale: 'tensor' },
  scan: { units: 8, scale: 'tensor' },
  matmul: { units: 8, scale: 'tensor' },
  // Elements are moved, not computed.
  shape: EXACT,
  indexing: EXACT,
  // A few transcendental rows and sums each, cancelling near zeros of the function.
  activation: { units: 8, scale: 'tensor' },
  conv: { units: 8, scale: 'tensor' },
  pool: { units: 8, scale: 'tensor' },
  norm: { units: 8, scale: 'tensor' },
  loss: { units: 8, scale: 'tensor' },
  rnn: { units: 8, scale: 'tensor' },
};
/** Gradients multiply and add a few such terms. */
export const GRADIENT_TOLERANCE: TorchTolerance = { units: 16, scale: 'tensor' };

const twoElements: TorchTolerance & { reason: string } = {
  units: 17,
  scale: 'one',
  reason: 'two normalized elements are ±1 whatever they were: gradients cancel to 0',
};
const cancelling: TorchTolerance & { reason: string } = {
  units: 4,
  scale: 'tensor',
  reason: 'the last step subtracts numbers of similar size',
};
/** Ops that need more where each step is rounded to f32: on backends without f64. */
export const SINGLE_TOLERANCE: Readonly<Record<string, TorchTolerance & { reason: string }>> = {
  'nn.functional.binary_cross_entropy_with_logits': {
    units: 32,
    scale: 'tensor',
    reason: 'weights of both signs: a mean a hundredth of its terms, which are rounded each',
  },
  'nn.functional._scaled_dot_product_attention': {
    units: 32,
    scale: 'tensor',
    reason: 'scores of 24: their rounding alone moves the weights by eight units',
  },
};
/** Ops that need more than their family, with the reason. */
export const SPECIAL_TOLERANCE: Readonly<Record<string, TorchTolerance & { reason: string }>> = {
  addcdiv: cancelling,
  lerp: cancelling,
  logaddexp: cancelling,
  logaddexp2: cancelling,
  logit: cancelling,
  sinc: cancelling,
  corrcoef: {
    units: 32,
    scale: 'one',
    reason: 'correlations of two points are ±1 with gradients that cancel to 0',
  },
  'nn.functional.group_norm': twoElements,
  'nn.functional.layer_norm': twoElements,
  'nn.functional.instance_norm': twoElements,
  linspace: { units: 4, scale: 'tensor', reason: 'PyTorch computes it in single precision' },
};
