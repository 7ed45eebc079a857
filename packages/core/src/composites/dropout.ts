/**
 * Dropout. The mask is a pure function of (key, position), so it is never stored: the backward pass
 * draws it again from the key. The same bits on every backend.
 */
import type { TensorType } from '../backend.ts';
import { type Composite, defineComposite } from '../composite.ts';
import { ValueError } from '../errors.ts';
import { library } from '../memory/ownership.ts';
import { expandTo, requireTensor, toFloat } from '../ops/operand.ts';
import { type Generator, nextKey } from '../ops/random.ts';
import type { Tensor } from '../tensor.ts';

interface DropoutAttrs {
  readonly p: number;
  /** Axes along which all elements share their fate. */
  readonly shared: readonly number[];
}
/** (x, key): linear in x and its own transpose. */
const dropoutComposite: Composite<DropoutAttrs> = defineComposite<DropoutAttrs>({
  name: 'dropout',
  type: ([x]) => [x as TensorType],
  decompose: (ops, inputs, { p, shared }) => {
    const [x, key] = inputs as [Tensor, Tensor];
    const shape = x.shape.map((n, axis) => (shared.includes(axis) ? 1 : n));
    const chance = ops.unitFloat(ops.randomBits(key, shape));
    const isKept = expandTo(ops.greaterEqual(chance, p), x.shape);
    return [ops.where(isKept, ops.mul(x, p === 1 ? 0 : 1 / (1 - p)), 0)];
  },
  vjp: {
    saves: { inputs: [1], outputs: false },
    rule: (_ops, g, ctx) => [dropoutComposite([g, ctx.input(1)], ctx.attrs)[0] as Tensor, null],
  },
});

export interface DropoutOptions {
  /** Without it x is returned as it is; true by default. */
  readonly training?: boolean;
  readonly generator?: Generator;
}

function drop(
  op: string,
  x: Tensor,
  p: number,
  shared: readonly number[],
  options: DropoutOptions,
): Tensor {
  requireTensor(op, x);
  if (!(p >= 0 && p <= 1)) throw new ValueError(`${op}: p must lie in [0, 1], got ${p}`);
  if (options.training === false || p === 0) return x;
  const { generator } = options;
  return library(() => {
    const key = nextKey({ backend: x.backend, ...(generator ? { generator } : {}) });
    return dropoutComposite([toFloat(x), key], { p, shared })[0] as Tensor;
  });
}

/**
 * Each element becomes 0 with probability p, the others are divided by 1 - p (Srivastava et al.,
 * 2014). One launch, and one backward.
 * @example
 * import { dropout, ones } from '@tenon/core';
 * dropout(ones([4, 8]), 0.5); // [4, 8]
 */
export function dropout(x: Tensor, p = 0.5, options: DropoutOptions = {}): Tensor {
  return drop('dropout', x, p, [], options);
}
/** dropout of whole channels: x [N, C, …], each [n, c] at once (Tompson et al., 2015). */
export function channelDropout(x: Tensor, p = 0.5, options: DropoutOptions = {}): Tensor {
  const shared = x.shape.map((_, axis) => axis).slice(2);
  return drop('channelDropout', x, p, shared, options);
}
