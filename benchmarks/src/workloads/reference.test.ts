import { describe, expect, it } from 'vitest';
import { findWorkload, workloads } from './index.ts';
import { readGolden } from './model.ts';
import { compare, compareLosses, makeInputs, makeReference, type Reference } from './reference.ts';
import { isOp, type OpWorkload } from './types.ts';

const task = (workload: OpWorkload, inputs: number[][]): number[] =>
  Array.from(
    makeReference(
      workload,
      inputs.map((i) => Float32Array.from(i)),
    ).values,
  );

function small(change: Partial<OpWorkload>): OpWorkload {
  const base = findWorkload('add-1m');
  if (!isOp(base)) throw new Error('add-1m is an operation');
  return { ...base, ...change };
}

// Every expected number below was worked out by hand.
describe('references of small cases', () => {
  it('matmul, plain and transposed', () => {
    const product = (transposeA: boolean, transposeB: boolean): number[] => {
      const shape = { batch: 0, m: 2, k: 2, n: 2 };
      const outputShape = [2, 2];
      const workload = { kind: 'matmul', ...shape, transposeA, transposeB } as const;
      return task(small({ task: workload, outputShape }), [
        [1, 2, 3, 4],
        [5, 6, 7, 8],
      ]);
    };
    expect(product(false, false)).toEqual([19, 22, 43, 50]);
    expect(product(false, true)).toEqual([17, 23, 39, 53]);
    expect(product(true, false)).toEqual([26, 30, 38, 44]);
    expect(product(true, true)).toEqual([23, 31, 34, 46]);
  });

  it('matmul, batched: each product from its own operands', () => {
    const shape = { batch: 2, m: 1, k: 2, n: 1, transposeA: false, transposeB: false };
    const batched = small({ task: { kind: 'matmul', ...shape }, outputShape: [2, 1, 1] });
    expect(
      task(batched, [
        [1, 2, 3, 4],
        [5, 6, 7, 8],
      ]),
    ).toEqual([17, 53]);
  });

  it('conv: padding, channels and groups', () => {
    const conv = { kind: 'conv', batch: 1, channels: 2, size: 2, kernel: 3 } as const;
    const x = [1, 2, 3, 4, 10, 20, 30, 40];
    // Each 3x3 weight is 1 in the centre and 2 at the right: y = x + 2 · right neighbour.
    const one = [0, 0, 0, 0, 1, 2, 0, 0, 0];
    const outputShape = [1, 1, 2, 2];
    const full = small({ task: { ...conv, outChannels: 1, groups: 1 }, outputShape });
    expect(task(full, [x, [...one, ...one]])).toEqual([55, 22, 121, 44]);
    const grouped = small({
      task: { ...conv, outChannels: 2, groups: 2 },
      outputShape: [1, 2, 2, 2],
    });
    expect(task(grouped, [x, [...one, ...one]])).toEqual([5, 2, 11, 4, 50, 20, 110, 40]);
  });

  it('argmax, sort and gather', () => {
    const shape = { rows: 2, columns: 3 };
    const x = [3, 9, -1, 2, 2, 1];
    const argmax = small({ task: { kind: 'argmax', ...shape }, outputShape: [2] });
    expect(task(argmax, [x])).toEqual([1, 0]);
    const sort = small({ task: { kind: 'sort', ...shape }, outputShape: [2, 3] });
    expect(task(sort, [x])).toEqual([-1, 3, 9, 1, 2, 2]);
    const gather = small({ task: { kind: 'gather', rows: 3, columns: 2 }, outputShape: [3, 2] });
    expect(task(gather, [x, [2, 0, 2]])).toEqual([2, 1, 3, 9, 2, 1]);
  });

  it('sum over either axis', () => {
    const sum = (axis: 0 | 1): OpWorkload =>
      small({ task: { kind: 'sum', rows: 2, columns: 3, axis }, outputShape: [axis ? 2 : 3] });
    expect(task(sum(1), [[1, 2, 3, 4, 5, 6]])).toEqual([6, 15]);
    expect(task(sum(0), [[1, 2, 3, 4, 5, 6]])).toEqual([5, 7, 9]);
  });

  it('softmax and layer norm', () => {
    const softmax = small({ task: { kind: 'softmax', rows: 1, columns: 2 }, outputShape: [1, 2] });
    const [p = 0, q = 0] = task(softmax, [[0, Math.fround(Math.log(3))]]);
    expect(p).toBeCloseTo(0.25, 7);
    expect(q).toBeCloseTo(0.75, 7);
    const norm = small({
      task: { kind: 'layernorm', rows: 1, columns: 2, epsilon: 3 },
      outputShape: [1, 2],
    });
    // mean 2, variance 1, so x̂ = ∓1 / √(1 + 3)
    expect(
      task(norm, [
        [1, 3],
        [2, 4],
        [10, 20],
      ]),
    ).toEqual([9, 22]);
  });
});

describe('compare', () => {
  const reference: Reference = {
    indices: Int32Array.of(0, 2),
    values: Float64Array.of(1, 3),
    allowed: Float64Array.of(0.1, 0),
  };

  it('accepts within the tolerance and where nothing is sampled', () => {
    expect(compare([1.05, 99, 3], 3, reference)).toEqual({ isCorrect: true, message: '' });
  });

  it('rejects a wrong length, a wrong value and a value that is not finite', () => {
    const messageOf = (result: number[]): string => compare(result, 3, reference).message;
    expect(messageOf([1, 3])).toMatchInlineSnapshot(`"expected 3 output elements, got 2"`);
    expect(messageOf([1.2, 0, 3])).toMatchInlineSnapshot(
      `"element 0: expected 1 within 1.0e-1, got 1.2"`,
    );
    expect(messageOf([1, Number.NaN, 3])).toMatchInlineSnapshot(
      `"element 1: expected finite, got NaN"`,
    );
    expect(messageOf([1, 0, 3.0000001])).toContain('element 2: expected 3 within 0.0e+0');
  });
});

describe('what each workload notices', () => {
  const quick = workloads.filter(isOp).filter((w) => !w.name.startsWith('conv'));

  it.each(quick.map((w) => [w.name, w] as const))('%s: f32 rounding passes', (_, workload) => {
    const inputs = makeInputs(workload);
    const { indices, values, allowed } = makeReference(workload, inputs);
    const count = workload.outputShape.reduce((a, b) => a * b, 1);
    const result = new Float32Array(count);
    indices.forEach((index, i) => {
      result[index] = values[i]!;
    });
    expect(compare(result, count, { indices, values, allowed }).message).toBe('');
    // A thousandth off in one sampled element must not.
    const victim = indices[Math.floor(indices.length / 2)]!;
    result[victim] = result[victim]! * 1.001 + 1e-5;
    expect(compare(result, count, { indices, values, allowed }).isCorrect).toBe(false);
  });
});

describe('compareLosses', () => {
  const golden = readGolden('mlp');

  it('accepts a shorter run and an exact one', () => {
    expect(compareLosses(golden, golden).isCorrect).toBe(true);
    expect(compareLosses(golden.slice(0, 2), golden).isCorrect).toBe(true);
  });

  it('rejects a first loss alone: it would not notice a wrong gradient', () => {
    expect(compareLosses(golden.slice(0, 1), golden).message).toMatchInlineSnapshot(
      `"expected at least 2 losses, got 1"`,
    );
  });

  it('rejects a run that does not learn, and NaN', () => {
    const [first = 0] = golden;
    expect(compareLosses([first, first], golden).message).toContain('loss after 1 updates');
    expect(compareLosses([first, Number.NaN], golden).isCorrect).toBe(false);
  });
});
