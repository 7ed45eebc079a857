/** Training loops as users write them. */

import type { Tensor } from '@tenon/core';
import * as core from '@tenon/core';
import { batch, distance, type Mlp, mlp, type Program, sgd, values } from './program.ts';

function training(
  name: string,
  body: (model: Mlp, step: number) => unknown,
  readsFinished = false,
): Program {
  return {
    name,
    steps: 32,
    readsFinished,
    run: async (steps, pause) => {
      const model = mlp(1);
      const seen: unknown[] = [];
      for (let step = 0; step < steps; step++) {
        seen.push(body(model, step));
        await pause();
      }
      const kept = seen.filter((x) => x instanceof core.Tensor) as Tensor[];
      return [...(await values(...kept)), ...(await values(...model.parameters))];
    },
  };
}

export const TRAINING: readonly Program[] = [
  training('losses kept and read at the end', (model, step) => {
    const { x, y } = batch(step);
    const loss = distance(model.forward(x), y);
    loss.backward();
    sgd(model.parameters);
    return loss;
  }),
  training(
    'logits read after backward',
    (model, step) => {
      const { x, y } = batch(step);
      const logits = model.forward(x);
      distance(logits, y).backward();
      sgd(model.parameters);
      return logits;
    },
    true,
  ),
  training('logits kept, read after backward', (model, step) => {
    const { x, y } = batch(step);
    const logits = model.forward(x);
    distance(logits, y).backward();
    sgd(model.parameters);
    return logits.keep();
  }),
  training('gradients read and kept', (model, step) => {
    const { x, y } = batch(step);
    distance(model.forward(x), y).backward();
    const grad = model.parameters[0]!.grad!;
    sgd(model.parameters);
    return grad;
  }),
  training('gradients of three batches accumulated', (model, step) => {
    const { x, y } = batch(step);
    const loss = distance(model.forward(x), y).div(3);
    loss.backward();
    if (step % 3 === 2) sgd(model.parameters);
    return loss;
  }),
  training('graphs retained and used twice', (model, step) => {
    const { x, y } = batch(step);
    const loss = distance(model.forward(x), y);
    loss.backward({ retainGraph: true });
    loss.backward();
    sgd(model.parameters, 0.05);
    return loss;
  }),
  training(
    'a gradient penalty by createGraph',
    (model, step) => {
      const { x, y } = batch(step);
      const loss = distance(model.forward(x), y);
      loss.backward({ createGraph: true });
      const grads = model.parameters.map((p) => p.grad!);
      for (const p of model.parameters) p.grad = null;
      const penalty = grads.map((g) => g.square().sum()).reduce((a, b) => a.add(b));
      distance(model.forward(x), y).add(penalty.mul(0.01)).backward();
      sgd(model.parameters);
      return penalty;
    },
    true,
  ),
  training('Hessian-vector products', (_model, step) => {
    const { x } = batch(step);
    const f = (t: Tensor): Tensor => t.matmul(t.transpose()).tanh().sum();
    return core.grad((t: Tensor) => core.grad(f)(t).mul(x).sum())(x);
  }),
  training('evaluation with gradients on', (model, step) => model.forward(batch(step).x).argMax(1)),
  training('batch statistics in moving averages', (model, step) => {
    const h = model.forward(batch(step).x);
    h.mean().backward();
    sgd(model.parameters, 0.01);
    return h.mean(0).detach();
  }),
];
