/** For tests only: random regions of exact operations on dyadic data. */
import type { DType, ReduceName, ScalarName, Step } from '@tenon/core';
import {
  constant,
  load,
  reduce,
  type TestInput,
  type TestOutput,
  type TestRegion,
} from './region-test-support.ts';

type Pick = (below: number) => number;

const BINARY: readonly ScalarName[] = ['add', 'sub', 'maximum', 'minimum'];
/** The last one is of floats only. */
const UNARY: readonly ScalarName[] = ['neg', 'abs', 'sign', 'floor'];
const REDUCERS: readonly ReduceName[] = ['sum', 'max', 'min'];

function sizesOf(pick: Pick): { kept: number[]; reduced: number[] } {
  const limit = [3, 4, 9][pick(3)]!;
  const sizes = (count: number): number[] => Array.from({ length: count }, () => 1 + pick(limit));
  const kept = sizes(1 + pick(3));
  const reduced = sizes(pick(3));
  // One axis around a few vectors long.
  const long = pick(2) === 0 || reduced.length === 0 ? kept : reduced;
  if (limit < 9) long[long.length - 1] = 1 + pick(90);
  return { kept, reduced };
}

/** Strides of a dense array whose axes lie in some order; the first axis given is contiguous. */
function denseStrides(sizes: readonly number[], order: readonly number[]): number[] {
  const strides = sizes.map(() => 0);
  let step = 1;
  for (const axis of order) {
    strides[axis] = step;
    step *= sizes[axis]!;
  }
  return strides;
}

function shuffled(pick: Pick, count: number): number[] {
  const axes = Array.from({ length: count }, (_, i) => count - 1 - i);
  if (pick(2) === 0) return axes;
  for (let i = count - 1; i > 0; i--) {
    const j = pick(i + 1);
    [axes[i], axes[j]] = [axes[j]!, axes[i]!];
  }
  return axes;
}

function inputOf(pick: Pick, dtype: DType, sizes: readonly number[], keptRank: number): TestInput {
  const total = sizes.reduce((a, b) => a * b, 1);
  const isKept = pick(3) === 0;
  const strides = denseStrides(sizes, shuffled(pick, isKept ? keptRank : sizes.length));
  let offset = pick(3);
  strides.forEach((stride, axis) => {
    const kind = pick(6);
    if (kind === 0) strides[axis] = 0;
    else if (kind === 1) {
      offset += stride * (sizes[axis]! - 1);
      strides[axis] = -stride;
    }
  });
  const isIota = (dtype === 'i32' || dtype === 'f32') && pick(6) === 0;
  if (isIota) return { dtype, data: null, strides, offset };
  const scale = dtype === 'f32' ? 4 : 1;
  const least = dtype === 'u32' ? 0 : 16;
  const data = Array.from({ length: total + 3 }, () => (pick(33) - least) / scale);
  return { dtype, data, strides, offset };
}

function stepsOf(pick: Pick, dtype: DType, inputs: number, isReduced: boolean): Step[] {
  const steps: Step[] = Array.from({ length: inputs }, (_, i) => load(i, dtype));
  steps.push(constant(0, dtype));
  const count = 1 + pick(8);
  for (let i = 0; i < count; i++) {
    const arg = (): number => pick(steps.length);
    if (isReduced && pick(3) === 0) steps.push(reduce(REDUCERS[pick(3)]!, arg(), dtype));
    else if (pick(3) === 0) {
      steps.push({ op: UNARY[pick(dtype === 'f32' ? 4 : 3)]!, args: [arg()], dtype, from: dtype });
    } else steps.push({ op: BINARY[pick(4)]!, args: [arg(), arg()], dtype, from: dtype });
  }
  return steps;
}

/** Which steps move along the reduced axes. */
function fullSteps(steps: readonly Step[], inputs: readonly TestInput[], rank: number): boolean[] {
  const isFull: boolean[] = [];
  for (const step of steps) {
    if (step.op === 'load') {
      isFull.push(inputs[step.index]!.strides.slice(rank).some((stride) => stride !== 0));
    } else if (step.op === 'const' || step.op === 'reduce') isFull.push(false);
    else isFull.push(step.args.some((a) => isFull[a] === true));
  }
  return isFull;
}

export function randomRegion(pick: Pick): TestRegion {
  const { kept, reduced } = sizesOf(pick);
  const sizes = [...kept, ...reduced];
  const total = sizes.reduce((a, b) => a * b, 1);
  const dtype = (['f32', 'f32', 'i32', 'u32'] as const)[pick(4)]!;
  const inputs = Array.from({ length: 1 + pick(3) }, () =>
    inputOf(pick, dtype, sizes, kept.length),
  );
  const steps = stepsOf(pick, dtype, inputs.length, reduced.length > 0);
  const isFull = fullSteps(steps, inputs, kept.length);
  const outputs = Array.from({ length: 1 + pick(2) }, (_, o): TestOutput => {
    const step = o === 0 ? steps.length - 1 : pick(steps.length);
    const full = reduced.length > 0 && (isFull[step] === true || pick(4) === 0);
    return {
      step,
      dtype,
      strides: denseStrides(sizes, shuffled(pick, full ? sizes.length : kept.length)),
      offset: pick(2),
      length: total + 2,
      domain: full ? 'full' : 'kept',
    };
  });
  const constants = [{ dtype, value: 2 + pick(3) }];
  return { kept, reduced, inputs, outputs, steps, constants };
}
