import { describe, expect, test } from 'vitest';
import { MODES, missing, pairs, randomNumbers } from '../lanes-test-support.ts';
import { POW } from './functions.ts';
import { INF, NAN, type Samples, SPECIALS, samples, values, worst } from './math-test-support.ts';

/** Float64 has 29 bits more; C says 1 where JavaScript says NaN. */
function oracle(x: number, y: number): number {
  if (x === 1 || (x === -1 && Math.abs(y) === INF)) return 1;
  return x ** y;
}

/** Of random bits, so that every sign and exponent occurs. */
function anyFloats(count: number, seed: number): Float32Array {
  const bits = randomNumbers(count, seed).map((u) => Math.floor(u * 2 ** 32) | 0);
  return new Float32Array(new Int32Array(bits).buffer);
}

const COUNT = 2 ** 20;

/** Any base, and the exponent that makes the result anything from 0 to ∞, subnormals too. */
function spread(): Samples[] {
  const x = anyFloats(COUNT, 1).map(Math.abs);
  const u = randomNumbers(COUNT, 2);
  const y = x.map((base, i) => (320 * (u[i] as number) - 160) / Math.log2(base));
  return samples(oracle, x, y);
}

/** Bases around 1 with huge exponents. */
function nearOne(): Samples[] {
  const u = randomNumbers(COUNT, 3);
  const v = randomNumbers(COUNT, 4);
  const x = Float32Array.from(u, (r, i) => 1 + (2 * r - 1) * 2 ** (-24 * (v[i] as number)));
  const w = randomNumbers(COUNT, 5);
  const y = x.map((base, i) => (300 * (w[i] as number) - 150) / Math.log2(base));
  return samples(oracle, x, y);
}

/** Signed bases to whole powers. */
function whole(): Samples[] {
  const u = randomNumbers(COUNT / 4, 6);
  const x = Float32Array.from(u, (r) => 40 * r - 20);
  const v = randomNumbers(COUNT / 4, 7);
  const y = Float32Array.from(v, (r) => Math.round(60 * r - 30));
  return samples(oracle, x, y);
}

/** Any bits to any bits: mostly limits. */
function anything(): Samples[] {
  return samples(oracle, anyFloats(COUNT / 4, 8), anyFloats(COUNT / 4, 9));
}

/** The list of C's annex F, and what this library promises besides. */
const EXACT: readonly (readonly [number, number, number])[] = [
  ...[0, -0, NAN, INF, -INF, -3, 2 ** -149].flatMap((x) => [
    [x, 0, 1] as const,
    [x, -0, 1] as const,
  ]),
  ...[NAN, INF, -INF, 0.3, -7].map((y) => [1, y, 1] as const),
  [-1, INF, 1],
  [-1, -INF, 1],
  [NAN, 1, NAN],
  [2, NAN, NAN],
  [-1, NAN, NAN],
  [0, NAN, NAN],
  [-INF, NAN, NAN],
  [0, -3, INF],
  [-0, -3, -INF],
  [-0, -2, INF],
  [-0, -0.5, INF],
  [0, -INF, INF],
  [-0, -INF, INF],
  [0, 3, 0],
  [-0, 3, -0],
  [-0, 2, 0],
  [-0, 0.5, 0],
  [-0, INF, 0],
  [0, 1e-30, 0],
  [-8, 3, -512],
  [-8, 1 / 3, NAN],
  [-2, 0.5, NAN],
  [-2, -0.5, NAN],
  [0.5, INF, 0],
  [-0.5, -INF, INF],
  [2, INF, INF],
  [-2, -INF, 0],
  [INF, 1e-30, INF],
  [INF, -1e-30, 0],
  [-INF, 3, -INF],
  [-INF, 2, INF],
  [-INF, 0.5, INF],
  [-INF, -3, -0],
  [-INF, -2, 0],
  [-INF, -0.5, 0],
  [-2, 2 ** 24 + 2, INF],
  [-1, 2 ** 24 - 1, -1],
  [-1, 2 ** 24, 1],
  [-1, 3e38, 1],
  [2, 128, INF],
  [2, 127, 2 ** 127],
  [2, -149, 2 ** -149],
  [-2, -149, -(2 ** -149)],
  [2, -151, 0],
  [-2, -151, -0],
  [2 ** -149, 1, 2 ** -149],
  [2 ** -149, -1, INF],
  [2 ** -130, 0.5, 2 ** -65],
  [9, 0.5, 3],
  [3, 2, 9],
];

const chunks: Samples[] = [...spread(), ...nearOne(), ...whole(), ...anything()];
const [specialX, specialY] = pairs([...SPECIALS, NAN, 2, -2], [...SPECIALS, NAN, 2, 3, -3, 0.5]);
chunks.push(...samples(oracle, Float32Array.from(specialX), Float32Array.from(specialY)));

for (const mode of MODES) {
  describe.skipIf(missing(mode) !== null)(`pow, ${mode}`, () => {
    test(`at most ${POW.ulp} ULP`, () => {
      const found = worst(mode, POW.f32, chunks);
      expect(found.ulp, JSON.stringify(found)).toBeLessThanOrEqual(POW.ulp);
    });
    test('special values, as C defines them', () => {
      const got = values(
        mode,
        POW.f32,
        EXACT.map(([x]) => x),
        EXACT.map(([, y]) => y),
      );
      const labels = EXACT.map(([x, y]) => `${x}^${y}`);
      expect(labels.map((label, i) => [label, got[i]])).toEqual(
        labels.map((label, i) => [label, EXACT[i]?.[2]]),
      );
    });
  });
}
