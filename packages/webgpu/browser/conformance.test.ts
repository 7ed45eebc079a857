// The conformance suite in a real browser, once for each variant (vitest.browser.config.ts).
import { describeBackend } from '@tenon/conformance';
import { cpuJs } from '@tenon/cpu-js';
import { webgpu } from '@tenon/webgpu';
import { expect, inject, test } from 'vitest';

declare module 'vitest' {
  interface ProvidedContext {
    readonly variant: 'register' | 'workgroup';
  }
}

const variant = inject('variant');

describeBackend({ create: () => webgpu({ variant }), reference: cpuJs });

test('runs on the adapter of the page', async () => {
  const backend = await webgpu({ variant });
  expect(backend.variant).toBe(variant);
  backend.dispose();
});
