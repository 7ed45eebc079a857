/** What the fused kernels share: shaders from named launch words, f32 values of f32 and f16. */
import type { DType, TensorType } from '@tenon/core';
import { accessOf, type Binding, shaderText } from '../codegen/shader.ts';
import type { Gpu, ShaderSource } from '../kernel.ts';

export interface FusedParts {
  readonly label: string;
  readonly bindings: readonly Binding[];
  readonly words: number;
  readonly workgroup: number;
  readonly prelude?: readonly string[];
  readonly declarations?: string;
  readonly body: string;
  readonly hasSubgroups?: boolean;
}

/** A shader source; f16 is enabled where a binding has it. */
export function fusedShader({ label, hasSubgroups, ...parts }: FusedParts): ShaderSource {
  const { bindings, words } = parts;
  const features: ('f16' | 'subgroups')[] = [];
  if (bindings.some(({ dtype }) => dtype === 'f16')) features.push('f16');
  if (hasSubgroups === true) features.push('subgroups');
  return { label, code: shaderText({ ...parts, features }), access: accessOf(bindings), words };
}

/** An element as f32, and an f32 as it is stored. */
export function loaded(dtype: DType, element: string): string {
  return dtype === 'f16' ? `f32(${element})` : element;
}
export function stored(dtype: DType, value: string): string {
  return dtype === 'f16' ? `f16(${value})` : value;
}

/** Invocations per workgroup, where nothing is shared between them. */
export function groupSize(gpu: Gpu): number {
  return gpu.profile.variant === 'register' ? 64 : 256;
}

/** `fn(0) … fn(count - 1)`, a line each. */
export function each(count: number, fn: (i: number) => string, separator = '\n'): string {
  return Array.from({ length: count }, (_, i) => fn(i)).join(separator);
}

/** Why no kernel takes these dtypes; true where they are one floating dtype of this device. */
export function floatSupports(gpu: Gpu, inputs: readonly TensorType[]): true | string {
  const dtypes = inputs.map(({ dtype }) => dtype);
  const [dtype] = dtypes;
  const isTaken = dtype === 'f32' || (dtype === 'f16' && gpu.profile.hasF16);
  if (!isTaken) return `takes ${gpu.profile.hasF16 ? 'f32 and f16' : 'f32'}, not ${dtype}`;
  return dtypes.every((d) => d === dtype) || `takes one dtype, not ${dtypes.join(', ')}`;
}

export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** A list for up to three spatial axes, preceded by `missing` for the axes that are not there. */
export function threeAxes(list: readonly number[], missing: number): readonly number[] {
  return [...new Array<number>(AXES - list.length).fill(missing), ...list];
}
export const AXES = 3;
