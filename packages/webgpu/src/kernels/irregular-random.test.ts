// Random shapes and data on the variants that differ, against the definitions, bit for bit.
import type { DType } from '@tenon/core';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { type TestGpu, testGpu } from '../test-gpu.ts';
import { type Data, dataOf, type IrregularSpec, type Sample } from './irregular-samples.ts';
import { bitsOf, DTYPES, expectOracle, makeRandom } from './irregular-test-support.ts';

type Pick = (below: number) => number;

const SPECIALS = [NaN, 0, -0, Infinity, -Infinity, 2 ** -149, 2 ** 100, -(2 ** 100)];
const SIZES = [1, 1, 2, 3, 4, 5, 7, 15, 16, 17, 33, 40, 70];

/** Sums of the ordinary values are exact, so the order of a running sum cannot show. */
function values(pick: Pick, dtype: DType, count: number, isSum: boolean): Data {
  const style = pick(3);
  return dataOf(
    dtype,
    Array.from({ length: count }, () => {
      if (dtype === 'bool') return pick(2);
      if (dtype === 'i32') return style === 0 ? pick(2 ** 32) - 2 ** 31 : pick(7) - 3;
      if (dtype === 'u32') return style === 0 ? pick(2 ** 32) : pick(7);
      if (style === 0 && pick(6) === 0) return SPECIALS[pick(isSum ? 5 : 8)] ?? 0;
      return style === 1 ? pick(5) - 2 : (pick(2 ** 16) - 2 ** 15) / 16;
    }),
  );
}

const size = (pick: Pick): number => SIZES[pick(SIZES.length)] ?? 1;

function indexed(pick: Pick, dtype: DType, kind: 'gather' | 'scatterAdd'): Sample {
  const [b, o] = [1 + pick(3), 1 + pick(3)];
  const [n, i] = [size(pick), size(pick)];
  const j = size(pick) * (pick(3) === 0 ? 7 : 1);
  const [held, made] = kind === 'gather' ? [n, j] : [j, n];
  const outside = [-1, n, n + 5, -(2 ** 31), 2 ** 31 - 1];
  const index = Int32Array.from({ length: b * j }, () =>
    pick(8) === 0 ? (outside[pick(5)] ?? 0) : pick(n),
  );
  return {
    spec: { kind, dtype, bounds: 'nan' },
    inputs: [values(pick, dtype, b * o * held * i, true), index],
    args: [b, o, n, j, i],
    length: b * o * made * i,
  };
}

function folded(pick: Pick, dtype: DType): Sample {
  const [o, i] = [1 + pick(5), size(pick)];
  const [w, k, step, dilation] = [1 + pick(7), 1 + pick(5), 1 + pick(5), 1 + pick(4)];
  const n = (w - 1) * step + (k - 1) * dilation + 1 + pick(4);
  return {
    spec: { kind: 'fold', dtype },
    inputs: [values(pick, dtype, o * w * k * i, true)],
    args: [o, n, w, k, step, dilation, i],
    length: o * n * i,
  };
}

function padded(pick: Pick, dtype: DType): Sample {
  const rank = 1 + pick(4);
  const inSizes = Array.from({ length: rank }, () => 1 + pick(rank > 2 ? 5 : 40));
  const low = inSizes.map((n) => (pick(3) === 0 ? -pick(n + 1) : pick(4) * pick(2)));
  const out = inSizes.map((n, axis) => {
    const high = pick(3) === 0 ? -pick(3) : pick(4) * pick(2);
    return Math.max(0, n + (low[axis] ?? 0) + high);
  });
  const count = (sizes: readonly number[]): number => sizes.reduce((a, b) => a * b, 1);
  const value = values(pick, dtype, 1, false)[0] ?? 0;
  return {
    spec: { kind: 'pad', rank, dtype },
    inputs: [values(pick, dtype, count(inSizes), false)],
    args: [...out, ...inSizes, ...low, ...bitsOf(dtype, value)],
    length: count(out),
  };
}

function ordered(pick: Pick, dtype: DType, spec: IrregularSpec): Sample {
  const [o, i] = [1 + pick(6), pick(2) === 0 ? 1 : size(pick)];
  const n = size(pick) * (pick(3) === 0 ? 1 + pick(20) : 1);
  const isSum = spec.kind === 'scan' && spec.reducer === 'sum';
  return {
    spec,
    inputs: [values(pick, dtype, o * n * i, isSum)],
    args: [o, n, i],
    length: spec.kind === 'argReduce' ? o * i : o * n * i,
  };
}

const KINDS: Readonly<Record<IrregularSpec['kind'], (pick: Pick, dtype: DType) => Sample>> = {
  gather: (pick, dtype) => indexed(pick, dtype, 'gather'),
  scatterAdd: (pick, dtype) => indexed(pick, dtype, 'scatterAdd'),
  fold: folded,
  pad: padded,
  argReduce: (pick, dtype) => {
    const reducer = pick(2) === 0 ? 'max' : 'min';
    return ordered(pick, dtype, { kind: 'argReduce', reducer, dtype });
  },
  scan: (pick, dtype) => {
    const reducer = pick(2) === 0 ? 'max' : 'sum';
    return ordered(pick, dtype, { kind: 'scan', reducer, dtype });
  },
  argSort: (pick, dtype) =>
    ordered(pick, dtype, { kind: 'argSort', descending: pick(2) === 0, dtype }),
};

describe.each(['register', 'workgroup'] as const)('%s', (variant) => {
  let gpu: TestGpu;
  beforeAll(async () => {
    gpu = await testGpu(variant);
  });
  afterAll(() => gpu.dispose());

  for (const [kind, make] of Object.entries(KINDS)) {
    test(`${kind}: random shapes, dtypes and values`, async () => {
      const pick = makeRandom(20261124);
      const samples = DTYPES.flatMap((dtype) =>
        Array.from({ length: 20 }, () => make(makeRandom(pick(2 ** 32)), dtype)),
      );
      await expectOracle(gpu, samples);
    });
  }
});
