/**
 * Memory where nothing can be copied out within a turn, as on a device: training loops, scopes and
 * loops that await stay within a budget that is a small part of what they allocate; what does not
 * is an error that says what to do; what is read late is right, or an error that says so. Every
 * backend runs this without its synchronous reads.
 */
import * as core from '@tenon/core';
import { DisposedError, OutOfMemoryError, type Tensor, tensor } from '@tenon/core';
import { expect } from 'vitest';
import type { BudgetedBackend } from '../budgeted.ts';
import { assertSame } from '../compare.ts';
import {
  batch,
  distance,
  type Mlp,
  mlp,
  type Pause,
  type Program,
  sgd,
} from '../samples/program.ts';
import { PROGRAMS } from '../samples/programs.ts';
import type { Suite, SuiteContext } from '../suite.ts';
import { expectError, seeded } from '../support.ts';
import { turn } from '../turn.ts';
import { onWatched } from '../watched.ts';

const PLENTY = 32 * 2 ** 20;
/** What reads late says; the shape is that of the tensor. */
const FINISHED =
  'of a graph that the next backward() over the same parameters has finished, and its memory has ' +
  'been reused. Read it before that, or keep it: logits.keep().';

function on<T>(
  context: SuiteContext,
  budget: number | 'collected',
  fn: (backend: BudgetedBackend) => Promise<T>,
  watched = true,
): Promise<T> {
  return onWatched(context, budget, fn, { syncRead: false, watched });
}

/** The program gives what it gives with room without end, or says that it reads too late. */
async function check(context: SuiteContext, program: Program): Promise<void> {
  const run = (pause: Pause): Promise<number[]> => program.run(program.steps, pause);
  const want = await on(context, 'collected', () => run(() => null));
  expect(want.length).toBeGreaterThan(0);
  for (const pause of [() => null, turn]) {
    await on(context, PLENTY, async () => {
      try {
        assertSame(program.name, await run(pause), want);
      } catch (error) {
        const isLate = error instanceof DisposedError && error.message.endsWith(FINISHED);
        if (program.readsFinished !== true || !isLate) throw error;
      }
    });
  }
}

/** As an optimizer does it: what it makes on the way is the library's. */
function step(model: Mlp): void {
  core.noGrad(() =>
    core.library(() => {
      for (const p of model.parameters) {
        const gradient = core.gradientOf(p);
        if (gradient !== null) p.assign(p.sub(gradient.mul(0.1)));
        p.grad = null;
      }
    }),
  );
}
function train(model: Mlp, i: number): Tensor {
  const { x, y } = batch(i);
  const loss = distance(model.forward(x), y);
  loss.backward();
  step(model);
  return loss;
}

/** Room for sixteen steps of these small models. */
const SMALL = 32 * 1024;
/** Where the collector must come: it looks for garbage after some megabytes. */
const LARGE = 16 * 2 ** 20;
/**
 * Runs a step again and again until so many budgets were allocated: never more than one was alive.
 */
async function checkFlat(
  context: SuiteContext,
  budget: number,
  make: () => (i: number) => Promise<unknown> | null,
  times = 20,
): Promise<void> {
  const run = async (backend: BudgetedBackend): Promise<void> => {
    const step = make();
    let i = 0;
    while (backend.arena().allocatedBytes < times * budget) {
      const wait = step(i++);
      if (wait !== null) await wait;
    }
    expect(i).toBeGreaterThan(50);
    expect(backend.arena().peakBytes).toBeLessThanOrEqual(budget);
  };
  await on(context, budget, run, false);
}

function withinOneTurn(context: SuiteContext): void {
  const { test } = context;
  test('training', () =>
    checkFlat(context, SMALL, () => {
      const model = mlp(1);
      return (i) => {
        train(model, i);
        return null;
      };
    }));
  test('training of two models in turn', () =>
    checkFlat(context, 2 * SMALL, () => {
      const models = [mlp(1), mlp(2)] as const;
      return (i) => {
        train(models[i % 2] as Mlp, i);
        return null;
      };
    }));
  test('plain mathematics in scopes', () =>
    checkFlat(context, SMALL, () => {
      let x: Tensor = tensor(seeded(256, 1), { shape: [16, 16] });
      return () => {
        const next = core.scope(() => x.matmul(x).tanh().add(0.1).sub(x.mean()));
        x.dispose();
        x = next;
        return null;
      };
    }));
}

function square(seed: number): Tensor {
  return tensor(seeded(2 ** 14, seed, -0.1, 0.1), { shape: [128, 128] });
}
/**
 * Loops that only the collector can keep flat. It runs in earnest some times a budget, which takes
 * a tenth of a second each, so one of them makes 20 budgets and the others a few.
 */
function overTurns(context: SuiteContext): void {
  const { test } = context;
  const few = 4;
  const pauses: Readonly<Record<string, (x: Tensor) => Promise<unknown>>> = {
    'reading each loss': (x) => x.item(),
    'letting the event loop turn': turn,
  };
  for (const [name, pause] of Object.entries(pauses)) {
    test(`training with an update written by hand, ${name}`, () => {
      const make = () => {
        const w = core.parameter(square(1));
        const x = square(2);
        return (i: number) => {
          const loss = x
            .matmul(w)
            .tanh()
            .sub(i % 3)
            .square()
            .mean();
          loss.backward();
          sgd([w], 0.01);
          return pause(loss);
        };
      };
      return checkFlat(context, LARGE, make, name === 'reading each loss' ? 20 : few);
    });
    test(`plain mathematics, ${name.replace('each loss', 'each result')}`, () =>
      checkFlat(
        context,
        LARGE,
        () => {
          let x = square(3);
          return () => {
            x = x.mul(0.5).tanh().add(0.1).sub(x.mean());
            return pause(x.mean());
          };
        },
        few,
      ));
  }
  test('a recurrent loop with detach, letting the event loop turn', () =>
    checkFlat(
      context,
      LARGE,
      () => {
        const w = core.parameter(square(5));
        let h: Tensor = core.zeros([128, 128]);
        return () => {
          h = h.matmul(w).add(1).tanh();
          h.square().mean().backward();
          sgd([w]);
          h = h.detach();
          return turn();
        };
      },
      few,
    ));
  test('evaluation with gradients on, letting the event loop turn', () =>
    checkFlat(
      context,
      LARGE,
      () => {
        const w = core.parameter(square(6));
        const x = square(7);
        return () => {
          x.matmul(w).tanh().add(w).argMax(1);
          return turn();
        };
      },
      few,
    ));
}

function lateReads(context: SuiteContext): void {
  const { test } = context;
  test('what a finished graph made: there until the next backward, then an error', async () => {
    await on(context, PLENTY, async () => {
      const model = mlp(3);
      const forward = (step: number): Tensor => model.forward(batch(step).x);
      const logits = forward(0);
      distance(logits, batch(0).y).backward();
      const want = await logits.data();
      assertSame('after its own backward', await logits.data(), want);
      const view = logits.narrow(0, 1, 2);
      distance(forward(1), batch(1).y).backward();
      for (const late of [logits, view]) {
        try {
          assertSame('right', await late.data(), late === view ? want.slice(3, 9) : want);
        } catch (error) {
          if (!(error instanceof DisposedError)) throw error;
          expect(error.message).toBe(`data: this tensor [4, 3] was part ${FINISHED}`);
          await expectError(
            () => late.mul(2),
            DisposedError,
            `this tensor [4, 3] was part ${FINISHED}`,
          );
        }
      }
    });
  });
  test('another model does not end the graphs of this one', async () => {
    await on(context, PLENTY, async () => {
      const [a, b] = [mlp(4), mlp(5)];
      const logits = a.forward(batch(0).x);
      const want = await a.forward(batch(0).x).data();
      distance(logits, batch(0).y).backward();
      for (let i = 0; i < 5; i++) train(b, i);
      assertSame('logits', await logits.data(), want);
    });
  });
  test('kept and detached tensors, losses and gradients outlive their graphs', async () => {
    await on(context, PLENTY, async () => {
      const model = mlp(6);
      const held: { tensor: Tensor; want: ArrayLike<number> }[] = [];
      const hold = async (x: Tensor): Promise<void> => {
        held.push({ tensor: x, want: await x.mul(1).data() });
      };
      for (let step = 0; step < 6; step++) {
        const { x, y } = batch(step);
        const hidden = model.forward(x);
        const loss = distance(hidden, y);
        loss.backward();
        for (const kept of [hidden.keep(), hidden.tanh().detach(), loss]) await hold(kept);
        await hold(model.parameters[0]!.grad as Tensor);
        sgd(model.parameters);
        for (let i = 0; i < 3; i++) train(model, step + i);
      }
      for (const { tensor: x, want } of held) assertSame('held', await x.data(), want);
    });
  });
  test('a view of kept, and what was kept by a view', async () => {
    await on(context, PLENTY, async () => {
      const model = mlp(7);
      const { x, y } = batch(0);
      const logits = model.forward(x);
      const want = await model.forward(x).data();
      const row = logits.narrow(0, 1, 1).detach();
      distance(logits, y).backward();
      for (let i = 0; i < 4; i++) train(model, i);
      assertSame('row', await row.data(), want.slice(3, 6));
      assertSame('whole', await logits.data(), want);
    });
  });
  test('an unfinished graph over the same parameters keeps what it needs', async () => {
    const run = async (): Promise<number[]> => {
      const model = mlp(8);
      const old = distance(model.forward(batch(9).x), batch(9).y);
      for (let i = 0; i < 5; i++) train(model, i);
      old.backward();
      const grads = model.parameters.map((p) => p.grad as Tensor);
      return (await Promise.all([old, ...grads].map((x) => x.data()))).flatMap((v) => [...v]);
    };
    const want = await on(context, 'collected', run);
    assertSame('gradients', await on(context, PLENTY, run), want);
  });
}

function limits(context: SuiteContext): void {
  const { test } = context;
  test('a turn that makes too much is an error that names await and scope', async () => {
    await on(context, 4000, async (backend) => {
      const x = tensor(seeded(100, 1));
      const made: Tensor[] = [];
      const loop = (): void => {
        for (let i = 0; i < 100; i++) made.push(x.mul(i));
      };
      let thrown: unknown = null;
      try {
        loop();
      } catch (error) {
        thrown = error;
      }
      if (!(thrown instanceof OutOfMemoryError)) throw new Error(`expected one, got ${thrown}`);
      expect(thrown.message).toContain(`${backend.name}: `);
      expect(thrown.message).toContain('a tensor [100] of f32, 400 bytes');
      expect(thrown.message).toContain('await something in the loop (await loss.item(), await');
      expect(thrown.message).toContain('use scope()');
      assertSame('still readable', await x.data(), seeded(100, 1));
      assertSame(
        'also',
        await made[3]!.data(),
        [...seeded(100, 1)].map((v) => Math.fround(3 * v)),
      );
      for (const y of made) y.dispose();
      assertSame('room again', await x.mul(2).sub(x).data(), seeded(100, 1));
    });
  });
  test('what the host knows leaves a full memory, and comes back', async () => {
    await on(context, 2000, async (backend) => {
      const all = Array.from({ length: 20 }, (_, i) => tensor(seeded(100, i)));
      for (const [i, x] of all.entries()) assertSame(`${i}`, await x.data(), seeded(100, i));
      assertSame('an operand', await all[0]!.mul(1).data(), seeded(100, 0));
      expect(backend.arena().peakBytes).toBeLessThanOrEqual(2000);
    });
  });
}

function reading(context: SuiteContext): void {
  context.test('without synchronous reads each of them says what to do instead', async () => {
    await on(context, 'collected', async (backend) => {
      const x = tensor([1, -2]);
      const { name } = backend;
      const text = (op: string, call: string): string =>
        `${op}: ${name} cannot read at once (use await x.${call}())`;
      await expectError(() => x.dataSync(), core.BackendError, text('dataSync', 'data'));
      await expectError(() => x.sum().itemSync(), core.BackendError, text('dataSync', 'data'));
      await expectError(() => x.toArraySync(), core.BackendError, text('dataSync', 'data'));
      await expectError(
        () => x.at(x.greater(0)),
        core.ValueError,
        `at: how many elements a mask selects must be read, which ${name} cannot do at once: ` +
          'use await x.maskSelect(mask), or where()',
      );
      expect(String(x)).toBe(`Tensor(f32 [2] on ${name}; print await x.toArray())`);
    });
  });
}

export const reclaimedSuite: Suite = {
  name: 'memory without copies',
  define(context) {
    for (const program of PROGRAMS) context.test(program.name, () => check(context, program));
    withinOneTurn(context);
    if (!context.capabilities.syncRead) overTurns(context);
    lateReads(context);
    limits(context);
    reading(context);
  },
};
