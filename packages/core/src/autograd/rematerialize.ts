/**
 * Gradient checkpointing: trade time for memory. The function's graph is dropped after the forward
 * pass, all but its boundary, and made again during backward (Chen et al., "Training deep nets with
 * sublinear memory cost", 2016).
 */
import { GradientError } from '../errors.ts';
import { userCode } from '../memory/ownership.ts';
import { scope, withScope } from '../scope.ts';
import { installedOps, type Tensor } from '../tensor.ts';
import { propagate } from './backward.ts';
import { type Edge, GradNode, snapshot } from './node.ts';

type TensorFunction = (...inputs: Tensor[]) => Tensor;

/**
 * f, but its intermediates are not kept for backward(): f runs once more then. f must be pure but
 * for random numbers, which are drawn alike both times; it may close over parameters.
 * @throws GradientError in backward() when a parameter was assigned in between
 */
export function rematerialize(f: TensorFunction): TensorFunction {
  return (...inputs) => {
    if (!scope.isGradEnabled) return f(...inputs);
    const { randomState, withRandomState, detach } = installedOps();
    const random = randomState();
    const first = new GradNode('rematerialize', []).sequence;
    const output = f(...inputs);
    const edges = dropGraph(output, first);
    const result = detach(output);
    if (edges.length === 0) return result;
    const versions = edges.map(({ node }) => node.leaf?.version ?? 0);
    const node = new GradNode('rematerialize', edges);
    // The random state too: it must outlive a library frame or scope() around this call.
    node.inputs = [...inputs, ...random.values()].map(snapshot);
    node.backward = ([cotangent], ctx) => {
      checkVersions(edges, versions);
      const args = inputs.map((_, i) => ctx.input(i));
      const again = (): Tensor =>
        withScope('rematerialize', { isGradEnabled: true }, () => f(...args));
      const tensor = userCode(() => withRandomState(random, again), ...args);
      const targets = new Set(edges.map((edge) => edge.node));
      const createGraph = scope.isGradEnabled;
      const root = { tensor, cotangent: cotangent as Tensor };
      const found = propagate([root], { targets, createGraph, retainGraph: createGraph });
      return edges.map((edge) => found.get(edge.node)?.[edge.output] ?? null);
    };
    result.node = node;
    return result;
  };
}

function checkVersions(edges: readonly Edge[], versions: readonly number[]): void {
  edges.forEach(({ node }, i) => {
    if ((node.leaf?.version ?? 0) !== versions[i]) {
      throw new GradientError(
        'rematerialize: a parameter was assigned between the forward pass and backward(), so the ' +
          'function would run again with other values. Call backward() before optimizer.step().',
      );
    }
  });
}

/** Spends all nodes made since `first` and gives the edges that lead out of them. */
function dropGraph(output: Tensor, first: number): Edge[] {
  const boundary: Edge[] = [];
  const seen = new Set<GradNode>();
  const visit = (edge: Edge): void => {
    const { node } = edge;
    if (node.leaf !== null || node.sequence < first) {
      const known = boundary.some((e) => e.node === node && e.output === edge.output);
      if (!known) boundary.push(edge);
      return;
    }
    if (seen.has(node)) return;
    seen.add(node);
    stack.push(node);
  };
  const stack: GradNode[] = [];
  if (output.node !== null) visit({ node: output.node, output: output.nodeOutput });
  while (stack.length > 0) {
    const node = stack.pop() as GradNode;
    for (const edge of node.parents) if (edge !== null) visit(edge);
    node.spend();
  }
  return boundary;
}
