/** What every backend must do, in one build of the kernels; a test file each, so they run apart. */
import { describeBackend } from '@tenon/conformance';
import { describe, test } from 'vitest';
import { detectFeatures } from '../features.ts';
import { wasm } from '../index.ts';
import { type Variant, whyNot } from '../variant.ts';

/** Registers the conformance suite on `threads` threads, or a skipped test that says why not. */
export function describeVariant(variant: Variant, threads: number): void {
  describe(`${variant}, ${threads} thread${threads === 1 ? '' : 's'}`, () => {
    const reason = whyNot(variant, detectFeatures());
    if (reason === null) describeBackend({ create: () => wasm({ variant, threads }) });
    else test.skip(`needs another engine: ${reason}`, () => {});
  });
}
