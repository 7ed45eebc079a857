/**
 * A plan of a region, for backends: where each number lies in the launch words, which steps run in
 * which inner loop, when outputs are stored. Every generator of loops starts from it. Pure analysis
 * of the spec; no sizes are known here.
 */
import type { InputSpec, OutputSpec, RegionSpec, Step } from '../backend.ts';
import type { DType } from '../dtype.ts';
import type { ScalarName } from '../scalars.ts';

/** Where a value changes: nowhere, per kept position, per reduced position. */
type Domain = 'uniform' | 'kept' | 'full';

/** An input or output of a region and where its numbers are. */
export interface PlannedOperand {
  readonly dtype: DType;
  readonly domain: 'kept' | 'full';
  readonly keptClass: number;
  readonly reducedClass: number;
  readonly isIota: boolean;
  /** Position in the launch's buffers; -1 for an iota. */
  readonly buffer: number;
  /** Position of the offset in the words; the strides follow it. */
  readonly word: number;
}

/** One pass over the reduced axes. */
export interface PlannedLoop {
  /** Full steps to evaluate, in order. */
  readonly steps: readonly number[];
  /** Full steps that an earlier loop left in scratch. */
  readonly spilled: readonly number[];
  /** Full steps of this loop that a later one wants from scratch. */
  readonly spills: readonly number[];
  /** Reduce steps that accumulate here. */
  readonly reduces: readonly number[];
  /** Outputs stored here. */
  readonly stores: readonly number[];
}

export interface RegionPlan {
  readonly spec: RegionSpec;
  readonly rank: number;
  /** Inputs, then outputs. */
  readonly operands: readonly PlannedOperand[];
  readonly constantWords: readonly number[];
  readonly domains: readonly Domain[];
  /** Per step: the number of reductions on its longest path. */
  readonly phases: readonly number[];
  readonly loops: readonly PlannedLoop[];
  /** Outputs stored once per kept position. */
  readonly keptStores: readonly number[];
}

const WIDEST: readonly Domain[] = ['uniform', 'kept', 'full'];

function argsOf(step: Step): readonly number[] {
  return step.op === 'load' || step.op === 'const' ? [] : step.args;
}

function locate(spec: RegionSpec, firstBuffer: number, skipsFirst: boolean): PlannedOperand[] {
  const rank = spec.keptRank + spec.reducedRank;
  let buffer = firstBuffer;
  return [...spec.inputs, ...spec.outputs].map((operand: InputSpec | OutputSpec, i) => {
    const isIota = 'source' in operand && operand.source === 'iota';
    const hasBuffer = !isIota && !(skipsFirst && i === 0);
    return {
      dtype: operand.dtype,
      domain: operand.domain,
      keptClass: operand.keptClass,
      reducedClass: operand.reducedClass,
      isIota,
      buffer: hasBuffer ? buffer++ : -1,
      word: rank + i * (rank + 1),
    };
  });
}

function domainsOf(spec: RegionSpec): Domain[] {
  const domains: Domain[] = [];
  for (const step of spec.steps) {
    if (step.op === 'const') domains.push('uniform');
    else if (step.op === 'reduce') domains.push('kept');
    else if (step.op === 'load') {
      const isFull = spec.reducedRank > 0 && spec.inputs[step.index]?.domain === 'full';
      domains.push(isFull ? 'full' : 'kept');
    } else {
      const widest = Math.max(0, ...step.args.map((a) => WIDEST.indexOf(domains[a] ?? 'uniform')));
      domains.push(WIDEST[widest] ?? 'full');
    }
  }
  return domains;
}

function phasesOf(spec: RegionSpec): number[] {
  const phases: number[] = [];
  for (const step of spec.steps) {
    const own = step.op === 'reduce' ? 1 : 0;
    phases.push(own + Math.max(0, ...argsOf(step).map((a) => phases[a] ?? 0)));
  }
  return phases;
}

/** Full steps that `roots` need, stopping at those that `spilled` already holds. */
function closure(
  spec: RegionSpec,
  domains: readonly Domain[],
  roots: readonly number[],
  isAvailable: (step: number) => boolean,
): { steps: number[]; available: number[] } {
  const seen = new Set<number>();
  const available = new Set<number>();
  const visit = (index: number): void => {
    const step = spec.steps[index];
    if (step === undefined || domains[index] !== 'full' || seen.has(index)) return;
    if (isAvailable(index)) {
      available.add(index);
      return;
    }
    seen.add(index);
    for (const arg of argsOf(step)) visit(arg);
  };
  for (const root of roots) visit(root);
  const ascending = (a: number, b: number): number => a - b;
  return { steps: [...seen].sort(ascending), available: [...available].sort(ascending) };
}

/**
 * The loop in which each full output is stored: that of its value, but not before the last loop
 * that still reads the input whose storage it overwrites.
 */
function storeLoops(
  spec: RegionSpec,
  current: readonly number[],
  readsInput: (loop: number, input: number) => boolean,
  loopCount: number,
): number[] {
  return spec.outputs.map((output, o) => {
    let loop = current[o] ?? 0;
    if (output.alias < 0) return loop;
    for (let later = loop + 1; later < loopCount; later++) {
      if (readsInput(later, output.alias)) loop = later;
    }
    return loop;
  });
}

function planLoops(
  spec: RegionSpec,
  domains: readonly Domain[],
  phases: readonly number[],
  isCostlyRow: (op: ScalarName) => boolean,
): PlannedLoop[] {
  const reduces = spec.steps.flatMap((step, i) => (step.op === 'reduce' ? [i] : []));
  const phaseOfArg = (i: number): number => (phases[i] ?? 1) - 1;
  const full = spec.outputs.flatMap((output, o) => (output.domain === 'full' ? [o] : []));
  const lastPhase = Math.max(
    -1,
    ...reduces.map(phaseOfArg),
    ...full.map((o) => phases[spec.outputs[o]?.step ?? 0] ?? 0),
  );
  const count = lastPhase + 1;
  const rootsOf = (loop: number, stored: readonly number[]): number[] => [
    ...reduces.filter((i) => phaseOfArg(i) === loop).flatMap((i) => argsOf(spec.steps[i] as Step)),
    ...full.filter((o) => stored[o] === loop).map((o) => spec.outputs[o]?.step ?? 0),
  ];
  let stored = spec.outputs.map((output) => phases[output.step] ?? 0);
  // Conservative: ignores spilling, which can only remove reads.
  const reads = (loop: number, input: number): boolean =>
    closure(spec, domains, rootsOf(loop, stored), () => false).steps.some((i) => {
      const step = spec.steps[i];
      return step?.op === 'load' && step.index === input;
    });
  // Storing one output later may make another input be read later: until nothing moves.
  for (let moved = true; moved; ) {
    const next = storeLoops(spec, stored, reads, count);
    moved = next.some((loop, o) => loop !== stored[o]);
    stored = next;
  }
  const isCostly = (i: number): boolean => {
    const op = spec.steps[i]?.op;
    return (
      op !== undefined && op !== 'load' && op !== 'const' && op !== 'reduce' && isCostlyRow(op)
    );
  };
  const computedIn = new Map<number, number>();
  const drafts = Array.from({ length: count }, (_, loop) => {
    const found = closure(spec, domains, rootsOf(loop, stored), (i) => computedIn.has(i));
    for (const i of found.steps) if (isCostly(i)) computedIn.set(i, loop);
    return {
      steps: found.steps,
      spilled: found.available,
      reduces: reduces.filter((i) => phaseOfArg(i) === loop),
      stores: full.filter((o) => stored[o] === loop),
    };
  });
  return drafts.map((draft, loop) => ({
    ...draft,
    spills: draft.steps.filter((i) => drafts.slice(loop + 1).some((d) => d.spilled.includes(i))),
  }));
}

/**
 * Plans a region. A full value is kept in scratch for a later loop where `isCostly` says that its
 * operation costs more than a store and a load. `words` is where its args start in the launch
 * words, `firstBuffer` where its buffers start; `isEpilogue`: input 0 is the accumulator and has no
 * buffer.
 */
export function planRegion(
  spec: RegionSpec,
  isCostly: (op: ScalarName) => boolean,
  words = 0,
  firstBuffer = 0,
  isEpilogue = false,
): RegionPlan {
  const rank = spec.keptRank + spec.reducedRank;
  const operands = locate(spec, firstBuffer, isEpilogue).map((o) => ({
    ...o,
    word: o.word + words,
  }));
  let word = words + rank + operands.length * (rank + 1);
  const constantWords = spec.constants.map((dtype) => {
    const at = word;
    word += dtype === 'f64' ? 2 : 1;
    return at;
  });
  const domains = domainsOf(spec);
  const phases = phasesOf(spec);
  const isMap = spec.reducedRank === 0;
  return {
    spec,
    rank,
    operands,
    constantWords,
    domains,
    phases,
    loops: isMap ? [] : planLoops(spec, domains, phases, isCostly),
    keptStores: spec.outputs.flatMap((o, i) => (isMap || o.domain === 'kept' ? [i] : [])),
  };
}

/** Whether an epilogue only rounds and stores the accumulator. */
export function isIdentityRegion(spec: RegionSpec): boolean {
  const [step] = spec.steps;
  return (
    spec.steps.length === 1 &&
    step?.op === 'load' &&
    step.index === 0 &&
    spec.inputs.length === 1 &&
    spec.outputs.length === 1 &&
    spec.outputs[0]?.dtype === spec.inputs[0]?.dtype
  );
}
