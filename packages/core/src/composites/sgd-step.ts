/**
 * SGD's update, one launch for a whole parameter, PyTorch's formulas. The learning rate comes in as
 * a 0-d tensor, so that one plan serves every step.
 */
import type { TensorType } from '../backend.ts';
import { assignAll, defineComposite } from '../composite.ts';
import { library } from '../memory/ownership.ts';
import { expandTo } from '../ops/operand.ts';
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
/**
 * sgdStep, and assigns the results: in place where nothing else sees the old values. Gradient and
 * buffer have the parameter's shape and dtype, rate and share are 0-d; no gradient flows.
 *
 * @throws ShapeError or DTypeError where an operand does not fit the parameter
 * @example
 * import { sgdUpdate, tensor, variable } from '@tenon/core';
 * const parameter = variable([1, 2]);
 * const inputs = { gradient: tensor([1, -1]), rate: tensor(0.5), buffer: null, share: null };
 * sgdUpdate({ parameter, ...inputs }, { momentum: 0, weightDecay: 0, nesterov: false });
 * parameter; // [0.5, 2.5]
 */
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
