/**
 * What the writers of a reduction's shaders share: the stage and its launch words, accumulators,
 * which operands are at work, how a team meets.
 */
import type { PlannedLoop, RegionPlan } from '@tenon/core';
import { type Accumulator, accumulatorOf, declare } from './region-accumulators.ts';
import { type Team, teamValue } from './region-team.ts';
import { RegionWriter } from './region-writer.ts';

/**
 * whole: everything. partial: one loop over one chunk. combine: the accumulators of that loop's
 * chunks, and with `stores` also the kept outputs. finish: the kept outputs alone.
 */
export type Stage =
  | { readonly kind: 'whole' }
  | { readonly kind: 'partial'; readonly loop: number }
  | { readonly kind: 'combine'; readonly loop: number; readonly stores: boolean }
  | { readonly kind: 'finish' };

/**
 * Words after those of the region. total: positions × chunks of the dispatch; reduced: positions of
 * all reduced axes, or without teams pieces of the last axis; share: how many of those a chunk
 * has; pieces, span: how many pieces the last axis is cut into, and how long they are.
 */
export const REDUCE_WORDS = [
  'total',
  'kept',
  'team',
  'chunks',
  'share',
  'reduced',
  'pieces',
  'span',
] as const;
type ReduceWord = (typeof REDUCE_WORDS)[number];

export interface ReduceShaderOptions {
  readonly plan: RegionPlan;
  readonly team: Team;
  readonly isColumns: boolean;
  /** Launch words of the region itself. */
  readonly baseWords: number;
  /** Output in whose memory a costly value waits for a later loop, by step. */
  readonly spills: ReadonlyMap<number, number>;
}

export class ReduceFrame {
  readonly writer: RegionWriter;
  readonly options: ReduceShaderOptions;
  readonly plan: RegionPlan;
  readonly stage: Stage;

  constructor(options: ReduceShaderOptions, stage: Stage) {
    this.options = options;
    this.plan = options.plan;
    this.stage = stage;
    this.writer = new RegionWriter(options.plan);
  }

  get isStaged(): boolean {
    return this.stage.kind !== 'whole';
  }

  word(name: ReduceWord): string {
    return this.writer.named(name, this.options.baseWords + REDUCE_WORDS.indexOf(name));
  }

  accumulator(i: number): Accumulator {
    const step = this.writer.step(i);
    if (step.op !== 'reduce') throw new RangeError(`region: step ${i} is no reduction`);
    const accumulator = accumulatorOf(step.reducer, step.dtype);
    for (const name of accumulator.declarations) declare(this.writer.declarations, name);
    return accumulator;
  }

  operandsOf(steps: readonly number[], outputs: readonly number[]): number[] {
    const inputs = this.plan.spec.inputs.length;
    const loaded = steps.flatMap((i) => {
      const step = this.writer.step(i);
      return step.op === 'load' ? [step.index] : [];
    });
    return [...new Set([...loaded, ...outputs.map((o) => inputs + o)])].sort((a, b) => a - b);
  }

  spilledOutputs(loop: PlannedLoop): number[] {
    return [...loop.spills, ...loop.spilled].flatMap((i) => this.options.spills.get(i) ?? []);
  }

  /** Only one member of an active team. */
  guarded(write: () => void): void {
    if (this.options.team.isShared) this.writer.block('if (is_active && member == 0u)', write);
    else write();
  }

  /** The team's accumulators instead of one's own. */
  meet(reduces: readonly number[]): void {
    const { team } = this.options;
    if (!team.isShared) return;
    this.word('team');
    for (const i of reduces) {
      const step = this.writer.step(i);
      const reducer = step.op === 'reduce' ? step.reducer : '';
      const value = teamValue(this.writer, team, this.accumulator(i), reducer, `a${i}`);
      this.writer.line(`a${i} = ${value};`);
    }
  }
}
