/** The composites that this backend runs by kernels of its own, by name. */
import type { Override } from '@tenon/core';
import type { Scratch } from '../codegen.ts';
import { avgPoolGradOverride } from './avg-pool-grad.ts';
import { convOverride } from './conv.ts';
import { convInputGradOverride } from './conv-input-grad.ts';
import { convWeightGradOverride } from './conv-weight-grad.ts';
import { maxPoolGradOverride, maxPoolOverride } from './max-pool.ts';

export function makeOverrides(scratch: Scratch): Readonly<Record<string, Override>> {
  return {
    conv: convOverride(scratch),
    convInputGrad: convInputGradOverride(scratch),
    convWeightGrad: convWeightGradOverride(scratch),
    maxPool: maxPoolOverride(),
    maxPoolGrad: maxPoolGradOverride(),
    avgPoolGrad: avgPoolGradOverride(scratch),
  };
}
