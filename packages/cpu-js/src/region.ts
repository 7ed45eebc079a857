/** Regions: picks generated code or the interpreter, and the loop order. */
import type { RegionPlan, RegionSpec } from '@tenon/core';
import { planRegion } from '@tenon/core';
import { compile, epilogueSource, mapSource, type Scratch } from './codegen.ts';
import { columnSource, prefersColumns, rowSource } from './codegen-reduce.ts';
import { Interpreter } from './interpreter.ts';
import type { Run } from './kernel.ts';
import { ROWS } from './scalars.ts';
import type { CpuBuffer } from './storage.ts';

/** How this backend executes scalar programs. */
export interface Executor {
  /** Whether `new Function` may be used. */
  readonly codegen: boolean;
  readonly scratch: Scratch;
}

/** The plan of a region; `words` and `firstBuffer` as in planRegion. */
function plan(spec: RegionSpec, words = 0, firstBuffer = 0, isEpilogue = false): RegionPlan {
  return planRegion(spec, (op) => ROWS[op].isCostly, words, firstBuffer, isEpilogue);
}

/** JavaScript text of a region, as snapshots and debugging want it. */
export function regionSource(spec: RegionSpec): string {
  const planned = plan(spec);
  if (spec.reducedRank === 0) return mapSource(planned);
  return prefersColumns(planned) ? columnSource(planned) : rowSource(planned);
}

export function prepareRegion(spec: RegionSpec, executor: Executor): Run {
  if (executor.codegen) return compile<Run>(regionSource(spec), executor.scratch);
  const interpreter = new Interpreter(plan(spec));
  return (buffers, args) => {
    interpreter.run(buffers, args);
  };
}

/**
 * Applies an epilogue to the rows m0…m1 and columns n0…n1 of matrix (b0, b1); `tile` holds the
 * unrounded accumulators of that block, `stride` elements a row.
 */
export type Epilogue = (
  buffers: readonly CpuBuffer[],
  args: Int32Array,
  tile: Float64Array<ArrayBuffer>,
  stride: number,
  b0: number,
  b1: number,
  m0: number,
  m1: number,
  n0: number,
  n1: number,
) => void;

/** `words`: where the epilogue's words start; `firstBuffer`: where its own buffers start. */
export function prepareEpilogue(
  spec: RegionSpec,
  words: number,
  firstBuffer: number,
  executor: Executor,
): Epilogue {
  const planned = plan(spec, words, firstBuffer, true);
  if (executor.codegen) return compile<Epilogue>(epilogueSource(planned), executor.scratch);
  const interpreter = new Interpreter(planned);
  return (buffers, args, values, stride, b0, b1, m0, m1, n0, n1) => {
    interpreter.run(buffers, args, { values, stride, b0, b1, m0, m1, n0, n1 });
  };
}
