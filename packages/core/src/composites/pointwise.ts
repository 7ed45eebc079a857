/**
 * Functions of one tensor, element by element, with a slope written down: forward and backward are
 * one launch each, and second order is the derivative of the slope's own formula.
 */

import type { TensorType } from '../backend.ts';
import { defineComposite } from '../composite.ts';
import { requireTensor, toFloat } from '../ops/operand.ts';
import type { Ops } from '../ops.ts';
import type { Tensor } from '../tensor.ts';

export interface Pointwise<A> {
  readonly name: string;
  /** y of x. Branches not taken may not overflow: 0 · ∞ would make their gradient NaN. */
  value(ops: Ops, x: Tensor, attrs: A): Tensor;
  /** What the gradient is computed from. */
  readonly saves: 'input' | 'output';
  /** The cotangent of x from that of y and the saved tensor. */
  gradient(ops: Ops, g: Tensor, saved: Tensor, attrs: A): Tensor;
  /** Whether integers stay integers; else they become f32. */
  readonly takesIntegers?: boolean;
}

/** Makes the function: composite `name`, whose vjp is the composite `nameGrad` of (g, saved). */
export function definePointwise<A>(definition: Pointwise<A>): (x: Tensor, attrs: A) => Tensor {
  const { name, saves } = definition;
  const gradient = defineComposite<A>({
    name: `${name}Grad`,
    type: ([, saved]) => [saved as TensorType],
    decompose: (ops, [g, saved], attrs) => [
      definition.gradient(ops, g as Tensor, saved as Tensor, attrs),
    ],
  });
  const isInput = saves === 'input';
  const forward = defineComposite<A>({
    name,
    type: ([x]) => [x as TensorType],
    decompose: (ops, [x], attrs) => [definition.value(ops, x as Tensor, attrs)],
    vjp: {
      saves: { inputs: isInput ? [0] : [], outputs: !isInput },
      rule: (_ops, g, ctx) => gradient([g, isInput ? ctx.input(0) : ctx.output()], ctx.attrs),
    },
  });
  return (x, attrs) => {
    requireTensor(name, x);
    const input = definition.takesIntegers ? x : toFloat(x);
    return forward([input], attrs)[0] as Tensor;
  };
}
