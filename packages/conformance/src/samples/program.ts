/**
 * Programs as users write them, with nothing disposed: what each computes must not depend on how
 * much memory there is. Every program gives all the numbers that it saw.
 */
import * as core from '@tenon/core';
import { type Parameter, type Tensor, tensor } from '@tenon/core';
import { seeded } from '../support.ts';

/** How a program waits between steps. */
export type Pause = () => Promise<void> | null;

export interface Program {
  readonly name: string;
  /** Steps at which the suite runs it. */
  readonly steps: number;
  /**
   * It reads what a graph made after later backward() calls over the same parameters: where
   * nothing can be copied out, that may be a DisposedError.
   */
  readonly readsFinished?: boolean;
  /** Gives every number it observed. */
  run(steps: number, pause: Pause): Promise<number[]>;
}

export interface Mlp {
  readonly parameters: readonly Parameter[];
  forward(x: Tensor): Tensor;
}
export function mlp(seed: number): Mlp {
  const of = (shape: [number, number], k: number): Parameter =>
    core.parameter(seeded(shape[0] * shape[1], seed + k, -0.5, 0.5), { shape });
  const [w1, b1, w2, b2] = [of([6, 8], 0), of([1, 8], 1), of([8, 3], 2), of([1, 3], 3)];
  return {
    parameters: [w1, b1, w2, b2],
    forward: (x) => x.matmul(w1).add(b1).tanh().matmul(w2).add(b2),
  };
}
/** Mean squared distance to a target. */
export const distance = (y: Tensor, target: Tensor): Tensor => y.sub(target).square().mean();

export function batch(step: number): { x: Tensor; y: Tensor } {
  return {
    x: tensor(seeded(24, 1000 + (step % 7)), { shape: [4, 6] }),
    y: tensor(seeded(12, 2000 + (step % 7)), { shape: [4, 3] }),
  };
}
export function sgd(parameters: readonly Parameter[], rate = 0.1): void {
  core.noGrad(() => {
    for (const p of parameters) {
      if (p.grad !== null) p.assign(p.sub(p.grad.mul(rate)));
      p.grad = null;
    }
  });
}
export async function values(...tensors: readonly Tensor[]): Promise<number[]> {
  const arrays = await Promise.all(tensors.map((x) => x.data()));
  return arrays.flatMap((array) => [...array]);
}

/** Nodes that a tensor's graph holds. */
export function graphSize(x: Tensor): number {
  const seen = new Set<object>();
  const stack = x.node === null ? [] : [x.node];
  while (stack.length > 0) {
    const node = stack.pop()!;
    if (seen.has(node)) continue;
    seen.add(node);
    for (const edge of node.parents) if (edge !== null) stack.push(edge.node);
  }
  return seen.size;
}
