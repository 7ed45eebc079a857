/** Stochastic gradient descent, PyTorch's formulas. */
import { type Parameter, sgdUpdate, type Tensor, ValueError } from '@tenon/core';
import type { ParameterGroup } from './group.ts';
import { type GroupOptions, Optimizer, type Ready, withDefaults } from './optimizer.ts';

export type SGDOptions = {
  /** Default 1e-3. */
  readonly learningRate: number;
  /** Share of the last step that is kept; default 0. */
  readonly momentum: number;
  /** Share of the gradient kept out of the momentum, from the second step on; default 0. */
  readonly dampening: number;
  /** L2 penalty, added to the gradient as weightDecay · p; default 0. */
  readonly weightDecay: number;
  /** Look ahead by one momentum step; needs momentum and no dampening. Default false. */
  readonly nesterov: boolean;
};

/**
 * g ← g + weightDecay · p; b ← momentum · b + (1 − dampening) · g (b = g at first);
 * p ← p − learningRate · b, or − learningRate · (g + momentum · b) with Nesterov's momentum.
 *
 * @example
 * import { SGD } from '@tenon/nn';
 * import { parameter } from '@tenon/core';
 * const w = parameter([1, 2]);
 * const optimizer = new SGD([w], { learningRate: 0.5 });
 * w.square().sum().backward();
 * optimizer.step(); // w is [0, 0]
 */
export class SGD extends Optimizer<SGDOptions> {
  constructor(
    parameters: Iterable<Parameter> | readonly GroupOptions<SGDOptions>[],
    options: Partial<SGDOptions> = {},
  ) {
    const defaults: SGDOptions = {
      learningRate: 1e-3,
      momentum: 0,
      dampening: 0,
      weightDecay: 0,
      nesterov: false,
    };
    super('SGD', parameters, withDefaults('SGD', defaults, options), checkSettings);
  }

  protected override stateNames(): readonly string[] {
    return ['step', 'momentum_buffer'];
  }

  protected override update(group: ParameterGroup<SGDOptions>, ready: readonly Ready[]): void {
    if (group.settings.dampening === 0 || group.settings.momentum === 0) {
      for (const item of ready) this.#updateOne(group, item, null);
      return;
    }
    for (const [step, members] of this.advance(group, ready)) {
      // The first gradient enters undamped: 1 − dampening · (step > 1).
      const share = step.greater(1).cast('f32').mul(-group.settings.dampening).add(1);
      for (const item of members) this.#updateOne(group, item, share);
    }
  }

  #updateOne(group: ParameterGroup<SGDOptions>, item: Ready, share: Tensor | null): void {
    const { parameter, gradient } = item;
    const { momentum } = group.settings;
    const rate = group.rate(parameter.backend);
    const buffer = momentum === 0 ? null : this.state(parameter, 'momentum_buffer');
    sgdUpdate({ parameter, gradient, rate, buffer, share }, group.settings);
  }
}

function checkSettings({ momentum, dampening, weightDecay, nesterov }: SGDOptions): void {
  for (const [name, value] of Object.entries({ momentum, weightDecay })) {
    if (!(value >= 0)) throw new ValueError(`SGD: ${name}: expected at least 0, got ${value}`);
  }
  if (nesterov && (momentum === 0 || dampening !== 0)) {
    throw new ValueError(
      'SGD: nesterov: expected momentum above 0 and dampening 0, got momentum ' +
        `${momentum} and dampening ${dampening}`,
    );
  }
}
