/**
 * Epilogues of matmul and convolution: the statements that take one finished accumulator through a
 * map over [b0, b1, m, n] and store what comes of it.
 */
import { planRegion, type RegionPlan, type RegionSpec } from '@tenon/core';
import { regionWords } from './region.ts';
import { writeOnce } from './region-strip.ts';
import { type RegionBindings, RegionWriter, regionBindings, usesHalf } from './region-writer.ts';

export interface EpilogueOptions {
  /** Where its words start in the launch words. */
  readonly words: number;
  /** The accumulator, of the dtype of input 0 (f16: rounded already). */
  readonly accumulator: string;
  /** u32 expressions of the position. */
  readonly indices: readonly [b0: string, b1: string, m: string, n: string];
  /**
   * Names of the bindings of the operands that have a buffer, in order: inputs from 1 on, then
   * outputs. An output that overwrites an input has the input's name.
   */
  readonly bindings: readonly string[];
}

export interface EpilogueText {
  /** Statements, in a block of their own. */
  readonly text: string;
  /** Names of the prelude functions that they call. */
  readonly prelude: readonly string[];
  /** The shader must enable f16. */
  readonly usesF16: boolean;
}

/** Words that an epilogue has: they follow those of its matmul or convolution. */
export function epilogueWords(spec: RegionSpec): number {
  return regionWords(spec);
}

/**
 * The bindings of an epilogue; `buffers` are positions in the launch's buffers, of which its first
 * is number `firstBuffer`. `operands` are the names for `EpilogueOptions.bindings`.
 */
export function epilogueBindings(
  spec: RegionSpec,
  firstBuffer: number,
): RegionBindings & { readonly operands: readonly string[] } {
  const bound = regionBindings(planRegion(spec, () => false, 0, firstBuffer, true));
  return { ...bound, operands: bound.names.filter((name) => name !== '') };
}

/** What each operand of the plan is called. */
function namesOf(plan: RegionPlan, bindings: readonly string[]): string[] {
  let next = 0;
  return plan.operands.map(({ buffer }) => (buffer < 0 ? '' : (bindings[next++] ?? '')));
}

/** Takes one accumulator to the outputs. */
export function epilogueText(spec: RegionSpec, options: EpilogueOptions): EpilogueText {
  const { accumulator, indices } = options;
  const plan = planRegion(spec, () => false, options.words, 0, true);
  const writer = new RegionWriter(plan, namesOf(plan, options.bindings));
  const inputs = spec.inputs.length;
  const live = writer.needs(
    spec.outputs.map(({ step }) => step),
    () => false,
  );
  const loaded = live.flatMap((i) => {
    const step = writer.step(i);
    return step.op === 'load' && step.index > 0 ? [step.index] : [];
  });
  const positions = new Map<number, string>();
  for (const t of [...new Set(loaded), ...spec.outputs.map((_, o) => inputs + o)]) {
    const terms = indices.slice(0, plan.rank).flatMap((index, axis) => {
      const strideClass = axis === plan.rank - 1 ? writer.operand(t).keptClass : 2;
      if (strideClass === 0) return [];
      return strideClass === 1 ? [`(${index})`] : [`(${index}) * ${writer.stride(t, axis)}`];
    });
    writer.line(`let p${t} = ${[writer.offset(t), ...terms].join(' + ')};`);
    positions.set(t, `p${t}`);
  }
  for (const i of live) {
    const step = writer.step(i);
    if (step.op === 'load' && step.index === 0) writer.line(`let s${i} = ${accumulator};`);
    else writeOnce(writer, [i], positions);
  }
  spec.outputs.forEach((output, o) => {
    writer.store(o, positions.get(inputs + o) ?? '', `s${output.step}`);
  });
  const lines = writer.text().split('\n');
  return {
    text: ['{', ...lines.map((line) => `  ${line}`), '}'].join('\n'),
    prelude: [...writer.prelude],
    usesF16: usesHalf(plan),
  };
}
