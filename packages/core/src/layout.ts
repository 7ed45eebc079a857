/**
 * Layouts: where the element at an index lies in its storage. offset and strides are in elements;
 * stride 0 repeats an element (broadcasting), a negative stride walks backwards. All views are made
 * here, by pure functions; dense layouts are interned, so "same shape and dense" is one comparison.
 */
import { type Shape, sizeOf } from './shape.ts';

export class Layout {
  readonly shape: Shape;
  readonly strides: readonly number[];
  readonly offset: number;
  readonly size: number;
  /** Row-major from offset 0 without gaps (axes of size 1 do not matter). */
  readonly isDense: boolean;

  constructor(shape: Shape, strides: readonly number[], offset: number) {
    this.shape = shape;
    this.strides = strides;
    this.offset = offset;
    this.size = sizeOf(shape);
    this.isDense = offset === 0 && (this.size === 0 || isRowMajor(shape, strides));
  }
}

function isRowMajor(shape: Shape, strides: readonly number[]): boolean {
  let expected = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    const size = shape[i] as number;
    if (size !== 1 && strides[i] !== expected) return false;
    expected *= size;
  }
  return true;
}

/** Row-major strides of a shape. */
export function denseStrides(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = stride;
    stride *= shape[i] as number;
  }
  return strides;
}

/** A node of the interning tree: one level per axis. */
interface Interned {
  layout: Layout | null;
  readonly next: Map<number, Interned>;
}
let root: Interned = { layout: null, next: new Map() };
let internedCount = 0;
/** A program with ever-changing shapes must not grow without end: the tree starts anew. */
const MAX_INTERNED = 20_000;

/** The dense layout of a shape: the same object every time. */
export function denseLayout(shape: Shape): Layout {
  let node = root;
  for (let i = 0; i < shape.length; i++) {
    const size = shape[i] as number;
    let next = node.next.get(size);
    if (next === undefined) {
      next = { layout: null, next: new Map() };
      node.next.set(size, next);
    }
    node = next;
  }
  if (node.layout === null) {
    const own = Object.freeze([...shape]);
    node.layout = new Layout(own, Object.freeze(denseStrides(own)), 0);
    if (++internedCount > MAX_INTERNED) {
      root = { layout: null, next: new Map() };
      internedCount = 0;
    }
  }
  return node.layout;
}

/** Axes in another order. */
export function permuteLayout(layout: Layout, axes: readonly number[]): Layout {
  return new Layout(
    axes.map((axis) => layout.shape[axis] as number),
    axes.map((axis) => layout.strides[axis] as number),
    layout.offset,
  );
}

/** Broadcast to `shape`: new leading axes and axes of size 1 get stride 0. */
export function expandLayout(layout: Layout, shape: Shape): Layout {
  const lead = shape.length - layout.shape.length;
  const strides = shape.map((size, i) => {
    if (i < lead) return 0;
    return layout.shape[i - lead] === size ? (layout.strides[i - lead] as number) : 0;
  });
  return new Layout(shape, strides, layout.offset);
}

/** Per axis: first index, number of elements, step (may be negative). */
export function sliceLayout(
  layout: Layout,
  starts: readonly number[],
  sizes: readonly number[],
  steps: readonly number[],
): Layout {
  let offset = layout.offset;
  const strides = layout.strides.map((stride, i) => {
    if ((sizes[i] as number) > 0) offset += stride * (starts[i] as number);
    return stride * (steps[i] as number);
  });
  return new Layout(sizes, strides, offset);
}

/** Replaces `axis` by two: windows, then positions within a window. */
export function unfoldLayout(
  layout: Layout,
  axis: number,
  windows: number,
  size: number,
  step: number,
  dilation: number,
): Layout {
  const stride = layout.strides[axis] as number;
  return new Layout(
    [...layout.shape.slice(0, axis), windows, size, ...layout.shape.slice(axis + 1)],
    [
      ...layout.strides.slice(0, axis),
      stride * step,
      stride * dilation,
      ...layout.strides.slice(axis + 1),
    ],
    layout.offset,
  );
}

/** Another shape of the same size as a view, or null where the strides do not allow it. */
export function reshapeLayout(layout: Layout, shape: Shape): Layout | null {
  if (layout.isDense) return denseLayout(shape);
  if (layout.size === 0) return denseLayout(shape);
  const strides = new Array<number>(shape.length);
  // Walk both shapes in groups of equal size; within an old group the strides must be mergeable.
  const old = layout.shape;
  let i = 0;
  let j = 0;
  while (i < old.length || j < shape.length) {
    let m = i < old.length ? (old[i] as number) : 1;
    let n = j < shape.length ? (shape[j] as number) : 1;
    const i0 = i;
    const j0 = j;
    i++;
    j++;
    while (m !== n) {
      if (m < n) m *= old[i++] as number;
      else n *= shape[j++] as number;
    }
    const stride = mergedStride(layout, i0, Math.min(i, old.length));
    if (stride === null) return null;
    let step = stride;
    for (let k = Math.min(j, shape.length) - 1; k >= j0; k--) {
      strides[k] = step;
      step *= shape[k] as number;
    }
  }
  return new Layout([...shape], strides, layout.offset);
}

/** The innermost stride of axes [from, to) if they can be walked as one; null if not. */
function mergedStride(layout: Layout, from: number, to: number): number | null {
  let inner: number | null = null;
  let expected = 0;
  for (let i = to - 1; i >= from; i--) {
    const size = layout.shape[i] as number;
    if (size === 1) continue;
    const stride = layout.strides[i] as number;
    if (inner === null) inner = stride;
    else if (stride !== expected) return null;
    expected = stride * size;
  }
  return inner ?? 0;
}
