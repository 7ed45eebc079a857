/** Parameters that are updated with the same settings. */
import {
  type Backend,
  DTypeError,
  isFloat,
  library,
  noGrad,
  Parameter,
  ValueError,
  type Variable,
  variable,
} from '@tenon/core';

/** A group of an optimizer. The learning rate lives in a variable, the rest on the host. */
export class ParameterGroup<S extends { readonly learningRate: number }> {
  readonly parameters: readonly Parameter[];
  /** Settings besides the learning rate, which may change at any time. */
  settings: S;
  #learningRate: number;
  #variable: Variable | null = null;

  constructor(op: string, parameters: Iterable<Parameter>, settings: S, seen: Set<Parameter>) {
    this.parameters = [...parameters];
    this.settings = settings;
    this.#learningRate = settings.learningRate;
    for (const [index, parameter] of this.parameters.entries()) {
      if (!(parameter instanceof Parameter)) {
        throw new ValueError(`${op}: expected parameters, got something else at position ${index}`);
      }
      if (!isFloat(parameter.dtype)) {
        throw new DTypeError(`${op}: expected float parameters, got ${parameter.dtype}`);
      }
      if (seen.has(parameter)) {
        throw new ValueError(
          `${op}: expected each parameter once, got one of shape ` +
            `[${parameter.shape.join(', ')}] twice`,
        );
      }
      seen.add(parameter);
    }
  }

  get learningRate(): number {
    return this.#learningRate;
  }

  set learningRate(value: number) {
    this.#learningRate = value;
    const target = this.#variable;
    if (target === null) return;
    const { backend } = target;
    library(() => noGrad(() => target.assign(variable(value, { backend }))));
  }

  /** The learning rate as a scalar on `backend`. */
  rate(backend: Backend): Variable {
    if (this.#variable === null || this.#variable.backend !== backend) {
      this.#variable = variable(this.#learningRate, { dtype: 'f32', backend });
    }
    return this.#variable;
  }
}
