/**
 * Optimizer updates, each one launch for a whole parameter, PyTorch's formulas. Scalars that change
 * from step to step come in as 0-d tensors, so that one plan serves every step.
 */
import type { TensorType } from '../backend.ts';
import { defineComposite } from '../composite.ts';
import { library } from '../memory/ownership.ts';
import { expandTo } from '../ops/operand.ts';
import type { Ops } from '../ops.ts';
import type { Tensor, Variable } from '../tensor.ts';

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
/** The same with variables, for an update. */
export interface SgdVariables extends SgdInputs {
  readonly parameter: Variable;
  readonly buffer: Variable | null;
}
/**
 * g ← g + weightDecay · p; b ← momentum · b + share · g; p ← p - rate · b, with Nesterov's momentum
 * p - rate · (g + momentum · b). New values: nothing is assigned.
 */
export function sgdStep(
  inputs: SgdInputs,
  settings: SgdSettings,
): { parameter: Tensor; buffer: Tensor | null } {
  const [parameter, buffer] = runSgd(inputs, settings, []);
  return { parameter: parameter as Tensor, buffer: buffer ?? null };
}
/** sgdStep, and assigns: in place where nothing else sees the old values. */
export function sgdUpdate(variables: SgdVariables, settings: SgdSettings): void {
  const { parameter, buffer } = variables;
  library(() => {
    const next = runSgd(variables, settings, buffer === null ? [0] : [0, 3]);
    assignAll(buffer === null ? [parameter] : [parameter, buffer], next);
  });
}
function runSgd(
  { parameter, gradient, rate, buffer, share }: SgdInputs,
  { momentum, weightDecay, nesterov }: SgdSettings,
  updates: readonly number[],
): readonly Tensor[] {
  const { shape } = parameter;
  const inputs = [parameter, gradient, expandTo(rate, shape)];
  const hasShare = buffer !== null && share !== null;
  if (buffer !== null) inputs.push(buffer);
  if (hasShare) inputs.push(expandTo(share, shape));
  const attrs = { momentum, weightDecay, nesterov, hasBuffer: buffer !== null, hasShare };
  return sgdComposite(inputs, attrs, updates);
}
function assignAll(variables: readonly Variable[], values: readonly Tensor[]): void {
  for (const [i, variable] of variables.entries()) variable.assign(values[i] as Tensor);
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
/** The same with variables, for an update. */
export interface AdamVariables extends AdamInputs {
  readonly parameter: Variable;
  readonly first: Variable;
  readonly second: Variable;
  readonly largest: Variable | null;
}
/**
 * p ← p - decay · p; m ← β₁m + (1 - β₁)g; v ← β₂v + (1 - β₂)g²;
 * p ← p - stepSize · m / (√v / root + eps). New values: nothing is assigned.
 */
export function adamStep(inputs: AdamInputs, settings: AdamSettings): AdamResult {
  const [parameter, first, second, largest] = runAdam(inputs, settings, []);
  return {
    parameter: parameter as Tensor,
    first: first as Tensor,
    second: second as Tensor,
    largest: largest ?? null,
  };
}
/** adamStep, and assigns: in place where nothing else sees the old values. */
export function adamUpdate(variables: AdamVariables, settings: AdamSettings): void {
  const { parameter, first, second, largest } = variables;
  library(() => {
    const next = runAdam(variables, settings, largest === null ? [0, 2, 3] : [0, 2, 3, 6]);
    const state = [parameter, first, second];
    assignAll(largest === null ? state : [...state, largest], next);
  });
}
function runAdam(
  { parameter, gradient, first, second, largest, stepSize, root, decay }: AdamInputs,
  { betas, eps, weightDecay }: AdamSettings,
  updates: readonly number[],
): readonly Tensor[] {
  const { shape } = parameter;
  const scalars = [stepSize, root].map((t) => expandTo(t, shape));
  const operands = [parameter, gradient, first, second, ...scalars];
  if (largest !== null) operands.push(largest);
  if (decay !== null) operands.push(expandTo(decay, shape));
  const attrs = { betas, eps, weightDecay, hasLargest: largest !== null, hasDecay: decay !== null };
  return adamComposite(operands, attrs, updates);
}

interface AdamScalarsAttrs {
  readonly betas: readonly [number, number];
  readonly weightDecay: number;
}
/** (step, rate), 0-d → stepSize, root, decay */
const adamScalarsComposite = defineComposite<AdamScalarsAttrs>({
  name: 'adamScalars',
  type: ([step]) => [step as TensorType, step as TensorType, step as TensorType],
  decompose: (ops, [step, rate], { betas, weightDecay }) => {
    const [t, r] = [step as Tensor, rate as Tensor];
    // 1 − βᵗ without cancellation.
    const complement = (beta: number): Tensor => ops.neg(ops.expm1(ops.mul(t, Math.log(beta))));
    const root = ops.sqrt(complement(betas[1]));
    return [ops.div(r, complement(betas[0])), root, ops.mul(r, weightDecay)];
  },
});
/**
 * What Adam's update needs of step t (counted from 1) and the learning rate, both 0-d:
 * rate / (1 - β₁ᵗ), √(1 - β₂ᵗ), rate · weightDecay.
 */
export function adamScalars(
  step: Tensor,
  rate: Tensor,
  { betas, weightDecay }: AdamScalarsAttrs,
): { stepSize: Tensor; root: Tensor; decay: Tensor } {
  const [stepSize, root, decay] = adamScalarsComposite([step, rate], { betas, weightDecay });
  return { stepSize: stepSize as Tensor, root: root as Tensor, decay: decay as Tensor };
}
