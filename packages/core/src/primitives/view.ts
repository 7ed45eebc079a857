/**
 * Views: another layout over the same storage, no kernel. Each is linear, and its transpose is
 * made of public ops. Attributes are plain data with non-negative axes.
 */
import type { TensorType } from '../backend.ts';
import {
  expandLayout,
  permuteLayout,
  reshapeLayout,
  sliceLayout,
  unfoldLayout,
} from '../layout.ts';
import { NO_DERIVATIVE, NO_SAVES, type ViewPrimitive } from '../primitive.ts';
import { type Shape, sameShape } from '../shape.ts';

/** Another shape of the same size; copies where the strides do not allow a view. */
export const reshape: ViewPrimitive<{ readonly shape: Shape }> = {
  name: 'reshape',
  kind: 'view',
  saves: NO_SAVES,
  type: ([x], attrs) => ({ shape: attrs.shape, dtype: (x as TensorType).dtype }),
  view: (layout, attrs) =>
    sameShape(layout.shape, attrs.shape) ? layout : reshapeLayout(layout, attrs.shape),
  derivative: {
    kind: 'linear',
    transpose: (ops, g, ctx) => ops.reshape(g, (ctx.types[0] as TensorType).shape),
  },
};

/** Axes in another order. */
export const permute: ViewPrimitive<{ readonly axes: readonly number[] }> = {
  name: 'permute',
  kind: 'view',
  saves: NO_SAVES,
  type: ([x], { axes }) => ({
    shape: axes.map((axis) => (x as TensorType).shape[axis] as number),
    dtype: (x as TensorType).dtype,
  }),
  view: (layout, { axes }) => permuteLayout(layout, axes),
  derivative: {
    kind: 'linear',
    transpose: (ops, g, { attrs }) =>
      ops.permute(
        g,
        attrs.axes.map((_, axis) => attrs.axes.indexOf(axis)),
      ),
  },
};

/** Broadcast to a larger shape: repeated elements have stride 0. */
export const expand: ViewPrimitive<{ readonly shape: Shape }> = {
  name: 'expand',
  kind: 'view',
  saves: NO_SAVES,
  type: ([x], { shape }) => ({ shape, dtype: (x as TensorType).dtype }),
  view: (layout, { shape }) => expandLayout(layout, shape),
  derivative: {
    kind: 'linear',
    transpose: (ops, g, ctx) => {
      const { shape } = ctx.types[0] as TensorType;
      const lead = g.rank - shape.length;
      const axes: number[] = [];
      for (let axis = 0; axis < g.rank; axis++) {
        if (axis < lead || shape[axis - lead] !== g.shape[axis]) axes.push(axis);
      }
      return axes.length === 0 ? g : ops.reshape(ops.sum(g, axes), shape);
    },
  },
};

export interface SliceAttrs {
  readonly starts: readonly number[];
  readonly sizes: readonly number[];
  /** Not 0; negative walks backwards. */
  readonly steps: readonly number[];
}
/** Elements start, start + step, … along each axis. */
export const slice: ViewPrimitive<SliceAttrs> = {
  name: 'slice',
  kind: 'view',
  saves: NO_SAVES,
  type: ([x], { sizes }) => ({ shape: sizes, dtype: (x as TensorType).dtype }),
  view: (layout, { starts, sizes, steps }) => sliceLayout(layout, starts, sizes, steps),
  derivative: {
    kind: 'linear',
    // Walk forwards, spread by |step| (a fold of windows of one element), then pad with zeros.
    transpose: (ops, g, { attrs, types }) => {
      const { shape } = types[0] as TensorType;
      let out = g;
      const padding = shape.map((size, axis): [number, number] => {
        const count = attrs.sizes[axis] as number;
        const step = attrs.steps[axis] as number;
        if (count === 0) return [0, size];
        if (step < 0) out = ops.flip(out, axis);
        const stride = Math.abs(step);
        const span = (count - 1) * stride + 1;
        if (stride > 1) out = ops.fold(ops.unsqueeze(out, axis + 1), axis, span, stride, 1);
        const start = attrs.starts[axis] as number;
        const low = step < 0 ? start - (span - 1) : start;
        return [low, size - low - span];
      });
      return ops.pad(out, padding, 0);
    },
  },
};

export interface UnfoldAttrs {
  readonly axis: number;
  readonly windows: number;
  readonly size: number;
  readonly step: number;
  readonly dilation: number;
}
/** Overlapping windows as a view: `axis` becomes two axes, windows and positions within one. */
export const unfold: ViewPrimitive<UnfoldAttrs> = {
  name: 'unfold',
  kind: 'view',
  saves: NO_SAVES,
  type: ([x], { axis, windows, size }) => {
    const { shape, dtype } = x as TensorType;
    return { shape: [...shape.slice(0, axis), windows, size, ...shape.slice(axis + 1)], dtype };
  },
  view: (layout, a) => unfoldLayout(layout, a.axis, a.windows, a.size, a.step, a.dilation),
  derivative: {
    kind: 'linear',
    transpose: (ops, g, { attrs, types }) => {
      const length = (types[0] as TensorType).shape[attrs.axis] as number;
      return ops.fold(g, attrs.axis, length, attrs.step, attrs.dilation);
    },
  },
};

/** The same values; no gradient flows back. */
export const stopGradient: ViewPrimitive<null> = {
  name: 'stopGradient',
  kind: 'view',
  saves: NO_SAVES,
  type: ([x]) => x as TensorType,
  view: (layout) => layout,
  derivative: NO_DERIVATIVE,
};

/** The same values under a new name: how a function's inputs become leaves of its own graph. */
export const alias: ViewPrimitive<null> = {
  name: 'alias',
  kind: 'view',
  saves: NO_SAVES,
  type: ([x]) => x as TensorType,
  view: (layout) => layout,
  derivative: { kind: 'linear', transpose: (_ops, g) => g },
};
