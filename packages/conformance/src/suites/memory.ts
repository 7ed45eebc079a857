/**
 * Memory without disposal: every program gives the same bits on a watched backend with room without
 * end and with almost none; what is dropped is freed; leaks, overwrites and stale reads are errors.
 */
import * as core from '@tenon/core';
import { DisposedError, GradientError, type Tensor, tensor } from '@tenon/core';
import { expect } from 'vitest';
import { assertSame } from '../compare.ts';
import type { Pause, Program } from '../samples/program.ts';
import { PROGRAMS } from '../samples/programs.ts';
import type { Suite, SuiteContext } from '../suite.ts';
import { expectError, seeded } from '../support.ts';
import { turn } from '../turn.ts';
import { onWatched as on } from '../watched.ts';

const PAUSES: Readonly<Record<string, Pause>> = {
  'no pause': () => null,
  microtasks: () => Promise.resolve(),
  macrotasks: turn,
};

/** Three of the largest tensors, a quarter of what a step makes, and plenty. */
function budgets(largest: number, perStep: number): Readonly<Record<string, number>> {
  return {
    'three tensors': 3 * largest,
    'a quarter step': Math.max(largest, Math.ceil(perStep / 4)),
    plenty: 32 * 2 ** 20,
  };
}

function programs(context: SuiteContext): void {
  for (const program of PROGRAMS) {
    context.test(program.name, () => check(context, program), { needs: ['syncRead'] });
  }
}

async function check(context: SuiteContext, program: Program): Promise<void> {
  const { steps } = program;
  const free = await on(context, 'collected', async (backend) => ({
    values: await program.run(steps, () => null),
    arena: backend.arena(),
  }));
  expect(free.values.length).toBeGreaterThan(0);
  const { largestBytes, allocatedBytes } = free.arena;
  const limits = budgets(largestBytes, allocatedBytes / steps);
  for (const [name, budget] of Object.entries(limits)) {
    for (const [how, pause] of Object.entries(PAUSES)) {
      if (how === 'macrotasks' && name !== 'three tensors') continue;
      await on(context, budget, async (backend) => {
        const got = await program.run(steps, pause);
        assertSame(`${program.name}, ${name}, ${how}`, got, free.values);
        // Operands and output of the running op stay whatever the budget: at most five of them.
        const { peakBytes } = backend.arena();
        expect(peakBytes).toBeLessThanOrEqual(budget + 5 * largestBytes);
        const report = core.memory();
        expect(report.residentBytes).toBe(backend.arena().liveBytes);
        if (name === 'three tensors') expect(report.spilledBytes).toBeGreaterThan(0);
        if (name === 'plenty') expect(report.spilledBytes).toBe(0);
      });
    }
  }
}

function ownership(context: SuiteContext): void {
  const { test } = context;
  test('library code frees what it makes, at once', async () => {
    await on(context, 'collected', async (backend) => {
      const w = core.parameter(seeded(64, 1), { shape: [8, 8] });
      const before = backend.arena();
      for (let i = 0; i < 100; i++) {
        const y = core.library(() => w.detach().matmul(w.detach()).tanh().mul(2).sum());
        y.dispose();
      }
      expect(backend.arena().liveBytes).toBe(before.liveBytes);
      expect(backend.arena().allocatedBytes).toBeGreaterThan(before.allocatedBytes + 100 * 3 * 256);
    });
  });
  test('backward frees gradients once used, zeroing frees what was never read', async () => {
    await on(context, 'collected', async (backend) => {
      const w = core.parameter(seeded(64, 2), { shape: [8, 8] });
      const step = (): void => {
        const loss = core.library(() => w.matmul(w).tanh().sum());
        loss.backward();
        loss.dispose();
      };
      step();
      w.grad = null;
      const level = backend.arena().liveBytes;
      for (let i = 0; i < 20; i++) {
        step();
        expect(backend.arena().liveBytes).toBe(level + 256);
        w.grad = null;
        expect(backend.arena().liveBytes).toBe(level);
      }
    });
  });
  test('retained and created graphs return to the level once they are used up', async () => {
    await on(context, 'collected', async (backend) => {
      const w = core.parameter(seeded(64, 3), { shape: [8, 8] });
      const loss = (): Tensor => core.library(() => w.matmul(w).tanh().square().sum());
      const once = (): void => {
        const y = loss();
        y.backward({ retainGraph: true });
        y.backward();
        y.dispose();
        w.grad = null;
      };
      once();
      const level = backend.arena().liveBytes;
      for (let i = 0; i < 10; i++) once();
      expect(backend.arena().liveBytes).toBe(level);
    });
  });
  test('assign reuses nothing that someone can still see', async () => {
    await on(context, 'collected', async () => {
      const v = core.variable([1, 2, 3, 4]);
      const view = v.narrow(0, 1, 2);
      const copy = v.mul(1);
      v.assign(tensor([5, 6, 7, 8]));
      assertSame('view', await view.data(), [2, 3]);
      assertSame('copy', await copy.data(), [1, 2, 3, 4]);
      v.assign(v.flip(0));
      assertSame('from its own view', await v.data(), [8, 7, 6, 5]);
      const value = tensor([0, 0, 0, 0]);
      v.assign(value);
      v.assign(v.add(1));
      assertSame('value', await value.data(), [0, 0, 0, 0]);
    });
  });
  test(
    'host data that is kept is written out for nothing, and does not follow the user',
    async () => {
      await on(context, 2000, async () => {
        const source = seeded(100, 4);
        const made = Array.from({ length: 20 }, () => tensor(source));
        const want = source.slice();
        source.fill(0);
        for (const x of made) {
          assertSame('elements', await x.data(), want);
          x.mul(2).dispose();
        }
        expect(core.memory().spilledBytes).toBe(0);
        expect(core.memory().restoredBytes).toBeGreaterThan(0);
      });
    },
    { needs: ['syncRead'] },
  );
}

function limits(context: SuiteContext): void {
  const { test } = context;
  test(
    'a full memory spills before its budget is reached, and says what did not fit',
    async () => {
      const capacityBytes = 4000;
      await on(
        context,
        2 ** 20,
        async (backend) => {
          const values = seeded(250, 5);
          const made = Array.from({ length: 12 }, (_, i) => tensor(values).mul(i));
          for (const [i, x] of made.entries()) {
            assertSame(
              'elements',
              await x.data(),
              values.map((v) => v * i),
            );
          }
          const { spilledBytes } = core.memory();
          expect(spilledBytes).toBeGreaterThan(0);
          await expectError(
            () => core.arange(2000).mul(2).add(core.arange(2000)),
            core.OutOfMemoryError,
            `${backend.name}: no room for a tensor [2000] of i32, 8000 bytes, beside 0 bytes ` +
              'that the running operation uses; all else was copied out. the arena holds ' +
              '4000 bytes',
          );
          // Operands and result that do not fit together: the second can't be brought back.
          const [first, second] = [tensor(seeded(400, 6)).mul(2), tensor(seeded(400, 7)).mul(2)];
          await expectError(
            () => first.add(second),
            core.OutOfMemoryError,
            `${backend.name}: no room for a tensor [400] of f32, 1600 bytes, beside 3200 bytes ` +
              'that the running operation uses; all else was copied out. the arena holds ' +
              '4000 bytes',
          );
          assertSame(
            'still readable',
            await made[3]!.data(),
            values.map((v) => v * 3),
          );
        },
        { capacityBytes },
      );
    },
    { needs: ['syncRead'] },
  );
  test(
    'the budget grows until what a loop touches stays resident',
    async () => {
      await on(context, 2 ** 28, async () => {
        // 48 MB of live tensors, more than the budget of the start.
        const made = Array.from({ length: 12 }, (_, i) => core.full([2 ** 20], i).add(0));
        const touch = (): void => {
          for (const x of made) x.neg().dispose();
        };
        for (let i = 0; i < 4; i++) touch();
        const level = core.memory().restoredBytes;
        expect(level).toBeGreaterThan(0);
        touch();
        touch();
        expect(core.memory().restoredBytes).toBe(level);
        expect(await made[7]!.sum().item()).toBe(7 * 2 ** 20);
      });
    },
    { needs: ['syncRead'] },
  );
}

function disposal(context: SuiteContext): void {
  const { test } = context;
  test('disposed and scoped tensors say so, and live graphs keep what they need', async () => {
    const x = tensor([[1, 2]]);
    x.dispose();
    await expectError(() => x.data(), DisposedError, 'data: this tensor [1, 2] was disposed');
    let leaked: Tensor = x;
    const kept = core.scope(() => {
      leaked = tensor([1, 2]).mul(3);
      return [leaked.add(1), { sum: leaked.sum() }] as const;
    });
    const text =
      'this tensor was disposed (by dispose(), using, or the end of its scope()): ' +
      'read it before that, or return it from the scope';
    await expectError(() => leaked.data(), DisposedError, `data: ${text}`);
    await expectError(() => leaked.mul(2), DisposedError, text);
    assertSame('returned', await kept[0].data(), [4, 7]);
    expect(await kept[1].sum.item()).toBe(9);
    const w = core.parameter([3]);
    const y = core.scope(() => w.mul(w).mul(w).sum());
    y.backward();
    assertSame('grad', await w.grad!.data(), [27]);
  });
  test('a state that is carried on without detach is an error that says what to do', async () => {
    const w = core.parameter([[0.5]]);
    let h: Tensor = tensor([[1]]);
    const step = (): void => {
      h = h.matmul(w).tanh();
      h.sum().backward();
    };
    step();
    await expectError(
      step,
      GradientError,
      "backward: the graph behind 'tanh' was already used by an earlier backward(). " +
        'Carry state across steps with state.detach(), add losses before backward(), ' +
        'or pass { retainGraph: true } to the first call.',
    );
  });
  test('library code refuses promises and restores its frame after errors', async () => {
    await expectError(
      () => core.library(async () => 1),
      core.TenonError,
      'library: the function returned a promise; other code would run under library while ' +
        'it waits. Put library inside it, around the synchronous part.',
    );
    const made: Tensor[] = [];
    expect(() =>
      core.library(() => {
        throw new Error('inside');
      }),
    ).toThrow('inside');
    made.push(tensor([1, 2]).mul(2));
    assertSame('outside', await made[0]!.data(), [2, 4]);
  });
}

export const memorySuite: Suite = {
  name: 'memory',
  define(context) {
    programs(context);
    ownership(context);
    limits(context);
    disposal(context);
  },
};
