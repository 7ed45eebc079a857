/**
 * Adam's update, one launch for a whole parameter, or for several where the backend has a kernel
 * for that. PyTorch's formulas. Scalars that change from step to step come in as 0-d tensors, so
 * that one plan serves every step.
 */
import type { TensorType } from '../backend.ts';
import { assignAll, defineComposite, isExclusive } from '../composite.ts';
import { library } from '../memory/ownership.ts';
import { expandTo } from '../ops/operand.ts';
import type { Ops } from '../ops.ts';
import { sameShape } from '../shape.ts';
import type { Tensor, Variable } from '../tensor.ts';

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
    const [parameter, gradient, first, second, stepSize, root, ...more] = inputs;
    return nextOf(ops, [parameter, gradient, first, second] as Quadruple, {
      stepSize: stepSize as Tensor,
      root: root as Tensor,
      largest: attrs.hasLargest ? (more[0] as Tensor) : null,
      decay: attrs.hasDecay ? (more[more.length - 1] as Tensor) : null,
      ...attrs,
    });
  },
});
type Quadruple = readonly [parameter: Tensor, gradient: Tensor, first: Tensor, second: Tensor];
interface AdamOperands extends AdamSettings {
  readonly stepSize: Tensor;
  readonly root: Tensor;
  readonly largest: Tensor | null;
  readonly decay: Tensor | null;
}
function nextOf(ops: Ops, state: Quadruple, operands: AdamOperands): Tensor[] {
  const { betas, eps, stepSize, root, largest } = operands;
  const [, , first, second] = state;
  const [p, g] = decayed(ops, state[0], state[1], operands);
  const m = ops.add(ops.mul(first, betas[0]), ops.mul(g, 1 - betas[0]));
  const v = ops.add(ops.mul(second, betas[1]), ops.mul(ops.mul(g, g), 1 - betas[1]));
  const peak = largest === null ? v : ops.maximum(largest, v);
  const denominator = ops.add(ops.div(ops.sqrt(peak), root), eps);
  const next = ops.sub(p, ops.div(ops.mul(m, stepSize), denominator));
  return largest === null ? [next, m, v] : [next, m, v, peak];
}
/** Parameter and gradient after weight decay of either kind. */
function decayed(
  ops: Ops,
  p: Tensor,
  g: Tensor,
  { weightDecay, decay }: AdamOperands,
): [Tensor, Tensor] {
  if (decay !== null) return [ops.sub(p, ops.mul(p, decay)), g];
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
/**
 * adamStep for several parameters, and assigns the results: in place where nothing else sees the
 * old values. Those that share the step's scalars are updated in one launch where the backend has
 * a kernel for it. Per entry, gradient, moments and `largest` have the parameter's shape and dtype,
 * stepSize, root and decay are 0-d; nothing is returned and no gradient flows.
 *
 * @throws ShapeError or DTypeError where an operand does not fit its parameter
 * @example
 * import { adamScalars, adamUpdate, tensor, variable } from '@tenon/core';
 * const [parameter, first, second] = [variable([1, 2]), variable([0, 0]), variable([0, 0])];
 * const t = tensor(1);
 * const rate = tensor(0.5);
 * const { stepSize, root } = adamScalars(t, rate, { betas: [0.9, 0.999], weightDecay: 0 });
 * const gradient = tensor([1, -1]);
 * const state = { parameter, gradient, first, second, largest: null };
 * const list = [{ ...state, stepSize, root, decay: null }];
 * adamUpdate(list, { betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0 });
 * parameter; // [0.5, 2.5]
 */
export function adamUpdate(list: readonly AdamVariables[], settings: AdamSettings): void {
  for (const group of adamGroups(list)) {
    if (group.length > 1) updateTogether(group, settings);
    else for (const variables of group) updateOne(variables, settings);
  }
}
function updateOne(variables: AdamVariables, settings: AdamSettings): void {
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

export interface AdamStepsAttrs extends AdamAttrs {
  /** How many parameters. */
  readonly count: number;
}
/**
 * (parameter, gradient, first, second, largest?) of each, then stepSize, root, decay? → parameter,
 * moments of each. A specification for overrides: without one it is not called.
 */
const adamStepsComposite = defineComposite<AdamStepsAttrs>({
  name: 'adamSteps',
  type: (inputs, { count, hasLargest }) => {
    const width = hasLargest ? 5 : 4;
    return Array.from({ length: count }, (_, k) =>
      new Array<TensorType>(width - 1).fill(inputs[k * width] as TensorType),
    ).flat();
  },
  decompose: (ops, inputs, attrs) => {
    const width = attrs.hasLargest ? 5 : 4;
    const [stepSize, root, decay] = inputs.slice(attrs.count * width) as Tensor[];
    return Array.from({ length: attrs.count }, (_, k) => {
      const state = inputs.slice(k * width, (k + 1) * width);
      const { shape } = state[0] as Tensor;
      return nextOf(ops, state.slice(0, 4) as [Tensor, Tensor, Tensor, Tensor], {
        stepSize: expandTo(stepSize as Tensor, shape),
        root: expandTo(root as Tensor, shape),
        largest: state[4] ?? null,
        decay: decay === undefined ? null : expandTo(decay, shape),
        ...attrs,
      });
    }).flat();
  },
});
/** Runs of parameters that one launch takes. */
function adamGroups(list: readonly AdamVariables[]): AdamVariables[][] {
  const groups: AdamVariables[][] = [];
  for (const variables of list) {
    const last = groups[groups.length - 1];
    if (last !== undefined && canJoin(last, variables)) last.push(variables);
    else groups.push([variables]);
  }
  return groups;
}
function canJoin(group: readonly AdamVariables[], next: AdamVariables): boolean {
  const first = group[0] as AdamVariables;
  const { backend } = first.parameter;
  if (backend.overrides?.adamSteps === undefined || next.parameter.backend !== backend)
    return false;
  const [scalars, width] = [first.decay === null ? 2 : 3, first.largest === null ? 4 : 5];
  const room = Math.floor((backend.capabilities.maxBuffers - scalars) / width);
  const isAlike =
    next.stepSize === first.stepSize &&
    next.root === first.root &&
    next.decay === first.decay &&
    (next.largest === null) === (first.largest === null);
  // One memory may not be written twice.
  const isOther = group.every(({ parameter }) => parameter !== next.parameter);
  return group.length < room && isAlike && isOther && isReady(first) && isReady(next);
}
/** Whether the kernel may take these as they are; what does not fit is refused one by one. */
function isReady({ parameter, gradient, first, second, largest }: AdamVariables): boolean {
  const state = largest === null ? [parameter, first, second] : [parameter, first, second, largest];
  const fits = [...state, gradient].every(
    ({ shape, dtype }) => dtype === 'f32' && sameShape(shape, parameter.shape),
  );
  return fits && gradient.size > 0 && state.every(isExclusive);
}
function updateTogether(group: readonly AdamVariables[], settings: AdamSettings): void {
  const { largest, decay, stepSize, root } = group[0] as AdamVariables;
  const [hasLargest, hasDecay] = [largest !== null, decay !== null];
  const width = hasLargest ? 5 : 4;
  const states = group.map(({ parameter, gradient, first, second, ...more }) => {
    const state = [parameter, gradient, first, second];
    return more.largest === null ? state : [...state, more.largest];
  });
  const updates = states.flatMap((state, k) =>
    state.flatMap((_, i) => (i === 1 ? [] : [k * width + i])),
  );
  const inputs: Tensor[] = [...states.flat(), stepSize, root, ...(decay === null ? [] : [decay])];
  const { betas, eps, weightDecay } = settings;
  const attrs = { betas, eps, weightDecay, hasLargest, hasDecay, count: group.length };
  library(() => {
    const next = adamStepsComposite(inputs, attrs, updates);
    assignAll(
      updates.map((i) => inputs[i] as Variable),
      next,
    );
  });
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
 * What Adam's update needs of step t (counted from 1) and the learning rate, all 0-d and of one
 * dtype: stepSize = rate / (1 - β₁ᵗ), root = √(1 - β₂ᵗ), decay = rate · weightDecay. One launch,
 * for any number of parameters; see `adamUpdate` for an example.
 */
export function adamScalars(
  step: Tensor,
  rate: Tensor,
  { betas, weightDecay }: AdamScalarsAttrs,
): { stepSize: Tensor; root: Tensor; decay: Tensor } {
  const [stepSize, root, decay] = adamScalarsComposite([step, rate], { betas, weightDecay });
  return { stepSize: stepSize as Tensor, root: root as Tensor, decay: decay as Tensor };
}
