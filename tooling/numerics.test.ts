import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { hostMath, SCALARS } from '../packages/core/src/index.ts';
import { type NamedBackend, numericsBackends } from './numerics/backends.ts';
import { measureComposites } from './numerics/composites.ts';
import { EXACT } from './numerics/exact.ts';
import { numericsPage } from './numerics/page.ts';
import { uniforms } from './numerics/samples.ts';
import { type Measured, measureScalars } from './numerics/scalars.ts';

const PAGE = readFileSync(join(import.meta.dirname, '..', 'docs', 'numerics.md'), 'utf8');

/** Cells of the table rows of a page, without the rules under their heads. */
function cells(page: string): string[][] {
  const lines = page.split('\n').filter((line) => line.startsWith('| ') && !line.includes('| ---'));
  return lines.map((line) => line.slice(2, -2).split(' | '));
}

describe('errors on a smaller sample', () => {
  let named: NamedBackend[] = [];
  let lists: Measured[][] = [];
  beforeAll(async () => {
    named = await numericsBackends();
    const backends = named.map(({ backend }) => backend);
    lists = await measureScalars(backends, { count: 2 ** 12, exactCount: 100 });
  });

  test('are within what the backends declare', () => {
    expect(named.length).toBeGreaterThanOrEqual(2);
    for (const [i, { title }] of named.entries()) {
      for (const { primitive, dtype, declared, found } of lists[i] ?? []) {
        if (found === null) continue;
        const bound = dtype === 'f64' && declared > 0 ? declared + 1 : declared;
        expect(found.ulp, `${title}: ${primitive} ${dtype} of ${found.at}`).toBeLessThanOrEqual(
          bound,
        );
      }
    }
  });

  test('cover every primitive', () => {
    for (const list of lists) {
      expect([...new Set(list.map(({ primitive }) => primitive))].sort()).toEqual(
        Object.keys(SCALARS).sort(),
      );
    }
  });

  test('of sums, softmax, layerNorm and matmul stay within a few roundings', async () => {
    const backends = named.map(({ backend }) => backend);
    for (const { name, errors } of await measureComposites(backends, 1 / 64)) {
      for (const [i, error] of errors.entries()) {
        expect(error, `${named[i]?.title}: ${name}`).toBeLessThan(2 ** -18);
      }
    }
  });

  test('have a committed page with their rows, columns and declared bounds', () => {
    const columns = named.map(({ title }, i) => ({ title, scalars: lists[i] ?? [] }));
    const wanted = new Map<string, string>();
    for (const [primitive = '', dtypes = '', declared = ''] of cells(numericsPage(columns, []))) {
      for (const dtype of dtypes.split(', ')) wanted.set(`${primitive} ${dtype}`, declared);
    }
    const got = new Map<string, string>();
    for (const [primitive = '', dtypes = '', declared = ''] of cells(PAGE)) {
      for (const dtype of dtypes.split(', ')) got.set(`${primitive} ${dtype}`, declared);
    }
    const titles = named.map(({ title }) => title);
    expect(cells(PAGE)[0], 'npm run docs:numerics').toEqual(expect.arrayContaining(titles));
    for (const [row, declared] of wanted) {
      if (row.startsWith('what')) continue;
      expect(got.get(row), `${row}: npm run docs:numerics`).toBe(declared);
    }
  });
});

// Expected values: mpmath, 400 bits.
describe('the exact reference', () => {
  const log2 = (x: number): number => 2 ** Math.floor(Math.log2(Math.abs(x)));

  test.each([
    ['exp', 1, Math.E],
    ['exp', -700, 9.859676543759771e-305],
    ['expm1', 1e-10, 1.00000000005e-10],
    ['log', 10, Math.LN10],
    ['log1p', 1e-10, 9.999999999500001e-11],
    ['sin', 1e22, -0.8522008497671888],
    ['cos', 1e22, 0.523214785395139],
    ['sin', Math.PI, 1.2246467991473532e-16],
    ['tanh', 0.5, 0.46211715726000974],
    ['erf', 0.5, 0.5204998778130465],
    ['erf', 2, 0.9953222650189527],
  ] as const)('%s(%d) = %d', (name, x, y) => {
    expect(EXACT[name](x, 0)).toBe(y);
  });

  test('is one or two units from the functions of the host', () => {
    const next = uniforms(31, 0.1, 5);
    for (let i = 0; i < 200; i++) {
      const [x, y] = [next(), next()];
      const host = { ...Math, erf: hostMath.erf };
      for (const name of Object.keys(EXACT) as (keyof typeof EXACT)[]) {
        const exact = EXACT[name](x, y);
        const value = name === 'pow' ? x ** y : (Math[name as 'exp'] ?? host.erf)(x);
        expect(Math.abs(value - exact), `${name} of ${x}, ${y}`).toBeLessThanOrEqual(
          2 * log2(exact) * 2 ** -52,
        );
      }
    }
  });
});
