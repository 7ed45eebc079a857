/** What every backend must do, in one variant of the shaders; a file each, so they run apart. */
import { describeBackend } from '@tenon/conformance';
import { cpuJs } from '@tenon/cpu-js';
import { describe, test } from 'vitest';
import type { Variant } from '../device.ts';
import { webgpu } from '../node.ts';
import type { WebGpuOptions } from '../options.ts';

/** Why there is no WebGPU in this process; null where there is. */
async function whyNot(options: WebGpuOptions): Promise<string | null> {
  try {
    (await webgpu(options)).dispose();
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Registers tests; where there is no adapter a skipped one instead, which in CI fails. */
export async function orSkip(options: WebGpuOptions, register: () => void): Promise<void> {
  const reason = await whyNot(options);
  if (reason === null) register();
  else {
    test.skipIf(process.env.CI === undefined)(`needs an adapter: ${reason}`, () => {
      throw new Error(reason);
    });
  }
}

/** Registers the conformance suite. */
export function describeVariant(variant: Variant): void {
  describe(variant, () =>
    orSkip({ variant }, () =>
      describeBackend({ create: () => webgpu({ variant }), reference: cpuJs }),
    ),
  );
}
