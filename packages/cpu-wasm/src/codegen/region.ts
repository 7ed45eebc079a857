/**
 * Regions on this backend: a spec becomes WebAssembly functions, compiled when sizes first call for
 * them; which loop order serves is decided by structure, how the work is cut by sizes.
 */
import { planRegion, type RegionSpec } from '@tenon/core';
import { ModuleBuilder } from '../encoder/module.ts';
import { WasmKernel } from '../kernel.ts';
import type { Machine } from '../machine.ts';
import { laneModeOf } from './region-cost.ts';
import { mapFunction } from './region-map.ts';
import { prepareMap } from './region-maps.ts';
import { extraWord, planFor, targetOf } from './region-module.ts';
import { prefersColumns, prepareColumns, prepareRows } from './region-reductions.ts';
import { isCostly } from './scalars.ts';

export function prepareRegion(spec: RegionSpec, machine: Machine): WasmKernel {
  if (spec.reducedRank === 0) return new WasmKernel(spec, prepareMap(spec, machine));
  const columns = prefersColumns(planFor(spec, true));
  return columns ? prepareColumns(spec, machine) : prepareRows(spec, machine);
}

/** A generated epilogue: where its function and its numbers are. */
export interface PreparedEpilogue {
  /** Table index: `(args, begin, end, scratch)`, units are rows of the block. */
  readonly fn: number;
  /** Inputs, then outputs. */
  readonly operands: readonly EpilogueOperand[];
  /** How many words the region has. */
  readonly words: number;
}

interface EpilogueOperand {
  /** Position among the epilogue's own buffers; -1 for the accumulator and for an iota. */
  readonly buffer: number;
  /** Position of its address (offset, for an iota) in the words; four strides follow. */
  readonly word: number;
  /** Bytes of an element; 0 for an iota. */
  readonly bytes: number;
}

/**
 * The epilogue of a product as a function over [B0, B1, M, N] with the words of the region: sizes
 * of the block, then for each operand its address and four strides in elements, then constants.
 * Operand 0 is the tile of accumulators, contiguous along N. Units: B0·B1·M rows.
 */
export function prepareEpilogue(spec: RegionSpec, machine: Machine): PreparedEpilogue {
  const inputs = spec.inputs.map((input, k) => {
    return k === 0 ? { ...input, source: 'buffer' as const, keptClass: 1 as const } : input;
  });
  const plan = planRegion({ ...spec, inputs }, isCostly, 0, 0, true);
  const target = targetOf(machine);
  const module = new ModuleBuilder({ shared: target.shared });
  mapFunction(module, 'main', plan, laneModeOf(spec, target.mode), null);
  const [fn] = machine.define(module.finish(), ['main']);
  const operands = plan.operands.map(({ buffer, word, isIota, dtype }) => {
    return { buffer, word, bytes: isIota ? 0 : dtype === 'f64' ? 8 : 4 };
  });
  return { fn: fn!, operands, words: extraWord(plan) };
}
