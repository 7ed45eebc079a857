/** Reductions and statistics: any axes, NaN in every place, nothing at all, sums that are hard. */
import * as core from '@tenon/core';
import { type DType, type ReduceName, ShapeError, type Tensor, tensor } from '@tenon/core';
import { expect } from 'vitest';
import { assertNone, assertSame, assertShape, worstRelative } from '../compare.ts';
import { Reads } from '../reads.ts';
import { build, REDUCE_REFERENCE, type Reference, reduceReference } from '../reference.ts';
import { implicitOperands, operandsOf } from '../samples/layouts.ts';
import { uniforms } from '../samples/scalars.ts';
import type { Suite, SuiteContext } from '../suite.ts';
import { expectError, seeded } from '../support.ts';
import { epsilon } from '../tolerances.ts';

const OPS: Readonly<Record<ReduceName, typeof core.sum>> = {
  sum: core.sum,
  prod: core.prod,
  max: core.max,
  min: core.min,
};
const NAMES: readonly ReduceName[] = ['sum', 'prod', 'max', 'min'];
const SHAPE = [3, 4, 2];
/** Every set of axes of a rank-3 tensor. */
const AXES: readonly (readonly number[])[] = [[], [0], [1], [2], [0, 1], [0, 2], [1, 2], [0, 1, 2]];

/** Halves near 1 for floats and small integers: sums are exact, products nearly. */
function drawn(dtype: DType, seed: number): () => number {
  const next = uniforms(seed);
  if (dtype === 'u32') return () => Math.floor(next() * 3);
  return dtype === 'i32' ? () => Math.floor(next() * 5) - 2 : () => Math.floor(next() * 9) / 2 - 2;
}

/** Integer products wrap, so doubles would lose their low bits. */
function referenceOf(name: ReduceName, dtype: DType): (values: readonly number[]) => number {
  const isInteger = dtype === 'i32' || dtype === 'u32';
  if (name === 'prod' && isInteger) return (values) => values.reduce((a, b) => Math.imul(a, b), 1);
  return REDUCE_REFERENCE[name];
}

function matrix(context: SuiteContext, name: ReduceName): void {
  const { test, tolerances, capabilities } = context;
  test(`${name}: every set of axes, every layout, every dtype`, async () => {
    // Products of so many halves do not fit into 16 bits.
    const dtypes = (['f32', 'i32', 'u32', 'f64', 'f16'] as const).filter(
      (d) => capabilities.dtypes.includes(d) && (d !== 'f16' || name !== 'prod'),
    );
    const reads = new Reads();
    for (const dtype of dtypes) {
      const reference = build(SHAPE, drawn(dtype, 3));
      const operands = [
        ...operandsOf(reference, dtype),
        ...implicitOperands(SHAPE, dtype, drawn(dtype, 4)),
      ];
      for (const axes of AXES) {
        for (const operand of operands) {
          const what = `${name} of ${dtype} ${operand.name} over [${axes.join()}]`;
          const want = reduceReference(operand.reference, axes, referenceOf(name, dtype));
          const y = OPS[name](operand.tensor, axes);
          const n = operand.reference.data.length / want.data.length;
          assertShape(what, y.shape, want.shape);
          expect(y.dtype, what).toBe(dtype);
          const isFloat = dtype === 'f32' || dtype === 'f64' || dtype === 'f16';
          const bound =
            name === 'prod' && isFloat && dtype !== 'f16' ? tolerances.prod(n) * epsilon(dtype) : 0;
          const exact = want.data.map((x) => (isFloat ? x : dtype === 'u32' ? x >>> 0 : x | 0));
          reads.add(y, (got) => assertNone(what, worstRelative(got, exact, bound), 'relative'));
          const kept = OPS[name](operand.tensor, axes, { keepDims: true });
          const shape = SHAPE.map((size, axis) => (axes.includes(axis) ? 1 : size));
          assertShape(`${what}, kept`, kept.shape, shape);
        }
      }
    }
    await reads.settle();
  });
}

/** Rows long enough for every path of a kernel, with `special` at one place. */
function withSpecial(length: number, at: number, special: number): Reference {
  return build([3, length], ([i, j]) => (i === 1 && j === at ? special : ((i! + j!) % 5) - 2));
}

function specials({ test }: SuiteContext): void {
  test('NaN first, in the middle and last: NaN in its row and in no other', async () => {
    const reads = new Reads();
    for (const length of [1, 2, 3, 7, 8, 17, 33, 130]) {
      for (const at of new Set([0, length >> 1, length - 1])) {
        const x = tensor([...withSpecial(length, at, Number.NaN).data], { shape: [3, length] });
        for (const name of NAMES) {
          for (const [axis, view] of [
            [1, x],
            [0, x.transpose()],
            [0, x.transpose().contiguous()],
          ] as const) {
            reads.add(OPS[name](view as Tensor, axis), (values) => {
              const isNaNs = Array.from(values, (v) => Number(Number.isNaN(v)));
              assertSame(`${name} of ${length} with NaN at ${at}`, isNaNs, [0, 1, 0]);
            });
          }
        }
        for (const all of [x.max(), x.min()]) {
          reads.add(all, (values) => assertSame('over all', values, [Number.NaN]));
        }
      }
    }
    await reads.settle();
  });
  test('infinities and zeros of either sign', async () => {
    const inf = Number.POSITIVE_INFINITY;
    const x = tensor([
      [inf, 1, -inf],
      [-inf, -inf, -inf],
      [inf, inf, 2],
    ]);
    assertSame('max', await x.max(1).data(), [inf, -inf, inf]);
    assertSame('min', await x.min(1).data(), [-inf, -inf, 2]);
    assertSame('sum', await x.sum(1).data(), [Number.NaN, -inf, inf]);
    assertSame('prod', await tensor([-0, 2]).prod().data(), [-0]);
  });
  test('nothing: sum 0, prod 1, any false, all true, mean NaN; no max and min', async () => {
    const x = core.zeros([0, 3]);
    assertSame('sum', await x.sum(0).data(), [0, 0, 0]);
    assertSame('prod', await x.prod(0).data(), [1, 1, 1]);
    assertSame('sum over all', await x.sum().data(), [0]);
    assertSame('sum to nothing', await x.sum(1).data(), []);
    assertSame('any', await x.any(0).data(), [0, 0, 0]);
    assertSame('all', await x.all(0).data(), [1, 1, 1]);
    assertSame('mean', await x.mean().data(), [Number.NaN]);
    assertSame('max of kept nothing', await x.max(1).data(), []);
    await expectError(() => x.max(0), ShapeError, 'max: there is no max of nothing, got [0, 3]');
    await expectError(() => x.min(), ShapeError, 'min: there is no min of nothing, got [0, 3]');
    await expectError(
      () => x.argMax(0),
      ShapeError,
      'argMax: there is no max of nothing, got [0, 3]',
    );
  });
  test('integers wrap', async () => {
    const x = tensor(Int32Array.of(2 ** 31 - 1, 1));
    assertSame('sum', await x.sum().data(), [-(2 ** 31)]);
    assertSame(
      'prod',
      await tensor(Int32Array.of(65536, 65536, 3))
        .prod()
        .data(),
      [0],
    );
    assertSame(
      'u32',
      await tensor(Uint32Array.of(2 ** 32 - 1, 2))
        .sum()
        .data(),
      [1],
    );
  });
}

function hard({ test, tolerances }: SuiteContext): void {
  test('the sum of 20,000,000 ones is 20,000,000', async () => {
    const x = core.ones([20_000_000]).contiguous();
    expect(await x.sum().item()).toBe(20_000_000);
    expect(await x.reshape([2, 10_000_000]).sum(1).mean().item()).toBe(10_000_000);
    x.dispose();
  });
  test('the mean of 10,000,000 times 0.1 is 0.1', async () => {
    const x = core.full([10_000_000], 0.1).contiguous();
    const error = Math.abs((await x.mean().item()) - Math.fround(0.1)) / Math.fround(0.1);
    expect(error).toBeLessThanOrEqual(tolerances.sum(10_000_000) * epsilon('f32'));
    x.dispose();
  });
  test('the variance of {10000, 10001} a hundred thousand times is 0.25', async () => {
    const x = tensor(Float32Array.from({ length: 200_000 }, (_, i) => 10_000 + (i % 2)));
    const of = async (y: Tensor): Promise<number> => y.item();
    expect(await of(x.variance(undefined, { correction: 0 }))).toBe(0.25);
    expect(await of(x.std(undefined, { correction: 0 }))).toBe(0.5);
    expect(await of(x.reshape([2, -1]).variance(1, { correction: 0 }).mean())).toBe(0.25);
  });
  test('long sums along every axis are as exact as pairwise ones', async () => {
    for (const n of [1000, 4097, 100_003]) {
      const values = seeded(3 * n, n, 0, 1);
      const x = tensor(values, { shape: [3, n] });
      for (const view of [x, x.transpose().contiguous().transpose()]) {
        const want = [0, 1, 2].map((i) =>
          REDUCE_REFERENCE.sum([...values.subarray(i * n, (i + 1) * n)]),
        );
        const bound = tolerances.sum(n) * epsilon('f32');
        assertNone(`sum of ${n}`, worstRelative(await view.sum(1).data(), want, bound), 'relative');
      }
    }
  });
}

function statistics({ test }: SuiteContext): void {
  test('mean, variance, norms, logSumExp and counts', async () => {
    const x = tensor([
      [3, -4],
      [0, 12],
    ]);
    assertSame('mean', await x.mean(0).data(), [1.5, 4]);
    assertSame('integers', await tensor(Int32Array.of(1, 2)).mean().data(), [1.5]);
    assertSame('variance', await x.variance(1).data(), [24.5, 72]);
    assertSame('variance of one', await tensor([1]).variance().data(), [Number.NaN]);
    assertSame('norm 2', await x.norm({ axes: 1 }).data(), [5, 12]);
    assertSame('norm 1', await x.norm({ p: 1, axes: 0 }).data(), [3, 16]);
    assertSame('norm ∞', await x.norm({ p: Infinity }).data(), [12]);
    assertSame('norm 0', await x.norm({ p: 0, axes: 0 }).data(), [1, 2]);
    assertSame('count', await x.countNonZero(0).data(), [1, 2]);
    assertSame('any', await x.less(-1).any(1).data(), [1, 0]);
    assertSame('all', await x.greater(-5).all().data(), [1]);
    const logits = tensor([
      [1000, 1000],
      [-1000, -1000],
      [-Infinity, -Infinity],
    ]);
    const want = [1000 + Math.LN2, -1000 + Math.LN2, -Infinity];
    assertNone('logSumExp', worstRelative(await logits.logSumExp(1).data(), want, 2 ** -22));
    assertSame('argMax of all', await x.argMax().data(), [3]);
    assertShape('argMax kept', x.argMax(undefined, { keepDims: true }).shape, [1, 1]);
  });
}

export const reductionSuite: Suite = {
  name: 'reductions',
  define(context) {
    for (const name of NAMES) matrix(context, name);
    specials(context);
    hard(context);
    statistics(context);
  },
};
