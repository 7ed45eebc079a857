/**
 * The gradient of avgPool where windows overlap or leave gaps: an element sums the shares of the
 * windows that cover it, in their order; the decomposition folds axis by axis. avgPool itself, and
 * its gradient over windows side by side, are one map each: as fast as a kernel would be.
 * Buffers: g, divisor, out. Words: poolWords.
 */
import type { AvgPoolGradAttrs, DType, Override } from '@tenon/core';
import { type Gpu, GpuKernel, type ShaderSource } from '../kernel.ts';
import { fusedShader, groupSize, loaded, stored } from './fused-shader.ts';
import { eachWindow, POOL_WORDS, poolSupports, poolWords } from './pool-window.ts';

export function avgPoolGradShader(dtype: DType, workgroup: number): ShaderSource {
  const [g, divisor] = ['cotangent[window]', 'divisor[window]'].map((e) => loaded(dtype, e));
  return fusedShader({
    label: 'avgPoolGrad',
    bindings: [
      { name: 'cotangent', dtype, access: 'r' },
      { name: 'divisor', dtype, access: 'r' },
      { name: 'out', dtype, access: 'w' },
    ],
    words: POOL_WORDS,
    workgroup,
    body: eachWindow(
      workgroup,
      'var sum = 0.0;',
      `sum += select(0.0, ${g} / ${divisor}, isThere);`,
      `out[at] = ${stored(dtype, 'sum')};`,
    ),
  });
}

/** Whether windows cover the plane without gaps or overlap. */
function isTiled({ kernel, stride, dilation, counts, input }: AvgPoolGradAttrs): boolean {
  return kernel.every((k, i) => {
    const isWhole = k === stride[i] && counts[i]! * k === input[2 + i];
    return isWhole && (dilation[i] === 1 || k === 1);
  });
}

export function avgPoolGradOverride(gpu: Gpu): Override {
  const workgroup = groupSize(gpu);
  return {
    epilogue: false,
    supports: (inputs, attrs) => {
      const own = attrs as AvgPoolGradAttrs;
      if (isTiled(own)) {
        return 'has windows side by side: the decomposition is a single launch';
      }
      if (own.dilation.some((n) => n !== 1)) return 'takes no dilation';
      return poolSupports(gpu, inputs, own);
    },
    words: (_, attrs) => {
      const own = attrs as AvgPoolGradAttrs;
      return poolWords(gpu, own.input, own, 'elements');
    },
    prepare: (spec) => {
      const pipeline = gpu.pipeline(avgPoolGradShader(spec.dtype, workgroup));
      return new GpuKernel(spec, (recorder, buffers, args) => {
        recorder.dispatch(pipeline, buffers, args, Math.ceil(args[0]! / workgroup));
      });
    },
  };
}
