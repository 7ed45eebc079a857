/**
 * Variables that are updated in place: whoever may have seen the old value still sees it, or gets
 * an error, and never the new one. With memory that can be copied out within a turn and without.
 */
import * as core from '@tenon/core';
import {
  DisposedError,
  increment,
  type Tensor,
  tensor,
  type Variable,
  variable,
} from '@tenon/core';
import { assertSame } from '../compare.ts';
import type { Suite, SuiteContext } from '../suite.ts';
import { seeded } from '../support.ts';
import { onWatched } from '../watched.ts';

const PLENTY = 32 * 2 ** 20;

type Values = ArrayLike<number>;
const plus = (values: Values, by: number): Float32Array =>
  Float32Array.from(values, (x) => Math.fround(x + by));
const WHOLE: Float32Array<ArrayBuffer> = Float32Array.from({ length: 12 }, (_, i) => i);

/** A variable that nothing else sees, and whose contents the host no longer has. */
function counter(): Variable {
  const v = variable(WHOLE);
  increment(v);
  return v;
}

async function rightOrFreed(what: string, x: Tensor, want: Values): Promise<void> {
  try {
    assertSame(what, await x.data(), want);
  } catch (error) {
    if (!(error instanceof DisposedError)) throw error;
  }
}

function programs(): Readonly<Record<string, () => Promise<void>>> {
  return {
    'a read in flight brings what was there, and leaves no copy behind': async () => {
      const v = counter();
      const reading = v.data();
      increment(v);
      const view = v.detach();
      v.assign(tensor(WHOLE));
      assertSame('read', await reading, plus(WHOLE, 1));
      assertSame('view', await view.data(), plus(WHOLE, 2));
      assertSame('variable', await v.data(), WHOLE);
    },
    'views, also of views, and what shares the memory': async () => {
      const v = counter();
      const views = [v.detach(), v.reshape([3, 4]), v.reshape([3, 4]).transpose().slice([0, 1])];
      const shared = variable(v);
      increment(v);
      increment(shared, 5);
      const one = plus(WHOLE, 1);
      assertSame('view', await (views[0] as Tensor).data(), one);
      assertSame('reshaped', await (views[1] as Tensor).data(), one);
      const column = one.filter((_, i) => i % 4 === 0);
      assertSame('column', await (views[2] as Tensor).data(), column);
      assertSame('variable', await v.data(), plus(WHOLE, 2));
      assertSame('shared', await shared.data(), plus(WHOLE, 6));
    },
    'a view beside one that was disposed of': async () => {
      const v = counter();
      const [kept, other] = [v.detach(), v.detach()];
      other.dispose();
      increment(v);
      await rightOrFreed('kept', kept, plus(WHOLE, 1));
      assertSame('variable', await v.data(), plus(WHOLE, 2));
    },
    'a view within a scope, and one that was taken out of it': async () => {
      const v = counter();
      let taken: Tensor = v;
      const difference = core.scope(() => {
        taken = v.detach();
        increment(v, 3);
        return v.sub(taken);
      });
      assertSame(
        'difference',
        await difference.data(),
        WHOLE.map(() => 3),
      );
      increment(v);
      await rightOrFreed('taken out', taken, plus(WHOLE, 1));
      assertSame('variable', await v.data(), plus(WHOLE, 5));
      const second = counter();
      core.scope(() => {
        taken = second.detach();
      });
      increment(second);
      await rightOrFreed('taken out', taken, plus(WHOLE, 1));
    },
    'a graph keeps the values that it was made with': async () => {
      const p = core.parameter(seeded(12, 1));
      increment(p);
      const old = await core.clone(p).data();
      const loss = p.mul(p).sum();
      increment(p);
      loss.backward();
      const want = Float32Array.from(old, (x) => Math.fround(2 * x));
      assertSame('gradient', await (p.grad as Tensor).data(), want);
    },
    'a gradient that is the parameter itself': async () => {
      const p = core.parameter(WHOLE);
      p.grad = p.detach();
      const gradient = core.gradientOf(p) as Tensor;
      const rate = tensor(0.5);
      core.sgdUpdate(
        { parameter: p, gradient, rate, buffer: null, share: null },
        { momentum: 0, weightDecay: 0, nesterov: false },
      );
      assertSame(
        'parameter',
        await p.data(),
        WHOLE.map((x) => x / 2),
      );
      assertSame('gradient', await gradient.data(), WHOLE);
    },
    'a snapshot, restored twice': async () => {
      const v = counter();
      const taking = core.takeSnapshot([v]);
      increment(v);
      const snapshot = await taking;
      for (let i = 0; i < 2; i++) {
        snapshot.restore();
        increment(v);
        assertSame(`${i}`, await v.data(), plus(WHOLE, 2));
      }
    },
    'what an earlier graph made is the gradient that a later one starts with': async () => {
      const p = core.parameter([1, 2]);
      const made = p.mul(3);
      made.sum().backward();
      p.mul(2).backward({ gradient: made });
      assertSame('gradient', await (p.grad as Tensor).data(), [9, 15]);
    },
  };
}

function define(context: SuiteContext): void {
  for (const syncRead of context.capabilities.syncRead ? [true, false] : [false]) {
    for (const [name, run] of Object.entries(programs())) {
      context.test(syncRead ? name : `${name} (no synchronous reads)`, () =>
        onWatched(context, PLENTY, run, { syncRead, watched: true }),
      );
    }
  }
}

export const inPlaceSuite: Suite = { name: 'updates in place', define };
