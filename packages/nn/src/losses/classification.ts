/** Losses over classes: core's composites behind checks of the labels. */
import {
  type BinaryCrossEntropyWithLogitsOptions,
  binaryCrossEntropyWithLogits as binaryCrossEntropyWithLogitsOf,
  type CrossEntropyOptions,
  crossEntropy as crossEntropyOf,
  type NllLossOptions,
  nllLoss as nllLossOf,
  type Tensor,
} from '@tenon/core';
import { checkLabels, requireNumbers, requireSameShape } from './targets.ts';

/**
 * −log softmax(logits)[label], for logits `[N, C, …]` and labels i32 `[N, …]` or probabilities of
 * the logits' shape; the mean over all samples unless `reduction` says otherwise.
 *
 * @throws ValueError for a label outside the classes or NaN (on backends that read synchronously);
 * DTypeError for labels that are no indices; ShapeError for shapes that do not fit
 *
 * @example
 * import { crossEntropy } from '@tenon/nn';
 * import { tensor } from '@tenon/core';
 * const loss = crossEntropy(tensor([[2, 0], [0, 2]]), tensor([0, 1], { dtype: 'i32' })); // 0.1269
 */
export function crossEntropy(
  logits: Tensor,
  labels: Tensor,
  options: CrossEntropyOptions = {},
): Tensor {
  checkLabels('crossEntropy', logits, labels, options.ignoreIndex ?? -100);
  return crossEntropyOf(logits, labels, options);
}

/** −logProbabilities[label], for log-probabilities `[N, C, …]` and labels i32 `[N, …]`. */
export function nllLoss(
  logProbabilities: Tensor,
  labels: Tensor,
  options: NllLossOptions = {},
): Tensor {
  checkLabels('nllLoss', logProbabilities, labels, options.ignoreIndex ?? -100);
  return nllLossOf(logProbabilities, labels, options);
}

/**
 * −[t · log σ(x) + (1 − t) · log(1 − σ(x))] for logits x and targets t in [0, 1] of one shape,
 * without overflow.
 */
export function binaryCrossEntropyWithLogits(
  logits: Tensor,
  targets: Tensor,
  options: BinaryCrossEntropyWithLogitsOptions = {},
): Tensor {
  const op = 'binaryCrossEntropyWithLogits';
  requireSameShape(op, logits, targets);
  requireNumbers(op, 'targets', targets);
  return binaryCrossEntropyWithLogitsOf(logits, targets, options);
}
