// The pooling kernels against plain loops, bit for bit, whole and cut into single units.
import type { MaxPoolAttrs, Override } from '@tenon/core';
import { describe, expect, test } from 'vitest';
import type { Machine } from '../machine.ts';
import { avgPoolGradOverride } from './avg-pool-grad.ts';
import { threeAxes } from './correlation.ts';
import {
  ask,
  launch,
  machineOf,
  numbers,
  type Operand,
  sizeOf,
  VARIANTS,
} from './fused-support.ts';
import { maxPoolGradOverride, maxPoolOverride } from './max-pool.ts';

interface Case {
  readonly name: string;
  readonly x: readonly number[];
  readonly kernel: readonly number[];
  readonly stride?: readonly number[];
  readonly dilation?: readonly number[];
}
const CASES: readonly Case[] = [
  { name: '2x2', x: [3, 4, 8, 6], kernel: [2, 2] },
  { name: '2x2, wide', x: [2, 3, 6, 22], kernel: [2, 2] },
  { name: '2x2, odd sizes', x: [2, 3, 7, 11], kernel: [2, 2] },
  { name: '2x2, overlapping', x: [2, 3, 7, 9], kernel: [2, 2], stride: [1, 1] },
  { name: '2x2, dilation', x: [2, 3, 7, 9], kernel: [2, 2], dilation: [2, 3], stride: [2, 2] },
  { name: '1x4', x: [1, 2, 5, 25], kernel: [1, 4] },
  { name: '4x1', x: [1, 2, 9, 15], kernel: [4, 1], stride: [2, 3] },
  { name: '3x3, stride 2', x: [2, 3, 11, 17], kernel: [3, 3], stride: [2, 2] },
  { name: '3x3, stride 1', x: [2, 3, 6, 9], kernel: [3, 3], stride: [1, 1] },
  { name: '3x2, gaps', x: [2, 2, 11, 19], kernel: [3, 2], stride: [4, 4] },
  { name: 'the whole plane', x: [2, 2, 4, 4], kernel: [4, 4] },
  { name: 'sixteen on a line', x: [2, 2, 3, 24], kernel: [1, 16], stride: [1, 2] },
  { name: 'one axis', x: [2, 3, 17], kernel: [4], stride: [3] },
  { name: 'three axes', x: [1, 2, 5, 6, 13], kernel: [2, 3, 2], stride: [1, 2, 3] },
  { name: 'three axes, 1x2x2', x: [1, 2, 3, 6, 14], kernel: [1, 2, 2] },
];

function attrsOf({ x, kernel, stride = kernel, dilation = kernel.map(() => 1) }: Case): {
  kernel: readonly number[];
  stride: readonly number[];
  dilation: readonly number[];
  counts: number[];
  input: readonly number[];
} {
  const counts = x.slice(2).map((size, i) => {
    const span = (kernel[i]! - 1) * dilation[i]! + 1;
    return Math.floor((size - span) / stride[i]!) + 1;
  });
  return { kernel, stride, dilation, counts, input: x };
}

/** Calls visit with each window and the positions of its elements in its plane, in order. */
function eachWindow(
  sample: Case,
  visit: (at: number, plane: number, positions: readonly number[]) => void,
): void {
  const attrs = attrsOf(sample);
  const size = threeAxes(sample.x.slice(2), 1);
  const [counts, kernel, stride, dilation] = [
    attrs.counts,
    attrs.kernel,
    attrs.stride,
    attrs.dilation,
  ].map((list) => threeAxes(list, 1));
  let at = 0;
  for (let plane = 0; plane < sample.x[0]! * sample.x[1]!; plane++) {
    for (let z = 0; z < counts![0]!; z++) {
      for (let y = 0; y < counts![1]!; y++) {
        for (let x = 0; x < counts![2]!; x++) {
          const positions: number[] = [];
          for (let a = 0; a < kernel![0]!; a++) {
            for (let b = 0; b < kernel![1]!; b++) {
              for (let c = 0; c < kernel![2]!; c++) {
                const q = [a, b, c].map((k, i) => [z, y, x][i]! * stride![i]! + k * dilation![i]!);
                positions.push((q[0]! * size[1]! + q[1]!) * size[2]! + q[2]!);
              }
            }
          }
          visit(at++, plane, positions);
        }
      }
    }
  }
}

/** Many ties, both zeros, NaN and infinities. */
function awkward(count: number, seed: number): Float32Array<ArrayBuffer> {
  const special = [0, -0, 0, -0, Number.NaN, Infinity, -Infinity, -0];
  return numbers(count, seed).map((value, i) => {
    if (i % 7 === 3) return special[Math.floor(i / 7) % special.length]!;
    return Math.round(value * 4) / 4 - 0.5;
  });
}

describe.each(VARIANTS.map((variant) => [variant] as const))('%s', (variant) => {
  const both = async (
    make: (machine: Machine) => Override,
    inputs: readonly Operand[],
    attrs: object,
    sizes: readonly number[],
  ): Promise<Float32Array[]> => {
    const machine = await machineOf(variant);
    const whole = launch(machine, make, inputs, attrs, sizes);
    expect(launch(machine, make, inputs, attrs, sizes, true)).toEqual(whole);
    return whole;
  };
  const ints = (list: Float32Array): Int32Array => new Int32Array(list.buffer, 0, list.length);

  test.each(CASES.map((sample) => [sample.name, sample] as const))('%s', async (_, sample) => {
    const attrs = attrsOf(sample);
    const elements = sizeOf(sample.x.slice(2));
    const windows = sample.x[0]! * sample.x[1]! * sizeOf(attrs.counts);
    const shape = [...sample.x.slice(0, 2), ...attrs.counts];
    const g = numbers(windows, 2);
    const divisor = numbers(windows, 3).map((v) => v + 3);
    for (const make of [numbers, awkward]) {
      const x = make(sizeOf(sample.x), 1);
      const y = new Float32Array(windows);
      const index = new Int32Array(windows);
      const slope = new Float32Array(x.length);
      const share = new Float32Array(x.length);
      eachWindow(sample, (at, plane, positions) => {
        const base = plane * elements;
        let best = positions[0]!;
        for (const [k, p] of positions.entries()) {
          const value = x[base + p]!;
          if (k > 0 && (value > x[base + best]! || Number.isNaN(value))) best = p;
          share[base + p] = share[base + p]! + Math.fround(g[at]! / divisor[at]!);
        }
        y[at] = x[base + best]!;
        index[at] = best;
        slope[base + best] = slope[base + best]! + g[at]!;
      });
      const input = { shape: sample.x, data: x };
      const sizes = [windows, windows];
      const found = await both(maxPoolOverride, [input], { ...attrs, hasIndices: true }, sizes);
      // toEqual tells -0 from 0, and takes NaN as equal to NaN.
      expect(found[0]).toEqual(y);
      expect(ints(found[1]!)).toEqual(index);
      const isPairs = sample.name.startsWith('2x2') && !('stride' in sample);
      if (isPairs || sample.name.endsWith('1x2x2')) {
        const without: MaxPoolAttrs = { ...attrs, hasIndices: false };
        expect(await both(maxPoolOverride, [input], without, [windows])).toEqual([y]);
      }
      const cotangent = { shape, data: g };
      const at = [cotangent, { shape, data: index }];
      expect(await both(maxPoolGradOverride, at, { input: sample.x }, [x.length])).toEqual([slope]);
      const by = { shape, data: divisor };
      // The order of the sums differs where windows overlap.
      if (['2x2', '2x2, wide', 'the whole plane', 'three axes, 1x2x2'].includes(sample.name))
        continue;
      const [spread] = await both(avgPoolGradOverride, [cotangent, by], attrs, [x.length]);
      for (const [i, value] of share.entries()) {
        expect(Math.abs(spread![i]! - value)).toBeLessThanOrEqual(2 ** -22);
      }
    }
  });

  test('one window by hand: first of ties, last NaN, zeros of both signs', async () => {
    const windows = [
      [1, 3, 3, 2],
      [-1, -2, -3, -1],
      [2, Number.NaN, 5, Number.NaN],
      [-0, 0, -0, -0],
      [-0, -0, -0, -1],
      [Infinity, -Infinity, 1, 2],
      [-Infinity, -Infinity, -Infinity, -Infinity],
      [-5, -4, -3, -2],
    ];
    // As eight planes of one window, as a row of eight windows, and with a fifth element.
    const beside = [0, 2].flatMap((k) => windows.flatMap((w) => w.slice(k, k + 2)));
    const five = windows.flatMap((w) => [...w, -Infinity]);
    const layouts = [
      { x: [1, 8, 2, 2], kernel: [2, 2], data: windows.flat(), width: 2 },
      { x: [1, 1, 2, 16], kernel: [2, 2], data: beside, width: 16 },
      { x: [1, 8, 1, 5], kernel: [1, 5], data: five, width: 5 },
    ];
    const winners = [1, 0, 3, 0, 0, 0, 0, 3];
    for (const { x, kernel, data, width } of layouts) {
      const attrs = attrsOf({ name: '', x, kernel });
      const input = { shape: x, data: Float32Array.from(data) };
      const found = await both(maxPoolOverride, [input], { ...attrs, hasIndices: true }, [8, 8]);
      expect([...found[0]!]).toEqual([3, -1, Number.NaN, -0, -0, Infinity, -Infinity, -2]);
      const at = winners.map((k, i) => {
        if (width === 16) return i * 2 + (k & 1) + (k >> 1) * 16;
        return k;
      });
      expect([...ints(found[1]!)]).toEqual(at);
    }
  });
});

test('what the pooling kernels do not take says why', async () => {
  const machine = await machineOf('scalar');
  const x = [1, 2, 4, 4];
  const attrs = { ...attrsOf({ name: '', x, kernel: [2, 2] }), hasIndices: true };
  const size = (n: number) => `takes windows of 2 to 16 elements, not ${n}`;
  const [pool, poolGrad, average] = [
    maxPoolOverride(machine),
    maxPoolGradOverride(machine),
    avgPoolGradOverride(machine),
  ];
  expect(ask(pool, [x], attrs)).toBe(true);
  expect(ask(pool, [x], { ...attrs, hasIndices: false })).toBe(true);
  expect(ask(pool, [x], { ...attrs, hasIndices: false, stride: [1, 1] })).toBe(
    'wants no indices: the decomposition is as fast',
  );
  expect(ask(pool, [x], { ...attrs, kernel: [1, 1] })).toBe(size(1));
  expect(ask(pool, [x], { ...attrs, kernel: [4, 5] })).toBe(size(20));
  expect(ask(pool, [x], { ...attrs, counts: [1, 1, 1, 1] })).toBe('has 4 spatial axes, over 3');
  expect(ask(average, [x, x], { ...attrs, stride: [1, 1], counts: [3, 3] })).toBe(true);
  expect(ask(average, [x, x], attrs)).toBe(
    'has windows side by side: the decomposition is a single launch',
  );
  const long = 'has windows or rows too long for scratch';
  const line = (kernel: number, count: number): object => {
    const input = [1, 1, count - 1 + kernel];
    return { kernel: [kernel], stride: [1], dilation: [1], counts: [count], input };
  };
  expect(ask(average, [[1, 1, 200_000]], line(3, 200_000))).toBe(true);
  expect(ask(average, [[1, 1, 300_000]], line(3, 300_000))).toBe(long);
  expect(ask(average, [[1, 1, 2]], line(300_000, 2))).toBe(long);
  for (const override of [pool, poolGrad, average]) {
    const own = { ...attrs, stride: [1, 1], counts: [3, 3] };
    expect(override.supports([{ shape: x, dtype: 'f64' }], own)).toBe('takes f32, not f64');
  }
});
