/** Batched matrix product. Operands may have any strides; transposes are views. */
import type { TensorType } from '../backend.ts';
import { ShapeError } from '../errors.ts';
import type { MatmulPrimitive } from '../primitive.ts';
import { formatShape, sameShape } from '../shape.ts';
import { requireFloat } from './rules.ts';

/** y[…, m, n] = Σk a[…, m, k] · b[…, k, n]; equal batch axes, ops.matmul has broadcast them. */
export const matmul: MatmulPrimitive = {
  name: 'matmul',
  kind: 'matmul',
  saves: { inputs: [0, 1], output: false },
  type: ([x, y]) => {
    const [a, b] = [x as TensorType, y as TensorType];
    requireFloat('matmul', a);
    requireFloat('matmul', b);
    const rank = a.shape.length;
    const k = a.shape[rank - 1] as number;
    const batch = a.shape.slice(0, -2);
    if (rank < 2 || b.shape.length !== rank || !sameShape(batch, b.shape.slice(0, -2))) {
      throw new ShapeError(
        `matmul: batch axes differ: ${formatShape(a.shape)} · ${formatShape(b.shape)}`,
      );
    }
    if (k !== b.shape[rank - 2]) {
      throw new ShapeError(
        `matmul: inner sizes differ: ${formatShape(a.shape)} · ${formatShape(b.shape)} ` +
          `(${k} ≠ ${b.shape[rank - 2]})`,
      );
    }
    return {
      shape: [...batch, a.shape[rank - 2] as number, b.shape[rank - 1] as number],
      dtype: a.dtype,
    };
  },
  derivative: {
    kind: 'multilinear',
    transposes: [
      (ops, g, ctx) => ops.matmul(g, ops.transpose(ctx.input(1), -1, -2)),
      (ops, g, ctx) => ops.matmul(ops.transpose(ctx.input(0), -1, -2), g),
    ],
  },
};
