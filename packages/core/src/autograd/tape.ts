/** Recording: after an op ran, its node is hung onto the outputs if a gradient is wanted. */
import { isFloat } from '../dtype.ts';
import type { Storage } from '../memory/ownership.ts';
import type { Primitive, Saves } from '../primitive.ts';
import { scope } from '../scope.ts';
import type { Tensor } from '../tensor.ts';
import { derivativeRule } from './derivative.ts';
import { type Backward, type Edge, GradNode, snapshot } from './node.ts';

/** Whether an op on these inputs must be recorded. */
export function isTracked(inputs: readonly Tensor[]): boolean {
  if (!scope.isGradEnabled) return false;
  for (let i = 0; i < inputs.length; i++) {
    const x = inputs[i] as Tensor;
    if (x.node !== null && isFloat(x.dtype)) return true;
  }
  return false;
}

/** Records one primitive. */
export function trackPrimitive(
  primitive: Primitive,
  inputs: readonly Tensor[],
  attrs: unknown,
  output: Tensor,
): void {
  if (primitive.derivative.kind === 'none' || !isFloat(output.dtype)) return;
  track(primitive.name, inputs, attrs, [output], primitive.saves, derivativeRule(primitive));
}

/** Records any differentiable op: `backward` maps cotangents of outputs to those of inputs. */
export function track(
  name: string,
  inputs: readonly Tensor[],
  attrs: unknown,
  outputs: readonly Tensor[],
  saves: { readonly inputs: readonly number[]; readonly output: Saves['output'] },
  backward: Backward,
): void {
  const parents = inputs.map(edgeOf);
  const live = parents.filter((edge) => edge !== null && !edge.node.isUsedUp());
  if (live.length === 0) {
    // All parents were used up by an earlier backward(): hang on to the spent node only, so that
    // running totals hold no graph, and a backward() through it can say why it cannot work.
    const spent = parents.find((edge) => edge !== null);
    for (const output of outputs) if (isFloat(output.dtype)) output.node = spent?.node ?? null;
    return;
  }
  const node = new GradNode(name, parents);
  node.types = inputs.map(({ shape, dtype }) => ({ shape, dtype }));
  node.attrs = attrs;
  node.backward = backward;
  outputs.forEach((output, i) => {
    if (!isFloat(output.dtype)) return;
    output.node = node;
    output.nodeOutput = i;
  });
  const { runtime } = inputs[0] as Tensor;
  if (runtime.memory.reclaiming !== null) noteMemory(node, inputs, outputs);
  node.inputs = inputs.map((x, i) => (saves.inputs.includes(i) ? snapshot(x) : null));
  node.outputs = outputs.map((y) => (saves.output ? snapshot(y) : null));
}

/** For the recycling of the graph once it is finished. */
function noteMemory(node: GradNode, inputs: readonly Tensor[], outputs: readonly Tensor[]): void {
  const storages = (tensors: readonly Tensor[]): Storage[] =>
    tensors.flatMap(({ source }) => (source.kind === 'storage' ? [source] : []));
  node.made = storages(outputs);
  node.read = storages(inputs.filter((x) => x.node === null));
}

function edgeOf(x: Tensor): Edge | null {
  if (x.node === null || !isFloat(x.dtype)) return null;
  return { node: x.node, output: x.nodeOutput };
}
