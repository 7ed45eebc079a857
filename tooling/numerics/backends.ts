/** Every backend that can be measured here, under the name of its column. */
import type { Backend } from '../../packages/core/src/index.ts';
import { cpuJs } from '../../packages/cpu-js/src/index.ts';
import { detectFeatures, wasm } from '../../packages/cpu-wasm/src/index.ts';
import { webgpu } from '../../packages/webgpu/src/node.ts';

export interface NamedBackend {
  readonly title: string;
  readonly backend: Backend;
}

/**
 * cpu-js, cpu-wasm once for each way of computing that this engine has, and webgpu where there is
 * an adapter (in CI there must be one).
 */
export async function numericsBackends(): Promise<NamedBackend[]> {
  const features = detectFeatures();
  const variants = ['scalar', 'simd', 'relaxed'] as const;
  const works = { scalar: features.wasm, simd: features.simd, relaxed: features.relaxed };
  const list: NamedBackend[] = [{ title: 'cpu-js', backend: cpuJs() }];
  for (const variant of variants) {
    if (works[variant] !== true) continue;
    list.push({ title: `cpu-wasm ${variant}`, backend: await wasm({ variant }) });
  }
  for (const variant of ['register', 'workgroup'] as const) {
    try {
      list.push({ title: `webgpu ${variant}`, backend: await webgpu({ variant }) });
    } catch (error) {
      if (process.env.CI !== undefined) throw error;
    }
  }
  return list;
}
