/** Type-rule helpers shared by the primitive families. Checks live here, once; kernels assume. */
import type { TensorType } from '../backend.ts';
import { type DType, isFloat } from '../dtype.ts';
import { DTypeError, ShapeError } from '../errors.ts';
import { formatShape, sameShape } from '../shape.ts';

export function requireFloat(op: string, type: TensorType): void {
  if (!isFloat(type.dtype)) {
    throw new DTypeError(`${op}: expected f32 or f64, got ${type.dtype} (use x.cast('f32'))`);
  }
}

export function requireNumeric(op: string, type: TensorType): void {
  if (type.dtype === 'bool') {
    throw new DTypeError(`${op}: expected numbers, got bool (use x.cast('f32') or x.cast('i32'))`);
  }
}

export function requireDType(op: string, what: string, type: TensorType, dtype: DType): void {
  if (type.dtype !== dtype) {
    throw new DTypeError(`${op}: ${what} must be ${dtype}, got ${type.dtype} (use cast)`);
  }
}

/** Primitives are strict: ops.ts has broadcast and promoted already. */
export function requireSameType(op: string, a: TensorType, b: TensorType): void {
  if (a.dtype !== b.dtype) {
    throw new DTypeError(`${op}: operands must have one dtype, got ${a.dtype} and ${b.dtype}`);
  }
  requireSameShape(op, a, b);
}

export function requireSameShape(op: string, a: TensorType, b: TensorType): void {
  if (!sameShape(a.shape, b.shape)) {
    throw new ShapeError(
      `${op}: operands must have one shape, got ${formatShape(a.shape)} ` +
        `and ${formatShape(b.shape)}`,
    );
  }
}
