// fold, the transpose of unfold along one axis: out[o,n,i] = Σ x[o,w,k,i] over w·step + k·dilation
// = n, in the order of w. Each row of out is summed in registers and written once.
import { address, fillWith, plus, plusLanes, word } from './words';

/** One row of out: the sum of `count` rows of x that lie `apart` bytes from each other. */
// @ts-ignore: decorator
@inline
function sumRows<T extends number>(
  to: usize,
  from: usize,
  count: i32,
  apart: usize,
  bytes: usize,
): void {
  let k: usize = 0;
  if (ASC_FEATURE_SIMD) {
    for (; k + 16 <= bytes; k += 16) {
      let sum = i64x2.splat(0);
      let at = from + k;
      for (let c = 0; c < count; c++, at += apart) sum = plusLanes<T>(sum, v128.load(at));
      v128.store(to + k, sum);
    }
  }
  for (; k < bytes; k += sizeof<T>()) {
    let sum = <T>0;
    let at = from + k;
    for (let c = 0; c < count; c++, at += apart) sum = plus<T>(sum, load<T>(at));
    store<T>(to + k, sum);
  }
}

/** Windows side by side: element e of a slice of out is element e of x, or 0 past its end. */
// @ts-ignore: decorator
@inline
function tile<T extends number>(args: usize, begin: i32, end: i32): void {
  const n = word(args, 2);
  const row = address(args, 7) * sizeof<T>();
  const covered = word(args, 3) * word(args, 4);
  for (let unit = begin; unit < end; ) {
    const o = unit / n;
    const first = unit - o * n;
    const count = min(n - first, end - unit);
    const filled = max(0, min(covered - first, count));
    const from = address(args, 0) + (<usize>o * <usize>covered + <usize>first) * row;
    const to = address(args, 1) + <usize>unit * row;
    sumRows<T>(to, from, 1, 0, <usize>filled * row);
    fillWith<i32>(to + <usize>filled * row, <usize>(count - filled) * row, 0);
    unit += count;
  }
}

/**
 * Words: x, out, N, W, K, step, dilation, I, period, drop. Of the windows that reach n every
 * period-th has an element there; its k is `drop` less than in the one before.
 */
// @ts-ignore: decorator
@inline
function fold<T extends number>(args: usize, begin: i32, end: i32): void {
  const out = address(args, 1);
  const n = word(args, 2);
  const windows = word(args, 3);
  const taps = word(args, 4);
  const step = word(args, 5);
  const dilation = word(args, 6);
  const row = address(args, 7) * sizeof<T>();
  const period = word(args, 8);
  const apart = <usize>(period * taps - word(args, 9)) * row;
  const reach = (taps - 1) * dilation;
  let place = begin % n;
  let x = address(args, 0) + <usize>(begin / n) * <usize>(windows * taps) * row;
  for (let unit = begin; unit < end; unit++) {
    let first = place > reach ? (place - reach + step - 1) / step : 0;
    const last = min(windows - 1, place / step);
    let rest = place - first * step;
    while (first <= last && rest % dilation != 0) {
      first++;
      rest -= step;
    }
    const to = out + <usize>unit * row;
    if (first > last || taps == 0) {
      fillWith<i32>(to, row, 0);
    } else {
      const from = x + <usize>(first * taps + rest / dilation) * row;
      sumRows<T>(to, from, (last - first) / period + 1, apart, row);
    }
    if (++place == n) {
      place = 0;
      x += <usize>(windows * taps) * row;
    }
  }
}

/** Single elements without dilation: no divisions, the windows at both ends are carried along. */
// @ts-ignore: decorator
@inline
function foldElements<T extends number>(args: usize, begin: i32, end: i32): void {
  const n = word(args, 2);
  const windows = word(args, 3);
  const taps = word(args, 4);
  const step = word(args, 5);
  const apart = <usize>(taps - step) * sizeof<T>();
  let to = address(args, 1) + <usize>begin * sizeof<T>();
  let x = address(args, 0) + <usize>(begin / n) * <usize>(windows * taps) * sizeof<T>();
  let place = begin % n;
  // The last window that begins at or before `place`, and how far it has come; the first window
  // that still reaches it, and in how many steps it does not.
  let last = place / step;
  let come = place - last * step;
  let first = place >= taps ? (place - taps) / step + 1 : 0;
  let left = first * step + taps - place;
  for (let unit = begin; unit < end; unit++, to += sizeof<T>()) {
    let sum = <T>0;
    const count = min(windows - 1, last) - first;
    let at = x + <usize>(first * (taps - step) + place) * sizeof<T>();
    for (let c = 0; c <= count; c++, at += apart) sum = plus<T>(sum, load<T>(at));
    store<T>(to, sum);
    if (++place == n) {
      place = 0;
      last = 0;
      come = 0;
      first = 0;
      left = taps;
      x += <usize>(windows * taps) * sizeof<T>();
      continue;
    }
    if (++come == step) {
      come = 0;
      last++;
    }
    if (--left == 0) {
      left = step;
      first++;
    }
  }
}

/** Units: rows of out. */
// @ts-ignore: decorator
@inline
function dispatch<T extends number>(args: usize, begin: i32, end: i32): void {
  const taps = word(args, 4);
  if (word(args, 6) != 1 || taps == 0) fold<T>(args, begin, end);
  else if (word(args, 5) == taps) tile<T>(args, begin, end);
  else if (word(args, 7) == 1 && word(args, 5) < taps) foldElements<T>(args, begin, end);
  else fold<T>(args, begin, end);
}

export function foldF32(args: usize, begin: i32, end: i32, scratch: usize): void {
  dispatch<f32>(args, begin, end);
}
export function foldI32(args: usize, begin: i32, end: i32, scratch: usize): void {
  dispatch<i32>(args, begin, end);
}
export function foldBool(args: usize, begin: i32, end: i32, scratch: usize): void {
  dispatch<u32>(args, begin, end);
}
export function foldF64(args: usize, begin: i32, end: i32, scratch: usize): void {
  dispatch<f64>(args, begin, end);
}
