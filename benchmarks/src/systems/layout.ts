// Host-side permutation of dense arrays, for systems whose layouts are not NCHW and [out, in].

/** The permuted array, dense in the new order: `out.shape[i] = shape[axes[i]]`. */
export function permute(
  data: Float32Array,
  shape: readonly number[],
  axes: readonly number[],
): { data: Float32Array; shape: number[] } {
  const strides = shape.map((_, i) => shape.slice(i + 1).reduce((a, b) => a * b, 1));
  const outShape = axes.map((axis) => shape[axis]!);
  const outStrides = axes.map((axis) => strides[axis]!);
  const out = new Float32Array(data.length);
  const index = new Array<number>(axes.length).fill(0);
  let source = 0;
  for (let i = 0; i < out.length; i++) {
    out[i] = data[source]!;
    for (let axis = axes.length - 1; axis >= 0; axis--) {
      source += outStrides[axis]!;
      index[axis]!++;
      if (index[axis]! < outShape[axis]!) break;
      source -= outStrides[axis]! * outShape[axis]!;
      index[axis] = 0;
    }
  }
  return { data: out, shape: outShape };
}

/** Axes that take NCHW to NHWC. */
export const TO_NHWC: readonly number[] = [0, 2, 3, 1];
/** Axes that take NHWC to NCHW. */
export const TO_NCHW: readonly number[] = [0, 3, 1, 2];
/** Axes that take a weight from OIHW to HWIO. */
export const TO_HWIO: readonly number[] = [2, 3, 1, 0];
