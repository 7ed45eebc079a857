/** Shape changes: views wherever strides allow, so most of these copy nothing. */
import { bind } from '../bind.ts';
import { promote } from '../dtype.ts';
import { AxisError, DTypeError, ShapeError, ValueError } from '../errors.ts';
import {
  concat as concatPrimitive,
  fold as foldPrimitive,
  pad as padPrimitive,
} from '../primitives/indexing.ts';
import { copy } from '../primitives/unary.ts';
import * as views from '../primitives/view.ts';
import {
  type Axes,
  broadcastShapes,
  formatShape,
  normalizeAxes,
  normalizeAxis,
  type Shape,
  sameShape,
  sizeOf,
} from '../shape.ts';
import type { Range, Tensor } from '../tensor.ts';
import { castTo, expandTo, requireHeld, requireTensor } from './operand.ts';

/** Another shape of the same size; one size may be -1. A view where strides allow, else a copy. */
export function reshape(x: Tensor, shape: Shape): Tensor {
  requireTensor('reshape', x);
  const target = resolveShape(x, shape);
  return sameShape(target, x.shape) ? x : bind(views.reshape, [x], { shape: target });
}
function resolveShape(x: Tensor, shape: Shape): Shape {
  const holes = shape.filter((size) => size === -1).length;
  const known = shape.reduce((n, size) => (size === -1 ? n : n * size), 1);
  const isWhole = shape.every((size) => Number.isInteger(size) && size >= -1);
  const fill = known === 0 ? 0 : x.size / known;
  const isRight =
    holes === 0 ? known === x.size : holes === 1 && Number.isInteger(fill) && known > 0;
  if (!isWhole || !isRight) {
    throw new ShapeError(
      `reshape: ${formatShape(x.shape)} (${x.size} elements) does not fit ${formatShape(shape)}` +
        (holes > 1 ? ' (only one size may be -1)' : ''),
    );
  }
  return holes === 0 ? shape : shape.map((size) => (size === -1 ? fill : size));
}

/** Axes start … end become one. */
export function flatten(x: Tensor, start = 0, end = -1): Tensor {
  requireTensor('flatten', x);
  if (x.rank === 0) return reshape(x, [1]);
  const from = normalizeAxis('flatten', start, x.rank);
  const to = normalizeAxis('flatten', end, x.rank);
  if (from > to) throw new AxisError(`flatten: start ${start} lies after end ${end}`);
  const middle = sizeOf(x.shape.slice(from, to + 1));
  return reshape(x, [...x.shape.slice(0, from), middle, ...x.shape.slice(to + 1)]);
}

/** Axes in another order: axis i of the result is axis axes[i] of x. */
export function permute(x: Tensor, axes: readonly number[]): Tensor {
  requireTensor('permute', x);
  const list = axes.map((axis) => normalizeAxis('permute', axis, x.rank));
  if (list.length !== x.rank || new Set(list).size !== x.rank) {
    throw new AxisError(`permute: expected each of ${x.rank} axes once, got [${axes.join(', ')}]`);
  }
  return list.every((axis, i) => axis === i) ? x : bind(views.permute, [x], { axes: list });
}
/** Two axes exchanged; the last two by default. */
export function transpose(x: Tensor, a = -1, b = -2): Tensor {
  requireTensor('transpose', x);
  const axes = x.shape.map((_, axis) => axis);
  const [i, j] = [normalizeAxis('transpose', a, x.rank), normalizeAxis('transpose', b, x.rank)];
  axes[i] = j;
  axes[j] = i;
  return permute(x, axes);
}
/** One axis moved to another place, the others in order. */
export function moveAxis(x: Tensor, from: number, to: number): Tensor {
  requireTensor('moveAxis', x);
  const source = normalizeAxis('moveAxis', from, x.rank);
  const axes = x.shape.map((_, axis) => axis).filter((axis) => axis !== source);
  axes.splice(normalizeAxis('moveAxis', to, x.rank), 0, source);
  return permute(x, axes);
}

/** Broadcast to a larger shape without copying; -1 keeps a size. */
export function expand(x: Tensor, shape: Shape): Tensor {
  requireTensor('expand', x);
  const lead = shape.length - x.rank;
  const target = shape.map((size, i) =>
    size === -1 && i >= lead ? (x.shape[i - lead] as number) : size,
  );
  if (lead < 0 || !sameShape(broadcastShapes('expand', [x.shape, target]), target)) {
    throw new ShapeError(
      `expand: ${formatShape(x.shape)} does not broadcast to ${formatShape(shape)}`,
    );
  }
  return expandTo(x, target);
}
/** Axes of size 1 removed: all of them, or those named (which must have size 1). */
export function squeeze(x: Tensor, axes?: Axes): Tensor {
  requireTensor('squeeze', x);
  const list = axes === undefined ? null : normalizeAxes('squeeze', axes, x.rank);
  for (const axis of list ?? []) {
    if (x.shape[axis] !== 1) {
      throw new ShapeError(
        `squeeze: axis ${axis} of ${formatShape(x.shape)} has size ${x.shape[axis]}, not 1`,
      );
    }
  }
  const isGone = (size: number, axis: number): boolean => (list ? list.includes(axis) : size === 1);
  return reshape(
    x,
    x.shape.filter((size, axis) => !isGone(size, axis)),
  );
}
/** A new axis of size 1 at `axis`. */
export function unsqueeze(x: Tensor, axis: number): Tensor {
  requireTensor('unsqueeze', x);
  const at = normalizeAxis('unsqueeze', axis, x.rank + 1);
  return reshape(x, [...x.shape.slice(0, at), 1, ...x.shape.slice(at)]);
}

/** Per axis null (all of it) or [start, stop, step?], as Python slices: a view. */
export function slice(x: Tensor, ...ranges: readonly Range[]): Tensor {
  requireTensor('slice', x);
  if (ranges.length > x.rank) {
    throw new ShapeError(`slice: ${ranges.length} ranges for ${formatShape(x.shape)}`);
  }
  const [starts, sizes, steps]: [number[], number[], number[]] = [[], [], []];
  x.shape.forEach((size, axis) => {
    const [start, count, step] = resolveRange(size, ranges[axis] ?? null);
    starts.push(start);
    sizes.push(count);
    steps.push(step);
  });
  const isWhole = sameShape(sizes, x.shape) && steps.every((step) => step === 1);
  return isWhole ? x : bind(views.slice, [x], { starts, sizes, steps });
}
/** Python's rule: bounds may be negative and are clamped. First index, count, step. */
function resolveRange(size: number, range: Range): [number, number, number] {
  if (range === null) return [0, size, 1];
  const [first, last, step = 1] = range;
  if (!Number.isInteger(step) || step === 0)
    throw new ValueError(`slice: step must not be 0, got ${step}`);
  for (const bound of [first ?? 0, last ?? 0]) {
    if (!Number.isInteger(bound) && Math.abs(bound) !== Number.POSITIVE_INFINITY) {
      throw new ValueError(`slice: bounds must be whole numbers, got ${bound}`);
    }
  }
  const [low, high] = step > 0 ? [0, size] : [-1, size - 1];
  const clamp = (i: number): number => Math.min(Math.max(i < 0 ? i + size : i, low), high);
  const start = first === null || first === undefined ? (step > 0 ? 0 : size - 1) : clamp(first);
  const stop = last === null || last === undefined ? (step > 0 ? size : -1) : clamp(last);
  return [start, Math.max(0, Math.ceil((stop - start) / step)), step];
}
/** `length` elements of an axis from `start`: a view. @throws ShapeError beyond its end */
export function narrow(x: Tensor, axis: number, start: number, length: number): Tensor {
  requireTensor('narrow', x);
  const at = normalizeAxis('narrow', axis, x.rank);
  const size = x.shape[at] as number;
  const from = start < 0 ? start + size : start;
  const isWhole = Number.isInteger(from) && Number.isInteger(length);
  if (!isWhole || from < 0 || length < 0 || from + length > size) {
    throw new ShapeError(
      `narrow: [${start}, ${start + length}) is outside axis ${at} of ${formatShape(x.shape)}`,
    );
  }
  return slice(x, ...x.shape.map((_, i): Range => (i === at ? [from, from + length] : null)));
}
/** Axes walked backwards: a view. */
export function flip(x: Tensor, axes: Axes): Tensor {
  requireTensor('flip', x);
  const list = normalizeAxes('flip', axes, x.rank);
  return slice(x, ...x.shape.map((_, i): Range => (list.includes(i) ? [null, null, -1] : null)));
}
/** Elements shifted along axes, those that fall out come in at the other end. */
export function roll(x: Tensor, shifts: Axes, axes?: Axes): Tensor {
  requireTensor('roll', x);
  if (axes === undefined) return reshape(roll(reshape(x, [-1]), shifts, 0), x.shape);
  const list = typeof axes === 'number' ? [axes] : axes;
  const amounts = typeof shifts === 'number' ? [shifts] : shifts;
  if (list.length !== amounts.length) {
    throw new ValueError(`roll: ${amounts.length} shifts for ${list.length} axes`);
  }
  return list.reduce((y, axis, i) => rollAxis(y, amounts[i] as number, axis), x);
}
function rollAxis(x: Tensor, shift: number, axis: number): Tensor {
  const at = normalizeAxis('roll', axis, x.rank);
  const size = x.shape[at] as number;
  const by = size === 0 ? 0 : ((shift % size) + size) % size;
  if (by === 0) return x;
  return concat([narrow(x, at, size - by, by), narrow(x, at, 0, size - by)], at);
}

/** Overlapping windows along an axis, as a view: the axis becomes [windows, size]. */
export function unfold(x: Tensor, axis: number, size: number, step = 1, dilation = 1): Tensor {
  requireTensor('unfold', x);
  const at = normalizeAxis('unfold', axis, x.rank);
  const length = x.shape[at] as number;
  const span = (size - 1) * dilation + 1;
  if (size < 1 || step < 1 || dilation < 1 || span > length) {
    throw new ShapeError(
      `unfold: windows of ${size} (step ${step}, dilation ${dilation}) span ${span}, ` +
        `axis ${at} of ${formatShape(x.shape)} has ${length}`,
    );
  }
  const count = Math.floor((length - span) / step) + 1;
  return windows(x, { axis: at, windows: count, size, step, dilation });
}
/** unfold with the number of windows given (the last elements of the axis may be left over). */
export function windows(x: Tensor, attrs: views.UnfoldAttrs): Tensor {
  return bind(views.unfold, [x], attrs);
}
/** The transpose of unfold: windows (axis, axis + 1) are summed into an axis of `length`. */
export function fold(x: Tensor, axis: number, length: number, step = 1, dilation = 1): Tensor {
  requireTensor('fold', x);
  const at = normalizeAxis('fold', axis, x.rank - 1);
  return bind(foldPrimitive, [x], { axis: at, length, step, dilation });
}

/** A constant border: [before, after] per axis; negative amounts cut off. */
export function pad(x: Tensor, padding: readonly (readonly [number, number])[], value = 0): Tensor {
  requireTensor('pad', x);
  if (padding.length !== x.rank || padding.flat().some((n) => !Number.isInteger(n))) {
    throw new ShapeError(
      `pad: expected ${x.rank} pairs of whole numbers, got ${JSON.stringify(padding)}`,
    );
  }
  const isCut = padding.some(([low, high]) => low < 0 || high < 0);
  const cut = !isCut
    ? x
    : slice(
        x,
        ...padding.map(([low, high], axis): Range => {
          const size = x.shape[axis] as number;
          return [Math.max(0, -low), Math.max(0, size - Math.max(0, -high))];
        }),
      );
  const low = padding.map((pair) => Math.max(0, pair[0]));
  const high = padding.map((pair) => Math.max(0, pair[1]));
  if (low.every((n) => n === 0) && high.every((n) => n === 0)) return cut;
  requireHeld('pad', value, x.dtype);
  return bind(padPrimitive, [cut], { low, high, value });
}

/** The tensor several times along each axis; new leading axes as needed. */
export function repeat(x: Tensor, repetitions: readonly number[]): Tensor {
  requireTensor('repeat', x);
  if (repetitions.length < x.rank) {
    throw new ShapeError(`repeat: ${repetitions.length} repetitions for ${formatShape(x.shape)}`);
  }
  const lead = repetitions.length - x.rank;
  const shape = [...repetitions.slice(0, lead).map(() => 1), ...x.shape];
  const paired = reshape(
    x,
    shape.flatMap((size) => [1, size]),
  );
  const spread = expand(
    paired,
    shape.flatMap((size, i) => [repetitions[i] as number, size]),
  );
  return reshape(
    spread,
    shape.map((size, i) => size * (repetitions[i] as number)),
  );
}

/** The same values, dense in storage of their own; x itself if it is so already. */
export function contiguous(x: Tensor): Tensor {
  requireTensor('contiguous', x);
  return x.source.kind !== 'constant' && x.source.kind !== 'iota' && x.layout.isDense
    ? x
    : bind(copy, [x], null);
}
/**
 * The same values in storage of their own, dense and of x's shape, also where x is a view or a
 * constant; the gradient passes through unchanged.
 *
 * @example
 * import { clone, tensor } from '@tenon/core';
 * const x = tensor([[1, 2], [3, 4]]);
 * clone(x.transpose()); // [[1, 3], [2, 4]]
 */
export function clone(x: Tensor): Tensor {
  requireTensor('clone', x);
  return bind(copy, [x], null);
}
/** The same values; no gradient flows back. */
export function stopGradient(x: Tensor): Tensor {
  requireTensor('stopGradient', x);
  return bind(views.stopGradient, [x], null);
}

/** Tensors side by side along an existing axis. */
export function concat(tensors: readonly Tensor[], axis = 0): Tensor {
  const parts = sameKind('concat', tensors);
  const first = parts[0] as Tensor;
  const at = normalizeAxis('concat', axis, first.rank);
  for (const x of parts) {
    const isFit =
      x.rank === first.rank && x.shape.every((n, i) => i === at || n === first.shape[i]);
    if (!isFit) {
      throw new ShapeError(
        `concat: shapes must agree but for axis ${at}, got ` +
          parts.map((t) => formatShape(t.shape)).join(', '),
      );
    }
  }
  return parts.length === 1 ? first : bind(concatPrimitive, parts, { axis: at });
}
/** Tensors of one shape along a new axis. */
export function stack(tensors: readonly Tensor[], axis = 0): Tensor {
  const parts = sameKind('stack', tensors);
  const first = parts[0] as Tensor;
  if (!parts.every((x) => sameShape(x.shape, first.shape))) {
    throw new ShapeError(
      `stack: shapes must be equal, got ${parts.map((t) => formatShape(t.shape)).join(', ')}`,
    );
  }
  const at = normalizeAxis('stack', axis, first.rank + 1);
  return concat(
    parts.map((x) => unsqueeze(x, at)),
    at,
  );
}
function sameKind(op: string, tensors: readonly Tensor[]): Tensor[] {
  if (tensors.length === 0) throw new ValueError(`${op}: expected at least one tensor, got none`);
  let dtype = (tensors[0] as Tensor).dtype;
  for (const x of tensors) {
    requireTensor(op, x);
    const common = promote(dtype, x.dtype);
    if (common === null)
      throw new DTypeError(`${op}: ${dtype} and ${x.dtype} have no common dtype (use cast)`);
    dtype = common;
  }
  return tensors.map((x) => castTo(x, dtype));
}
/** Views of pieces: of `sizes` elements each, or of equal size (the last may be smaller). */
export function split(x: Tensor, sizes: number | readonly number[], axis = 0): Tensor[] {
  requireTensor('split', x);
  const at = normalizeAxis('split', axis, x.rank);
  const total = x.shape[at] as number;
  if (typeof sizes === 'number' && !(Number.isInteger(sizes) && sizes > 0)) {
    throw new ValueError(`split: the size of a piece must be a whole number above 0, got ${sizes}`);
  }
  const list = typeof sizes === 'number' ? pieces(total, sizes) : sizes;
  if (list.reduce((a, b) => a + b, 0) !== total) {
    throw new ShapeError(
      `split: sizes [${list.join(', ')}] must add up to ${total} ` +
        `(axis ${at} of ${formatShape(x.shape)})`,
    );
  }
  let start = 0;
  return list.map((size) => {
    start += size;
    return narrow(x, at, start - size, size);
  });
}
function pieces(total: number, size: number): number[] {
  const list: number[] = [];
  for (let at = 0; at < total; at += size) list.push(Math.min(size, total - at));
  return list;
}
/** At most `count` views of equal size (the last may be smaller). */
export function chunk(x: Tensor, count: number, axis = 0): Tensor[] {
  requireTensor('chunk', x);
  const at = normalizeAxis('chunk', axis, x.rank);
  return split(x, Math.max(1, Math.ceil((x.shape[at] as number) / count)), at);
}
/** The views along an axis, which disappears. */
export function unstack(x: Tensor, axis = 0): Tensor[] {
  requireTensor('unstack', x);
  const at = normalizeAxis('unstack', axis, x.rank);
  return split(x, 1, at).map((part) => squeeze(part, at));
}
