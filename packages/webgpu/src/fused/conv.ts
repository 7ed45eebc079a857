/**
 * conv: an implicit product of the weight and the windows, which are never laid out in memory.
 * Variant register over SwiftShader, against the decomposition: 64x1x28x28, 3x3, 32 out: 29 against
 * 39 ms; 64x32x14x14 to 64: 133 against 199; depthwise 3x3 8x64x28x28: 23 against 76.
 * Buffers: x [N, C, …], weight [O, C/G, K…], out [N, O, P…]. Words: see conv-places.ts.
 */
import type { ConvAttrs, Override, TensorType } from '@tenon/core';
import type { Gpu } from '../kernel.ts';
import { type Job, jobsWords, preparePlaces } from './conv-places.ts';
import { convSupports, forwardAxes, isPlainProduct } from './correlation.ts';

function forwardJob(inputs: readonly TensorType[], attrs: ConvAttrs): Job {
  const [x, weight] = inputs.map(({ shape }) => shape) as [readonly number[], readonly number[]];
  const axes = forwardAxes(x.slice(2), attrs);
  const [outputs, inner] = weight as [number, number];
  const outer = outputs / attrs.groups;
  const [z, y, c] = axes.map(({ taps }) => taps) as [number, number, number];
  const window = z * y * c;
  return {
    correlation: { images: x[0]!, groups: attrs.groups, inner, outer, axes },
    weights: {
      group: outer * inner * window,
      outer: inner * window,
      inner: window,
      taps: [y * c, c, 1],
      start: 0,
    },
  };
}

export function convOverride(gpu: Gpu): Override {
  return {
    epilogue: false,
    supports: (inputs, attrs) => {
      const own = attrs as ConvAttrs;
      if (isPlainProduct(own)) {
        return 'is a product as it stands: the decomposition copies nothing';
      }
      return convSupports(gpu, inputs, own);
    },
    words: (inputs, attrs) => jobsWords([forwardJob(inputs, attrs as ConvAttrs)]),
    prepare: (spec) => preparePlaces(spec, gpu, 'conv'),
  };
}
