/**
 * Reverse mode: cotangents flow from the roots to the leaves, in falling order of node numbers.
 * Each node is used up as soon as it has run, and each cotangent is freed as soon as it is used.
 */
import { DTypeError, GradientError } from '../errors.ts';
import { Finished, keepFinished, recycleFinished } from '../memory/finished.ts';
import { disown, keepStorage, library, own, type Storage } from '../memory/ownership.ts';
import { scope, withScope } from '../scope.ts';
import { formatShape, sameShape } from '../shape.ts';
import { type BackwardOptions, installedOps, type Parameter, type Tensor } from '../tensor.ts';
import { contextOf } from './derivative.ts';
import type { GradNode } from './node.ts';

/** Where gradients start, and with what. */
export interface Root {
  readonly tensor: Tensor;
  readonly cotangent: Tensor;
}
export interface PropagateOptions {
  /** Only through nodes that lead to these, and not beyond them; null: to all leaves. */
  readonly targets: ReadonlySet<GradNode> | null;
  readonly retainGraph: boolean;
  readonly createGraph: boolean;
  /** Where memory is reclaimed: takes what the nodes made that this call uses up. */
  readonly finished?: Finished;
}

/** The cotangents that reached each target (or leaf), per output. Runs in library mode. */
export function propagate(
  roots: readonly Root[],
  options: PropagateOptions,
): Map<GradNode, Pending> {
  return library(() =>
    withScope('backward', { isGradEnabled: options.createGraph }, () => flow(roots, options)),
  );
}

/** Per output of a node; null or absent is zero. */
export type Pending = (Tensor | null | undefined)[];

function flow(roots: readonly Root[], options: PropagateOptions): Map<GradNode, Pending> {
  const order = reachable(roots, options.targets);
  const wanted = new Set(order);
  const { finished, retainGraph } = options;
  const parameters = order.flatMap(({ leaf }) => (leaf === null ? [] : [leaf]));
  const pending = new Map<GradNode, Pending>();
  const result = new Map<GradNode, Pending>();
  for (const { tensor, cotangent } of roots) {
    if (tensor.node !== null && wanted.has(tensor.node)) {
      addTo(pending, tensor.node, tensor.nodeOutput, cotangent);
    }
  }
  // After the roots are pending: what a graph before made may be the gradient of this one.
  if (finished !== undefined) recycleFinished(parameters);
  for (const node of order) {
    const cotangents = pending.get(node);
    pending.delete(node);
    if (cotangents === undefined) continue;
    if (node.leaf !== null || options.targets?.has(node)) {
      result.set(node, cotangents);
      continue;
    }
    // An input of a grad(), vjp() or composite that nothing outside leads to: gradients end here.
    const isEnd = node.backward === null && !node.isSpent;
    if (!isEnd) step(node, cotangents, wanted, pending);
    for (const cotangent of cotangents) if (cotangent) drop(cotangent);
    if (retainGraph || isEnd) continue;
    for (const storage of node.made) finished?.made(storage);
    for (const storage of node.read) finished?.read(storage);
    node.spend();
  }
  if (finished !== undefined && !retainGraph) keepFinished(finished, parameters);
  for (const cotangents of result.values()) {
    for (const cotangent of cotangents) {
      if (cotangent?.source.kind === 'storage') leave(cotangent.source);
    }
  }
  return result;
}

/** A result stops being pending: back under the frame, which hands it on. */
function leave(source: Storage): void {
  if (source.frame === null && !source.isExposed) scope.frame?.adopt(source);
  disown(source);
}

function step(
  node: GradNode,
  cotangents: Pending,
  wanted: ReadonlySet<GradNode>,
  pending: Map<GradNode, Pending>,
): void {
  const { parents, types, attrs, name, inputs, outputs } = node;
  const needs = parents.map((edge) => edge !== null && wanted.has(edge.node));
  const ctx = contextOf(name, inputs, outputs, { types, attrs, needs });
  const rule = node.backward;
  if (rule === null) throw usedUp(name);
  const filled = Array.from(cotangents, (cotangent) => cotangent ?? null);
  const grads = library(() => [...rule(filled, ctx)]);
  // Held until all are added (one may serve two parents), then those merged into a sum go at once:
  // a weight used at a hundred time steps must not wait with a hundred gradients.
  for (const grad of grads) if (grad?.source.kind === 'storage') own(grad.source);
  parents.forEach((edge, i) => {
    const grad = grads[i];
    if (edge !== null && needs[i] && grad) addTo(pending, edge.node, edge.output, grad);
  });
  for (const grad of grads) if (grad) drop(grad);
}

/** All nodes that gradients can flow through, the latest first. @throws if one is used up */
function reachable(
  roots: readonly Root[],
  targets: ReadonlySet<GradNode> | null,
): readonly GradNode[] {
  const seen = new Set<GradNode>();
  const stack = roots.flatMap(({ tensor }) => (tensor.node === null ? [] : [tensor.node]));
  // A used-up node that is older than every target never led to one.
  let oldest = targets === null ? -1 : Number.POSITIVE_INFINITY;
  for (const target of targets ?? []) oldest = Math.min(oldest, target.sequence);
  while (stack.length > 0) {
    const node = stack.pop() as GradNode;
    if (seen.has(node)) continue;
    if (node.isSpent && node.sequence > oldest) throw usedUp(node.name);
    seen.add(node);
    if (targets?.has(node)) continue;
    for (const edge of node.parents) if (edge !== null) stack.push(edge.node);
  }
  const order = [...seen].sort((a, b) => b.sequence - a.sequence);
  return targets === null ? order : leadingTo(order, targets);
}

/** Those of the nodes (latest first) from which a target can be reached. */
function leadingTo(order: readonly GradNode[], targets: ReadonlySet<GradNode>): GradNode[] {
  const leads = new Set<GradNode>();
  for (let i = order.length - 1; i >= 0; i--) {
    const node = order[i] as GradNode;
    if (targets.has(node) || node.parents.some((edge) => edge !== null && leads.has(edge.node))) {
      leads.add(node);
    }
  }
  return order.filter((node) => leads.has(node));
}

function usedUp(name: string): GradientError {
  return new GradientError(
    `backward: the graph behind '${name}' was already used by an earlier backward(). ` +
      'Carry state across steps with state.detach(), add losses before backward(), ' +
      'or pass { retainGraph: true } to the first call.',
  );
}

/** A pending cotangent owns its storage: it may be a view of another, or serve two nodes. */
function addTo(
  pending: Map<GradNode, Pending>,
  node: GradNode,
  output: number,
  cotangent: Tensor,
): void {
  let list = pending.get(node);
  if (list === undefined) {
    list = [];
    pending.set(node, list);
  }
  const before = list[output];
  const sum = before ? installedOps().add(before, cotangent) : cotangent;
  if (sum.source.kind === 'storage') own(sum.source);
  list[output] = sum;
  if (before) drop(before);
}

/** A cotangent's turn is over: freed at once, unless something else holds its storage. */
function drop(cotangent: Tensor): void {
  const { source } = cotangent;
  if (source.kind !== 'storage') return;
  // Storages of an outer frame or of the user are not ours to free before their frame ends.
  if (source.frame === scope.frame) source.frame = null;
  disown(source);
}

/** Accumulates into `grad` of every parameter behind `tensor`. See Tensor.backward. */
export function backward(tensor: Tensor, options: BackwardOptions = {}): void {
  if (tensor.node === null) {
    throw new GradientError(
      'backward: nothing requires a gradient here: the tensor does not depend on a parameter, ' +
        'or it was made in noGrad()',
    );
  }
  const cotangent = options.gradient ?? unit(tensor);
  if (!sameShape(cotangent.shape, tensor.shape)) {
    throw new GradientError(
      `backward: the gradient must have the tensor's shape ${formatShape(tensor.shape)}, ` +
        `got ${formatShape(cotangent.shape)}`,
    );
  }
  if (cotangent.dtype !== tensor.dtype) {
    throw new DTypeError(
      `backward: the gradient must be ${tensor.dtype}, as the tensor, got ${cotangent.dtype} ` +
        '(use cast)',
    );
  }
  const createGraph = options.createGraph ?? false;
  const retainGraph = options.retainGraph ?? createGraph;
  const isReclaimed = tensor.runtime.memory.reclaiming !== null;
  if (isReclaimed) keepStorage(tensor);
  library(() => {
    const grads = propagate([{ tensor, cotangent }], {
      targets: null,
      retainGraph,
      createGraph,
      ...(isReclaimed ? { finished: new Finished() } : {}),
    });
    for (const [node, [grad]] of grads) {
      accumulate(node.leaf as Parameter, grad as Tensor, createGraph);
    }
  });
}

function unit(tensor: Tensor): Tensor {
  if (tensor.size !== 1) {
    throw new GradientError(
      `backward: only a tensor of one element has an implied gradient, got shape ` +
        `${formatShape(tensor.shape)} (pass { gradient }, or reduce: loss.mean().backward())`,
    );
  }
  return installedOps().onesLike(tensor);
}

function accumulate(parameter: Parameter, grad: Tensor, createGraph: boolean): void {
  const ops = installedOps();
  const held = parameter.gradient;
  // A gradient that the user disposed of counts as none.
  const before = held?.source.kind === 'disposed' ? null : held;
  const sum = withScope('backward', { isGradEnabled: createGraph }, () =>
    before === null ? ops.contiguous(grad) : ops.add(before, grad),
  );
  ops.ownGradient(parameter, sum);
}
