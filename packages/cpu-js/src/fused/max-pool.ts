/**
 * maxPool with indices, and its gradient. In a window the first largest element wins, or the last
 * NaN, as in core and PyTorch. The search has no branches: which element is largest cannot be
 * foreseen, and a branch guessed wrong costs as much as a window. Rows are functions of their own,
 * so that V8 optimizes them also where a pooling runs once a step. 3x3 stride 2 of 8x64x56x56: 9.4
 * against 12.8 ms. 2x2 of 64x32x28x28: equal in a loop (4.0), in a training step 3.6 against 14 ms.
 * Its gradient: 1.4 against 3.2 ms.
 * maxPool: buffers x, y, indices (i32, positions within the plane); words: see poolWords.
 * maxPoolGrad: buffers g, indices, out; words: planes, positions and elements of a plane.
 */
import type { FusedSpec, MaxPoolAttrs, Override } from '@tenon/core';
import { CpuKernel } from '../kernel.ts';
import { type CpuBuffer, type View, viewOf } from '../storage.ts';
import { isFloat, poolSupports, poolWords, Window } from './pool-window.ts';

/** Larger windows are reductions in core, with another order of NaN and of zeros. */
const MAX_WINDOW = 16;

/** Where the winner is, of any values: the slow way, for windows with NaN. */
function search(x: View, first: number, { taps, length }: Window): number {
  let best = first;
  for (let t = 1; t < length; t++) {
    const value = x[first + taps[t]!]!;
    if (value > x[best]! || Number.isNaN(value)) best = first + taps[t]!;
  }
  return best;
}

/** One row of windows of four elements: all pairs are compared, so no step waits for another. */
function rowOfFour(
  x: View,
  at: number,
  window: Window,
  count: number,
  step: number,
  base: number,
  y: View,
  indices: Int32Array,
  to: number,
): void {
  const { taps } = window;
  const t1 = taps[1]!;
  const t2 = taps[2]!;
  const t3 = taps[3]!;
  let first = at;
  for (let i = 0; i < count; i++) {
    const a = x[first]!;
    const b = x[(first + t1) | 0]!;
    const c = x[(first + t2) | 0]!;
    const d = x[(first + t3) | 0]!;
    const isFirst = +(b <= a) & +(c <= a) & +(d <= a);
    const isSecond = (isFirst ^ 1) & +(c <= b) & +(d <= b);
    const isLater = (isFirst | isSecond) ^ 1;
    const isFourth = isLater & +(c < d);
    const tap = (t1 & -isSecond) | (t2 & -(isLater ^ isFourth)) | (t3 & -isFourth);
    const sum = a + b + c + d;
    // NaN, or infinities of both signs; hardly ever, so this branch is foreseen.
    const best = Number.isNaN(sum) ? search(x, first, window) : (first + tap) | 0;
    y[(to + i) | 0] = x[best]!;
    indices[(to + i) | 0] = (best - base) | 0;
    first = (first + step) | 0;
  }
}

/** Where the best elements so far of one row of windows are. */
let bests: Int32Array<ArrayBuffer> = new Int32Array(64);

/** One row of windows of any size: tap by tap, so that no window waits for itself. */
function rowOfAny(
  x: View,
  at: number,
  window: Window,
  count: number,
  step: number,
  base: number,
  y: View,
  indices: Int32Array,
  to: number,
): void {
  const { taps, length } = window;
  if (bests.length < count) bests = new Int32Array(count);
  for (let i = 0; i < count; i++) bests[i] = at + i * step;
  for (let t = 1; t < length; t++) {
    let next = at + taps[t]!;
    for (let i = 0; i < count; i++) {
      const best = bests[i]!;
      const value = x[next]!;
      // A NaN wins; all comparisons with one are false.
      const wins = +(x[best]! < value) | (+(value <= Infinity) ^ 1);
      bests[i] = best ^ ((best ^ next) & -wins);
      next = (next + step) | 0;
    }
  }
  for (let i = 0; i < count; i++) {
    const best = bests[i]!;
    y[to + i] = x[best]!;
    indices[to + i] = best - base;
  }
}

function pool(x: View, y: View, indices: Int32Array, window: Window): void {
  const { planes, elements, slices, rows, columns } = window;
  const row = window.length === 4 ? rowOfFour : rowOfAny;
  let to = 0;
  for (let plane = 0; plane < planes; plane++) {
    const base = plane * elements;
    for (let z = 0; z < slices; z++) {
      for (let r = 0; r < rows; r++) {
        const at = base + z * window.stepSlice + r * window.stepRow;
        row(x, at, window, columns, window.step, base, y, indices, to);
        to += columns;
      }
    }
  }
}

function prepareMaxPool(spec: FusedSpec): CpuKernel {
  const window = new Window();
  return new CpuKernel(spec, (buffers, args) => {
    const [x, y, indices] = buffers as [CpuBuffer, CpuBuffer, CpuBuffer];
    window.read(args);
    pool(viewOf(x, spec.dtype), viewOf(y, spec.dtype), indices.i32, window);
  });
}

export function maxPoolOverride(): Override {
  return {
    epilogue: false,
    supports: ([x], attrs) => {
      const own = attrs as MaxPoolAttrs;
      if (!own.hasIndices) return 'wants no indices: the decomposition is as fast';
      const length = own.kernel.reduce((product, size) => product * size, 1);
      if (length < 2 || length > MAX_WINDOW) {
        return `takes windows of 2 to ${MAX_WINDOW} elements, not ${length}`;
      }
      return poolSupports(x!, own);
    },
    words: ([x], attrs) => poolWords(x!.shape, attrs as MaxPoolAttrs),
    prepare: prepareMaxPool,
  };
}

function spreadPlane(
  g: View,
  from: number,
  positions: number,
  indices: Int32Array,
  out: View,
  base: number,
): void {
  for (let i = from, end = from + positions; i < end; i++) {
    const at = (base + indices[i]!) | 0;
    out[at] = out[at]! + g[i]!;
  }
}

export function maxPoolGradOverride(): Override {
  return {
    epilogue: false,
    supports: ([g]) => isFloat(g!),
    words: ([g], attrs) => {
      const [n, c, ...sizes] = (attrs as { readonly input: readonly number[] }).input;
      const positions = g!.shape.slice(2).reduce((product, count) => product * count, 1);
      return [n! * c!, positions, sizes.reduce((product, size) => product * size, 1)];
    },
    prepare: (spec) =>
      new CpuKernel(spec, (buffers, args) => {
        const [g, indices, out] = buffers as [CpuBuffer, CpuBuffer, CpuBuffer];
        const planes = args[0]!;
        const positions = args[1]!;
        const elements = args[2]!;
        const from = viewOf(g, spec.dtype);
        const to = viewOf(out, spec.dtype);
        to.fill(0, 0, planes * elements);
        for (let p = 0; p < planes; p++) {
          spreadPlane(from, p * positions, positions, indices.i32, to, p * elements);
        }
      }),
  };
}
