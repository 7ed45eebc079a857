import type { DType, ReduceName, ScalarName, Step } from '@tenon/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  constant,
  generated,
  interpreted,
  load,
  numbers,
  outcomes,
  reduce,
} from './region-test-support.ts';
import { runRegion, type TestInput, type TestRegion } from './test-support.ts';

function check(region: TestRegion): void {
  for (const { got, wanted } of outcomes(region)) expect(got).toEqual(wanted);
}

/** A random region: exact ops on dyadic data, or all ops (`isWild`) for comparing the executors. */
function randomRegion(pick: (below: number) => number, isWild: boolean): TestRegion {
  const sizes = (count: number, limit: number): number[] =>
    Array.from({ length: count }, () => 1 + pick(limit));
  const kept = sizes(1 + pick(3), 4);
  const reduced = sizes(pick(3), pick(4) === 0 ? 9 : 4);
  const all = [...kept, ...reduced];
  const total = all.reduce((a, b) => a * b, 1);
  const dense = (axes: readonly number[]): number[] => {
    const strides = all.map(() => 0);
    let step = 1;
    for (const axis of axes) {
      strides[axis] = step;
      step *= all[axis] ?? 1;
    }
    return strides;
  };
  const shuffled = (count: number): number[] => {
    const axes = Array.from({ length: count }, (_, i) => i);
    for (let i = count - 1; i > 0; i--) {
      const j = pick(i + 1);
      [axes[i], axes[j]] = [axes[j] ?? 0, axes[i] ?? 0];
    }
    return pick(2) === 0 ? axes : Array.from({ length: count }, (_, i) => count - 1 - i);
  };
  const dtypes: readonly DType[] = ['f32', 'f32', 'f64', 'i32', 'u32'];
  const dtype = dtypes[pick(dtypes.length)] ?? 'f32';
  const inputs = Array.from({ length: 1 + pick(3) }, (_, i): TestInput => {
    const isKept = pick(3) === 0;
    const strides = dense(shuffled(isKept ? kept.length : all.length));
    let offset = pick(3);
    strides.forEach((stride, axis) => {
      if (pick(5) === 0) strides[axis] = 0;
      else if (pick(6) === 0) {
        offset += stride * ((all[axis] ?? 1) - 1);
        strides[axis] = -stride;
      }
    });
    const source = numbers(total + 3, 7 + i + pick(1000));
    const data =
      dtype === 'i32'
        ? source.map((v) => v * 4)
        : dtype === 'u32'
          ? source.map((v) => v * 4 + 16)
          : source;
    const isIota = (dtype === 'i32' || dtype === 'f32') && pick(6) === 0;
    return { dtype, data: isIota ? null : data, strides, offset };
  });
  const exact: ScalarName[] = ['add', 'sub', 'maximum', 'minimum', 'neg', 'abs', 'floor'];
  const wild: ScalarName[] = [
    ...exact,
    'mul',
    'div',
    'rem',
    'sign',
    'exp',
    'tanh',
    'log1p',
    'expm1',
    'sqrt',
    'log',
    'pow',
    'erf',
    'sin',
  ];
  const integers: ScalarName[] = [...exact, 'mul', 'div', 'rem', 'sign'];
  const isFloat = dtype === 'f32' || dtype === 'f64';
  const names = isWild ? (isFloat ? wild : integers) : exact;
  const steps: Step[] = inputs.map((_, i) => load(i, dtype));
  steps.push(constant(0, dtype));
  const count = 1 + pick(9);
  for (let i = 0; i < count; i++) {
    const arg = (): number => pick(steps.length);
    if (reduced.length > 0 && pick(3) === 0) {
      const reducers: ReduceName[] = isWild ? ['sum', 'prod', 'max', 'min'] : ['sum', 'max', 'min'];
      steps.push(reduce(reducers[pick(reducers.length)] ?? 'sum', arg(), dtype));
    } else {
      const name = names[pick(names.length)] ?? 'add';
      const isUnary = [
        'neg',
        'abs',
        'floor',
        'sign',
        'exp',
        'tanh',
        'log1p',
        'expm1',
        'sqrt',
        'log',
        'erf',
        'sin',
      ];
      const args = isUnary.includes(name) ? [arg()] : [arg(), arg()];
      steps.push({ op: name, args, dtype, from: dtype });
    }
  }
  const isFull = steps.map((): boolean => false);
  steps.forEach((step, i) => {
    if (step.op === 'load') {
      isFull[i] = (inputs[step.index]?.strides.slice(kept.length) ?? []).some((s) => s !== 0);
    } else if (step.op !== 'const' && step.op !== 'reduce') {
      isFull[i] = step.args.some((a) => isFull[a]);
    }
  });
  const outputs = Array.from({ length: 1 + pick(2) }, (_, o) => {
    const step = o === 0 ? steps.length - 1 : pick(steps.length);
    const isFullOutput = isFull[step] === true || (reduced.length > 0 && pick(4) === 0);
    const axes = shuffled(isFullOutput ? all.length : kept.length);
    return {
      step,
      dtype,
      strides: dense(axes),
      offset: pick(2),
      length: total + 2,
      domain: isFullOutput && reduced.length > 0 ? ('full' as const) : ('kept' as const),
    };
  });
  return { kept, reduced, inputs, outputs, steps, constants: [{ dtype, value: 2 + pick(3) }] };
}

describe('random regions', () => {
  const seeds = fc.array(fc.nat(), { minLength: 200, maxLength: 200 });
  const picker = (values: readonly number[]): ((below: number) => number) => {
    let next = 0;
    return (below) => (values[next++ % values.length] ?? 0) % below;
  };

  test('exact programs equal the oracle in both executors', () => {
    fc.assert(
      fc.property(seeds, (values) => {
        check(randomRegion(picker(values), false));
      }),
      { numRuns: 400, seed: 4 },
    );
  });

  test('generated code and interpreter agree bit for bit on all programs', () => {
    fc.assert(
      fc.property(seeds, (values) => {
        const region = randomRegion(picker(values), true);
        expect(runRegion(generated, region)).toEqual(runRegion(interpreted, region));
      }),
      { numRuns: 600, seed: 5 },
    );
  });
});
