/** Activations made of straight pieces, and those with a weight or a gate. Slopes as PyTorch's. */
import type { TensorType } from '../backend.ts';
import { defineComposite } from '../composite.ts';
import { ShapeError, ValueError } from '../errors.ts';
import { library } from '../memory/ownership.ts';
import { expandTo, requireTensor, toFloat } from '../ops/operand.ts';
import { narrow, reshape } from '../ops/shape.ts';
import type { Ops } from '../ops.ts';
import { formatShape, normalizeAxis } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { stableSigmoid } from './activation.ts';
import { definePointwise } from './pointwise.ts';

/** Whether low < x < high; true for NaN, whose gradient passes. */
function isInside(ops: Ops, x: Tensor, low: number, high: number): Tensor {
  return ops.logicalNot(ops.logicalOr(ops.lessEqual(x, low), ops.greaterEqual(x, high)));
}

interface Bounds {
  readonly low: number;
  readonly high: number;
}
const hardTanhOf = definePointwise<Bounds>({
  name: 'hardTanh',
  takesIntegers: true,
  value: (ops, x, { low, high }) => ops.clip(x, low, high),
  saves: 'input',
  gradient: (ops, g, x, { low, high }) => ops.where(isInside(ops, x, low, high), g, 0),
});
/** x held within [low, high]; slope 0 at the bounds. */
export function hardTanh(x: Tensor, low = -1, high = 1): Tensor {
  if (!(low <= high))
    throw new ValueError(`hardTanh: expected low <= high, got ${low} and ${high}`);
  return hardTanhOf(x, { low, high });
}
/** min(max(x, 0), 6); slope 0 at 0 and 6. */
export function relu6(x: Tensor): Tensor {
  return hardTanhOf(x, { low: 0, high: 6 });
}

const hardSigmoidOf = definePointwise<null>({
  name: 'hardSigmoid',
  value: (ops, x) => ops.div(ops.clip(ops.add(x, 3), 0, 6), 6),
  saves: 'input',
  gradient: (ops, g, x) => ops.where(isInside(ops, x, -3, 3), ops.div(g, 6), 0),
});
/** (x + 3)/6 held within [0, 1] */
export function hardSigmoid(x: Tensor): Tensor {
  return hardSigmoidOf(x, null);
}

const hardSwishOf = definePointwise<null>({
  name: 'hardSwish',
  value: (ops, x) => ops.mul(x, ops.div(ops.clip(ops.add(x, 3), 0, 6), 6)),
  saves: 'input',
  gradient: (ops, g, x) => {
    const middle = ops.mul(g, ops.add(ops.div(x, 3), 0.5));
    return ops.where(ops.less(x, -3), 0, ops.where(ops.lessEqual(x, 3), middle, g));
  },
});
/** x · hardSigmoid(x) */
export function hardSwish(x: Tensor): Tensor {
  return hardSwishOf(x, null);
}

interface ShrinkAttrs {
  readonly width: number;
}
/** Whether |x| <= width; false for NaN. */
function isNear(ops: Ops, x: Tensor, width: number): Tensor {
  return ops.lessEqual(ops.abs(x), width);
}
const softShrinkOf = definePointwise<ShrinkAttrs>({
  name: 'softShrink',
  value: (ops, x, { width }) => {
    const below = ops.where(ops.less(x, -width), ops.add(x, width), 0);
    return ops.where(ops.greater(x, width), ops.sub(x, width), below);
  },
  saves: 'input',
  gradient: (ops, g, x, { width }) => ops.where(isNear(ops, x, width), 0, g),
});
/** x moved towards 0 by width, 0 within [-width, width]. */
export function softShrink(x: Tensor, width = 0.5): Tensor {
  if (!(width >= 0)) throw new ValueError(`softShrink: width must be at least 0, got ${width}`);
  return softShrinkOf(x, { width });
}
const hardShrinkOf = definePointwise<ShrinkAttrs>({
  name: 'hardShrink',
  value: (ops, x, { width }) => ops.where(isNear(ops, x, width), 0, x),
  saves: 'input',
  gradient: (ops, g, x, { width }) => ops.where(isNear(ops, x, width), 0, g),
});
/** x outside [-width, width], else 0. */
export function hardShrink(x: Tensor, width = 0.5): Tensor {
  return hardShrinkOf(x, { width });
}

interface ThresholdAttrs {
  readonly limit: number;
  readonly value: number;
}
const thresholdOf = definePointwise<ThresholdAttrs>({
  name: 'threshold',
  takesIntegers: true,
  value: (ops, x, { limit, value }) => ops.where(ops.lessEqual(x, limit), value, x),
  saves: 'input',
  gradient: (ops, g, x, { limit }) => ops.where(ops.lessEqual(x, limit), 0, g),
});
/** x above limit, else value. */
export function threshold(x: Tensor, limit: number, value: number): Tensor {
  return thresholdOf(x, { limit, value });
}

const preluGrad = defineComposite<null>({
  name: 'preluGrad',
  type: ([, x]) => [x as TensorType, x as TensorType],
  decompose: (ops, inputs) => {
    const [g, x, weight] = inputs as [Tensor, Tensor, Tensor];
    const isUp = ops.greater(x, 0);
    return [ops.where(isUp, g, ops.mul(g, weight)), ops.where(isUp, 0, ops.mul(g, x))];
  },
});
/** Both inputs of one shape. */
const preluComposite = defineComposite<null>({
  name: 'prelu',
  type: ([x]) => [x as TensorType],
  decompose: (ops, inputs) => {
    const [x, weight] = inputs as [Tensor, Tensor];
    return [ops.where(ops.greater(x, 0), x, ops.mul(x, weight))];
  },
  vjp: {
    saves: { inputs: [0, 1], outputs: false },
    rule: (_ops, g, ctx) => preluGrad([g, ctx.input(0), ctx.input(1)], null),
  },
});
/**
 * x above 0, weight · x below (He et al., 2015).
 * @param weight one for all, or one for each channel: [1], [] or [C] for x [N, C, …]
 * @throws ShapeError when weight has another size
 */
export function prelu(x: Tensor, weight: Tensor): Tensor {
  requireTensor('prelu', x);
  requireTensor('prelu', weight);
  const channels = x.rank < 2 ? 1 : (x.shape[1] as number);
  if (weight.rank > 1 || (weight.size !== 1 && weight.size !== channels)) {
    throw new ShapeError(
      `prelu: weight must have 1 element or one for each of ${channels} channels of ` +
        `${formatShape(x.shape)}, got ${formatShape(weight.shape)}`,
    );
  }
  return library(() => {
    const y = toFloat(x);
    const along = y.shape.map((_, axis) => (axis === 1 ? weight.size : 1));
    const spread = weight.size === 1 ? reshape(weight, []) : reshape(weight, along);
    return preluComposite([y, expandTo(spread, y.shape)], null)[0] as Tensor;
  });
}

const gluGrad = defineComposite<null>({
  name: 'gluGrad',
  type: ([, a, b]) => [a as TensorType, b as TensorType],
  decompose: (ops, inputs) => {
    const [g, a, b] = inputs as [Tensor, Tensor, Tensor];
    const s = stableSigmoid(ops, b);
    const gs = ops.mul(g, s);
    return [gs, ops.mul(ops.mul(gs, a), ops.sub(1, s))];
  },
});
const gluComposite = defineComposite<null>({
  name: 'glu',
  type: ([a]) => [a as TensorType],
  decompose: (ops, inputs) => {
    const [a, b] = inputs as [Tensor, Tensor];
    return [ops.mul(a, stableSigmoid(ops, b))];
  },
  vjp: {
    saves: { inputs: [0, 1], outputs: false },
    rule: (_ops, g, ctx) => gluGrad([g, ctx.input(0), ctx.input(1)], null),
  },
});
/** a · sigmoid(b), with a and b the halves of x along an axis (Dauphin et al., 2017). */
export function glu(x: Tensor, axis = -1): Tensor {
  requireTensor('glu', x);
  const at = normalizeAxis('glu', axis, x.rank);
  const size = x.shape[at] as number;
  if (size % 2 !== 0) {
    throw new ShapeError(
      `glu: axis ${at} of ${formatShape(x.shape)} must have an even size, got ${size}`,
    );
  }
  return library(() => {
    const y = toFloat(x);
    const half = size / 2;
    return gluComposite([narrow(y, at, 0, half), narrow(y, at, half, half)], null)[0] as Tensor;
  });
}
