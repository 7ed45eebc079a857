/** What regions walked by columns keep in scratch. */
import type { RegionPlan } from '@tenon/core';

/** Kept steps whose values one loop over columns has to leave for another. */
export function savedSteps(plan: RegionPlan): number[] {
  const saved = new Set<number>();
  const { steps } = plan.spec;
  const isComputed = (i: number): boolean => plan.domains[i] === 'kept' && steps[i]?.op !== 'load';
  steps.forEach((step, i) => {
    if (step.op === 'load' || step.op === 'const') return;
    for (const arg of step.args) {
      const isSameLoop =
        step.op !== 'reduce' && plan.domains[i] === 'kept' && plan.phases[i] === plan.phases[arg];
      if (isComputed(arg) && !isSameLoop) saved.add(arg);
    }
  });
  for (const output of plan.spec.outputs) if (isComputed(output.step)) saved.add(output.step);
  return [...saved];
}

/** Bytes that the rows of one column take: accumulators, and accumulators with kept values. */
export function columnBytes(plan: RegionPlan): { accumulators: number; all: number } {
  let accumulators = 0;
  for (const step of plan.spec.steps) {
    if (step.op !== 'reduce') continue;
    const isAdditive = step.reducer === 'sum' || step.reducer === 'prod';
    const isWide = step.dtype === 'f64' || (step.dtype === 'f32' && isAdditive);
    accumulators += isWide ? (step.dtype === 'f64' && step.reducer === 'sum' ? 16 : 8) : 4;
  }
  const saved = savedSteps(plan).reduce(
    (sum, i) => sum + (plan.spec.steps[i]?.dtype === 'f64' ? 8 : 4),
    0,
  );
  return { accumulators, all: accumulators + saved };
}
