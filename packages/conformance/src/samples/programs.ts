/** All programs: training loops, then everything else that holds on to tensors. */
import * as core from '@tenon/core';
import { type Tensor, tensor, type Variable } from '@tenon/core';
import { seeded } from '../support.ts';
import { batch, distance, graphSize, mlp, type Program, sgd, values } from './program.ts';
import { TRAINING } from './programs-training.ts';

const OTHERS: readonly Program[] = [
  {
    name: 'running totals, added before and after backward',
    steps: 32,
    run: async (steps, pause) => {
      const model = mlp(2);
      let [before, after]: [Tensor, Tensor] = [tensor(0), tensor(0)];
      for (let step = 0; step < steps; step++) {
        const { x, y } = batch(step);
        const loss = distance(model.forward(x), y);
        before = before.add(loss);
        loss.backward();
        after = after.add(loss);
        sgd(model.parameters);
        const nodes = Math.max(graphSize(before), graphSize(after));
        if (nodes > 4)
          throw new Error(`a running total holds ${nodes} graph nodes, at most 4 allowed`);
        await pause();
      }
      return values(before, after);
    },
  },
  {
    name: 'Adam, state in variables, moving average of weights',
    steps: 24,
    run: async (steps, pause) => {
      const model = mlp(3);
      const state = model.parameters.map((p) => ({
        m: core.variable(core.zerosLike(p)),
        v: core.variable(core.zerosLike(p)),
        average: core.variable(p.detach()),
      }));
      for (let step = 1; step <= steps; step++) {
        const { x, y } = batch(step);
        distance(model.forward(x), y).backward();
        core.noGrad(() => {
          model.parameters.forEach((p, i) => {
            const g = p.grad!;
            const { m, v, average } = state[i]!;
            m.assign(m.mul(0.9).add(g.mul(0.1)));
            v.assign(v.mul(0.99).add(g.mul(g).mul(0.01)));
            const size = v
              .div(1 - 0.99 ** step)
              .sqrt()
              .add(1e-8);
            p.assign(
              p.sub(
                m
                  .div(1 - 0.9 ** step)
                  .div(size)
                  .mul(0.01),
              ),
            );
            average.assign(average.mul(0.9).add(p.mul(0.1)));
            p.grad = null;
          });
        });
        await pause();
      }
      return values(...model.parameters, ...state.map(({ average }) => average));
    },
  },
  {
    name: 'a recurrent state carried with detach',
    steps: 32,
    run: async (steps, pause) => {
      const w = core.parameter(seeded(64, 5, -0.5, 0.5), { shape: [8, 8] });
      let h: Tensor = core.zeros([4, 8]);
      const losses: Tensor[] = [];
      for (let step = 0; step < steps; step++) {
        h = h
          .matmul(w)
          .add(tensor(seeded(32, step), { shape: [4, 8] }))
          .tanh();
        const loss = h.square().mean();
        loss.backward();
        sgd([w]);
        h = h.detach();
        losses.push(loss);
        await pause();
      }
      return values(h, w, ...losses);
    },
  },
  {
    name: 'an old graph keeps old values',
    steps: 30,
    run: async (steps, pause) => {
      const w = core.parameter(seeded(16, 6), { shape: [4, 4] });
      const x = tensor(seeded(16, 7), { shape: [4, 4] });
      const old = w.mul(w).mul(x).sum();
      for (let step = 0; step < steps; step++) {
        w.matmul(x).tanh().sum().backward();
        sgd([w]);
        await pause();
      }
      old.backward();
      return values(old, w, w.grad!);
    },
  },
  {
    name: 'two variables swapped, and one assigned from its own view',
    steps: 25,
    run: async (steps, pause) => {
      let [a, b]: [Variable, Variable] = [
        core.variable(seeded(16, 8)),
        core.variable(seeded(16, 9)),
      ];
      const views: Tensor[] = [];
      for (let step = 0; step < steps; step++) {
        const keep = a.mul(1);
        a.assign(b);
        b.assign(keep);
        [a, b] = [b, a];
        if (step % 5 === 0) a.assign(a.flip(0));
        if (step % 10 === 0) views.push(a.narrow(0, 0, 4));
        await pause();
      }
      return values(a, b, ...views);
    },
  },
  {
    name: 'plain mathematics without gradients',
    steps: 90,
    run: async (steps, pause) => {
      let x: Tensor = tensor(seeded(256, 10), { shape: [16, 16] });
      const y = tensor(seeded(256, 11), { shape: [16, 16] });
      const held: Tensor[] = [];
      for (let step = 0; step < steps; step++) {
        x = x.matmul(y).tanh().add(y.transpose().mul(0.1));
        if (step % 40 === 0) held.push(x.slice([2, 5]));
        await pause();
      }
      return values(x, y, ...held);
    },
  },
  {
    name: 'two loops that take turns',
    steps: 24,
    run: async (steps, pause) => {
      const loop = async (seed: number): Promise<Tensor[]> => {
        const model = mlp(seed);
        const losses: Tensor[] = [];
        for (let step = 0; step < steps; step++) {
          const { x, y } = batch(step + seed);
          const loss = distance(model.forward(x), y);
          await pause();
          loss.backward();
          await pause();
          sgd(model.parameters);
          losses.push(loss);
        }
        return [...losses, ...model.parameters];
      };
      const both = await Promise.all([loop(20), loop(21)]);
      return values(...both.flat());
    },
  },
  {
    name: 'one gradient that serves several inputs',
    steps: 24,
    run: async (steps, pause) => {
      const [a, b] = [core.parameter(seeded(12, 22)), core.parameter(seeded(12, 23))];
      const grads: Tensor[] = [];
      for (let step = 0; step < steps; step++) {
        // add hands the same cotangent to both, reshape and expand hand on views of it.
        const both = a
          .add(b)
          .reshape([3, 4])
          .add(a.reshape([3, 4]));
        const wide = both.unsqueeze(0).expand([2, 3, 4]);
        wide.sum().add(a.sub(b).sum().mul(0.5)).backward();
        if (step % 4 === 0) grads.push(a.grad!, b.grad!);
        sgd([a, b], 0.01);
        await pause();
      }
      return values(a, b, ...grads);
    },
  },
  {
    name: 'changing sizes',
    steps: 32,
    run: async (steps, pause) => {
      const w = core.parameter(seeded(30, 12), { shape: [1, 30] });
      const seen: Tensor[] = [];
      for (let step = 0; step < steps; step++) {
        const n = 1 + ((step * 7) % 30);
        const loss = core
          .concat([w.narrow(1, 0, n), core.ones([1, step % 5])], 1)
          .square()
          .mean();
        loss.backward();
        sgd([w]);
        seen.push(loss);
        await pause();
      }
      return values(w, ...seen);
    },
  },
  {
    name: 'closures that hold tensors of every tenth step',
    steps: 32,
    readsFinished: true,
    run: async (steps, pause) => {
      const model = mlp(13);
      const later: (() => Tensor)[] = [];
      for (let step = 0; step < steps; step++) {
        const { x, y } = batch(step);
        const h = model.forward(x);
        if (step % 10 === 0) later.push(() => h.mul(x.sum()).add(y));
        distance(h, y).backward();
        sgd(model.parameters);
        await pause();
      }
      return values(...core.noGrad(() => later.map((fn) => fn())));
    },
  },
  {
    name: 'two models in turn, one frozen',
    steps: 24,
    run: async (steps, pause) => {
      const [teacher, student] = [mlp(14), mlp(15)];
      for (const p of teacher.parameters) p.requiresGrad = false;
      const losses: Tensor[] = [];
      for (let step = 0; step < steps; step++) {
        const { x } = batch(step);
        const loss = distance(student.forward(x), teacher.forward(x));
        loss.backward();
        sgd(student.parameters);
        losses.push(loss);
        await pause();
      }
      return values(...losses, ...student.parameters, ...teacher.parameters);
    },
  },
  {
    name: 'errors in the middle of ops, gradients and library code',
    steps: 24,
    run: async (steps, pause) => {
      const model = mlp(16);
      const failing = core.customGradient(
        (x) => x.mul(2),
        () => {
          throw new Error('vjp');
        },
      );
      const attempts: readonly ((x: Tensor) => unknown)[] = [
        (x) => x.matmul(x),
        (x) => x.add(tensor([1, 2])),
        (x) => model.forward(x).reshape([5]),
        (x) => failing(model.forward(x)).sum().backward(),
        (x) =>
          core.noGrad(() => {
            model.forward(x);
            throw new Error('user');
          }),
        (x) =>
          core.scope(() => {
            model.forward(x).sum();
            throw new Error('user');
          }),
        (x) =>
          core.grad((t: Tensor) => {
            model.forward(t);
            throw new Error('user');
          })(x),
        (x) => core.rematerialize((t) => model.forward(t).matmul(t))(x),
      ];
      let count = 0;
      for (let step = 0; step < steps; step++) {
        const { x, y } = batch(step);
        for (const attempt of attempts) {
          try {
            attempt(x);
          } catch {
            count++;
          }
        }
        for (const p of model.parameters) p.grad = null;
        distance(model.forward(x), y).backward();
        sgd(model.parameters);
        await pause();
      }
      if (count !== steps * attempts.length) throw new Error(`${count} errors instead of all`);
      return values(...model.parameters);
    },
  },
  {
    name: 'scopes, disposal and kept tensors',
    steps: 32,
    run: async (steps, pause) => {
      let total: Tensor = core.zeros([4, 3]);
      const model = mlp(17);
      for (let step = 0; step < steps; step++) {
        const { x, y } = batch(step);
        const part = core.scope(() => {
          const h = core.noGrad(() => model.forward(x));
          return h.sub(y).abs();
        });
        const next = total.add(part.keep());
        part.dispose();
        total = next;
        {
          using temporary = total.mul(2);
          total = total.add(temporary.mul(0));
        }
        await pause();
      }
      return values(total);
    },
  },
  {
    name: 'rematerialized layers with dropout-like masks',
    steps: 30,
    run: async (steps, pause) => {
      core.setSeed(3);
      const model = mlp(18);
      const losses: Tensor[] = [];
      const forward = core.rematerialize((x) => model.forward(x.mul(core.bernoulli(0.8, [4, 6]))));
      for (let step = 0; step < steps; step++) {
        const { x, y } = batch(step);
        const loss = distance(forward(x), y);
        loss.backward();
        sgd(model.parameters);
        losses.push(loss);
        await pause();
      }
      return values(...losses);
    },
  },
];

/** Every program. */
export const PROGRAMS: readonly Program[] = [...TRAINING, ...OTHERS];
