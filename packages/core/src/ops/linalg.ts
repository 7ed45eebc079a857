/** Products of matrices and vectors. */
import { bind } from '../bind.ts';
import { promote } from '../dtype.ts';
import { DTypeError, ShapeError } from '../errors.ts';
import { matmul as matmulPrimitive } from '../primitives/matmul.ts';
import { broadcastShapes, formatShape, sizeOf } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { mul } from './elementwise.ts';
import { castTo, expandTo, requireTensor } from './operand.ts';
import { sum } from './reduce.ts';
import { reshape, squeeze, unsqueeze } from './shape.ts';

/**
 * The matrix product over the last two axes; leading axes broadcast. A vector on the left is a row,
 * on the right a column, and its axis disappears from the result, as in PyTorch.
 * @throws ShapeError naming both shapes when the inner sizes differ
 */
export function matmul(a: Tensor, b: Tensor): Tensor {
  requireTensor('matmul', a);
  requireTensor('matmul', b);
  if (a.rank === 0 || b.rank === 0) {
    throw new ShapeError(
      `matmul: expected vectors or matrices, got ${formatShape(a.shape)} · ` +
        `${formatShape(b.shape)} (use mul)`,
    );
  }
  if (a.rank === 1) return squeeze(matmul(unsqueeze(a, 0), b), b.rank === 1 ? 0 : -2);
  if (b.rank === 1) return squeeze(matmul(a, unsqueeze(b, 1)), -1);
  const [k, n] = [a.shape[a.rank - 1], b.shape[b.rank - 2]];
  if (k !== n) {
    throw new ShapeError(
      `matmul: inner sizes differ: ${formatShape(a.shape)} · ${formatShape(b.shape)} (${k} ≠ ${n})`,
    );
  }
  const dtype = promote(a.dtype, b.dtype);
  if (dtype === null) {
    throw new DTypeError(`matmul: ${a.dtype} and ${b.dtype} have no common dtype (use cast)`);
  }
  return product(castTo(a, dtype), castTo(b, dtype));
}

function product(a: Tensor, b: Tensor): Tensor {
  // Many rows against one matrix are one product: no batch axis to walk.
  if (b.rank === 2 && a.rank > 2 && a.layout.isDense) {
    const rows = reshape(a, [sizeOf(a.shape.slice(0, -1)), a.shape[a.rank - 1] as number]);
    const flat = bind(matmulPrimitive, [rows, b], null);
    return reshape(flat, [...a.shape.slice(0, -1), b.shape[1] as number]);
  }
  const batch = broadcastShapes('matmul', [a.shape.slice(0, -2), b.shape.slice(0, -2)]);
  const x = expandTo(a, [...batch, ...a.shape.slice(-2)]);
  const y = expandTo(b, [...batch, ...b.shape.slice(-2)]);
  return bind(matmulPrimitive, [x, y], null);
}

/** Σ aᵢ·bᵢ of two vectors. */
export function dot(a: Tensor, b: Tensor): Tensor {
  if (a.rank !== 1 || b.rank !== 1 || a.size !== b.size) {
    throw new ShapeError(
      `dot: expected vectors of one size, got ${formatShape(a.shape)} · ${formatShape(b.shape)}`,
    );
  }
  return sum(mul(a, b));
}
/** yᵢⱼ = aᵢ·bⱼ of two vectors. */
export function outer(a: Tensor, b: Tensor): Tensor {
  if (a.rank !== 1 || b.rank !== 1) {
    throw new ShapeError(
      `outer: expected two vectors, got ${formatShape(a.shape)} · ${formatShape(b.shape)}`,
    );
  }
  return mul(unsqueeze(a, 1), unsqueeze(b, 0));
}
