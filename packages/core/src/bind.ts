/**
 * The one door that each primitive goes through: type rule, then the trace being made or else the
 * backend, then the tape.
 */
import { isTracked, trackPrimitive } from './autograd/tape.ts';
import { DeviceError } from './errors.ts';
import { execute } from './execute/execute.ts';
import type { Primitive } from './primitive.ts';
import { scope } from './scope.ts';
import type { Tensor } from './tensor.ts';

/** Applies a primitive: strict, inputs already broadcast and of the right dtypes. */
export function bind<A>(primitive: Primitive<A>, inputs: readonly Tensor[], attrs: A): Tensor {
  // Rules are written with their own attrs type; from here on attrs are only handed through.
  const general: Primitive = primitive;
  if (inputs.length > 1) requireOneBackend(primitive.name, inputs);
  const { recorder } = scope;
  const output =
    recorder === null
      ? execute(general, inputs, attrs, general.type(inputs, attrs))
      : recorder.record(general, inputs, attrs);
  if (isTracked(inputs)) trackPrimitive(general, inputs, attrs, output);
  return output;
}

/** @throws DeviceError naming both backends */
export function requireOneBackend(op: string, inputs: readonly Tensor[]): void {
  const { runtime } = inputs[0] as Tensor;
  for (let i = 1; i < inputs.length; i++) {
    const other = (inputs[i] as Tensor).runtime;
    if (other !== runtime) {
      throw new DeviceError(
        `${op}: operands are on different backends: ${runtime.backend.name} and ` +
          `${other.backend.name} (move one with await x.to(backend))`,
      );
    }
  }
}
