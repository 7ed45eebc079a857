/** Views, moves, indexing and order over every layout, against index formulas. Exact. */
import * as core from '@tenon/core';
import { type DType, IndexRangeError, type Tensor, tensor } from '@tenon/core';
import { expect } from 'vitest';
import { assertSame, assertShape } from '../compare.ts';
import { Reads } from '../reads.ts';
import { build } from '../reference.ts';
import { operandsOf } from '../samples/layouts.ts';
import { uniforms } from '../samples/scalars.ts';
import { INDEXING, ORDER } from '../samples/structure-order.ts';
import type { StructureSample } from '../samples/structure-sample.ts';
import { MOVES, VIEWS } from '../samples/structure-views.ts';
import type { Suite, SuiteContext } from '../suite.ts';
import { expectError } from '../support.ts';

/** Small halves, so that sums and products of a few are exact. */
function values(sample: StructureSample, dtype: DType): () => number {
  const { values: at } = sample;
  let i = 0;
  const next = uniforms(9);
  return () => {
    if (at !== undefined) return at(i++);
    const whole = Math.floor(next() * 9) - (dtype === 'u32' ? 0 : 4);
    return dtype === 'f32' ? whole / 2 : whole;
  };
}

function register(context: SuiteContext, sample: StructureSample): void {
  context.test(sample.name, async () => {
    const reads = new Reads();
    for (const dtype of sample.dtypes ?? (['f32', 'i32'] as const)) {
      const reference = build(sample.shape, values(sample, dtype));
      const want = sample.want(reference);
      for (const operand of operandsOf(reference, dtype)) {
        const what = `${sample.name} of ${dtype} ${operand.name}`;
        const y = sample.apply(operand.tensor);
        assertShape(what, y.shape, want.shape);
        expect(y.dtype, what).toBe(sample.result ?? dtype);
        const exact = want.data.map((v) => (dtype === 'f32' ? v : v + 0));
        reads.add(y, (got) => assertSame(what, got, exact));
        reads.add(operand.tensor, (got) => assertSame(`${what}, untouched`, got, reference.data));
      }
    }
    await reads.settle();
  });
}

function implicit({ test }: SuiteContext): void {
  test('constants and ranges go wherever stored tensors go', async () => {
    const range = core.arange(6).reshape([2, 3]);
    assertSame('transposed range', await range.transpose().data(), [0, 3, 1, 4, 2, 5]);
    assertSame('sliced range', await range.slice(null, [2, null, -1]).data(), [2, 1, 0, 5, 4, 3]);
    assertSame('unfolded range', await core.arange(4).unfold(0, 2).data(), [0, 1, 1, 2, 2, 3]);
    assertSame('sum of ones', await core.ones([4, 5]).sum(1).data(), [5, 5, 5, 5]);
    assertSame(
      'product with zeros',
      await core
        .zeros([2, 3])
        .matmul(core.ones([3, 2]))
        .data(),
      [0, 0, 0, 0],
    );
    assertSame('gather from a range', await range.take([1]).data(), [3, 4, 5]);
    assertSame(
      'indices from a range',
      await core.tensor([5, 6, 7]).take(core.arange(2)).data(),
      [5, 6],
    );
    assertSame('running sum of ones', await core.ones([4]).cumSum(0).data(), [1, 2, 3, 4]);
    assertSame(
      'concat',
      await core.concat([core.ones([2]), core.zeros([1]), core.arange(2)]).data(),
      [1, 1, 0, 0, 1],
    );
    assertSame('order of a range', await core.arange(3, 0, -1).argSort().data(), [2, 1, 0]);
    assertSame(
      'pad of a constant',
      await core
        .ones([1])
        .pad([[1, 1]], 2)
        .data(),
      [2, 1, 2],
    );
    assertSame('eye', await core.eye(2, 3).data(), [1, 0, 0, 0, 1, 0]);
    assertSame('linspace', await core.linspace(0, 1, 5).data(), [0, 0.25, 0.5, 0.75, 1]);
    assertSame('by halves', await core.arange(0, 2, 0.5).data(), [0, 0.5, 1, 1.5]);
  });
}

function masks({ test, capabilities }: SuiteContext): void {
  test('maskSelect reads the elements or slices where a mask is true', async () => {
    const x = tensor([
      [1, 2],
      [3, 4],
      [5, 6],
    ]);
    assertSame('elements', await (await x.maskSelect(x.greater(2.5))).data(), [3, 4, 5, 6]);
    const rows = await x.maskSelect(tensor([true, false, true]));
    assertShape('rows', rows.shape, [2, 2]);
    assertSame('rows', await rows.data(), [1, 2, 5, 6]);
    assertShape('none', (await x.maskSelect(x.less(0))).shape, [0]);
  });
  test(
    'a bool tensor in at() selects',
    async () => {
      const x = tensor([1, -2, 3]);
      assertSame('elements', await x.at(x.greater(0)).data(), [1, 3]);
    },
    { needs: ['syncRead'] },
  );
  test(
    'an index out of range is an IndexRangeError',
    async () => {
      const x = tensor([1, 2, 3]);
      const at = (i: number): Tensor => tensor(Int32Array.of(0, i));
      await expectError(
        () => x.take(at(3)),
        IndexRangeError,
        'gather: index 3 at position 1 is outside [0, 3)',
      );
      await expectError(
        () => core.zeros([3]).scatterAdd(0, at(-1), tensor([1, 1])),
        IndexRangeError,
        'scatterAdd: index -1 at position 1 is outside [0, 3)',
      );
      assertSame('the next op is fine', await x.take(at(2)).data(), [1, 3]);
    },
    { needs: ['throwingBounds'] },
  );
  if (capabilities.bounds === 'nan') {
    test('an index out of range gives NaN, or 0 for integers; nothing is added there', async () => {
      const at = tensor(Int32Array.of(2, 0, -1));
      assertSame('f32', await tensor([1, 2]).take(at).data(), [Number.NaN, 1, Number.NaN]);
      assertSame('i32', await tensor(Int32Array.of(1, 2)).take(at).data(), [0, 1, 0]);
      const sums = core.zeros([2]).scatterAdd(0, at, tensor([1, 10, 100]));
      assertSame('scatterAdd', await sums.data(), [10, 0]);
    });
  }
}

export const structureSuite: Suite = {
  name: 'structure',
  define(context) {
    for (const sample of [...VIEWS, ...MOVES, ...INDEXING, ...ORDER]) register(context, sample);
    implicit(context);
    masks(context);
  },
};
