/**
 * adamSteps: Adam's update of several parameters in one launch, in place. One invocation per
 * element of any of them; the arithmetic, and so the result, is that of the composite's own steps.
 * Buffers: of each parameter p, g, m, v and the largest second moment, if any; then stepSize, root
 * and the decay, if any. Words: count, flags, the settings' bits, then the sizes.
 */
import type { AdamStepsAttrs, Override } from '@tenon/core';
import { type Binding, floatWord, word } from '../codegen/shader.ts';
import { type Gpu, GpuKernel, type Pipeline, type ShaderSource } from '../kernel.ts';
import { each, fusedShader, groupSize, sizeOf } from './fused-shader.ts';

const LARGEST = 1;
const DECAY = 2;
/** count, flags, β₁, 1 - β₁, β₂, 1 - β₂, eps, weightDecay. */
const HEAD = 8;

/** The update of element `i` of parameter k. */
function updateText(k: number, hasLargest: boolean, hasDecay: boolean): string {
  const value = hasDecay ? `p${k}[i] - p${k}[i] * decay[0]` : `p${k}[i]`;
  // Without the test a weight that is not finite would make the gradient NaN.
  const penalty = `select(g${k}[i] + p${k}[i] * weightDecay, g${k}[i], weightDecay == 0.0)`;
  return `if (i < ${word(HEAD + k)}) {
  let old = ${value};
  let slope = ${hasDecay ? `g${k}[i]` : penalty};
  let first = m${k}[i] * beta1 + slope * rest1;
  let second = v${k}[i] * beta2 + (slope * slope) * rest2;
  ${hasLargest ? `let peak = nan_max(largest${k}[i], second);` : 'let peak = second;'}
  let denominator = sqrt_(peak) / root[0] + eps;
  p${k}[i] = old - (first * stepSize[0]) / denominator;
  m${k}[i] = first;
  v${k}[i] = second;
  ${hasLargest ? `largest${k}[i] = peak;` : ''}
  return;
}
i -= ${word(HEAD + k)};`;
}

export function adamStepsShader(
  count: number,
  hasLargest: boolean,
  hasDecay: boolean,
  workgroup: number,
): ShaderSource {
  const bindings: Binding[] = [];
  const add = (name: string, access: 'r' | 'w'): void => {
    bindings.push({ name, dtype: 'f32', access });
  };
  for (let k = 0; k < count; k++) {
    add(`p${k}`, 'w');
    add(`g${k}`, 'r');
    add(`m${k}`, 'w');
    add(`v${k}`, 'w');
    if (hasLargest) add(`largest${k}`, 'w');
  }
  add('stepSize', 'r');
  add('root', 'r');
  if (hasDecay) add('decay', 'r');
  const settings = ['beta1', 'rest1', 'beta2', 'rest2', 'eps', 'weightDecay'];
  return fusedShader({
    label: 'adamSteps',
    bindings,
    words: HEAD + count,
    workgroup,
    prelude: hasLargest ? ['sqrt_', 'nan_max'] : ['sqrt_'],
    body: `${each(settings.length, (i) => `let ${settings[i]} = ${floatWord(2 + i)};`)}
var i = group * ${workgroup}u + local;
${each(count, (k) => updateText(k, hasLargest, hasDecay))}`,
  });
}

const floats = new Float32Array(1);
const bits = new Int32Array(floats.buffer);
function bitsOf(value: number): number {
  floats[0] = value;
  return bits[0]!;
}

export function adamStepsOverride(gpu: Gpu): Override {
  const workgroup = groupSize(gpu);
  return {
    epilogue: false,
    isInPlace: true,
    supports: (inputs, attrs) => {
      const { hasDecay, weightDecay } = attrs as AdamStepsAttrs;
      if (inputs.length > gpu.profile.limits.maxStorageBuffers) {
        return `takes ${gpu.profile.limits.maxStorageBuffers} buffers, not ${inputs.length}`;
      }
      if (hasDecay && weightDecay !== 0) return 'takes one kind of weight decay';
      return inputs.every(({ dtype }) => dtype === 'f32') || 'takes f32';
    },
    words: (inputs, attrs) => {
      const { betas, eps, weightDecay, hasLargest, hasDecay, count } = attrs as AdamStepsAttrs;
      const flags = (hasLargest ? LARGEST : 0) + (hasDecay ? DECAY : 0);
      const settings = [betas[0], 1 - betas[0], betas[1], 1 - betas[1], eps, weightDecay];
      const width = hasLargest ? 5 : 4;
      const sizes = Array.from({ length: count }, (_, k) => sizeOf(inputs[k * width]!.shape));
      return [count, flags, ...settings.map(bitsOf), ...sizes];
    },
    prepare: (spec) => {
      const pipelines = new Map<string, Pipeline>();
      const pipelineOf = (count: number, flags: number): Pipeline => {
        const key = `${count},${flags}`;
        let pipeline = pipelines.get(key);
        if (pipeline === undefined) {
          const [hasLargest, hasDecay] = [(flags & LARGEST) !== 0, (flags & DECAY) !== 0];
          pipeline = gpu.pipeline(adamStepsShader(count, hasLargest, hasDecay, workgroup));
          pipelines.set(key, pipeline);
        }
        return pipeline;
      };
      return new GpuKernel(spec, (recorder, buffers, args) => {
        const [count, flags] = [args[0]!, args[1]!];
        let elements = 0;
        for (let k = 0; k < count; k++) elements += args[HEAD + k]!;
        const groups = Math.ceil(elements / workgroup);
        recorder.dispatch(pipelineOf(count, flags), buffers, args, groups);
      });
    },
  };
}
