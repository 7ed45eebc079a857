import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { VARIANTS } from '../device.ts';
import { type TestGpu, testGpu } from '../test-gpu.ts';
import { randomRegion } from './region-random.ts';
import { launchHere, picker, plain, runThere, SPLIT_ALWAYS } from './region-test-support.ts';

/** Each is another shader, and shaders take tens of milliseconds to compile. */
const COUNT = 30;

describe.each(VARIANTS)('random regions, variant %s', (variant) => {
  let gpu: TestGpu;
  beforeAll(async () => {
    gpu = await testGpu(variant);
  });
  afterAll(() => {
    gpu.dispose();
  });

  test('exact programs on dyadic data equal cpu-js', async () => {
    const pick = picker(11 + VARIANTS.indexOf(variant));
    const regions = Array.from({ length: COUNT }, () => randomRegion(pick));
    const reads = regions.map((region) => [
      launchHere(gpu, region),
      ...(region.reduced.length > 0 ? [launchHere(gpu, region, SPLIT_ALWAYS)] : []),
    ]);
    for (const [i, all] of reads.entries()) {
      const region = regions[i]!;
      const want = plain(runThere(region));
      for (const read of all) expect(plain(await read()), JSON.stringify(region)).toEqual(want);
    }
  });
});
