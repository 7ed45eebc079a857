/** Matrix products: shapes, layouts, batches, specials; einsum against loops over its letters. */
import { einsum, type Tensor, tensor } from '@tenon/core';
import { expect } from 'vitest';
import { assertSame, assertShape, rounded } from '../compare.ts';
import { Reads } from '../reads.ts';
import { build, elementOf, matmulReference, type Reference } from '../reference.ts';
import { operandsOf } from '../samples/layouts.ts';
import type { Suite, SuiteContext } from '../suite.ts';
import { seeded } from '../support.ts';
import { epsilon } from '../tolerances.ts';

function filled(shape: readonly number[], seed: number): Reference {
  const data = [
    ...seeded(
      shape.reduce((n, m) => n * m, 1),
      seed,
    ),
  ];
  return { shape, data };
}

/** Each error relative to Σ|a·b|, the scale at which the terms were rounded. */
function check(
  { tolerances }: SuiteContext,
  reads: Reads,
  what: string,
  y: Tensor,
  { value, scale }: { value: Reference; scale: number[] },
  inner: number,
): void {
  assertShape(what, y.shape, value.shape);
  // Products of f16 are summed in f32 and rounded once.
  const half = y.dtype === 'f16' ? 2 ** -11 : 0;
  const bound = tolerances.matmul(inner) * epsilon(y.dtype === 'f64' ? 'f64' : 'f32') + half;
  reads.add(y, (got) =>
    got.forEach((x, i) => {
      const error = Math.abs(x - value.data[i]!);
      if (!(error <= bound * scale[i]!)) {
        throw new Error(
          `${what}: element ${i}: expected ${value.data[i]}, got ${x} (Σ|ab| ${scale[i]})`,
        );
      }
    }),
  );
}

const FLOATS = ['f32', 'f64', 'f16'] as const;
/** Every kernel path: single rows and columns, odd sizes, sizes around tiles. */
const SIZES: readonly (readonly [m: number, k: number, n: number])[] = [
  [1, 1, 1],
  [1, 7, 1],
  [1, 64, 33],
  [33, 64, 1],
  [2, 3, 5],
  [4, 4, 4],
  [5, 9, 6],
  [8, 16, 8],
  [17, 31, 13],
  [32, 5, 64],
  [65, 33, 66],
  [3, 200, 4],
  [100, 2, 3],
];

function products(context: SuiteContext): void {
  const { test, capabilities } = context;
  test('matmul of many sizes', async () => {
    const reads = new Reads();
    for (const dtype of FLOATS.filter((d) => capabilities.dtypes.includes(d))) {
      for (const [m, k, n] of SIZES) {
        const [a, b] = [filled([m, k], m + k), filled([k, n], k + n + 1)].map(
          ({ shape, data }): Reference => ({
            shape,
            data: dtype === 'f16' ? data.map((x) => rounded(x, dtype)) : data,
          }),
        ) as [Reference, Reference];
        const of = (x: Reference): Tensor => tensor([...x.data], { shape: x.shape, dtype });
        check(
          context,
          reads,
          `${dtype} ${m}×${k}×${n}`,
          of(a).matmul(of(b)),
          matmulReference(a, b),
          k,
        );
      }
    }
    await reads.settle();
  });
  test('matmul over every pair of layouts', async () => {
    const reads = new Reads();
    const [a, b] = [filled([5, 6], 1), filled([6, 7], 2)];
    const want = matmulReference(a, b);
    for (const x of operandsOf(a, 'f32')) {
      for (const y of operandsOf(b, 'f32')) {
        check(context, reads, `${x.name} · ${y.name}`, x.tensor.matmul(y.tensor), want, 6);
      }
    }
    await reads.settle();
  });
  test('batches: equal, broadcast, many axes, strided', async () => {
    const reads = new Reads();
    const shapes: readonly (readonly [number[], number[]])[] = [
      [
        [3, 4, 5],
        [3, 5, 2],
      ],
      [
        [3, 4, 5],
        [5, 2],
      ],
      [
        [4, 5],
        [3, 5, 2],
      ],
      [
        [2, 1, 4, 3],
        [3, 3, 2],
      ],
      [
        [2, 3, 2, 2, 3],
        [2, 1, 2, 3, 4],
      ],
    ];
    for (const [left, right] of shapes) {
      const [a, b] = [filled(left, 3), filled(right, 4)];
      const rank = Math.max(left.length, right.length);
      const lead = (s: number[]): number[] =>
        [...Array(rank - s.length).fill(1), ...s].slice(0, -2);
      const batch = lead(left).map((n, i) => Math.max(n, lead(right)[i]!));
      const spread = (x: Reference): Reference => {
        const own = [...Array(rank - x.shape.length).fill(1), ...x.shape];
        const wide: Reference = { shape: own, data: x.data };
        return build([...batch, ...x.shape.slice(-2)], (index) =>
          elementOf(
            wide,
            index.map((i, axis) => (own[axis] === 1 ? 0 : i)),
          ),
        );
      };
      const want = matmulReference(spread(a), spread(b));
      for (const x of operandsOf(a, 'f32')) {
        for (const y of operandsOf(b, 'f32').slice(0, 3)) {
          const what = `[${left.join()}] ${x.name} · [${right.join()}] ${y.name}`;
          check(context, reads, what, x.tensor.matmul(y.tensor), want, left.at(-1)!);
        }
      }
    }
    await reads.settle();
  });
  test('vectors count as a row on the left and a column on the right', async () => {
    const m = tensor([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    const results = [
      m.matmul(tensor([1, 0, 2])),
      tensor([1, 10]).matmul(m),
      tensor([1, 2]).dot(tensor([3, 4])),
    ];
    assertSame('column', await results[0]!.data(), [7, 16]);
    assertSame('row', await results[1]!.data(), [41, 52, 63]);
    assertShape('dot', results[2]!.shape, []);
    expect(await results[2]!.item()).toBe(11);
    assertSame(
      'outer',
      await tensor([1, 2])
        .outer(tensor([3, 4]))
        .data(),
      [3, 4, 6, 8],
    );
  });
  test('NaN and infinities stay in their rows and columns; 0 · ∞ is NaN', async () => {
    for (const n of [3, 9, 40]) {
      const values = Array.from({ length: n * n }, (_, i) => (i === n + 1 ? Number.NaN : 1));
      const x = tensor(values, { shape: [n, n] });
      const y = await x.matmul(tensor(Array(n * n).fill(2), { shape: [n, n] })).data();
      const want = Array.from({ length: n * n }, (_, i) =>
        Math.floor(i / n) === 1 ? Number.NaN : 2 * n,
      );
      assertSame(`${n}`, y, want);
    }
    assertSame(
      '0 · ∞',
      await tensor([[0, 1]])
        .matmul(tensor([[Infinity], [1]]))
        .data(),
      [Number.NaN],
    );
  });
  test('empty products: nothing, and zeros where only the inner axis is empty', async () => {
    const of = (shape: number[]): Tensor => tensor([], { shape });
    assertShape('rows', of([0, 3]).matmul(tensor([[1], [2], [3]])).shape, [0, 1]);
    const y = of([2, 0]).matmul(of([0, 3]));
    assertShape('inner', y.shape, [2, 3]);
    assertSame('inner', await y.data(), [0, 0, 0, 0, 0, 0]);
    assertShape('batch', of([0, 2, 3]).matmul(of([0, 3, 4])).shape, [0, 2, 4]);
  });
}

/** einsum by one loop over all letters. */
function einsumReference(equation: string, parts: readonly Reference[]): Reference {
  const [left = '', right = ''] = equation.split('->');
  const terms = left.split(',');
  const sizes = new Map<string, number>();
  terms.forEach((term, p) => {
    for (const [axis, letter] of [...term].entries()) sizes.set(letter, parts[p]!.shape[axis]!);
  });
  const letters = [...sizes.keys()];
  const all = letters.map((letter) => sizes.get(letter)!);
  const shape = [...right].map((letter) => sizes.get(letter)!);
  const data = new Array<number>(shape.reduce((n, m) => n * m, 1)).fill(0);
  build(all, (index) => {
    const at = (text: string): number[] =>
      [...text].map((letter) => index[letters.indexOf(letter)]!);
    const product = terms.reduce((value, term, p) => value * elementOf(parts[p]!, at(term)), 1);
    data[at(right).reduce((sum, i, axis) => sum * shape[axis]! + i, 0)]! += product;
    return 0;
  });
  return { shape, data };
}

const EQUATIONS: readonly (readonly [string, ...(readonly number[])[]])[] = [
  ['ij,jk->ik', [3, 4], [4, 5]],
  ['ij,kj->ki', [3, 4], [5, 4]],
  ['bij,bjk->bik', [2, 3, 4], [2, 4, 2]],
  ['bhqd,bhkd->bhqk', [2, 2, 3, 4], [2, 2, 5, 4]],
  ['ij->ji', [3, 4]],
  ['ij->', [3, 4]],
  ['ii->i', [4, 4]],
  ['iji->j', [3, 2, 3]],
  ['i,j->ij', [3], [4]],
  ['i,i->', [5], [5]],
  ['ij,jk,kl->il', [2, 3], [3, 4], [4, 2]],
  ['abc,cd,bd->ad', [2, 3, 4], [4, 5], [3, 5]],
  ['ijk,ijk->ik', [2, 3, 4], [2, 3, 4]],
];

function contractions(context: SuiteContext): void {
  context.test('einsum', async () => {
    for (const [equation, ...shapes] of EQUATIONS) {
      const parts = shapes.map((shape, i): Reference => {
        const { data } = filled(shape, 10 + i);
        // Quarters: every sum of products is exact.
        return { shape, data: data.map((x) => Math.round(x * 4) / 4) };
      });
      const want = einsumReference(equation, parts);
      const y = einsum(equation, ...parts.map(({ data, shape }) => tensor([...data], { shape })));
      assertShape(equation, y.shape, want.shape);
      assertSame(
        equation,
        await y.data(),
        want.data.map((x) => x + 0),
      );
    }
  });
  context.test('einsum with dots, and without an arrow', async () => {
    const x = tensor(seeded(24, 8), { shape: [2, 3, 4] });
    assertSame('...ij->...ji', await einsum('...ij->...ji', x).data(), await x.transpose().data());
    const y = tensor(seeded(12, 9), { shape: [4, 3] });
    assertSame('…ij,jk', await einsum('...ij,jk', x, y).data(), await x.matmul(y).data());
    assertSame('ba', await einsum('ba', y).data(), await y.transpose().data());
  });
}

export const linalgSuite: Suite = {
  name: 'linear algebra',
  define(context) {
    products(context);
    contractions(context);
  },
};
