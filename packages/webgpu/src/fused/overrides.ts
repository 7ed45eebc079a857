/** The composites that this backend runs by kernels of its own, by name. */
import type { Override } from '@tenon/core';
import type { Gpu } from '../kernel.ts';
import { adamStepsOverride } from './adam-steps.ts';
import { attentionGradOverride, attentionOverride } from './attention.ts';
import { avgPoolGradOverride } from './avg-pool-grad.ts';
import { convOverride } from './conv.ts';
import { convInputGradOverride } from './conv-input-grad.ts';
import { convWeightGradOverride } from './conv-weight-grad.ts';
import { linearOverride } from './linear.ts';
import { maxPoolGradOverride, maxPoolOverride } from './max-pool.ts';

export function makeOverrides(gpu: Gpu): Readonly<Record<string, Override>> {
  return {
    linear: linearOverride(gpu),
    conv: convOverride(gpu),
    convInputGrad: convInputGradOverride(gpu),
    convWeightGrad: convWeightGradOverride(gpu),
    maxPool: maxPoolOverride(gpu),
    maxPoolGrad: maxPoolGradOverride(gpu),
    avgPoolGrad: avgPoolGradOverride(gpu),
    attention: attentionOverride(gpu),
    attentionGrad: attentionGradOverride(gpu),
    adamSteps: adamStepsOverride(gpu),
  };
}
