/** State and lifetime: variables, parameters, gradients, detaching, disposing. */
import { GradNode } from '../autograd/node.ts';
import { bind } from '../bind.ts';
import { isFloat } from '../dtype.ts';
import { DeviceError, DTypeError, GradientError, ShapeError } from '../errors.ts';
import { dense } from '../execute/map.ts';
import { denseLayout } from '../layout.ts';
import {
  disown,
  expose,
  keepStorage,
  library,
  own,
  release,
  type Storage,
} from '../memory/ownership.ts';
import { copy } from '../primitives/unary.ts';
import { stopGradient } from '../primitives/view.ts';
import { withScope } from '../scope.ts';
import { formatShape, sameShape } from '../shape.ts';
import { DISPOSED } from '../source.ts';
import { Parameter, type Tensor, Variable } from '../tensor.ts';

/** The storage that a variable takes over: the value's own where it is dense, else a copy. */
function takeOver(value: Tensor): Storage {
  const { source, layout } = value;
  if (source.kind === 'storage' && layout.isDense && source.byteLength <= 8 * layout.size) {
    // A disposed value is refused before anything changes.
    if (source.isFreed) throw source.freedError();
    own(source);
    return source;
  }
  return library(() => {
    const copied = withScope('assign', { isGradEnabled: false }, () => bind(copy, [value], null));
    const storage = dense(copied).source as Storage;
    own(storage);
    return [storage];
  })[0] as Storage;
}

/** Replaces a variable's value; graphs and views that saw the old one keep it. */
export function assign(variable: Variable, value: Tensor): void {
  if (!sameShape(variable.shape, value.shape)) {
    throw new ShapeError(
      `assign: the variable has shape ${formatShape(variable.shape)}, ` +
        `got ${formatShape(value.shape)}`,
    );
  }
  if (variable.dtype !== value.dtype) {
    throw new DTypeError(
      `assign: the variable is ${variable.dtype}, got ${value.dtype} (use cast)`,
    );
  }
  if (variable.runtime !== value.runtime) {
    throw new DeviceError(
      `assign: the variable is on ${variable.backend.name}, the value on ${value.backend.name}`,
    );
  }
  const before = variable.source as Storage;
  variable.source = takeOver(value);
  variable.version++;
  disown(before);
}

/** State of shape and dtype of `value`, which it starts with. */
export function variableOf(value: Tensor): Variable {
  const { runtime, shape, dtype } = value;
  return new Variable(runtime, takeOver(value), denseLayout(shape), dtype);
}
/** A parameter that starts with `value`; gradients accumulate in `grad`. */
export function parameterOf(value: Tensor): Parameter {
  const { runtime, shape, dtype } = value;
  if (!isFloat(dtype)) {
    throw new DTypeError(`parameter: only f32 and f64 have gradients, got ${dtype} (use variable)`);
  }
  const parameter = new Parameter(runtime, takeOver(value), denseLayout(shape), dtype);
  setRequiresGrad(parameter, true);
  return parameter;
}

export function setRequiresGrad(parameter: Parameter, value: boolean): void {
  if (value === parameter.requiresGrad) return;
  parameter.node = value ? new GradNode('parameter', [], parameter) : null;
}

/** Makes a gradient the parameter's own and lets go of the one before. */
export function ownGradient(parameter: Parameter, gradient: Tensor | null): void {
  const before = parameter.gradient;
  if (gradient?.source.kind === 'storage') own(gradient.source);
  parameter.gradient = gradient;
  if (before?.source.kind === 'storage') disown(before.source);
}
/** For libraries: the gradient, without handing it to the user. */
export function gradientOf(parameter: Parameter): Tensor | null {
  return parameter.gradient;
}
export function readGradient(parameter: Parameter): Tensor | null {
  if (parameter.gradient !== null) expose(parameter.gradient);
  return parameter.gradient;
}
export function setGradient(parameter: Parameter, value: Tensor | null): void {
  if (value !== null && !sameShape(value.shape, parameter.shape)) {
    throw new GradientError(
      `grad: must have the parameter's shape ${formatShape(parameter.shape)}, ` +
        `got ${formatShape(value.shape)}`,
    );
  }
  if (value !== null && value.dtype !== parameter.dtype) {
    throw new DTypeError(
      `grad: must be ${parameter.dtype}, as the parameter, got ${value.dtype} (use cast)`,
    );
  }
  ownGradient(parameter, value);
}

/** The same memory without gradient. */
export function detach(x: Tensor): Tensor {
  keepStorage(x);
  return bind(stopGradient, [x], null);
}
/** On webgpu: not recycled with its graph. Elsewhere every tensor is kept as long as it is held. */
export function keep<T extends Tensor>(x: T): T {
  expose(x);
  keepStorage(x);
  return x;
}
/** Frees the memory now, unless a graph or variable still needs it. Reading x later is an error. */
export function dispose(x: Tensor): void {
  const { source } = x;
  if (x instanceof Variable) disposeVariable(x);
  x.source = DISPOSED;
  if (source.kind !== 'storage') return;
  // Other handles must not come to show what its variable writes there.
  if (source.owned > 0) source.hasFreedViews = true;
  source.isExposed = false;
  release(source);
}
function disposeVariable(variable: Variable): void {
  if (variable instanceof Parameter) ownGradient(variable, null);
  if (variable.source.kind === 'storage') variable.source.owned--;
}

/**
 * For libraries: the variable takes over `value`, which may live on another backend. The one way a
 * tensor changes its backend: what holds it (optimizers, closures) keeps holding the right one. Its
 * gradient is dropped.
 */
export function placeVariable(variable: Variable, value: Tensor): void {
  const before = variable.source as Storage;
  const source = takeOver(value);
  if (variable instanceof Parameter) ownGradient(variable, null);
  Object.assign(variable, { runtime: value.runtime, source });
  variable.version++;
  disown(before);
}
