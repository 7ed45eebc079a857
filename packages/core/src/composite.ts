/**
 * Composites: ops specified by a decomposition into others. A backend may override one by name with
 * a fused kernel; where it does not, and the decomposition is a single loop nest, it runs as one
 * region (softmax, layerNorm, a whole optimizer update); else op by op.
 */

import { type Pending, propagate } from './autograd/backward.ts';
import { type Backward, GradNode } from './autograd/node.ts';
import { isTracked, track } from './autograd/tape.ts';
import type { TensorType } from './backend.ts';
import { bind, requireOneBackend } from './bind.ts';
import { storageOf } from './execute/launch.ts';
import { dense } from './execute/map.ts';
import { runAsRegion } from './graph/fuse.ts';
import { launch } from './graph/region.ts';
import { denseLayout } from './layout.ts';
import { library } from './memory/ownership.ts';
import type { Ops } from './ops.ts';
import type { VjpContext } from './primitive.ts';
import { alias } from './primitives/view.ts';
import { scope, withScope } from './scope.ts';
import { sizeOf } from './shape.ts';
import { installedOps, Tensor, Variable } from './tensor.ts';

export interface CompositeDefinition<A> {
  /** A backend's override of this name serves it: take a name that core does not have. */
  readonly name: string;
  /** Output types; every check is here. */
  type(inputs: readonly TensorType[], attrs: A): readonly TensorType[];
  /** The specification, in public ops. The first output is the result, the rest serve the vjp. */
  decompose(ops: Ops, inputs: readonly Tensor[], attrs: A): readonly Tensor[];
  /**
   * Optional: a better derivative than that of the decomposition. Reads inputs and outputs that
   * `saves` lists. With more than one output all inputs must be saved: when a cotangent reaches a
   * later output (second order), the decomposition is differentiated instead.
   */
  readonly vjp?: {
    readonly saves: { readonly inputs: readonly number[]; readonly outputs: boolean };
    rule(ops: Ops, g: Tensor, ctx: VjpContext<A>): readonly (Tensor | null)[];
  };
}

/**
 * A composite as a function: all outputs in order. `updates[i]` is the variable among the inputs
 * that the caller assigns output i to: its memory is written in place where nothing else sees it.
 */
export type Composite<A> = (
  inputs: readonly Tensor[],
  attrs: A,
  updates?: readonly number[],
) => readonly Tensor[];

let definitions = 0;

/** Makes a function of a definition. See CompositeDefinition. */
export function defineComposite<A>(definition: CompositeDefinition<A>): Composite<A> {
  // Names are for people and overrides; two definitions may have one name, but no plan in common.
  const id = `${definition.name}#${definitions++}`;
  return (inputs, attrs, updates = []) => apply(id, definition, inputs, attrs, updates);
}

function apply<A>(
  id: string,
  definition: CompositeDefinition<A>,
  inputs: readonly Tensor[],
  attrs: A,
  updates: readonly number[],
): readonly Tensor[] {
  const { name, vjp } = definition;
  requireOneBackend(name, inputs);
  const types = definition.type(inputs, attrs);
  const decompose = (xs: readonly Tensor[]): readonly Tensor[] =>
    definition.decompose(installedOps(), xs, attrs);
  // A trace records the primitives inside; the tape too, unless the vjp is declared.
  const isRecorded = isTracked(inputs);
  if (isRecorded && vjp === undefined) return library(() => [...decompose(inputs)]);
  const isTraced = scope.recorder !== null;
  const outputs = library(() =>
    withScope(name, { isGradEnabled: false }, () => [
      ...((isTraced ? null : override(name, inputs, attrs, types, updates)) ??
        (isTraced ? null : runAsRegion(id, inputs, attrs, decompose, inPlace(inputs, updates))) ??
        decompose(inputs)),
    ]),
  );
  if (isRecorded && vjp !== undefined) {
    if (outputs.some((y) => inputs.includes(y))) throw new Error(`${name}: returned its input`);
    const saves = { inputs: vjp.saves.inputs, output: vjp.saves.outputs };
    track(name, inputs, attrs, outputs, saves, compositeRule(definition, decompose));
  }
  return outputs;
}

/** The updates, if nothing but its variable sees any of the memories to be written. */
function inPlace(inputs: readonly Tensor[], updates: readonly number[]): readonly number[] {
  return updates.every((i) => isExclusive(inputs[i] as Tensor)) ? updates : [];
}
/** What was computed from variables becomes their new value. */
export function assignAll(variables: readonly Variable[], values: readonly Tensor[]): void {
  for (const [i, variable] of variables.entries()) variable.assign(values[i] as Tensor);
}
/** Whether nothing but its variable sees the memory of x. */
export function isExclusive(x: Tensor): boolean {
  const { source, layout } = x;
  if (!(x instanceof Variable) || source.kind !== 'storage' || !layout.isDense) return false;
  if (source.isExposed || source.hasFreedViews || source.frame !== null) return false;
  return source.saved === 0 && source.owned === 1;
}

/** The declared rule, or the decomposition's where a cotangent reaches a saved output. */
function compositeRule<A>(
  { vjp }: CompositeDefinition<A>,
  decompose: (inputs: readonly Tensor[]) => readonly Tensor[],
): Backward {
  return (cotangents, ctx) => {
    const first = cotangents[0] ?? null;
    const isPlain = cotangents.every((g, i) => g === null || i === 0);
    // The attrs that this node was tracked with are the definition's.
    if (isPlain && first !== null && vjp) {
      return vjp.rule(installedOps(), first, ctx as VjpContext<A>);
    }
    const xs = ctx.types.map((_, i) => ctx.input(i));
    return differentiate(decompose, xs, cotangents, ctx.needs);
  };
}

/** Cotangents through the decomposition, run again. */
function differentiate(
  decompose: (inputs: readonly Tensor[]) => readonly Tensor[],
  inputs: readonly Tensor[],
  cotangents: readonly (Tensor | null)[],
  needs: readonly boolean[],
): readonly (Tensor | null)[] {
  const createGraph = scope.isGradEnabled;
  const leaves = inputs.map((x, i) => {
    if (!needs[i]) return x;
    const leaf = withScope('backward', { isGradEnabled: true }, () => bind(alias, [x], null));
    if (leaf.node === null || leaf.node.isSpent) leaf.node = new GradNode('input', []);
    return leaf;
  });
  const outputs = withScope('backward', { isGradEnabled: true }, () => decompose(leaves));
  const roots = outputs.flatMap((tensor, i) => {
    const cotangent = cotangents[i];
    return cotangent ? [{ tensor, cotangent }] : [];
  });
  const targets = new Set(leaves.flatMap(({ node }, i) => (needs[i] && node ? [node] : [])));
  const found = propagate(roots, { targets, createGraph, retainGraph: createGraph });
  return leaves.map(({ node }, i) => {
    const list: Pending | undefined = needs[i] && node ? found.get(node) : undefined;
    return list?.[0] ?? null;
  });
}

/** The backend's fused kernel, where there is one and it takes these inputs. */
function override(
  name: string,
  inputs: readonly Tensor[],
  attrs: unknown,
  types: readonly TensorType[],
  updates: readonly number[],
): readonly Tensor[] | null {
  const { runtime } = inputs[0] as Tensor;
  const found = runtime.backend.overrides?.[name];
  if (found === undefined || types.some((type) => sizeOf(type.shape) === 0)) return null;
  if (found.supports(inputs, attrs) !== true) return null;
  const inputOf = found.isInPlace === true ? inPlace(inputs, updates) : [];
  if (found.isInPlace === true && inputOf.length === 0) return null;
  const { dtype } = inputs[0] as Tensor;
  const key = `fused|${name}|${dtype}`;
  let kernel = runtime.kernels.get(key);
  if (kernel === undefined) {
    kernel = found.prepare({ kind: 'fused', name, dtype, epilogue: null });
    runtime.kernels.set(key, kernel);
  }
  runtime.memory.tick();
  const operands = inputs.map(dense);
  const outputs = types.map((type, i) => {
    const place = inputOf[i] === undefined ? null : storageOf(inputs[inputOf[i]] as Tensor);
    const storage = place ?? runtime.storageFor(type);
    return new Tensor(runtime, storage, denseLayout(type.shape), type.dtype);
  });
  const words = found.words(inputs, attrs);
  const bound = inputOf.length > 0 ? operands : [...operands, ...outputs];
  launch(runtime, { kernel, words }, bound.map(storageOf));
  for (const i of inputOf) runtime.memory.overwritten(storageOf(inputs[i] as Tensor));
  return outputs;
}

/** For tests and benchmarks: whether the backend's override serves these inputs, or why not. */
export function overrideReason(
  name: string,
  inputs: readonly Tensor[],
  attrs: unknown,
): true | string {
  const { backend } = (inputs[0] as Tensor).runtime;
  const found = backend.overrides?.[name];
  if (found === undefined) return `${backend.name} has no override of ${name}`;
  return found.supports(inputs, attrs);
}
