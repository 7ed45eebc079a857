/** Gradient clipping, to be called between backward() and step(). */
import {
  gradientOf,
  library,
  noGrad,
  type Parameter,
  stack,
  type Tensor,
  ValueError,
} from '@tenon/core';

export interface ClipNormOptions {
  /** Order of the norm; default 2, Infinity allowed. */
  readonly p?: number;
}

/**
 * Scales all gradients by min(1, maxNorm / (norm + 1e-6)), where `norm` is that of all of them
 * together; gives the norm before clipping as a scalar tensor, without reading it.
 *
 * @throws ValueError when no parameter has a gradient
 */
export function clipGradNorm(
  parameters: Iterable<Parameter>,
  maxNorm: number,
  options: ClipNormOptions = {},
): Tensor {
  if (!(maxNorm >= 0)) {
    throw new ValueError(`clipGradNorm: maxNorm: expected at least 0, got ${maxNorm}`);
  }
  const p = options.p ?? 2;
  return library(() =>
    noGrad(() => {
      const ready = withGradients(parameters);
      if (ready.length === 0) {
        throw new ValueError('clipGradNorm: expected a parameter with a gradient, got none');
      }
      const total = stack(ready.map(({ gradient }) => gradient.norm({ p }))).norm({ p });
      // minimum keeps NaN, so that a broken gradient stays visible
      const scale = total.add(1e-6).reciprocal().mul(maxNorm).minimum(1);
      for (const { parameter, gradient } of ready) parameter.grad = gradient.mul(scale);
      return total;
    }),
  );
}

/** Clips every element of all gradients to [−limit, limit]. */
export function clipGradValue(parameters: Iterable<Parameter>, limit: number): void {
  if (!(limit >= 0)) {
    throw new ValueError(`clipGradValue: limit: expected at least 0, got ${limit}`);
  }
  library(() =>
    noGrad(() => {
      for (const { parameter, gradient } of withGradients(parameters)) {
        parameter.grad = gradient.clip(-limit, limit);
      }
    }),
  );
}

function withGradients(
  parameters: Iterable<Parameter>,
): { parameter: Parameter; gradient: Tensor }[] {
  const found: { parameter: Parameter; gradient: Tensor }[] = [];
  for (const parameter of parameters) {
    const gradient = gradientOf(parameter);
    if (gradient !== null) found.push({ parameter, gradient });
  }
  return found;
}
