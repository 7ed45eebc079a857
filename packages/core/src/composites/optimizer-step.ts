/**
 * Optimizer updates, each one launch for a whole parameter, PyTorch's formulas. Scalars that change
 * from step to step come in as 0-d tensors, so that one plan serves every step.
 */
import type { TensorType } from '../backend.ts';
import { defineComposite } from '../composite.ts';
import { expandTo } from '../ops/operand.ts';
import type { Ops } from '../ops.ts';
import type { Tensor } from '../tensor.ts';

export interface SgdSettings {
  readonly momentum: number;
  readonly weightDecay: number;
  readonly nesterov: boolean;
}
interface SgdAttrs extends SgdSettings {
  readonly hasBuffer: boolean;
  readonly hasShare: boolean;
}
/** (parameter, gradient, rate, buffer?, share?), all of one shape → parameter, buffer? */
const sgdComposite = defineComposite<SgdAttrs>({
  name: 'sgdStep',
  type: ([p], { hasBuffer }) =>
    hasBuffer ? [p as TensorType, p as TensorType] : [p as TensorType],
  decompose: (ops, inputs, { momentum, weightDecay, nesterov, hasBuffer, hasShare }) => {
    const [p, gradient, rate, buffer, share] = inputs as [Tensor, Tensor, Tensor, Tensor, Tensor];
    const g = weightDecay === 0 ? gradient : ops.add(gradient, ops.mul(p, weightDecay));
    if (!hasBuffer) return [ops.sub(p, ops.mul(g, rate))];
    const next = ops.add(ops.mul(buffer, momentum), hasShare ? ops.mul(g, share) : g);
    const direction = nesterov ? ops.add(g, ops.mul(next, momentum)) : next;
    return [ops.sub(p, ops.mul(direction, rate)), next];
  },
});
export interface SgdInputs {
  readonly parameter: Tensor;
  readonly gradient: Tensor;
  /** The learning rate, 0-d. */
  readonly rate: Tensor;
  /** The momentum buffer, if there is momentum. */
  readonly buffer: Tensor | null;
  /** 1 - dampening, 0-d: 1 in the first step. null for 1. */
  readonly share: Tensor | null;
}
/**
 * g ← g + weightDecay · p; b ← momentum · b + share · g; p ← p - rate · b, with Nesterov's momentum
 * p - rate · (g + momentum · b). New values: nothing is assigned.
 */
export function sgdStep(
  { parameter, gradient, rate, buffer, share }: SgdInputs,
  { momentum, weightDecay, nesterov }: SgdSettings,
): { parameter: Tensor; buffer: Tensor | null } {
  const { shape } = parameter;
  const inputs = [parameter, gradient, expandTo(rate, shape)];
  const hasShare = buffer !== null && share !== null;
  if (buffer !== null) inputs.push(buffer);
  if (hasShare) inputs.push(expandTo(share, shape));
  const attrs = { momentum, weightDecay, nesterov, hasBuffer: buffer !== null, hasShare };
  const [next, nextBuffer] = sgdComposite(inputs, attrs);
  return { parameter: next as Tensor, buffer: nextBuffer ?? null };
}

export interface AdamSettings {
  readonly betas: readonly [number, number];
  readonly eps: number;
  /** An L2 penalty in the gradient. For decoupled decay give `decay` instead. */
  readonly weightDecay: number;
}
interface AdamAttrs extends AdamSettings {
  readonly hasLargest: boolean;
  readonly hasDecay: boolean;
}
/** (parameter, gradient, first, second, stepSize, root, largest?, decay?) → parameter, moments. */
const adamComposite = defineComposite<AdamAttrs>({
  name: 'adamStep',
  type: ([p], { hasLargest }) => new Array<TensorType>(hasLargest ? 4 : 3).fill(p as TensorType),
  decompose: (ops, inputs, attrs) => {
    const [parameter, gradient, first, second] = inputs as [Tensor, Tensor, Tensor, Tensor];
    const [stepSize, root, ...more] = inputs.slice(4) as [Tensor, Tensor, ...Tensor[]];
    const { betas, eps, hasLargest } = attrs;
    const [p, g] = decayed(ops, parameter, gradient, more, attrs);
    const m = ops.add(ops.mul(first, betas[0]), ops.mul(g, 1 - betas[0]));
    const v = ops.add(ops.mul(second, betas[1]), ops.mul(ops.mul(g, g), 1 - betas[1]));
    const peak = hasLargest ? ops.maximum(more[0] as Tensor, v) : v;
    const denominator = ops.add(ops.div(ops.sqrt(peak), root), eps);
    const next = ops.sub(p, ops.div(ops.mul(m, stepSize), denominator));
    return hasLargest ? [next, m, v, peak] : [next, m, v];
  },
});
/** Parameter and gradient after weight decay of either kind. */
function decayed(
  ops: Ops,
  p: Tensor,
  g: Tensor,
  more: readonly Tensor[],
  { weightDecay, hasDecay }: AdamAttrs,
): [Tensor, Tensor] {
  if (hasDecay) return [ops.sub(p, ops.mul(p, more[more.length - 1] as Tensor)), g];
  return [p, weightDecay === 0 ? g : ops.add(g, ops.mul(p, weightDecay))];
}
export interface AdamInputs {
  readonly parameter: Tensor;
  readonly gradient: Tensor;
  /** The moments: running means of g and g². */
  readonly first: Tensor;
  readonly second: Tensor;
  /** The largest second moment so far (AMSGrad), or null. */
  readonly largest: Tensor | null;
  /** rate / (1 - β₁ᵗ), 0-d. */
  readonly stepSize: Tensor;
  /** √(1 - β₂ᵗ), 0-d. */
  readonly root: Tensor;
  /** rate · weightDecay (AdamW), 0-d, or null. */
  readonly decay: Tensor | null;
}
export interface AdamResult {
  readonly parameter: Tensor;
  readonly first: Tensor;
  readonly second: Tensor;
  readonly largest: Tensor | null;
}
/**
 * p ← p - decay · p; m ← β₁m + (1 - β₁)g; v ← β₂v + (1 - β₂)g²;
 * p ← p - stepSize · m / (√v / root + eps). New values: nothing is assigned.
 */
export function adamStep(
  inputs: AdamInputs,
  { betas, eps, weightDecay }: AdamSettings,
): AdamResult {
  const { parameter, gradient, first, second, largest, stepSize, root, decay } = inputs;
  const { shape } = parameter;
  const scalars = [stepSize, root].map((t) => expandTo(t, shape));
  const operands = [parameter, gradient, first, second, ...scalars];
  if (largest !== null) operands.push(largest);
  if (decay !== null) operands.push(expandTo(decay, shape));
  const attrs = { betas, eps, weightDecay, hasLargest: largest !== null, hasDecay: decay !== null };
  const [p, m, v, peak] = adamComposite(operands, attrs);
  return {
    parameter: p as Tensor,
    first: m as Tensor,
    second: v as Tensor,
    largest: peak ?? null,
  };
}
