/** Losses over real-valued targets: core's composites behind checks of the targets. */
import {
  type HuberOptions,
  huberLoss as huberLossOf,
  type LossOptions,
  l1Loss as l1LossOf,
  mseLoss as mseLossOf,
  type SmoothL1Options,
  smoothL1Loss as smoothL1LossOf,
  type Tensor,
} from '@tenon/core';
import { requireNumbers, requireSameShape } from './targets.ts';

/**
 * (input − target)², for two tensors of one shape.
 *
 * @throws ShapeError where shapes differ; ValueError for NaN targets (on backends that read
 * synchronously). So do the other losses of this file.
 */
export function mseLoss(input: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  checkTarget('mseLoss', input, target);
  return mseLossOf(input, target, options);
}

/** |input − target|. */
export function l1Loss(input: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  checkTarget('l1Loss', input, target);
  return l1LossOf(input, target, options);
}

/** ½d² for |d| ≤ delta, else delta · (|d| − ½delta), with d = input − target. */
export function huberLoss(input: Tensor, target: Tensor, options: HuberOptions = {}): Tensor {
  checkTarget('huberLoss', input, target);
  return huberLossOf(input, target, options);
}

/** ½d² / beta for |d| < beta, else |d| − ½beta, with d = input − target. */
export function smoothL1Loss(input: Tensor, target: Tensor, options: SmoothL1Options = {}): Tensor {
  checkTarget('smoothL1Loss', input, target);
  return smoothL1LossOf(input, target, options);
}

function checkTarget(op: string, input: Tensor, target: Tensor): void {
  requireSameShape(op, input, target);
  requireNumbers(op, 'targets', target);
}
