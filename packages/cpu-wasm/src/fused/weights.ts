/**
 * Which weight belongs to an outer channel, an inner channel and a tap of a correlation: strides
 * into the weight [O, C/G, K…] as it lies, and how rows of weights are packed for the product.
 */
import { type Correlation, windowOf } from './correlation.ts';

/** Elements from one weight to the next; taps may run backwards. */
export interface WeightStrides {
  readonly group: number;
  readonly outer: number;
  readonly inner: number;
  readonly taps: readonly number[];
  /** From the start to the first weight. */
  readonly start: number;
}

/** Words that assembly/conv.ts reads to pack weights. */
export const PACK_WORDS = 15;

/** Bytes of all weights, packed or not. */
export function weightBytes(c: Correlation): number {
  return c.groups * c.outer * c.inner * windowOf(c) * 4;
}

/** Of convPackWeights (and of convDirect, which reads weights in place). */
export function weightWords(c: Correlation, channels: number, strides: WeightStrides): number[] {
  return [
    ...[0, 0],
    ...[c.outer, c.inner, channels],
    ...c.axes.map(({ taps }) => taps),
    ...[strides.group, strides.outer, strides.inner, ...strides.taps],
    strides.start,
  ];
}
