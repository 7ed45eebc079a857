/**
 * Adam and AdamW, PyTorch's formulas. 1 − βᵗ is computed as −expm1(t · ln β) (core's adamScalars):
 * an f32 power of β would lose up to 3e-5 of it (β₂ = 0.999), and t is exact up to 2²⁴ steps.
 * Sources: Kingma and Ba 2015; Loshchilov and Hutter 2019; Reddi et al. 2018 (AMSGrad).
 */
import {
  type AdamVariables,
  adamScalars,
  adamUpdate,
  type Parameter,
  type Tensor,
  ValueError,
} from '@tenon/core';
import type { ParameterGroup } from './group.ts';
import { type GroupOptions, Optimizer, type Ready, withDefaults } from './optimizer.ts';

export type AdamOptions = {
  /** Default 1e-3. */
  readonly learningRate: number;
  /** Decay of the first and second moment; default [0.9, 0.999]. */
  readonly betas: readonly [number, number];
  /** Added to the root of the second moment; default 1e-8. */
  readonly eps: number;
  /** Adam: an L2 penalty in the gradient, default 0. AdamW: decay of the weights, default 0.01. */
  readonly weightDecay: number;
  /** Use the largest second moment so far; default false. */
  readonly amsgrad: boolean;
};

/** Scalars of one step, shared by all parameters of a counter. */
interface Corrections {
  /** learningRate / (1 − β₁ᵗ). */
  readonly stepSize: Tensor;
  /** √(1 − β₂ᵗ). */
  readonly root: Tensor;
  /** learningRate · weightDecay where decay is decoupled. */
  readonly decay: Tensor | null;
}

const DEFAULTS: AdamOptions = {
  learningRate: 1e-3,
  betas: [0.9, 0.999],
  eps: 1e-8,
  weightDecay: 0,
  amsgrad: false,
};

type Parameters = Iterable<Parameter> | readonly GroupOptions<AdamOptions>[];

/** What Adam and AdamW share. */
abstract class AdamBase extends Optimizer<AdamOptions> {
  readonly #isDecoupled: boolean;

  constructor(op: string, parameters: Parameters, settings: AdamOptions, isDecoupled: boolean) {
    super(op, parameters, settings, (merged) => checkSettings(op, merged));
    this.#isDecoupled = isDecoupled;
  }

  protected override stateNames(): readonly string[] {
    return ['step', 'exp_avg', 'exp_avg_sq', 'max_exp_avg_sq'];
  }

  protected override update(group: ParameterGroup<AdamOptions>, ready: readonly Ready[]): void {
    const { betas, eps, weightDecay } = group.settings;
    const isDecaying = this.#isDecoupled && weightDecay !== 0;
    for (const [step, members] of this.advance(group, ready)) {
      const scalars = adamScalars(step, group.rate(step.backend), { betas, weightDecay });
      const corrections = { ...scalars, decay: isDecaying ? scalars.decay : null };
      const all = members.map((item) => this.#variablesOf(group, item, corrections));
      adamUpdate(all, { betas, eps, weightDecay: this.#isDecoupled ? 0 : weightDecay });
    }
  }

  #variablesOf(
    group: ParameterGroup<AdamOptions>,
    { parameter, gradient }: Ready,
    corrections: Corrections,
  ): AdamVariables {
    const first = this.state(parameter, 'exp_avg');
    const second = this.state(parameter, 'exp_avg_sq');
    const largest = group.settings.amsgrad ? this.state(parameter, 'max_exp_avg_sq') : null;
    return { parameter, gradient, first, second, largest, ...corrections };
  }
}

/**
 * Adam: m ← β₁m + (1 − β₁)g; v ← β₂v + (1 − β₂)g²;
 * p ← p − learningRate / (1 − β₁ᵗ) · m / (√v / √(1 − β₂ᵗ) + eps); first g ← g + weightDecay · p.
 *
 * @example
 * import { Adam, Linear, mseLoss } from '@tenon/nn';
 * import { ones, zeros } from '@tenon/core';
 * const model = new Linear(3, 1);
 * const optimizer = new Adam(model.parameters(), { learningRate: 1e-2 });
 * mseLoss(model.forward(ones([4, 3])), zeros([4, 1])).backward();
 * optimizer.step();
 */
export class Adam extends AdamBase {
  constructor(parameters: Parameters, options: Partial<AdamOptions> = {}) {
    super('Adam', parameters, withDefaults('Adam', DEFAULTS, options), false);
  }
}

/** Adam with decoupled weight decay: p ← p · (1 − learningRate · weightDecay) first. */
export class AdamW extends AdamBase {
  constructor(parameters: Parameters, options: Partial<AdamOptions> = {}) {
    const defaults = { ...DEFAULTS, weightDecay: 0.01 };
    super('AdamW', parameters, withDefaults('AdamW', defaults, options), true);
  }
}

function checkSettings(op: string, { betas, eps, weightDecay }: AdamOptions): void {
  if (betas.length !== 2 || betas.some((beta) => !(beta >= 0 && beta < 1))) {
    throw new ValueError(`${op}: betas: expected two numbers in [0, 1), got [${betas.join(', ')}]`);
  }
  for (const [name, value] of Object.entries({ eps, weightDecay })) {
    if (!(value >= 0)) throw new ValueError(`${op}: ${name}: expected at least 0, got ${value}`);
  }
}
