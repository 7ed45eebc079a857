// The conformance suite in a real browser, once for each variant (vitest.browser.config.ts).
import { describeBackend } from '@tenon/conformance';
import { wasm } from '@tenon/cpu-wasm';
import { expect, inject, test } from 'vitest';

declare module 'vitest' {
  interface ProvidedContext {
    readonly variant: 'scalar' | 'simd' | 'relaxed' | 'simd-threads' | 'relaxed-threads';
  }
}

const variant = inject('variant');
const threads = variant.endsWith('-threads') ? 2 : 1;

describeBackend({ create: () => wasm({ variant, threads }) });

test(`runs on ${threads} threads in an isolated page`, async () => {
  expect(globalThis.crossOriginIsolated).toBe(true);
  const backend = await wasm({ variant, threads });
  expect(backend.capabilities.threads).toBe(threads);
  backend.dispose();
});
