// What core's composites 'attention' and 'attentionGrad' compute where no kernel serves them, on a
// CPU backend that claims a kernel when scaledDotProductAttention asks, and declines after that.
import {
  type Backend,
  grad,
  type Override,
  scaledDotProductAttention,
  type Tensor,
  tensor,
  vjp,
} from '@tenon/core';
import { cpuJs } from '@tenon/cpu-js';
import { expect, test } from 'vitest';

/** `asked`: twice per call, once to choose the composite and once by the composite itself. */
function claiming(inner: Backend): { backend: Backend; asked: () => number } {
  let asked = 0;
  const attention: Override = {
    supports: () => (asked++ % 2 === 0 ? true : 'is only claimed'),
    epilogue: false,
    words: () => [],
    prepare: () => {
      throw new Error('nothing is prepared');
    },
  };
  const backend: Backend = Object.create(inner, {
    overrides: { value: { ...inner.overrides, attention } },
  });
  return { backend, asked: () => asked };
}

let state = 7;
function filled(backend: Backend, shape: readonly number[]): Tensor {
  const count = shape.reduce((a, b) => a * b, 1);
  const values = Float64Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
  return tensor(values, { shape, dtype: 'f64', backend });
}

const bool = (backend: Backend): Tensor =>
  tensor([1, 1, 0, 0, 0, 0, 1, 0, 1], { shape: [3, 3], dtype: 'bool', backend });

interface Results {
  readonly value: readonly number[];
  readonly first: readonly (readonly number[])[];
  readonly second: readonly number[];
}
async function results(backend: Backend, kind: 'none' | 'bool' | 'float'): Promise<Results> {
  state = 7;
  const [q, k, v, g] = [4, 4, 2, 2].map((e) => filled(backend, [2, 2, 3, e])) as [
    Tensor,
    Tensor,
    Tensor,
    Tensor,
  ];
  const added = filled(backend, [2, 1, 1, 3]);
  const mask = kind === 'none' ? undefined : kind === 'bool' ? bool(backend) : added;
  const attend = (...xs: Tensor[]): Tensor => {
    const [a, b, c] = xs as [Tensor, Tensor, Tensor];
    return scaledDotProductAttention(a, b, c, { mask, causal: kind === 'none' });
  };
  const { value, pullback } = vjp(attend, q, k, v);
  const first = pullback(g);
  const slope = grad((x: Tensor) => attend(x, k, v).mul(g).sum());
  const second = grad((x: Tensor) => slope(x).square().sum())(q);
  const read = async (x: Tensor): Promise<number[]> => Array.from(await x.data(), Number);
  return {
    value: await read(value),
    first: await Promise.all(first.map(read)),
    second: await read(second),
  };
}

test('the composites agree with the products and the softmax, up to second order', async () => {
  const { backend, asked } = claiming(cpuJs());
  for (const kind of ['none', 'bool', 'float'] as const) {
    const plain = await results(cpuJs(), kind);
    const before = asked();
    const own = await results(backend, kind);
    expect(asked() - before).toBe(kind === 'float' ? 0 : 4);
    const flat = (r: Results): readonly number[] => [...r.value, ...r.first.flat(), ...r.second];
    const wanted = flat(plain);
    expect(wanted.some((x) => x !== 0)).toBe(true);
    for (const [p, x] of flat(own).entries()) expect(x).toBeCloseTo(wanted[p] ?? NaN, 12);
  }
});

test('gradients of a row whose float mask is as good as -∞ everywhere', async () => {
  const { backend, asked } = claiming(cpuJs());
  const make = (values: readonly number[], shape: readonly number[]): Tensor =>
    tensor(values, { shape, dtype: 'f64', backend });
  const mask = make([-1e300, -1e300, -1e300], [1, 3]);
  const [q, k, v] = [
    make([1, 2], [1, 2]),
    make([1, 0, 0, 1, 1, 1], [3, 2]),
    make([3, 6, 9], [3, 1]),
  ];
  const attend = (x: Tensor): Tensor => scaledDotProductAttention(q, k, x, { mask }).sum();
  // all scores are -1e300: equal weights
  const slopes = Array.from(await grad(attend)(v).data(), Number);
  for (const slope of slopes) expect(slope).toBeCloseTo(1 / 3, 12);
  // without gradients a kernel may still serve it
  expect(await attend(v).item()).toBeCloseTo(6, 12);
  expect(asked()).toBeGreaterThan(0);
});
