/** Pipelines that a kernel asks for when a launch first wants them; no text is made twice. */
import type { Gpu, Pipeline, ShaderSource } from '../kernel.ts';

/** The pipeline of `key`; `make` writes its text when it is first asked for. */
export type CachedPipelines = (key: string | number, make: () => ShaderSource) => Pipeline;

export function cachedPipelines(gpu: Gpu): CachedPipelines {
  const known = new Map<string | number, Pipeline>();
  return (key, make) => {
    let pipeline = known.get(key);
    if (pipeline === undefined) {
      pipeline = gpu.pipeline(make());
      known.set(key, pipeline);
    }
    return pipeline;
  };
}
