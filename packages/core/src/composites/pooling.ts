/**
 * Pooling: a reduction over windows, which are views: nothing is copied. Padding happens outside of
 * the composites, so that each is a single launch.
 */

import { isTracked } from '../autograd/tape.ts';
import type { TensorType } from '../backend.ts';
import { type Composite, defineComposite } from '../composite.ts';
import { ShapeError } from '../errors.ts';
import { library } from '../memory/ownership.ts';
import { tensor } from '../ops/create.ts';
import { constant, expandTo, requireTensor, toFloat } from '../ops/operand.ts';
import { pad, squeeze, unsqueeze } from '../ops/shape.ts';
import type { Ops } from '../ops.ts';
import { formatShape, type Shape, sizeOf } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import {
  type Pair,
  type PerAxis,
  perAxis,
  requireBatch,
  span,
  type WindowAttrs,
  windowsView,
} from './spatial.ts';

/** Windows on an input [N, C, …] that is padded already; `counts` windows along each axis. */
export interface PoolAttrs extends WindowAttrs {
  readonly counts: Shape;
}
export interface MaxPoolAttrs extends PoolAttrs {
  /** Whether a second output says where the first largest element is, in the flattened input. */
  readonly hasIndices: boolean;
}
function pooledType(input: TensorType, { counts }: PoolAttrs): TensorType {
  return { shape: [...input.shape.slice(0, 2), ...counts], dtype: input.dtype };
}
/** The last `rank` axes of a tensor of windows. */
function windowAxes(windows: Tensor, { counts }: PoolAttrs): number[] {
  return counts.map((_, i) => windows.rank - counts.length + i);
}

/** Beyond this many elements a loop over the window is faster than a chain of steps. */
const MAX_CHAIN = 16;
/** Whether a window's elements are few enough to be operands of one map. */
function isSmall({ backend }: Tensor, { kernel }: PoolAttrs): boolean {
  return sizeOf(kernel) <= Math.min(MAX_CHAIN, backend.capabilities.maxBuffers - 2);
}
/** Element k of every window, for each k in order: strided views [..., W1, …]. */
function windowElements(
  ops: Ops,
  x: Tensor,
  { kernel, stride, dilation, counts }: PoolAttrs,
): Tensor[] {
  const lead = x.shape.slice(0, x.rank - counts.length).map(() => null);
  return kernel.reduce<Tensor[]>(
    (views, size, i) => {
      const [step, distance] = [stride[i] as number, dilation[i] as number];
      const reach = ((counts[i] as number) - 1) * step + 1;
      return views.flatMap((view) =>
        Array.from({ length: size }, (_, k) => {
          const start = k * distance;
          const rest = counts.slice(i + 1).map(() => null);
          const done = counts.slice(0, i).map(() => null);
          return ops.slice(view, ...lead, ...done, [start, start + reach, step], ...rest);
        }),
      );
    },
    [x],
  );
}

export interface MaxPoolGradAttrs extends PoolAttrs {
  readonly input: Shape;
}
/** The transpose of picking: g goes to one element of each window. */
const maxPoolGrad = defineComposite<MaxPoolGradAttrs>({
  name: 'maxPoolGrad',
  type: ([g], { input }) => [{ shape: input, dtype: (g as TensorType).dtype }],
  decompose: (ops, inputs, { input }) => {
    const [g, index] = inputs as [Tensor, Tensor];
    const [n, c, ...sizes] = input as [number, number, ...number[]];
    const rows = [n * c, g.size / (n * c)];
    const attrs = { axis: 1, batch: 1, size: sizeOf(sizes) };
    const spread = ops.scatterSum(ops.reshape(g, rows), ops.reshape(index, rows), attrs);
    return [ops.reshape(spread, input)];
  },
});

/** The largest element of each window; NaN if any is. Its gradient goes to the first of them. */
const maxPool: Composite<MaxPoolAttrs> = defineComposite<MaxPoolAttrs>({
  name: 'maxPool',
  type: ([x], attrs) => {
    const type = pooledType(x as TensorType, attrs);
    return attrs.hasIndices ? [type, { shape: type.shape, dtype: 'i32' }] : [type];
  },
  decompose: (ops, [x], attrs) => {
    if (isSmall(x as Tensor, attrs)) return largestOf(ops, x as Tensor, attrs);
    const windows = windowsView(ops, x as Tensor, attrs.counts, attrs);
    const axes = windowAxes(windows, attrs);
    const y = ops.max(windows, axes);
    return attrs.hasIndices ? [y, firstIndex(ops, windows, y, x as Tensor, attrs)] : [y];
  },
  vjp: {
    saves: { inputs: [], outputs: true },
    rule: (_ops, g, ctx) => {
      const { shape } = ctx.types[0] as TensorType;
      const { kernel, stride, dilation, counts } = ctx.attrs;
      return maxPoolGrad([g, ctx.output(1)], { kernel, stride, dilation, counts, input: shape });
    },
  },
});

/** The same, element by element: a later one wins only where it is larger (or NaN). */
function largestOf(ops: Ops, x: Tensor, attrs: MaxPoolAttrs): Tensor[] {
  const [first, ...others] = windowElements(ops, x, attrs) as [Tensor, ...Tensor[]];
  const positions = windowElements(ops, plane(ops, x), attrs).map((t) =>
    ops.expand(t, first.shape),
  );
  let [y, index] = [first, positions[0] as Tensor];
  others.forEach((element, k) => {
    const isLarger = ops.logicalOr(ops.less(y, element), ops.notEqual(element, element));
    y = ops.where(isLarger, element, y);
    index = ops.where(isLarger, positions[k + 1] as Tensor, index);
  });
  if (others.length === 0)
    return attrs.hasIndices ? [ops.add(y, 0), ops.add(index, 0)] : [ops.add(y, 0)];
  return attrs.hasIndices ? [y, index] : [y];
}
/** [1, 1, S1, …]: the number of each element of a plane, as index arithmetic. */
function plane(ops: Ops, x: Tensor): Tensor {
  const sizes = x.shape.slice(2);
  return ops.reshape(ops.arange(sizeOf(sizes), { backend: x.backend }), [1, 1, ...sizes]);
}

/** Where in its plane each window meets its largest element first: positions are a view as well. */
function firstIndex(ops: Ops, windows: Tensor, y: Tensor, x: Tensor, attrs: PoolAttrs): Tensor {
  const size = sizeOf(x.shape.slice(2));
  const spread = windowsView(ops, plane(ops, x), attrs.counts, attrs);
  const positions = ops.expand(spread, windows.shape);
  const largest = ops.reshape(y, [...y.shape, ...attrs.counts.map(() => 1)]);
  const isLargest = ops.logicalOr(ops.equal(windows, largest), ops.notEqual(windows, windows));
  return ops.min(ops.where(isLargest, positions, size), windowAxes(windows, attrs));
}

export interface AvgPoolGradAttrs extends PoolAttrs {
  readonly input: Shape;
}
/** The transpose of avgPool. */
const avgPoolGrad = defineComposite<AvgPoolGradAttrs>({
  name: 'avgPoolGrad',
  type: ([g], { input }) => [{ shape: input, dtype: (g as TensorType).dtype }],
  decompose: (ops, inputs, attrs) => {
    const [g, divisor] = inputs as [Tensor, Tensor];
    const sizes = attrs.input.slice(2);
    if (isTiled(sizes, attrs)) return [tile(ops, g, divisor, attrs)];
    return [spreadAxes(ops, ops.div(g, divisor), sizes, attrs)];
  },
});
/** Whether windows cover the input without gaps or overlap. */
function isTiled(sizes: Shape, { kernel, stride, dilation, counts }: PoolAttrs): boolean {
  return sizes.every((size, i) => {
    const k = kernel[i] as number;
    return k === stride[i] && (dilation[i] === 1 || k === 1) && (counts[i] as number) * k === size;
  });
}
/** Each window's share at each of its elements: one map. */
function tile(ops: Ops, g: Tensor, divisor: Tensor, attrs: AvgPoolGradAttrs): Tensor {
  const { counts, kernel, input } = attrs;
  const lead = g.shape.slice(0, 2);
  const shape = [...lead, ...counts.flatMap((n, i) => [n, kernel[i] as number])];
  const [a, b] = [g, divisor].map((t) =>
    ops.expand(ops.reshape(t, [...lead, ...counts.flatMap((n) => [n, 1])]), shape),
  );
  return ops.reshape(ops.div(a as Tensor, b as Tensor), input);
}
/** Axis by axis, so that no tensor of all windows is made. */
function spreadAxes(ops: Ops, g: Tensor, sizes: Shape, attrs: PoolAttrs): Tensor {
  let y = g;
  for (let i = sizes.length - 1; i >= 0; i--) {
    const { kernel, stride, dilation } = attrs;
    const axis = 2 + i;
    const [before, after] = [y.shape.slice(0, axis + 1), y.shape.slice(axis + 1)];
    const apart = ops.reshape(y, [...before, 1, ...after]);
    const spread = ops.expand(apart, [...before, kernel[i] as number, ...after]);
    y = ops.fold(spread, axis, sizes[i] as number, stride[i] as number, dilation[i] as number);
  }
  return y;
}

/** Sums of windows over divisors: (x, divisor of the result's shape, usually expanded). */
const avgPool: Composite<PoolAttrs> = defineComposite<PoolAttrs>({
  name: 'avgPool',
  type: ([x], attrs) => [pooledType(x as TensorType, attrs)],
  decompose: (ops, inputs, attrs) => {
    const [x, divisor] = inputs as [Tensor, Tensor];
    if (isSmall(x, attrs)) {
      const elements = windowElements(ops, x, attrs);
      return [
        ops.div(
          elements.reduce((a, b) => ops.add(a, b)),
          divisor,
        ),
      ];
    }
    const windows = windowsView(ops, x, attrs.counts, attrs);
    return [ops.div(ops.sum(windows, windowAxes(windows, attrs)), divisor)];
  },
  vjp: {
    saves: { inputs: [1], outputs: false },
    rule: (_ops, g, ctx) => {
      const { shape } = ctx.types[0] as TensorType;
      return [avgPoolGrad([g, ctx.input(1)], { ...ctx.attrs, input: shape })[0] as Tensor, null];
    },
  },
});

export interface MaxPoolOptions {
  /** Distance between windows; the kernel's size by default. */
  readonly stride?: PerAxis;
  /** -∞ on both sides; at most half the kernel. */
  readonly padding?: PerAxis;
  readonly dilation?: PerAxis;
  /** Whether a last, partial window counts too. */
  readonly ceilMode?: boolean;
}
export interface AvgPoolOptions extends Omit<MaxPoolOptions, 'dilation'> {
  /** Whether padding counts as elements of value 0; true by default. */
  readonly countIncludePad?: boolean;
  /** Divide by this instead of the number of elements. */
  readonly divisor?: number;
}

/** Attributes and the padding that the windows need. */
interface Placement {
  readonly attrs: PoolAttrs;
  readonly padding: readonly Pair[];
}
function place(op: string, sizes: Shape, kernelSize: PerAxis, options: MaxPoolOptions): Placement {
  const rank = sizes.length;
  const kernel = perAxis(op, 'kernel', kernelSize, rank, 1);
  const stride = perAxis(op, 'stride', options.stride ?? kernel, rank, 1);
  const dilation = perAxis(op, 'dilation', options.dilation ?? 1, rank, 1);
  const amounts = perAxis(op, 'padding', options.padding ?? 0, rank, 0);
  const padding: Pair[] = [];
  const counts = sizes.map((size, i) => {
    const [k, step, low] = [kernel[i] as number, stride[i] as number, amounts[i] as number];
    if (2 * low > k) {
      throw new ShapeError(
        `${op}: padding must be at most half the kernel ${formatShape(kernel)}, ` +
          `got ${formatShape(amounts)}`,
      );
    }
    const wide = span(k, dilation[i] as number);
    const room = size + 2 * low - wide;
    let count = (options.ceilMode ? Math.ceil(room / step) : Math.floor(room / step)) + 1;
    // A window that starts beyond the input and its low padding would hold nothing.
    if (options.ceilMode && (count - 1) * step >= size + low) count--;
    if (room < 0 || count < 1) {
      throw new ShapeError(
        `${op}: a window of ${formatShape(kernel)} spans ${wide} on spatial axis ${i}, ` +
          `the padded input has only ${size + 2 * low} ` +
          `(input ${formatShape(sizes)}, padding ${formatShape(amounts)})`,
      );
    }
    padding.push([low, Math.max(0, (count - 1) * step + wide - size - low)]);
    return count;
  });
  return { attrs: { kernel, stride, dilation, counts }, padding };
}

/** Runs fn on x as [N, C, …]. */
function batched(op: string, rank: number, x: Tensor, fn: (x: Tensor) => Tensor): Tensor {
  return library(() => {
    requireTensor(op, x);
    const { isSingle } = requireBatch(op, x, rank);
    const y = fn(isSingle ? unsqueeze(toFloat(x), 0) : toFloat(x));
    return isSingle ? squeeze(y, 0) : y;
  });
}
function padded(x: Tensor, padding: readonly Pair[], value: number): Tensor {
  return pad(x, [[0, 0], [0, 0], ...padding], value);
}

/** maxPool of x [N, C, …], with indices only where a gradient will want them. */
export function maxPoolBatch(
  op: string,
  x: Tensor,
  kernel: PerAxis,
  options: MaxPoolOptions,
): Tensor {
  const { attrs, padding } = place(op, x.shape.slice(2), kernel, options);
  const input = padded(x, padding, Number.NEGATIVE_INFINITY);
  return maxPool([input], { ...attrs, hasIndices: isTracked([input]) })[0] as Tensor;
}
export function avgPoolBatch(
  op: string,
  x: Tensor,
  kernel: PerAxis,
  options: AvgPoolOptions,
): Tensor {
  const sizes = x.shape.slice(2);
  const { attrs, padding } = place(op, sizes, kernel, options);
  const amounts = perAxis(op, 'padding', options.padding ?? 0, sizes.length, 0);
  const divisor = divisors(x, attrs, amounts, options);
  return avgPool([padded(x, padding, 0), divisor], attrs)[0] as Tensor;
}
/** How many elements each window divides by: a constant where all windows agree. */
function divisors(x: Tensor, attrs: PoolAttrs, padding: Shape, options: AvgPoolOptions): Tensor {
  const { kernel, stride, counts } = attrs;
  const { countIncludePad = true, divisor } = options;
  const shape = [...x.shape.slice(0, 2), ...counts];
  const perWindow = counts.map((count, i) =>
    Array.from({ length: count }, (_, w) => {
      const [size, low] = [x.shape[2 + i] as number, padding[i] as number];
      const start = w * (stride[i] as number) - low;
      const stop = Math.min(start + (kernel[i] as number), size + low);
      return countIncludePad ? stop - start : Math.min(stop, size) - Math.max(start, 0);
    }),
  );
  const isWhole = perWindow.every((list, i) => list.every((n) => n === kernel[i]));
  if (divisor !== undefined || isWhole) {
    return constant(x.runtime, divisor ?? sizeOf(kernel), shape, x.dtype);
  }
  let values = [1];
  for (const list of perWindow) values = values.flatMap((value) => list.map((n) => value * n));
  const made = { shape: counts, dtype: x.dtype, backend: x.backend };
  return expandTo(tensor(Float64Array.from(values), made), shape);
}

/** The largest element of each window: x [N, C, L] → [N, C, L']. NaN if any is. */
export function maxPool1d(x: Tensor, kernel: PerAxis, options: MaxPoolOptions = {}): Tensor {
  return batched('maxPool1d', 1, x, (y) => maxPoolBatch('maxPool1d', y, kernel, options));
}
/**
 * The largest element of each window: x [N, C, H, W] → [N, C, H', W']. Gradients go to the first
 * largest element. Sizes as those of conv2d; rounded up with ceilMode.
 * @example
 * import { arange, maxPool2d } from '@tenon/core';
 * maxPool2d(arange(16).reshape([1, 1, 4, 4]), 2); // [[[[5, 7], [13, 15]]]]
 */
export function maxPool2d(x: Tensor, kernel: PerAxis, options: MaxPoolOptions = {}): Tensor {
  return batched('maxPool2d', 2, x, (y) => maxPoolBatch('maxPool2d', y, kernel, options));
}
/** The largest element of each window: x [N, C, D, H, W]. */
export function maxPool3d(x: Tensor, kernel: PerAxis, options: MaxPoolOptions = {}): Tensor {
  return batched('maxPool3d', 3, x, (y) => maxPoolBatch('maxPool3d', y, kernel, options));
}
/** The mean of each window: x [N, C, L] → [N, C, L']. */
export function avgPool1d(x: Tensor, kernel: PerAxis, options: AvgPoolOptions = {}): Tensor {
  return batched('avgPool1d', 1, x, (y) => avgPoolBatch('avgPool1d', y, kernel, options));
}
/** The mean of each window: x [N, C, H, W] → [N, C, H', W']. */
export function avgPool2d(x: Tensor, kernel: PerAxis, options: AvgPoolOptions = {}): Tensor {
  return batched('avgPool2d', 2, x, (y) => avgPoolBatch('avgPool2d', y, kernel, options));
}
/** The mean of each window: x [N, C, D, H, W]. */
export function avgPool3d(x: Tensor, kernel: PerAxis, options: AvgPoolOptions = {}): Tensor {
  return batched('avgPool3d', 3, x, (y) => avgPoolBatch('avgPool3d', y, kernel, options));
}
