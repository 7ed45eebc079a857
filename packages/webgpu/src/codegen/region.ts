/**
 * Regions as kernels: the loop nests of core become WGSL. Shaders know no sizes, strides, offsets
 * or constants; which of a kernel's shaders run, and how invocations share the work, is decided at
 * each launch.
 */
import { planRegion, type RegionPlan, type RegionSpec } from '@tenon/core';
import { type Gpu, GpuKernel } from '../kernel.ts';
import { MapLauncher } from './region-map.ts';
import { ReduceLauncher, type SplitRule } from './region-reduce-launch.ts';
import { isCostly } from './region-writer.ts';

/** 32-bit words that a launch of a region has. */
export function regionWords(spec: RegionSpec): number {
  const rank = spec.keptRank + spec.reducedRank;
  return rank + (spec.inputs.length + spec.outputs.length) * (rank + 1) + spec.constants.length;
}

interface Planned {
  readonly plan: RegionPlan;
  readonly spills: ReadonlyMap<number, number>;
}

/**
 * In the variant for CPU adapters costly values wait for a later loop in the memory of an output
 * that is stored there anyway; if one finds none, all are computed again. A GPU computes them
 * again: arithmetic is cheaper than memory there.
 */
function planWithSpills(spec: RegionSpec, isRegister: boolean): Planned {
  const none: Planned = { plan: planRegion(spec, () => false), spills: new Map() };
  if (!isRegister || spec.reducedRank === 0) return none;
  const plan = planRegion(spec, isCostly);
  const spills = new Map<number, number>();
  const taken = new Set<number>();
  for (const loop of plan.loops) {
    for (const i of loop.spills) {
      const o = homeOf(plan, i, taken);
      if (o < 0) return none;
      taken.add(o);
      spills.set(i, o);
    }
  }
  return { plan, spills };
}

/** An output that is stored no sooner than step i is wanted for the last time, or -1. */
function homeOf(plan: RegionPlan, i: number, taken: ReadonlySet<number>): number {
  const last = plan.loops.findLastIndex((loop) => loop.spilled.includes(i));
  return plan.spec.outputs.findIndex(
    (output, o) =>
      !taken.has(o) &&
      output.alias < 0 &&
      output.domain === 'full' &&
      output.dtype === plan.spec.steps[i]?.dtype &&
      plan.loops.slice(last).some((loop) => loop.stores.includes(o)),
  );
}

/**
 * Prepares the kernel of a region. Its most likely shader starts to compile at once.
 *
 * @param spec - maps, or maps and reductions over one nest of kept and reduced axes
 * @param split - when to cut rows into chunks; null: as suits the variant
 */
export function prepareRegion(
  spec: RegionSpec,
  gpu: Gpu,
  split: SplitRule | null = null,
): GpuKernel {
  const words = regionWords(spec);
  const { plan, spills } = planWithSpills(spec, gpu.profile.variant === 'register');
  if (spec.reducedRank === 0) {
    const launcher = new MapLauncher(plan, gpu, words);
    return new GpuKernel(spec, (recorder, buffers, args) => {
      launcher.encode(recorder, buffers, args);
    });
  }
  const launcher = new ReduceLauncher(plan, gpu, words, spills, split);
  return new GpuKernel(
    spec,
    (recorder, buffers, args) => {
      launcher.encode(recorder, buffers, args);
    },
    (args) => launcher.workspace(args),
  );
}
