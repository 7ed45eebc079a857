/** Products with a weight: linear, bilinear, embedding. */
import type { TensorType } from '../backend.ts';
import { defineComposite } from '../composite.ts';
import { isInteger } from '../dtype.ts';
import { DTypeError, ShapeError } from '../errors.ts';
import { library } from '../memory/ownership.ts';
import { add, equal, mul, where } from '../ops/elementwise.ts';
import { take } from '../ops/indexing.ts';
import { matmul } from '../ops/linalg.ts';
import { requireTensor, toFloat } from '../ops/operand.ts';
import { sum } from '../ops/reduce.ts';
import { permute, reshape, stopGradient, unsqueeze } from '../ops/shape.ts';
import { formatShape, sizeOf } from '../shape.ts';
import type { Tensor } from '../tensor.ts';

type Bias = Tensor | null | undefined;
function requireBias(op: string, bias: Bias, size: number): void {
  if (bias && (bias.rank !== 1 || bias.size !== size)) {
    throw new ShapeError(`${op}: bias must be [${size}], got ${formatShape(bias.shape)}`);
  }
}
function requireOneDType(op: string, x: Tensor, weight: Tensor): void {
  if (x.dtype !== weight.dtype) {
    throw new DTypeError(
      `${op}: input and weight must have one dtype, got ${x.dtype} and ${weight.dtype} (use cast)`,
    );
  }
}

interface LinearAttrs {
  readonly hasBias: boolean;
}
/** (x [rows, in], weight [out, in], bias? [out]) → [rows, out] */
const linearComposite = defineComposite<LinearAttrs>({
  name: 'linear',
  type: ([x, weight]) => {
    const [a, w] = [x as TensorType, weight as TensorType];
    return [{ shape: [a.shape[0] as number, w.shape[0] as number], dtype: a.dtype }];
  },
  decompose: (ops, inputs, { hasBias }) => {
    const [x, weight, bias] = inputs as [Tensor, Tensor, Tensor];
    const y = ops.matmul(x, ops.transpose(weight));
    return [hasBias ? ops.add(y, bias) : y];
  },
  vjp: {
    saves: { inputs: [0, 1], outputs: false },
    // gᵀ · x comes out dense in the weight's own layout: no copy when it is accumulated.
    rule: (ops, g, { needs, input }) => [
      needs[0] ? ops.matmul(g, input(1)) : null,
      needs[1] ? ops.matmul(ops.transpose(g), input(0)) : null,
      needs[2] ? ops.sum(g, 0) : null,
    ],
  },
});

/**
 * x · weightᵀ + bias: x [..., in], weight [out, in], bias [out] → [..., out].
 * @throws ShapeError naming both shapes when they do not fit
 */
export function linear(x: Tensor, weight: Tensor, bias?: Bias): Tensor {
  requireTensor('linear', x);
  requireTensor('linear', weight);
  if (weight.rank !== 2 || x.rank < 1 || x.shape[x.rank - 1] !== weight.shape[1]) {
    throw new ShapeError(
      `linear: expected x [..., in] and weight [out, in], got ${formatShape(x.shape)} and ` +
        `${formatShape(weight.shape)}`,
    );
  }
  const out = weight.shape[0] as number;
  requireBias('linear', bias, out);
  return library(() => {
    const input = toFloat(x);
    requireOneDType('linear', input, weight);
    const rows = reshape(input, [sizeOf(x.shape.slice(0, -1)), weight.shape[1] as number]);
    const operands = bias ? [rows, weight, bias] : [rows, weight];
    const y = linearComposite(operands, { hasBias: Boolean(bias) })[0] as Tensor;
    return reshape(y, [...x.shape.slice(0, -1), out]);
  });
}

/** yₒ = Σ aᵢ · weight[o, i, j] · bⱼ + biasₒ: a [..., in1], b [..., in2], weight [out, in1, in2]. */
export function bilinear(a: Tensor, b: Tensor, weight: Tensor, bias?: Bias): Tensor {
  const [out, in1, in2] = weight.shape as [number, number, number];
  const isFit =
    weight.rank === 3 &&
    a.rank === b.rank &&
    a.shape[a.rank - 1] === in1 &&
    b.shape[b.rank - 1] === in2;
  if (!isFit) {
    throw new ShapeError(
      `bilinear: expected [..., in1], [..., in2] and weight [out, in1, in2], got ` +
        `${formatShape(a.shape)}, ${formatShape(b.shape)} and ${formatShape(weight.shape)}`,
    );
  }
  requireBias('bilinear', bias, out);
  return library(() => {
    const table = reshape(permute(weight, [1, 0, 2]), [in1, out * in2]);
    const rows = reshape(matmul(a, table), [...a.shape.slice(0, -1), out, in2]);
    const y = sum(mul(rows, unsqueeze(b, -2)), -1);
    return bias ? add(y, bias) : y;
  });
}

export interface EmbeddingOptions {
  /** This row of the weight gets no gradient. */
  readonly paddingIndex?: number;
}
/**
 * Rows of weight [count, features] at integer indices of any shape → [...indices, features].
 * @throws IndexRangeError on the CPU backends when an index lies outside [0, count)
 */
export function embedding(weight: Tensor, indices: Tensor, options: EmbeddingOptions = {}): Tensor {
  requireTensor('embedding', weight);
  requireTensor('embedding', indices);
  if (weight.rank !== 2) {
    throw new ShapeError(
      `embedding: weight must be [count, features], got ${formatShape(weight.shape)}`,
    );
  }
  if (!isInteger(indices.dtype)) {
    throw new DTypeError(
      `embedding: indices must be i32, got ${indices.dtype} (use indices.cast('i32'))`,
    );
  }
  const { paddingIndex } = options;
  if (paddingIndex === undefined) return take(weight, indices, 0);
  return library(() => {
    const rows = take(weight, indices, 0);
    const at = paddingIndex < 0 ? paddingIndex + (weight.shape[0] as number) : paddingIndex;
    return where(unsqueeze(equal(indices, at), -1), stopGradient(rows), rows);
  });
}
