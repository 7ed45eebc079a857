/**
 * A node of the tape: which op made a tensor, from which nodes, and what its derivative needs.
 * Nodes hold snapshots of tensors, never the user's handles: a variable that is assigned later
 * keeps its old value here. There is no global tape; what nobody reaches, V8 collects.
 */
import type { TensorType } from '../backend.ts';
import { type Storage, save, unsave } from '../memory/ownership.ts';
import type { VjpContext } from '../primitive.ts';
import { type Parameter, Tensor } from '../tensor.ts';

export interface Edge {
  readonly node: GradNode;
  readonly output: number;
}

/** From the cotangents of the outputs to those of the inputs (null: zero, or not wanted). */
export type Backward = (
  cotangents: readonly (Tensor | null)[],
  ctx: VjpContext<unknown>,
) => readonly (Tensor | null)[];

const NONE: readonly Storage[] = [];
let sequence = 0;

export class GradNode {
  /** The op, for error messages. */
  readonly name: string;
  /** Grows with every node: a node's parents always have smaller numbers. */
  readonly sequence: number;
  /** Set on leaves: the parameter whose gradient accumulates here. */
  readonly leaf: Parameter | null;
  parents: readonly (Edge | null)[];
  /** The saved inputs and outputs, at their positions. */
  inputs: readonly (Tensor | null)[] = [];
  outputs: readonly (Tensor | null)[] = [];
  types: readonly TensorType[] = [];
  attrs: unknown = null;
  backward: Backward | null = null;
  /** Where memory is reclaimed: of the outputs, and of inputs without a gradient. */
  made: readonly Storage[] = NONE;
  read: readonly Storage[] = NONE;
  /** A backward() used this node up: it holds nothing any more. */
  isSpent = false;

  constructor(name: string, parents: readonly (Edge | null)[], leaf: Parameter | null = null) {
    this.name = name;
    this.sequence = sequence++;
    this.parents = parents;
    this.leaf = leaf;
  }

  /** Drops everything: parents, snapshots, attributes. */
  spend(): void {
    if (this.isSpent) return;
    this.isSpent = true;
    for (const tensor of this.inputs) dropSnapshot(tensor);
    for (const tensor of this.outputs) dropSnapshot(tensor);
    this.parents = [];
    this.inputs = [];
    this.outputs = [];
    this.attrs = null;
    this.backward = null;
    this.made = NONE;
    this.read = NONE;
  }

  /** Spent itself, or every parent is: nothing can flow through it any more. */
  isUsedUp(): boolean {
    if (this.isSpent) return true;
    if (this.leaf !== null || this.parents.length === 0) return false;
    for (const edge of this.parents) if (edge !== null && !edge.node.isSpent) return false;
    this.spend();
    return true;
  }
}

/** The tensor as it is now, for a node to keep. */
export function snapshot(tensor: Tensor): Tensor {
  const { runtime, source, layout, dtype, node, nodeOutput } = tensor;
  const copy = new Tensor(runtime, source, layout, dtype);
  copy.node = node;
  copy.nodeOutput = nodeOutput;
  if (source.kind === 'storage') save(source);
  return copy;
}

function dropSnapshot(tensor: Tensor | null): void {
  if (tensor !== null && tensor.source.kind === 'storage') unsave(tensor.source);
}
