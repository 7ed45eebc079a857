/**
 * conv: an implicit product, or depthwise a direct sum. See assembly/conv.ts and conv-direct.ts.
 * Relaxed, one core, against the decomposition: 8x64x56x56, 3x3, 64 out: 36 against 53 ms and 0.1
 * against 58 MB; 64x32x14x14 to 64: 9.4 against 14.8; depthwise 3x3 8x64x56x56: 2.0 against 8.5.
 * Buffers: x [N, C, …], weight [O, C/G, K…], out [N, O, P…]. Words: see product.ts.
 */
import type { ConvAttrs, Override, TensorType } from '@tenon/core';
import type { Machine } from '../machine.ts';
import { convSupports, forwardAxes } from './correlation.ts';
import { type Job, jobsWords, prepareJobs } from './product.ts';

/** 1x1 over all places: windows are the input itself. */
function isPlainProduct({ kernel, stride, padding }: ConvAttrs): boolean {
  const isInPlace = padding.every(([low, high]) => low === 0 && high === 0);
  return isInPlace && [...kernel, ...stride].every((n) => n === 1);
}

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

export function convOverride(machine: Machine): Override {
  const words = (inputs: readonly TensorType[], attrs: unknown): number[] | null =>
    jobsWords([forwardJob(inputs, attrs as ConvAttrs)], 0);
  return {
    epilogue: false,
    supports: (inputs, attrs) => {
      const own = attrs as ConvAttrs;
      if (own.groups === 1 && isPlainProduct(own)) {
        return 'is a product as it stands: the decomposition copies nothing';
      }
      const reason = convSupports(inputs, own);
      if (reason !== true) return reason;
      return words(inputs, own) === null ? 'has windows too wide for scratch' : true;
    },
    words: (inputs, attrs) => words(inputs, attrs)!,
    prepare: (spec) => prepareJobs(spec, machine),
  };
}
