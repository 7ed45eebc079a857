/** Compilers that simplify arithmetic as if numbers were real would change these results. */
import {
  defineComposite,
  setDefaultBackend,
  type Tensor,
  type TensorType,
  tensor,
} from '@tenon/core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type WebGpuBackend, webgpu } from '../node.ts';

let backend: WebGpuBackend;
beforeAll(async () => {
  backend = await webgpu();
  setDefaultBackend(backend);
});
afterAll(() => {
  setDefaultBackend(null);
  backend.dispose();
});

const { fround } = Math;
type Sum = (x: number, c: number) => number;
/** Each once as ops and once as rounded doubles. */
const PROGRAMS: Readonly<Record<string, readonly [(x: Tensor, c: Tensor) => Tensor, Sum]>> = {
  '(x · c) / c': [(x, c) => x.mul(c).div(c), (x, c) => fround(fround(x * c) / c)],
  '(x / c) · c': [(x, c) => x.div(c).mul(c), (x, c) => fround(fround(x / c) * c)],
  '(x + c) − c': [(x, c) => x.add(c).sub(c), (x, c) => fround(fround(x + c) - c)],
  '(x − c) + c': [(x, c) => x.sub(c).add(c), (x, c) => fround(fround(x - c) + c)],
  '(x · 0) / x': [(x) => x.mul(0).div(x), (x) => fround((x * 0) / x)],
  '(x − c) − x': [(x, c) => x.sub(c).sub(x), (x, c) => fround(fround(x - c) - x)],
  '(c / x) · x': [(x, c) => c.div(x).mul(x), (x, c) => fround(fround(c / x) * x)],
};
const names = Object.keys(PROGRAMS);

const run = defineComposite<null>({
  name: 'folding',
  type: ([x]) => names.map(() => x as TensorType),
  decompose: (_ops, [x, c]) =>
    Object.values(PROGRAMS).map(([ops]) => ops(x as Tensor, c as Tensor)),
});

const XS = [1.1, 0, -0, Number.NaN, Infinity, -Infinity, 0.3333333, 2.7e20, 7e30, -1.0000001];
const CS = [0.1, 3, 1e8, 1e30, 0, Infinity];

test('one region gives what its steps give, one after another', async () => {
  const pairs = CS.flatMap((c) => XS.map((x) => [fround(x), fround(c)] as const));
  const outputs = run([tensor(pairs.map(([x]) => x)), tensor(pairs.map(([, c]) => c))], null);
  const got = await Promise.all(outputs.map((output) => output.data()));
  names.forEach((name, k) => {
    pairs.forEach(([x, c], i) => {
      const want = PROGRAMS[name]?.[1](x, c);
      expect(got[k]?.[i], `${name} for x = ${x}, c = ${c}`).toBe(want);
    });
  });
});

test('they were one region', async () => {
  backend.counters();
  const [output] = run([tensor([1, 2, 3]), tensor([4, 5, 6])], null);
  await output?.data();
  expect(backend.counters().dispatches).toBe(1);
});
