import { setDefaultBackend, tensor } from '@tenon/core';
import { cpuJs } from '@tenon/cpu-js';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { uniform } from './generator.ts';
import { checkResult, worksOf } from './gpu-sweep.ts';

beforeAll(() => setDefaultBackend(cpuJs()));
afterAll(() => setDefaultBackend(null));

it('has small works for a CPU that plays a GPU, large ones for a GPU', () => {
  const names = (isCpu: boolean): string[] => worksOf(isCpu).map(({ name }) => name);
  expect(names(true)).toEqual([
    'matmul-256',
    'matmul-512',
    'add-1m',
    'tanh-chain-1m',
    'softmax-1m',
  ]);
  expect(names(false)).toContain('matmul-4096');
  expect(names(false)).toContain('add-64m');
});

it.each(worksOf(true).filter(({ name }) => name !== 'matmul-512'))(
  'accepts $name and finds a wrong element in it',
  async (work) => {
    const host = work.inputs.map((shape, i) => uniform(i + 1, shape[0]! * shape[1]!));
    const output = work.compute(host.map((data, i) => tensor(data, { shape: work.inputs[i]! })));
    expect(await checkResult(work, host, output)).toBeNull();
    const wrong = output.mul(1.0001);
    expect(await checkResult(work, host, wrong)).toMatch(/^element \d+: expected /);
  },
);
