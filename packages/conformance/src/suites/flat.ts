/**
 * Ten thousand steps, written as a user would: no dispose, no scope. Live array buffers and the
 * process's memory stay level over the second half, while many times the budget is allocated.
 */
import * as core from '@tenon/core';
import { type Backend, type Parameter, type Tensor, tensor, type Variable } from '@tenon/core';
import { expect } from 'vitest';
import { arrayBufferBytes, settledMemory } from '../host.ts';
import type { Suite, SuiteContext } from '../suite.ts';
import { seeded } from '../support.ts';

const STEPS = 10_000;
/** Far more than this model needs at a time. */
const PLENTY = 32 * 2 ** 20;
/** On a device, whose launches cost the host more: as many steps as make 20 of these budgets. */
const DEVICE_STEPS = 1500;
const DEVICE_PLENTY = 4 * 2 ** 20;
/**
 * Array buffers that wait for the collector at most, where only copies of what was pushed out are
 * array buffers. V8 lets 64 MB wait once they are old.
 */
const MOST_GARBAGE = 40 * 2 ** 20;

interface Model {
  readonly parameters: readonly Parameter[];
  readonly x: Tensor;
  readonly y: Tensor;
}
function model(): Model {
  const of = (shape: number[], seed: number): Parameter => {
    const size = shape.reduce((n, m) => n * m, 1);
    return core.parameter(seeded(size, seed, -0.3, 0.3), { shape });
  };
  return {
    parameters: [of([16, 32], 1), of([32], 2), of([32, 4], 3), of([4], 4)],
    x: tensor(seeded(64 * 16, 5), { shape: [64, 16] }),
    y: tensor(seeded(64 * 4, 6), { shape: [64, 4] }),
  };
}
function lossOf({ parameters, x, y }: Model): Tensor {
  const [w1, b1, w2, b2] = parameters as [Parameter, Parameter, Parameter, Parameter];
  const h = x.matmul(w1).add(b1).tanh();
  return h.matmul(w2).add(b2).sub(y).square().mean();
}

type Update = (parameters: readonly Parameter[]) => void;
const sgd: Update = (parameters) => {
  core.noGrad(() => {
    for (const p of parameters) {
      p.assign(p.sub((p.grad as Tensor).mul(0.05)));
      p.grad = null;
    }
  });
};
function adam(parameters: readonly Parameter[]): Update {
  const zeros = (): Variable[] => parameters.map((p) => core.variable(core.zerosLike(p)));
  const [m, v] = [zeros(), zeros()];
  return () =>
    core.noGrad(() => {
      parameters.forEach((p, i) => {
        const g = p.grad as Tensor;
        m[i]!.assign(m[i]!.mul(0.9).add(g.mul(0.1)));
        v[i]!.assign(v[i]!.mul(0.999).add(g.mul(g).mul(0.001)));
        p.assign(p.sub(m[i]!.mul(0.001).div(v[i]!.sqrt().add(1e-8))));
        p.grad = null;
      });
    });
}

interface Level {
  readonly arrayBuffers: number;
  readonly rss: number;
}

/** On a backend of its own: what ran before may have left a larger budget. */
async function checkFlat(
  context: SuiteContext,
  makeUpdate: (parameters: readonly Parameter[]) => Update,
  isAsync: boolean,
): Promise<void> {
  const backend = await context.create();
  core.setDefaultBackend(backend);
  try {
    await compareHalves(backend, makeUpdate, isAsync);
  } finally {
    core.setDefaultBackend(context.backend);
    backend.dispose();
  }
}

/** Runs the loop and compares memory at half of it with memory at its end. */
async function compareHalves(
  { capabilities }: Backend,
  makeUpdate: (parameters: readonly Parameter[]) => Update,
  isAsync: boolean,
): Promise<void> {
  const state = model();
  const update = makeUpdate(state.parameters);
  const first = await lossOf(state).item();
  let last = lossOf(state);
  const { memory, syncRead } = capabilities;
  const steps = syncRead ? STEPS : DEVICE_STEPS;
  let half: Level | null = null;
  const start = core.memory().allocatedBytes;
  const before = arrayBufferBytes() ?? 0;
  let peak = 0;
  for (let step = 0; step < steps; step++) {
    last = lossOf(state);
    last.backward();
    update(state.parameters);
    if (isAsync) await null;
    if (step % 10 === 0) peak = Math.max(peak, arrayBufferBytes() ?? 0);
    if (step === steps / 2) half = await settledMemory();
  }
  const end = await settledMemory();
  expect(await last.item()).toBeLessThan(first / 2);
  const plenty = syncRead ? PLENTY : DEVICE_PLENTY;
  const budget = typeof memory === 'number' ? Math.min(memory, plenty) : plenty;
  expect(core.memory().allocatedBytes - start).toBeGreaterThan(20 * budget);
  if (!syncRead) expect(core.memory().residentBytes).toBeLessThan(budget);
  else if (typeof memory === 'number') expect(peak - before).toBeLessThan(MOST_GARBAGE);
  if (half === null || end === null) return;
  expect(end.rss).toBeLessThan(1.05 * half.rss);
  // Beyond what pools keep, nothing grows: half a megabyte is eight steps. On a device what is on
  // its way there and back counts as well: two megabytes, four percent of what the half makes.
  expect(end.arrayBuffers).toBeLessThan(half.arrayBuffers + (syncRead ? 2 ** 19 : 2 ** 21));
}

export const flatSuite: Suite = {
  name: 'flat memory',
  define(context) {
    context.test(
      '10,000 steps of SGD without a pause',
      () => checkFlat(context, () => sgd, false),
      {
        needs: ['syncRead'],
      },
    );
    context.test('thousands of steps of Adam, awaiting each', () => checkFlat(context, adam, true));
  },
};
