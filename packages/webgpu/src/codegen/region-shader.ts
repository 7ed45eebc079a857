/** A finished region writer as a shader source: bindings of what it uses, features, functions. */
import type { ShaderSource } from '../kernel.ts';
import { type RegionWriter, regionBindings, usesHalf } from './region-writer.ts';
import { accessOf, type Binding, shaderText } from './shader.ts';

export interface RegionShader {
  readonly source: ShaderSource;
  /** Which of the launch's buffers it binds, in order; -1: the workspace. */
  readonly buffers: readonly number[];
}

export interface RegionShaderOptions {
  readonly label: string;
  readonly words: number;
  readonly workgroup: number;
  readonly usesSubgroups?: boolean;
  /** Access to the workspace, bound last as `work`. */
  readonly workspace?: 'r' | 'w' | null;
}

export function regionShader(writer: RegionWriter, options: RegionShaderOptions): RegionShader {
  const bound = regionBindings(writer.plan, (t) => writer.used.has(t));
  const bindings: Binding[] = [...bound.bindings];
  const buffers = [...bound.buffers];
  if (options.workspace !== undefined && options.workspace !== null) {
    bindings.push({ name: 'work', dtype: 'u32', access: options.workspace });
    buffers.push(-1);
  }
  const features: ('f16' | 'subgroups')[] = [];
  if (usesHalf(writer.plan)) features.push('f16');
  if (options.usesSubgroups === true) features.push('subgroups');
  const code = shaderText({
    bindings,
    words: options.words,
    workgroup: options.workgroup,
    prelude: writer.prelude,
    declarations: [...writer.declarations.values()].join('\n'),
    body: writer.text(),
    features,
  });
  return {
    source: { label: options.label, code, access: accessOf(bindings), words: options.words },
    buffers,
  };
}
