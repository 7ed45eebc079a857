/** The composites that this backend runs by kernels of its own, by name. */
import type { Override } from '@tenon/core';
import type { Machine } from '../machine.ts';
import { avgPoolGradOverride } from './avg-pool-grad.ts';
import { convOverride } from './conv.ts';
import { convInputGradOverride } from './conv-input-grad.ts';
import { convWeightGradOverride } from './conv-weight-grad.ts';
import { linearOverride } from './linear.ts';
import { maxPoolGradOverride, maxPoolOverride } from './max-pool.ts';

export function makeOverrides(machine: Machine): Readonly<Record<string, Override>> {
  return {
    linear: linearOverride(machine),
    conv: convOverride(machine),
    convInputGrad: convInputGradOverride(machine),
    convWeightGrad: convWeightGradOverride(machine),
    maxPool: maxPoolOverride(machine),
    maxPoolGrad: maxPoolGradOverride(machine),
    avgPoolGrad: avgPoolGradOverride(machine),
  };
}
