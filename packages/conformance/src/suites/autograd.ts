/**
 * The gradient API: accumulation, functional gradients of any order, custom rules, switches,
 * detaching, checkpointing, retained graphs, and what it says when a graph was used up.
 */
import * as core from '@tenon/core';
import { GradientError, type Tensor, tensor } from '@tenon/core';
import { expect } from 'vitest';
import { assertNone, assertSame, worstRelative } from '../compare.ts';
import type { Suite, SuiteContext } from '../suite.ts';
import { expectError, seeded } from '../support.ts';

const USED_UP = (op: string): string =>
  `backward: the graph behind '${op}' was already used by an earlier backward(). ` +
  'Carry state across steps with state.detach(), add losses before backward(), ' +
  'or pass { retainGraph: true } to the first call.';

const squares = (x: Tensor): Tensor => x.mul(x).sum();

function accumulation({ test }: SuiteContext): void {
  test('backward accumulates into grad, until it is set to null', async () => {
    const w = core.parameter([1, 2]);
    expect([w.grad, w.requiresGrad, w.isLeaf]).toEqual([null, true, true]);
    squares(w).backward();
    assertSame('once', await w.grad!.data(), [2, 4]);
    squares(w).mul(10).backward();
    assertSame('twice', await w.grad!.data(), [22, 44]);
    w.grad = null;
    squares(w).backward();
    assertSame('after null', await w.grad!.data(), [2, 4]);
    await expectError(
      () => Object.assign(w, { grad: tensor([1]) }),
      GradientError,
      "grad: must have the parameter's shape [2], got [1]",
    );
    w.grad = tensor([1, 1]);
    squares(w).backward();
    assertSame('after setting', await w.grad!.data(), [3, 5]);
  });
  test('a gradient that was read stays what it was', async () => {
    const w = core.parameter([1, 2]);
    squares(w).backward();
    const first = w.grad!;
    squares(w).backward();
    w.grad = null;
    squares(w).mul(7).backward();
    assertSame('first', await first.data(), [2, 4]);
    assertSame('now', await w.grad!.data(), [14, 28]);
  });
  test('one backward reaches every parameter, through shared and repeated use', async () => {
    const [a, b] = [core.parameter([1, 2]), core.parameter([3, 4])];
    const shared = a.mul(b);
    shared.add(shared.mul(a)).add(b).sum().backward();
    // d/da (ab + a²b + b) = b + 2ab, d/db = a + a² + 1
    assertSame('a', await a.grad!.data(), [9, 20]);
    assertSame('b', await b.grad!.data(), [3, 7]);
  });
  test('a tensor of several elements wants a gradient', async () => {
    const w = core.parameter([1, 2]);
    w.mul(3).backward({ gradient: tensor([1, 10]) });
    assertSame('grad', await w.grad!.data(), [3, 30]);
    await expectError(
      () => w.mul(3).backward(),
      GradientError,
      'backward: only a tensor of one element has an implied gradient, got shape [2] ' +
        '(pass { gradient }, or reduce: loss.mean().backward())',
    );
    await expectError(
      () => w.mul(3).backward({ gradient: tensor([1]) }),
      GradientError,
      "backward: the gradient must have the tensor's shape [2], got [1]",
    );
  });
  test('frozen parameters get none', async () => {
    const [a, b] = [core.parameter([1, 2]), core.parameter([3, 4])];
    b.requiresGrad = false;
    a.mul(b).sum().backward();
    expect(b.grad).toBeNull();
    assertSame('a', await a.grad!.data(), [3, 4]);
    b.requiresGrad = true;
    a.mul(b).sum().backward();
    assertSame('b', await b.grad!.data(), [1, 2]);
  });
  test('assign keeps old graphs: they see the value they were made with', async () => {
    const w = core.parameter([2, 3]);
    const loss = squares(w);
    w.assign(tensor([100, 100]));
    expect(w.version).toBe(1);
    loss.backward();
    assertSame('grad', await w.grad!.data(), [4, 6]);
    assertSame('value', await w.data(), [100, 100]);
  });
}

function functional({ test }: SuiteContext): void {
  test('grad, valueAndGrad and vjp agree with backward', async () => {
    const x = tensor([1, 2, 3]);
    assertSame('grad', await core.grad(squares)(x).data(), [2, 4, 6]);
    const both = core.valueAndGrad(squares)(x);
    expect(await both.value.item()).toBe(14);
    expect(both.value.requiresGrad).toBe(false);
    assertSame('gradient', await both.gradient.data(), [2, 4, 6]);
    const { value, pullback } = core.vjp((a, b) => a.mul(b), x, tensor([4, 5, 6]));
    assertSame('value', await value.data(), [4, 10, 18]);
    for (const scale of [1, 10]) {
      const [da, db] = pullback(tensor([scale, 0, scale])) as [Tensor, Tensor];
      assertSame('da', await da.data(), [4 * scale, 0, 6 * scale]);
      assertSame('db', await db.data(), [scale, 0, 3 * scale]);
    }
  });
  test('several arguments, and those that do not matter', async () => {
    const f = (a: Tensor, b: Tensor, _unused: Tensor): Tensor => a.mul(b).sum();
    const args = [tensor([1, 2]), tensor([3, 4]), tensor([5, 6])] as const;
    const all = core.grad(f, { argument: [0, 1, 2] })(...args);
    assertSame('a', await all[0]!.data(), [3, 4]);
    assertSame('b', await all[1]!.data(), [1, 2]);
    assertSame('unused', await all[2]!.data(), [0, 0]);
    assertSame(
      'second',
      await core
        .grad(f, { argument: 1 })(...args)
        .data(),
      [1, 2],
    );
  });
  test('any order: the derivatives of x⁵, sin and e^(2x)', async () => {
    const nth = (f: (x: Tensor) => Tensor, n: number): ((x: Tensor) => Tensor) =>
      n === 0 ? f : nth((x) => core.grad((t: Tensor) => f(t).sum())(x), n - 1);
    const x = tensor([0.5, -1]);
    const fifth = (t: Tensor): Tensor => t.mul(t).mul(t).mul(t).mul(t);
    const powers = [0.5, -1].map((v) => [
      v ** 5,
      5 * v ** 4,
      20 * v ** 3,
      60 * v ** 2,
      120 * v,
      120,
    ]);
    for (let n = 0; n <= 5; n++) {
      const want = powers.map((list) => list[n]!);
      assertNone(
        `x⁵, ${n}`,
        worstRelative(await nth(fifth, n)(x).data(), want, 2 ** -21),
        'relative',
      );
      const exps = [0.5, -1].map((v) => 2 ** n * Math.exp(2 * v));
      const got = await nth((t) => t.mul(2).exp(), n)(x).data();
      assertNone(`e^2x, ${n}`, worstRelative(got, exps, 2 ** -20), 'relative');
    }
    const waves = await nth((t) => t.sin(), 4)(x).data();
    assertNone('sin⁗', worstRelative(waves, [Math.sin(0.5), Math.sin(-1)], 2 ** -21), 'relative');
  });
  test('grad inside backward and parameters inside grad', async () => {
    const w = core.parameter([2]);
    // d/dx (w x²) = 2 w x, which w then gets its own gradient of.
    const slope = core.grad((x: Tensor) => x.mul(x).mul(w).sum())(tensor([3]));
    slope.sum().backward();
    assertSame('w', await w.grad!.data(), [6]);
  });
  test('Hessian-vector products, two ways', async () => {
    const f = (x: Tensor): Tensor =>
      x
        .mul(x)
        .mul(x)
        .sum()
        .add(
          x
            .narrow(0, 0, 1)
            .mul(x.narrow(0, 1, 1))
            .sum(),
        );
    const [x, v] = [tensor([1, 2, -1]), tensor([0.5, -1, 2])];
    const forward = core.grad((t: Tensor) => core.grad(f)(t).mul(v).sum())(x);
    // H = diag(6x) with 1 at [0, 1] and [1, 0].
    assertSame('grad of grad · v', await forward.data(), [3 - 1, -12 + 0.5, -12]);
    const w = core.parameter([1, 2, -1]);
    f(w).backward({ createGraph: true });
    const g = w.grad!;
    w.grad = null;
    g.mul(v).sum().backward();
    assertSame('backward twice', await w.grad!.data(), [2, -11.5, -12]);
  });
  test('a gradient penalty', async () => {
    const w = core.parameter([3]);
    const x = tensor([2]);
    const penalty = core
      .grad((t: Tensor) => t.mul(t).mul(w).sum())(x)
      .square()
      .sum();
    // (2wx)² = 16 w² at x = 2, derivative 32 w.
    penalty.backward();
    assertSame('w', await w.grad!.data(), [96]);
  });
}

function custom({ test }: SuiteContext): void {
  const twisted = core.customGradient(
    (x) => x.mul(2),
    (g, [x]) => [g.mul(x!).mul(100)],
  );
  test('customGradient takes the rule given, at every order', async () => {
    const x = tensor([1, 2]);
    assertSame('value', await twisted(x).data(), [2, 4]);
    assertSame(
      'first',
      await core
        .grad((t: Tensor) => twisted(t).sum())(x)
        .data(),
      [100, 200],
    );
    const second = core.grad((t: Tensor) =>
      core
        .grad((s: Tensor) => twisted(s).sum())(t)
        .sum(),
    );
    assertSame('second', await second(x).data(), [100, 100]);
  });
  test('customGradient: its arguments outlive the graph, wrong answers are errors', async () => {
    const kept: Tensor[] = [];
    const f = core.customGradient(
      (a, b) => a.mul(b),
      (g, [a, b], y) => {
        kept.push(g, a!, b!, y);
        return [g.mul(b!), null];
      },
    );
    const [a, b] = [core.parameter([1, 2]), core.parameter([3, 4])];
    f(a, b).sum().backward();
    for (let i = 0; i < 50; i++) squares(a).backward();
    assertSame('grad', await a.grad!.data(), [3 + 100, 4 + 200]);
    expect(b.grad).toBeNull();
    const values = await Promise.all(kept.map((t) => t.data()));
    assertSame(
      'kept',
      values.flatMap((v) => [...v]),
      [1, 1, 1, 2, 3, 4, 3, 8],
    );
    const short = core.customGradient(
      (x) => x.mul(1),
      () => [],
    );
    await expectError(
      () => short(a).sum().backward(),
      GradientError,
      'customGradient: backward must return 1 gradients, got 0',
    );
    const wrong = core.customGradient(
      (x) => x.mul(1),
      () => [tensor([1])],
    );
    await expectError(
      () => wrong(a).sum().backward(),
      GradientError,
      'customGradient: gradient 0 must have shape [2], got [1]',
    );
  });
}

function switches({ test }: SuiteContext): void {
  test('noGrad records nothing, enableGrad does; both nest and survive errors', async () => {
    const w = core.parameter([1, 2]);
    const y = core.noGrad(() => w.mul(2));
    expect(y.requiresGrad).toBe(false);
    expect(core.noGrad(() => core.enableGrad(() => w.mul(2))).requiresGrad).toBe(true);
    expect(core.noGrad(() => core.isGradEnabled())).toBe(false);
    expect(() =>
      core.noGrad(() => {
        throw new Error('inside');
      }),
    ).toThrow('inside');
    expect(core.isGradEnabled()).toBe(true);
    await expectError(
      () => y.sum().backward(),
      GradientError,
      'backward: nothing requires a gradient here: the tensor does not depend on a parameter, ' +
        'or it was made in noGrad()',
    );
  });
  test('noGrad and its like refuse promises', async () => {
    const text = (op: string): string =>
      `${op}: the function returned a promise; other code would run under ${op} while it waits. ` +
      `Put ${op} inside it, around the synchronous part.`;
    await expectError(() => core.noGrad(async () => 1), core.TenonError, text('noGrad'));
    await expectError(() => core.enableGrad(async () => 1), core.TenonError, text('enableGrad'));
    expect(core.isGradEnabled()).toBe(true);
  });
  test('detach stops the gradient and shares the value', async () => {
    const w = core.parameter([2, 3]);
    const fixed = w.mul(w).detach();
    expect(fixed.requiresGrad).toBe(false);
    fixed.mul(w).sum().backward();
    assertSame('grad', await w.grad!.data(), [4, 9]);
  });
}

function rematerialization({ test }: SuiteContext): void {
  test('rematerialize gives the same values and gradients', async () => {
    const inputs = seeded(12, 1);
    const run = async (wrap: typeof core.rematerialize): Promise<number[]> => {
      const w = core.parameter(seeded(16, 2), { shape: [4, 4] });
      const x = core.parameter(inputs, { shape: [3, 4] });
      const layer = wrap((h) => h.matmul(w).tanh());
      const loss = layer(layer(layer(x))).sum();
      loss.backward();
      return [await loss.item(), ...(await w.grad!.data()), ...(await x.grad!.data())];
    };
    assertSame('all', await run(core.rematerialize), await run((f) => f));
  });
  test('rematerialize draws the same numbers again and leaves the generator alone', async () => {
    const run = async (wrap: typeof core.rematerialize): Promise<number[]> => {
      core.setSeed(5);
      const x = core.parameter(seeded(64, 3));
      const noisy = wrap((t) => t.mul(core.rand([64]).greater(0.5).cast('f32')).mul(2));
      const loss = noisy(noisy(x)).square().sum();
      const before = await core.rand([4]).data();
      loss.backward();
      const after = await core.rand([4]).data();
      return [await loss.item(), ...(await x.grad!.data()), ...before, ...after];
    };
    assertSame('all', await run(core.rematerialize), await run((f) => f));
  });
  test('rematerialize after an assignment is an error', async () => {
    const w = core.parameter([1, 2]);
    const loss = core
      .rematerialize((x) => x.mul(w).tanh())(tensor([3, 4]))
      .sum();
    core.noGrad(() => w.assign(w.add(1)));
    await expectError(
      () => loss.backward(),
      GradientError,
      'rematerialize: a parameter was assigned between the forward pass and backward(), so the ' +
        'function would run again with other values. Call backward() before optimizer.step().',
    );
  });
}

function graphs({ test }: SuiteContext): void {
  test('a graph is used up by backward, unless it is retained', async () => {
    const w = core.parameter([1, 2]);
    const kept = w.tanh();
    const loss = kept.sum();
    loss.backward({ retainGraph: true });
    loss.backward();
    await expectError(() => loss.backward(), GradientError, USED_UP('sum'));
    await expectError(() => kept.mul(2).sum().backward(), GradientError, USED_UP('tanh'));
    assertNone(
      'grad',
      worstRelative(
        await w.grad!.data(),
        [1, 2].map((v) => 2 / Math.cosh(v) ** 2),
        2 ** -20,
      ),
    );
  });
  test('losses that share a part: add them first, or retain', async () => {
    const w = core.parameter([1, 2]);
    const shared = w.mul(w);
    const [a, b] = [shared.sum(), shared.mul(3).sum()];
    a.add(b).backward();
    assertSame('added', await w.grad!.data(), [8, 16]);
    const again = w.mul(w);
    const [c, d] = [again.sum(), again.mul(3).sum()];
    c.backward({ retainGraph: true });
    d.backward();
    assertSame('retained', await w.grad!.data(), [16, 32]);
  });
  test('createGraph makes the gradient differentiable', async () => {
    const w = core.parameter([2]);
    w.mul(w).mul(w).sum().backward({ createGraph: true });
    const g = w.grad!;
    expect(g.requiresGrad).toBe(true);
    w.grad = null;
    g.sum().backward();
    assertSame('6x', await w.grad!.data(), [12]);
  });
  test('a function must return one number, of floats', async () => {
    await expectError(
      () => core.grad((x: Tensor) => x.mul(2))(tensor([1, 2])),
      GradientError,
      'grad: the function must return a tensor of one element, got shape [2]',
    );
    await expectError(
      () => core.grad((x: Tensor) => x.sum())(tensor([1, 2], { dtype: 'i32' })),
      core.DTypeError,
      'grad: arguments to differentiate must be f32 or f64 tensors, got i32',
    );
  });
}

export const autogradSuite: Suite = {
  name: 'autograd',
  define(context) {
    accumulation(context);
    functional(context);
    custom(context);
    switches(context);
    rematerialization(context);
    graphs(context);
  },
};
