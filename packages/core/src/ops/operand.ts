/** From what a user may pass to what primitives take: broadcast, promoted tensors. */
import { runtimeFor } from '../backends.ts';
import { bind } from '../bind.ts';
import { type DType, isFloat, isInteger, promote } from '../dtype.ts';
import { DTypeError, ValueError } from '../errors.ts';
import { denseLayout } from '../layout.ts';
import { cast as castPrimitive } from '../primitives/unary.ts';
import { expand as expandPrimitive } from '../primitives/view.ts';
import type { Runtime } from '../runtime.ts';
import { broadcastShapes, type Shape, sameShape } from '../shape.ts';
import { Tensor, type TensorLike } from '../tensor.ts';
import { representable } from '../words.ts';

/** A tensor whose elements are all `value`; costs no memory. */
export function constant(runtime: Runtime, value: number, shape: Shape, dtype: DType): Tensor {
  const source = { kind: 'constant', value: representable(dtype, value) } as const;
  return new Tensor(runtime, source, denseLayout(shape), dtype);
}

/** Nothing is rounded in silence. @throws ValueError for 0.5 or 2^31 as i32 */
export function requireHeld(op: string, value: number, dtype: DType): void {
  if (isInteger(dtype) && !Object.is(representable(dtype, value) + 0, value + 0)) {
    throw new ValueError(`${op}: ${value} is not a value that ${dtype} can hold (ask for f32)`);
  }
}

export function castTo(x: Tensor, dtype: DType): Tensor {
  if (x.dtype === dtype) return x;
  if (x.source.kind === 'constant' && x.node === null) {
    return constant(x.runtime, castValue(x.source.value, x.dtype, dtype), x.shape, dtype);
  }
  return bind(castPrimitive, [x], { dtype });
}

/** The value that a cast gives: floats truncated and saturated for integers, NaN → 0. */
function castValue(value: number, from: DType, dtype: DType): number {
  if (dtype === 'bool') return value === 0 ? 0 : 1;
  if (isFloat(dtype)) return value;
  // Between integers the bits stay, as on the backends; constant() wraps.
  if (Number.isNaN(value) || isInteger(from)) return value;
  const [least, greatest] = integerRange(dtype);
  return Math.min(Math.max(Math.trunc(value), least), greatest);
}
function integerRange(dtype: DType): [number, number] {
  return dtype === 'u32' ? [0, 2 ** 32 - 1] : [-(2 ** 31), 2 ** 31 - 1];
}

export function expandTo(x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return x;
  if (x.source.kind === 'constant' && x.node === null) {
    return constant(x.runtime, x.source.value, shape, x.dtype);
  }
  return bind(expandPrimitive, [x], { shape });
}

/** Floats as they are, everything else as f32. */
export function toFloat(x: Tensor): Tensor {
  return isFloat(x.dtype) ? x : castTo(x, 'f32');
}

export function requireTensor(op: string, value: unknown): asserts value is Tensor {
  if (!(value instanceof Tensor)) {
    throw new ValueError(
      `${op}: expected a tensor, got ${describe(value)} (wrap it with tensor(…))`,
    );
  }
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  return Array.isArray(value) ? 'an array' : `a ${typeof value}`;
}

/** The dtype a number meets a tensor in: the tensor's, unless it cannot hold the number. */
function weakDType(value: number | boolean, dtype: DType): DType {
  if (typeof value === 'boolean' || isFloat(dtype)) return dtype;
  const whole = dtype === 'bool' ? 'i32' : dtype;
  const [least, greatest] = integerRange(whole);
  return Number.isInteger(value) && value >= least && value <= greatest ? whole : 'f32';
}

/** The dtype that operands meet in. @throws DTypeError for i32 with u32 */
export function commonDType(op: string, operands: readonly TensorLike[]): DType {
  let dtype: DType | null = null;
  for (const x of operands) {
    if (!(x instanceof Tensor)) continue;
    const before: DType | null = dtype;
    dtype = before === null ? x.dtype : promote(before, x.dtype);
    if (dtype === null) {
      throw new DTypeError(`${op}: ${before} and ${x.dtype} have no common dtype (use cast)`);
    }
  }
  let result: DType = dtype ?? (operands.some((x) => typeof x === 'number') ? 'f32' : 'bool');
  for (const x of operands) if (!(x instanceof Tensor)) result = weakDType(x, result);
  return result;
}

/** One operand at its final dtype and shape. */
export function conform(x: TensorLike, runtime: Runtime, shape: Shape, dtype: DType): Tensor {
  if (x instanceof Tensor) return expandTo(castTo(x, dtype), shape);
  return constant(runtime, Number(x), shape, dtype);
}

/** The shape that tensors among the operands broadcast to. */
export function commonShape(op: string, operands: readonly TensorLike[]): Shape {
  const shapes: Shape[] = [];
  for (const x of operands) if (x instanceof Tensor) shapes.push(x.shape);
  return shapes.length === 0 ? [] : broadcastShapes(op, shapes);
}

/** Operands of one shape, dtype and (where numbers are among them) backend. */
export function unify(op: string, operands: readonly TensorLike[], dtype?: DType): Tensor[] {
  let runtime: Runtime | null = null;
  for (const x of operands) {
    if (typeof x === 'number' || typeof x === 'boolean') continue;
    requireTensor(op, x);
    runtime ??= x.runtime;
  }
  const home = runtime ?? runtimeFor(undefined);
  const common = dtype ?? commonDType(op, operands);
  const shape = commonShape(op, operands);
  return operands.map((x) => conform(x, home, shape, common));
}
