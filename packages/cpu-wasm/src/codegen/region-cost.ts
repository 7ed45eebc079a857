/** What a region costs: which values are worth keeping, how far to unroll, how to cut the work. */
import type { PlannedLoop, RegionPlan, RegionSpec, Step } from '@tenon/core';
import type { LaneMode } from './lanes.ts';
import { isCostly } from './scalars.ts';

/** Lanes that a region can use on a machine that has `widest`: one at a time with an f64. */
export function laneModeOf(spec: RegionSpec, widest: LaneMode): LaneMode {
  const isDouble =
    spec.steps.some((step) => step.dtype === 'f64' || ('from' in step && step.from === 'f64')) ||
    [...spec.inputs, ...spec.outputs].some((operand) => operand.dtype === 'f64');
  return isDouble ? 'scalar' : widest;
}

/** Roughly in instructions. */
function weightOf(step: Step | undefined): number {
  if (step === undefined || step.op === 'const') return 0;
  if (step.op === 'load' || step.op === 'reduce') return 1;
  return isCostly(step.op) ? 20 : step.op === 'div' || step.op === 'sqrt' ? 3 : 1;
}

function weightOfAll(plan: RegionPlan, steps: readonly number[]): number {
  return steps.reduce((sum, i) => sum + weightOf(plan.spec.steps[i]), 0);
}

/**
 * How many vectors of these steps to compute together: short bodies do not hide the loop, long
 * dependent ones leave the core idle. Always as many where float32 sums meet (`RowAccumulator`).
 */
export function unrollOf(plan: RegionPlan, steps: readonly number[]): number {
  const weight = weightOfAll(plan, steps);
  const isSumming = steps.some((i) => plan.spec.steps[i]?.op === 'reduce');
  return isSumming || weight <= 120 ? 4 : 1;
}

/** Estimated nanoseconds for one element of the whole region, on one thread. */
export function elementCost(plan: RegionPlan, mode: LaneMode): number {
  const all = plan.spec.steps.map((_, i) => i);
  const traffic = plan.operands.reduce((sum, { keptClass, reducedClass, domain }) => {
    const isStrided = (domain === 'full' ? reducedClass : keptClass) === 2;
    return sum + (isStrided ? 0.5 : 0.05);
  }, 0);
  return traffic + weightOfAll(plan, all) * (mode === 'scalar' ? 0.3 : 0.04);
}

/** How many reduced positions to take together in columns, so that accumulators move less. */
export function groupOf(plan: RegionPlan, loop: PlannedLoop): number {
  if (loop.reduces.length === 0) return 1;
  const weight = weightOfAll(plan, [...loop.steps, ...loop.spilled, ...loop.reduces]);
  return weight <= 4 ? 8 : weight <= 10 ? 4 : 1;
}
