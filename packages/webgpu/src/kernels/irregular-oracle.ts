/** For tests: the irregular kernels by their definitions, element by element, in JavaScript. */
import type { DType } from '@tenon/core';
import { type Data, dataOf, type Sample } from './irregular-samples.ts';

/** How elements add: rounded, wrapping, or "or". */
function addOf(dtype: DType): (a: number, b: number) => number {
  if (dtype === 'bool') return (a, b) => (a !== 0 || b !== 0 ? 1 : 0);
  if (dtype === 'i32') return (a, b) => (a + b) | 0;
  if (dtype === 'u32') return (a, b) => (a + b) >>> 0;
  return (a, b) => Math.fround(a + b);
}

/** Negative where a comes before b: NaN is the largest, zeros are equal. */
function compare(a: number, b: number): number {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
  return a < b ? -1 : a > b ? 1 : 0;
}

type Five = [number, number, number, number, number];

function gather({ spec, inputs: [x, index], args }: Sample, out: number[]): void {
  const [b, o, n, j, i] = args as Five;
  const missing = spec.dtype === 'f32' ? NaN : 0;
  for (let p = 0; p < b * o * j * i; p++) {
    const [c, r, q] = [p % i, Math.floor(p / i) % j, Math.floor(p / i / j)];
    const place = index?.[Math.floor(q / o) * j + r] ?? NaN;
    const isInside = place >= 0 && place < n;
    out[p] = isInside ? (x?.[(q * n + place) * i + c] ?? NaN) : missing;
  }
}

function scatterAdd({ spec, inputs: [x, index], args }: Sample, out: number[]): void {
  const [b, o, n, j, i] = args as Five;
  const add = addOf(spec.dtype);
  out.fill(0);
  for (let p = 0; p < b * o * j * i; p++) {
    const [c, r, q] = [p % i, Math.floor(p / i) % j, Math.floor(p / i / j)];
    const place = index?.[Math.floor(q / o) * j + r] ?? NaN;
    if (place < 0 || place >= n) continue;
    const to = (q * n + place) * i + c;
    out[to] = add(out[to] ?? NaN, x?.[p] ?? NaN);
  }
}

function fold({ spec, inputs: [x], args }: Sample, out: number[]): void {
  const [o, n, w, k, step, dilation, i] = args as [...Five, number, number];
  const add = addOf(spec.dtype);
  out.fill(0);
  for (let p = 0; p < o * w * k * i; p++) {
    const [c, tap] = [p % i, Math.floor(p / i) % k];
    const [window, q] = [Math.floor(p / i / k) % w, Math.floor(p / i / k / w)];
    const to = (q * n + window * step + tap * dilation) * i + c;
    out[to] = add(out[to] ?? NaN, x?.[p] ?? NaN);
  }
}

function pad({ spec, inputs: [x], args }: Sample, out: number[]): void {
  const rank = Math.floor((args.length - 1) / 3);
  const value = dataOf(spec.dtype, [0]);
  new Int32Array(value.buffer).set(args.slice(3 * rank));
  for (let p = 0; p < out.length; p++) {
    let [rest, from, stride, isInside] = [p, 0, 1, true];
    for (let axis = rank - 1; axis >= 0; axis--) {
      const [size, inSize] = [args[axis] ?? 0, args[rank + axis] ?? 0];
      const at = (rest % size) - (args[2 * rank + axis] ?? 0);
      rest = Math.floor(rest / size);
      if (at < 0 || at >= inSize) isInside = false;
      from += at * stride;
      stride *= inSize;
    }
    out[p] = (isInside ? x?.[from] : value[0]) ?? NaN;
  }
}

/** Calls `each` with the values of every row over n and a way to write its results. */
function overRows(
  { inputs: [x], args }: Sample,
  each: (row: number[], write: (p: number, value: number) => void, index: number) => void,
): number[] {
  const [o, n, i] = args as [number, number, number];
  const out: number[] = [];
  for (let q = 0; q < o * i; q++) {
    const first = Math.floor(q / i) * n * i + (q % i);
    const row = Array.from({ length: n }, (_, p) => x?.[first + p * i] ?? NaN);
    each(row, (p, value) => (out[first + p * i] = value), q);
  }
  return out;
}

function extremeOf(row: readonly number[], isMax: boolean): number {
  const nan = row.findIndex(Number.isNaN);
  if (nan >= 0) return nan;
  const best = row.reduce((a, b) => (isMax ? Math.max(a, b) : Math.min(a, b)));
  return row.indexOf(best);
}

/** Result of a sample, exactly; running sums must be exact in double for this to hold. */
export function oracle(sample: Sample): Data {
  const { spec, length } = sample;
  const out = new Array<number>(length).fill(0);
  switch (spec.kind) {
    case 'gather':
      gather(sample, out);
      return dataOf(spec.dtype, out);
    case 'scatterAdd':
      scatterAdd(sample, out);
      return dataOf(spec.dtype, out);
    case 'fold':
      fold(sample, out);
      return dataOf(spec.dtype, out);
    case 'pad':
      pad(sample, out);
      return dataOf(spec.dtype, out);
    case 'argReduce':
      overRows(sample, (row, _write, q) => (out[q] = extremeOf(row, spec.reducer === 'max')));
      return dataOf('i32', out);
    case 'argSort': {
      const places = overRows(sample, (row, write) => {
        const sign = spec.descending ? -1 : 1;
        const value = (p: number): number => row[p] ?? NaN;
        const order = row.map((_, p) => p);
        order.sort((a, b) => sign * compare(value(a), value(b)) || a - b);
        for (const [p, place] of order.entries()) write(p, place);
      });
      return dataOf('i32', places);
    }
    case 'scan': {
      const isMax = spec.reducer === 'max' || spec.dtype === 'bool';
      const add = spec.dtype === 'f32' ? (a: number, b: number) => a + b : addOf(spec.dtype);
      const values = overRows(sample, (row, write) => {
        let running = isMax ? -Infinity : 0;
        row.forEach((value, p) => {
          running = isMax ? Math.max(running, value) : add(running, value);
          write(p, running);
        });
      });
      return dataOf(spec.dtype, values);
    }
    default:
      return spec satisfies never;
  }
}
