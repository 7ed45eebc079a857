/** The WebAssembly module of a region, for each way to walk it. Compiled when a launch needs it. */
import { planRegion, type RegionPlan, type RegionSpec } from '@tenon/core';
import { ModuleBuilder } from '../encoder/module.ts';
import type { Machine } from '../machine.ts';
import type { LaneMode } from './lanes.ts';
import { columnFinishFunction, columnFunction, columnPartFunction } from './region-columns.ts';
import { laneModeOf } from './region-cost.ts';
import { mapFunction } from './region-map.ts';
import { rowFinishFunction, rowFunction, rowPartFunction } from './region-rows.ts';
import { tileFunction } from './region-tiles.ts';
import { isCostly } from './scalars.ts';

/** What generated code may use. */
export interface Target {
  readonly mode: LaneMode;
  /** Whether the memory is shared between threads. */
  readonly shared: boolean;
}

/**
 * How a region is walked. `tiles`: a map that turns operands round; `…Parts`: rows or columns too
 * long for one thread, in two functions.
 */
export type RegionShape =
  | { readonly kind: 'map' | 'rows' | 'columns' | 'rowParts' | 'columnParts' }
  | { readonly kind: 'tiles'; readonly turned: ReadonlySet<number> };

export function targetOf(machine: Machine): Target {
  const mode = machine.hasRelaxed ? 'relaxed' : machine.hasSimd ? 'simd' : 'scalar';
  return { mode, shared: machine.variant.endsWith('-threads') };
}

/** A plan that keeps costly values in scratch, or one that computes them again. */
export function planFor(spec: RegionSpec, isSpilling: boolean): RegionPlan {
  return planRegion(spec, isSpilling ? isCostly : () => false);
}

/** Where words behind those of the region start. */
export function extraWord(plan: RegionPlan): number {
  const constants = plan.spec.constants.reduce((sum, d) => sum + (d === 'f64' ? 2 : 1), 0);
  return plan.rank + plan.operands.length * (plan.rank + 1) + constants;
}

/** The exports of a region's module, in order. */
function exportsOf({ kind }: RegionShape): readonly string[] {
  return kind === 'rowParts' || kind === 'columnParts' ? ['main', 'finish'] : ['main'];
}

/** The module of a region. Depends on nothing but its arguments. */
function regionModule(
  plan: RegionPlan,
  shape: RegionShape,
  target: Target,
): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder({ shared: target.shared });
  const mode = laneModeOf(plan.spec, target.mode);
  const extra = extraWord(plan);
  if (shape.kind === 'map') mapFunction(module, 'main', plan, mode, extra);
  else if (shape.kind === 'tiles') tileFunction(module, 'main', plan, mode, shape.turned, extra);
  else if (shape.kind === 'rows') rowFunction(module, 'main', plan, mode);
  else if (shape.kind === 'columns') columnFunction(module, 'main', plan, mode, extra);
  else if (shape.kind === 'rowParts') {
    rowPartFunction(module, 'main', plan, mode, extra);
    rowFinishFunction(module, 'finish', plan, mode, extra);
  } else {
    columnPartFunction(module, 'main', plan, mode, extra);
    columnFinishFunction(module, 'finish', plan, mode, extra);
  }
  return module.finish();
}

/** A shape of a region, compiled at its first launch. */
export class Compiled {
  private readonly machine: Machine;
  private readonly plan: RegionPlan;
  private readonly shape: RegionShape;
  private functions: readonly number[] | null = null;

  constructor(machine: Machine, plan: RegionPlan, shape: RegionShape) {
    this.machine = machine;
    this.plan = plan;
    this.shape = shape;
  }

  get main(): number {
    return this.indices()[0]!;
  }

  get finish(): number {
    return this.indices()[1]!;
  }

  private indices(): readonly number[] {
    if (this.functions !== null) return this.functions;
    const bytes = regionModule(this.plan, this.shape, targetOf(this.machine));
    this.functions = this.machine.define(bytes, exportsOf(this.shape));
    return this.functions;
  }
}
