/**
 * Gradients as functions of functions: grad, valueAndGrad, vjp, customGradient.
 * Each call makes its own leaves (aliases of the arguments), so gradients of gradients nest.
 */
import { bind } from '../bind.ts';
import { isFloat } from '../dtype.ts';
import { DTypeError, GradientError } from '../errors.ts';
import { library, userCode } from '../memory/ownership.ts';
import { alias } from '../primitives/view.ts';
import { refusePromise, scope, withScope } from '../scope.ts';
import { formatShape } from '../shape.ts';
import { installedOps, Tensor } from '../tensor.ts';
import { type PropagateOptions, propagate, type Root } from './backward.ts';
import { GradNode } from './node.ts';
import { isTracked, track } from './tape.ts';

type TensorFunction = (...inputs: Tensor[]) => Tensor;

export interface GradOptions {
  /** Which arguments to differentiate: an index or several. 0 by default. */
  readonly argument?: number | readonly number[];
}

/** A function's inputs as leaves of a graph of their own, connected to the graph outside. */
function makeLeaves(op: string, inputs: readonly Tensor[]): Tensor[] {
  return inputs.map((x) => {
    if (!(x instanceof Tensor) || !isFloat(x.dtype)) {
      const got = x instanceof Tensor ? x.dtype : typeof x;
      throw new DTypeError(
        `${op}: arguments to differentiate must be f32 or f64 tensors, got ${got}`,
      );
    }
    const leaf = withScope(op, { isGradEnabled: true }, () => bind(alias, [x], null));
    // Where nothing outside wants a gradient (or an earlier backward() used it up), the leaf still
    // needs a node of its own for gradients to reach.
    if (leaf.node === null || leaf.node.isSpent) leaf.node = new GradNode('input', []);
    return leaf;
  });
}

/** Whether the graph of `root` reaches leaves beyond `targets`: gradients then have one too. */
function reachesMore(root: Tensor, targets: ReadonlySet<GradNode>): boolean {
  const seen = new Set<GradNode>();
  const stack = root.node === null ? [] : [root.node];
  while (stack.length > 0) {
    const node = stack.pop() as GradNode;
    if (seen.has(node)) continue;
    seen.add(node);
    // A target with parents is itself connected to the graph outside; another end is a parameter
    // or the leaf of a grad() around this one that the function closes over.
    const isEnd = node.parents.length === 0 && !node.isSpent;
    if (targets.has(node) ? node.parents.length > 0 : isEnd) return true;
    for (const edge of node.parents) if (edge !== null) stack.push(edge.node);
  }
  return false;
}

function gradients(
  roots: readonly Root[],
  leaves: readonly Tensor[],
  options: Omit<PropagateOptions, 'targets'>,
): Tensor[] {
  const targets = new Set(leaves.map((leaf) => leaf.node as GradNode));
  const ops = installedOps();
  return library(() => {
    const found = propagate(roots, { ...options, targets });
    return leaves.map((leaf) => found.get(leaf.node as GradNode)?.[0] ?? ops.zerosLike(leaf));
  });
}

/**
 * Value and gradient of a scalar function: `valueAndGrad(f)(x)` is `{ value, gradient: ∂f/∂x }`.
 * With several arguments to differentiate, `gradient` is the first and `gradients` has all.
 * @throws GradientError when f does not return a tensor of one element
 */
export function valueAndGrad(
  f: TensorFunction,
  options: GradOptions = {},
): (...inputs: Tensor[]) => { value: Tensor; gradient: Tensor; gradients: Tensor[] } {
  const { argument = 0 } = options;
  const positions = typeof argument === 'number' ? [argument] : argument;
  return (...inputs) => {
    const leaves = makeLeaves(
      'grad',
      positions.map((i) => inputs[i] as Tensor),
    );
    const args = inputs.map((x, i) => leaves[positions.indexOf(i)] ?? x);
    const value = withScope('grad', { isGradEnabled: true }, () =>
      refusePromise('grad', f(...args)),
    );
    if (!(value instanceof Tensor) || value.size !== 1) {
      const got = value instanceof Tensor ? `shape ${formatShape(value.shape)}` : typeof value;
      throw new GradientError(`grad: the function must return a tensor of one element, got ${got}`);
    }
    const targets = new Set(leaves.map((leaf) => leaf.node as GradNode));
    // Beyond this function's own graph: the value keeps it, and the gradients get one.
    const isConnected = reachesMore(value, targets);
    const createGraph = scope.isGradEnabled && isConnected;
    const roots = [{ tensor: value, cotangent: installedOps().onesLike(value) }];
    const result = isConnected ? value : installedOps().detach(value);
    const all = gradients(roots, leaves, { createGraph, retainGraph: isConnected });
    return { value: result, gradient: all[0] as Tensor, gradients: all };
  };
}

/**
 * The gradient of a scalar function as a function: `grad(f)(x) = ∂f/∂x`. Nests to any order.
 * @example
 * import { grad, tensor } from '@tenon/core';
 * const cube = (x) => x.mul(x).mul(x).sum();
 * grad(cube)(tensor([1, 2])); // [3, 12]
 * grad((x) => grad(cube)(x).sum())(tensor([1, 2])); // [6, 12]
 */
export function grad(f: TensorFunction, options?: { readonly argument?: number }): TensorFunction;
export function grad(
  f: TensorFunction,
  options: { readonly argument: readonly number[] },
): (...inputs: Tensor[]) => Tensor[];
export function grad(
  f: TensorFunction,
  options: GradOptions = {},
): (...inputs: Tensor[]) => Tensor | Tensor[] {
  const both = valueAndGrad(f, options);
  return (...inputs) => {
    const { gradient, gradients: all } = both(...inputs);
    return Array.isArray(options.argument) ? all : gradient;
  };
}

/**
 * The value of f and its pullback, which maps a cotangent of the value to one for each primal.
 * The pullback may be called many times.
 */
export function vjp(
  f: TensorFunction,
  ...primals: Tensor[]
): { value: Tensor; pullback: (cotangent: Tensor) => Tensor[] } {
  const leaves = makeLeaves('vjp', primals);
  const value = withScope('vjp', { isGradEnabled: true }, () => refusePromise('vjp', f(...leaves)));
  const targets = new Set(leaves.map((leaf) => leaf.node as GradNode));
  const pullback = (cotangent: Tensor): Tensor[] => {
    const more = reachesMore(value, targets) || cotangent.node !== null;
    const createGraph = scope.isGradEnabled && more;
    return gradients([{ tensor: value, cotangent }], leaves, { createGraph, retainGraph: true });
  };
  const result = reachesMore(value, targets) ? value : installedOps().detach(value);
  return { value: result, pullback };
}

/** From a cotangent of the output to one for each input; null for zero. */
export type CustomBackward = (
  cotangent: Tensor,
  inputs: readonly Tensor[],
  output: Tensor,
) => readonly (Tensor | null)[];

/**
 * A function with a gradient of your own. `forward` runs without recording; `backward` is made of
 * ops and may itself be differentiated.
 * @example
 * import { customGradient, grad, tensor } from '@tenon/core';
 * const softsign = customGradient(
 *   (x) => x.div(x.abs().add(1)),
 *   (g, [x]) => [g.div(x.abs().add(1).square())],
 * );
 * grad((x) => softsign(x).sum())(tensor([1, -3])); // [0.25, 0.0625]
 */
export function customGradient(forward: TensorFunction, backward: CustomBackward): TensorFunction {
  return (...inputs) => {
    const value = withScope('customGradient', { isGradEnabled: false }, () => forward(...inputs));
    // A handle of its own: what forward returns may be an input or something that it closes over.
    const output = installedOps().detach(value);
    if (!isTracked(inputs)) return output;
    const saves = { inputs: inputs.map((_, i) => i), output: true };
    track('customGradient', inputs, null, [output], saves, ([g], ctx) => {
      const args = inputs.map((_, i) => ctx.input(i));
      const handed = [g as Tensor, ...args, ctx.output()];
      const grads = userCode(() => backward(g as Tensor, args, ctx.output()), ...handed);
      return checkCustom(grads, args);
    });
    return output;
  };
}

function checkCustom(
  grads: readonly (Tensor | null)[],
  inputs: readonly Tensor[],
): readonly (Tensor | null)[] {
  if (grads.length !== inputs.length) {
    throw new GradientError(
      `customGradient: backward must return ${inputs.length} gradients, got ${grads.length}`,
    );
  }
  grads.forEach((g, i) => {
    const { shape, dtype } = inputs[i] as Tensor;
    if (g !== null && g.dtype !== dtype) {
      throw new DTypeError(
        `customGradient: gradient ${i} must be ${dtype}, as the input, got ${g.dtype} (use cast)`,
      );
    }
    if (g !== null && formatShape(g.shape) !== formatShape(shape)) {
      throw new GradientError(
        `customGradient: gradient ${i} must have shape ${formatShape(shape)}, ` +
          `got ${formatShape(g.shape)}`,
      );
    }
  });
  return grads;
}
