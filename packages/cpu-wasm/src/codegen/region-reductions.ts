/** Launching regions with reduced axes: loop order by structure, cuts and variants by sizes. */
import type { RegionPlan, RegionSpec } from '@tenon/core';
import { type Run, WasmKernel } from '../kernel.ts';
import { type Machine, SCRATCH_BYTES } from '../machine.ts';
import { columnBytes } from './region-column-plan.ts';
import { elementCost, laneModeOf } from './region-cost.ts';
import { columnParts, Launcher, type Parts, rowParts, sizeOf } from './region-launch.ts';
import { Compiled, planFor, targetOf } from './region-module.ts';
import { STATE_BYTES } from './region-rows.ts';

/** Whether the last kept axis should be innermost. */
export function prefersColumns(plan: RegionPlan): boolean {
  const full = plan.operands.filter((o) => o.domain === 'full' && !o.isIota);
  const rows = full.filter((o) => o.reducedClass === 2).length;
  const columns = full.filter((o) => o.keptClass === 2).length;
  return columns < rows;
}

/** Bytes of the values that one reduced position leaves in scratch. */
function spillBytes(plan: RegionPlan): number {
  const spills = plan.loops.flatMap((loop) => loop.spills);
  return spills.reduce((sum, i) => sum + (plan.spec.steps[i]?.dtype === 'f64' ? 8 : 4), 0);
}

export function prepareRows(spec: RegionSpec, machine: Machine): WasmKernel {
  const plan = planFor(spec, true);
  const launcher = new Launcher(machine, plan);
  const elementNs = elementCost(plan, laneModeOf(spec, targetOf(machine).mode));
  const spilling = new Compiled(machine, plan, { kind: 'rows' });
  const repeating = new Compiled(machine, planFor(spec, false), { kind: 'rows' });
  const cut = new Compiled(machine, plan, { kind: 'rowParts' });
  const { keptRank } = spec;
  const { rank } = plan;
  const spilled = spillBytes(plan);
  const states = STATE_BYTES * (plan.loops[0]?.reduces.length ?? 0);
  const parts: Parts = { length: 0, count: 1 };
  const isCut = (args: Int32Array): boolean => {
    if (plan.loops.length !== 1) return false;
    const kept = sizeOf(args, 0, keptRank);
    rowParts(kept, args[keptRank]!, sizeOf(args, keptRank + 1, rank), parts);
    return parts.length > 0;
  };
  const run: Run = (buffers, args) => {
    launcher.fill(buffers, args);
    const kept = sizeOf(args, 0, keptRank);
    const outer = sizeOf(args, keptRank, rank - 1);
    const row = outer * args[rank - 1]!;
    if (isCut(args)) {
      launcher.extra(0, parts.length);
      launcher.extra(1, parts.count);
      launcher.extra(2, buffers[buffers.length - 1]!.address);
      launcher.run(cut.main, kept * parts.count, (row / parts.count) * elementNs);
      launcher.run(cut.finish, kept, 100 * parts.count);
      return;
    }
    const padded = outer * ((args[rank - 1]! + 3) & -4);
    const compiled = padded * spilled <= SCRATCH_BYTES ? spilling : repeating;
    launcher.run(compiled.main, kept, row * elementNs + 20);
  };
  return new WasmKernel(spec, run, (args) =>
    isCut(args) ? sizeOf(args, 0, keptRank) * parts.count * states : 0,
  );
}

/** Columns of a block: a multiple of four, at least this many where memory allows. */
const FEWEST_COLUMNS = 32;
const MOST_COLUMNS = 512;
/** What several passes over a block may read and still find in the cache. */
const CACHE_BYTES = 2 ** 19;

export function prepareColumns(spec: RegionSpec, machine: Machine): WasmKernel {
  const plan = planFor(spec, true);
  const launcher = new Launcher(machine, plan);
  const elementNs = elementCost(plan, laneModeOf(spec, targetOf(machine).mode));
  const spilling = new Compiled(machine, plan, { kind: 'columns' });
  const repeating = new Compiled(machine, planFor(spec, false), { kind: 'columns' });
  const cut = new Compiled(machine, plan, { kind: 'columnParts' });
  const { keptRank } = spec;
  const { rank } = plan;
  const spilled = spillBytes(plan);
  const bytes = columnBytes(plan);
  const full = plan.operands.filter((operand) => operand.domain === 'full').length;
  const parts: Parts = { length: 0, count: 1 };
  const isCut = (args: Int32Array): boolean => {
    if (plan.loops.length !== 1) return false;
    const kept = sizeOf(args, 0, keptRank);
    columnParts(kept, args[keptRank]!, sizeOf(args, keptRank + 1, rank), parts);
    return parts.length > 0;
  };
  /** Columns of a block of `size` that are `length` long; at most as many as scratch can hold. */
  const widthFor = (size: number, length: number, columnSpill: number): number => {
    const scratch = (SCRATCH_BYTES / (length * columnSpill + bytes.all + 1)) & -4;
    const cache = plan.loops.length > 1 ? CACHE_BYTES / (4 * full * length) : MOST_COLUMNS;
    const wanted = Math.min(MOST_COLUMNS, Math.max(FEWEST_COLUMNS, cache & -16));
    return Math.min(scratch, wanted, (size + 3) & -4);
  };
  const run: Run = (buffers, args) => {
    launcher.fill(buffers, args);
    const size = args[keptRank - 1]!;
    const outer = sizeOf(args, 0, keptRank - 1);
    const length = sizeOf(args, keptRank, rank);
    if (outer * size === 0) return;
    const isSpilling = widthFor(FEWEST_COLUMNS, length, spilled) >= FEWEST_COLUMNS;
    const width = widthFor(size, length, isSpilling ? spilled : 0);
    const blocks = Math.ceil(size / width);
    launcher.extra(0, width);
    launcher.extra(1, blocks);
    const blockNs = Math.min(width, size) * length * elementNs + 100;
    if (isCut(args)) {
      launcher.extra(2, parts.length);
      launcher.extra(3, parts.count);
      launcher.extra(4, buffers[buffers.length - 1]!.address);
      launcher.extra(5, width * bytes.accumulators);
      launcher.run(cut.main, outer * blocks * parts.count, blockNs / parts.count);
      launcher.run(cut.finish, outer * blocks, 100 + width * parts.count);
      return;
    }
    const compiled = isSpilling ? spilling : repeating;
    launcher.run(compiled.main, outer * blocks, blockNs);
  };
  return new WasmKernel(spec, run, (args) => {
    if (!isCut(args)) return 0;
    const size = args[keptRank - 1]!;
    const width = widthFor(size, sizeOf(args, keptRank, rank), 0);
    const blocks = sizeOf(args, 0, keptRank - 1) * Math.ceil(size / width);
    return blocks * parts.count * width * bytes.accumulators;
  });
}
