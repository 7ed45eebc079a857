/** Every backend that can be measured here, under the name of its column. */
import type { Backend } from '../../packages/core/src/index.ts';
import { cpuJs } from '../../packages/cpu-js/src/index.ts';
import { detectFeatures, wasm } from '../../packages/cpu-wasm/src/index.ts';

export interface NamedBackend {
  readonly title: string;
  readonly backend: Backend;
}

/** cpu-js, and cpu-wasm once for each way of computing that this engine has. */
export async function numericsBackends(): Promise<NamedBackend[]> {
  const features = detectFeatures();
  const variants = ['scalar', 'simd', 'relaxed'] as const;
  const works = { scalar: features.wasm, simd: features.simd, relaxed: features.relaxed };
  const list: NamedBackend[] = [{ title: 'cpu-js', backend: cpuJs() }];
  for (const variant of variants) {
    if (works[variant] !== true) continue;
    list.push({ title: `cpu-wasm ${variant}`, backend: await wasm({ variant }) });
  }
  return list;
}
