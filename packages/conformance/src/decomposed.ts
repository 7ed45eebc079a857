/** The same backend without its overrides: composites run through their decompositions. */
import { type Backend, setDefaultBackend } from '@tenon/core';
import type { SuiteContext } from './suite.ts';

/** Another view of the instance: same memory, same kernels, no fused ones. */
export function withoutOverrides(backend: Backend): Backend {
  const readSync = backend.readSync?.bind(backend);
  return {
    name: `${backend.name}, decomposed`,
    capabilities: backend.capabilities,
    report: [],
    prepare: backend.prepare,
    allocate: (byteLength) => backend.allocate(byteLength),
    free: (buffer) => backend.free(buffer),
    write: (buffer, bytes, byteOffset) => backend.write(buffer, bytes, byteOffset),
    copy: (step) => backend.copy(step),
    read: (buffer, byteOffset, byteLength) => backend.read(buffer, byteOffset, byteLength),
    ...(readSync === undefined ? {} : { readSync }),
    launch: (kernel, buffers, args) => backend.launch(kernel, buffers, args),
    link: (steps) => backend.link(steps),
    flush: () => backend.flush(),
    synchronize: () => backend.synchronize(),
    dispose: () => backend.dispose(),
  };
}

/** Whether any of these composites has an override here. */
export function hasOverrides({ backend }: SuiteContext): boolean {
  return Object.keys(backend.overrides ?? {}).length > 0;
}

/** The context with tests that run on the decompositions; their names say so. */
export function decomposed(context: SuiteContext): SuiteContext {
  const plain = withoutOverrides(context.backend);
  return {
    ...context,
    backend: plain,
    test: (name, fn, options) =>
      context.test(
        `${name} [decomposed]`,
        async () => {
          setDefaultBackend(plain);
          try {
            await fn();
          } finally {
            setDefaultBackend(context.backend);
          }
        },
        options,
      ),
  };
}
