// What options and features come to: variant, threads, notes; and what is refused.
import { BackendError, ValueError } from '@tenon/core';
import { describe, expect, test } from 'vitest';
import type { Features } from './features.ts';
import { checkOptions, planFor, type WasmOptions } from './options.ts';

const ALL: Features = { wasm: true, simd: true, relaxed: true, threads: true, canWait: true };
const NODE_20: Features = { ...ALL, relaxed: 'no relaxed' };
const PAGE: Features = { ...ALL, threads: 'not isolated', canWait: false };
const OLD: Features = { ...ALL, simd: 'no SIMD here', relaxed: 'no SIMD here' };

test.each<[WasmOptions, Features, number, string, number]>([
  [{}, ALL, 4, 'relaxed-threads', 4],
  [{}, ALL, 64, 'relaxed-threads', 8],
  [{}, ALL, 1, 'relaxed', 1],
  [{}, NODE_20, 2, 'simd-threads', 2],
  [{}, PAGE, 4, 'relaxed', 1],
  [{}, OLD, 4, 'scalar', 1],
  [{ threads: 1 }, ALL, 4, 'relaxed', 1],
  [{ threads: 3 }, ALL, 2, 'relaxed-threads', 3],
  [{ threads: 2 }, PAGE, 2, 'relaxed', 1],
  [{ variant: 'simd' }, ALL, 4, 'simd', 1],
  [{ variant: 'simd-threads' }, ALL, 4, 'simd-threads', 4],
  [{ variant: 'simd-threads', threads: 1 }, ALL, 4, 'simd-threads', 1],
])('%o with %o and %i cores: %s, %i threads', (options, features, cores, variant, threads) => {
  expect(planFor(options, features, cores)).toMatchObject({ variant, threads });
});

test.each<[WasmOptions, Features, number, string[]]>([
  [{}, ALL, 2, ['variant relaxed-threads: relaxed SIMD (fused multiply-add), shared memory']],
  [
    {},
    PAGE,
    2,
    ['variant relaxed: relaxed SIMD (fused multiply-add)', 'threads: off, not isolated'],
  ],
  [{}, NODE_20, 2, ['variant simd-threads: SIMD, shared memory; no relaxed']],
  [
    {},
    OLD,
    2,
    [
      'variant scalar: no SIMD; no SIMD here',
      'threads: off, they need SIMD, and the variant is scalar',
    ],
  ],
  [{ threads: 1 }, NODE_20, 2, ['variant simd: SIMD; no relaxed', 'threads: off, by option']],
  [
    { variant: 'scalar' },
    ALL,
    2,
    ['variant scalar: no SIMD; by option', 'threads: off, by option (variant)'],
  ],
  [
    {},
    ALL,
    1,
    [
      'variant relaxed: relaxed SIMD (fused multiply-add)',
      'threads: off, this machine has one core',
    ],
  ],
])('the notes of %o with %o on %i cores', (options, features, cores, notes) => {
  expect(planFor(options, features, cores).notes).toEqual(notes);
});

describe('refused', () => {
  test.each<[WasmOptions, string]>([
    [
      { variant: 'avx' as 'simd' },
      'wasm: expected variant to be scalar, simd, relaxed, simd-threads, relaxed-threads, got avx',
    ],
    [{ threads: 0 }, "wasm: expected threads to be 'auto' or a whole number from 1 to 64, got 0"],
    [
      { threads: 1.5 },
      "wasm: expected threads to be 'auto' or a whole number from 1 to 64, got 1.5",
    ],
    [
      { threads: 2, variant: 'simd' },
      'wasm: expected a variant that ends in -threads with threads: 2, got simd',
    ],
    [{ memoryBytes: 1000 }, 'wasm: expected memoryBytes from 16777216 to 4294901760, got 1000'],
    [
      { memoryBytes: 2 ** 26, threads: 64 },
      'wasm: expected memoryBytes from 134217728 to 4294901760 with 64 threads, got 67108864',
    ],
    [
      { memoryBytes: Number.NaN },
      'wasm: expected memoryBytes from 16777216 to 4294901760, got NaN',
    ],
    [{ stallSeconds: 0 }, 'wasm: expected stallSeconds above 0, got 0'],
  ])('%o', (options, message) => {
    expect(() => checkOptions(options)).toThrow(new ValueError(message));
  });

  test('a variant that cannot run here, and a place without WebAssembly', () => {
    expect(() => planFor({ variant: 'relaxed' }, NODE_20, 2)).toThrow(
      new BackendError('cpu-wasm: expected to run variant relaxed, but no relaxed'),
    );
    expect(() => planFor({ variant: 'simd-threads' }, PAGE, 2)).toThrow(
      new BackendError('cpu-wasm: expected to run variant simd-threads, but not isolated'),
    );
    expect(() => planFor({}, { ...ALL, wasm: 'no wasm' }, 2)).toThrow(
      new BackendError('cpu-wasm: no wasm'),
    );
  });
});
