/**
 * maxPool with its indices (positions within the plane), and its gradient, without
 * atomics: each element of the input is written by one invocation, which asks the windows that
 * cover it whether it won. A later element wins a window where it is larger, or NaN. Variant
 * register over SwiftShader, against the decomposition: 2x2 of 64x32x28x28 15 against 17 ms, its
 * gradient 21 against 310.
 * maxPool: buffers x, y, indices (i32); words: poolWords. maxPoolGrad: buffers g, indices, out;
 * words: whether windows are apart, then poolWords.
 */
import type { DType, MaxPoolAttrs, MaxPoolGradAttrs, Override } from '@tenon/core';
import { type Gpu, GpuKernel, type ShaderSource } from '../kernel.ts';
import { fusedShader, groupSize, loaded, stored } from './fused-shader.ts';
import {
  eachElement,
  eachOfCell,
  eachWindow,
  isApart,
  POOL_WORDS,
  poolSupports,
  poolWords,
  windowSupports,
} from './pool-window.ts';

export function maxPoolShader(dtype: DType, workgroup: number): ShaderSource {
  return fusedShader({
    label: 'maxPool',
    bindings: [
      { name: 'source', dtype, access: 'r' },
      { name: 'out', dtype, access: 'w' },
      { name: 'indices', dtype: 'i32', access: 'w' },
    ],
    words: POOL_WORDS,
    workgroup,
    prelude: ['is_nan'],
    body: eachElement(
      workgroup,
      'var isFirst = true; var largest = 0.0; var winner = 0u;',
      `let value = ${loaded(dtype, 'source[at]')};
let wins = isFirst | is_nan(value) | (!is_nan(largest) & (value > largest));
largest = select(largest, value, wins);
winner = select(winner, position, wins);
isFirst = false;`,
      `out[window] = ${stored(dtype, 'largest')};
indices[window] = i32(winner);`,
    ),
  });
}

export function maxPoolOverride(gpu: Gpu): Override {
  const workgroup = groupSize(gpu);
  return {
    epilogue: false,
    supports: (inputs, attrs) => {
      const own = attrs as MaxPoolAttrs;
      if (!own.hasIndices) return 'wants no indices: the decomposition is as fast';
      const reason = windowSupports(own);
      return reason === true ? poolSupports(gpu, inputs, own) : reason;
    },
    words: ([x], attrs) => poolWords(gpu, x!.shape, attrs as MaxPoolAttrs, 'windows'),
    prepare: (spec) => {
      const pipeline = gpu.pipeline(maxPoolShader(spec.dtype, workgroup));
      return new GpuKernel(spec, (recorder, buffers, args) => {
        recorder.dispatch(pipeline, buffers, args, Math.ceil(args[0]! / workgroup));
      });
    },
  };
}

/** `apart`: no element is in two windows, so that a window writes its elements. */
export function maxPoolGradShader(dtype: DType, workgroup: number, apart: boolean): ShaderSource {
  const cotangent = loaded(dtype, 'cotangent[window]');
  return fusedShader({
    label: 'maxPoolGrad',
    bindings: [
      { name: 'cotangent', dtype, access: 'r' },
      { name: 'indices', dtype: 'i32', access: 'r' },
      { name: 'out', dtype, access: 'w' },
    ],
    words: POOL_WORDS,
    workgroup,
    body: apart
      ? eachOfCell(
          workgroup,
          `let winner = select(0xffffffffu, u32(indices[window]), isThere);
let slope = ${cotangent};`,
          `out[at] = ${stored(dtype, 'select(0.0, slope, position == winner)')};`,
        )
      : eachWindow(
          workgroup,
          'var sum = 0.0;',
          `sum += select(0.0, ${cotangent}, isThere & (u32(indices[window]) == position));`,
          `out[at] = ${stored(dtype, 'sum')};`,
        ),
  });
}

export function maxPoolGradOverride(gpu: Gpu): Override {
  const workgroup = groupSize(gpu);
  return {
    epilogue: false,
    supports: ([g], attrs) => poolSupports(gpu, [g!], attrs as MaxPoolGradAttrs),
    words: (_, attrs) => {
      const own = attrs as MaxPoolGradAttrs;
      const domain = isApart(own) ? 'cells' : 'elements';
      return [isApart(own) ? 1 : 0, ...poolWords(gpu, own.input, own, domain)];
    },
    prepare: (spec) => {
      const pipelineOf = (apart: boolean) =>
        gpu.pipeline(maxPoolGradShader(spec.dtype, workgroup, apart));
      // The usual windows: the others where they are first met.
      pipelineOf(true);
      return new GpuKernel(spec, (recorder, buffers, args) => {
        const words = args.subarray(1);
        const pipeline = pipelineOf(args[0] === 1);
        recorder.dispatch(pipeline, buffers, words, Math.ceil(words[0]! / workgroup));
      });
    },
  };
}
