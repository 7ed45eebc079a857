// gather: out[b,o,j,i] = x[b,o,index[b,j],i] as rows of 32-bit words, and the check of indices.
import { address, copyWords, word } from './words';

/**
 * Words: index, size, flag. Units: indices. Sets the flag where one lies outside [0, size); the
 * caller clears it before and looks for the culprit after.
 */
export function checkIndices(args: usize, begin: i32, end: i32, scratch: usize): void {
  const size = <u32>word(args, 1);
  let at = address(args, 0) + (<usize>begin << 2);
  const last = address(args, 0) + (<usize>end << 2);
  let largest: u32 = 0;
  if (ASC_FEATURE_SIMD) {
    // Negative numbers are large ones without sign, so one maximum tells.
    let a = i32x4.splat(0);
    let b = a;
    for (; at + 32 <= last; at += 32) {
      a = i32x4.max_u(a, v128.load(at));
      b = i32x4.max_u(b, v128.load(at, 16));
    }
    a = i32x4.max_u(a, b);
    a = i32x4.max_u(a, v128.shuffle<i32>(a, a, 2, 3, 0, 1));
    a = i32x4.max_u(a, v128.shuffle<i32>(a, a, 1, 0, 3, 2));
    largest = <u32>i32x4.extract_lane(a, 0);
  }
  for (; at < last; at += 4) {
    const n = load<u32>(at);
    if (n > largest) largest = n;
  }
  if (begin < end && largest >= size) store<i32>(args, 1, 8);
}

/** `count` rows of `bytes` each; `index` counts rows from x. */
// @ts-ignore: decorator
@inline
function copyRows(x: usize, index: usize, out: usize, count: i32, bytes: usize): void {
  const last = index + (<usize>count << 2);
  if (bytes == 4) {
    for (; index + 16 <= last; index += 16, out += 16) {
      const a = load<i32>(x + (load<usize>(index) << 2));
      const b = load<i32>(x + (load<usize>(index, 4) << 2));
      const c = load<i32>(x + (load<usize>(index, 8) << 2));
      const d = load<i32>(x + (load<usize>(index, 12) << 2));
      store<i32>(out, a);
      store<i32>(out, b, 4);
      store<i32>(out, c, 8);
      store<i32>(out, d, 12);
    }
    for (; index < last; index += 4, out += 4) {
      store<i32>(out, load<i32>(x + (load<usize>(index) << 2)));
    }
  } else if (bytes == 8) {
    for (; index < last; index += 4, out += 8) {
      store<i64>(out, load<i64>(x + (load<usize>(index) << 3)));
    }
  } else {
    for (; index < last; index += 4, out += bytes) {
      copyWords(out, x + load<usize>(index) * bytes, bytes);
    }
  }
}

/** Words: x, index, out, O, N, J, bytes of a row. Units: rows of out. */
export function gather(args: usize, begin: i32, end: i32, scratch: usize): void {
  const outer = word(args, 3);
  const j = word(args, 5);
  const bytes = address(args, 6);
  const slice = address(args, 4) * bytes;
  const block = begin / j;
  let x = address(args, 0) + <usize>block * slice;
  let index = address(args, 1) + ((<usize>(block / outer) * <usize>j) << 2);
  let out = address(args, 2) + <usize>begin * bytes;
  let place = block % outer;
  let first = begin - block * j;
  for (let row = begin; row < end; ) {
    const count = min(j - first, end - row);
    copyRows(x, index + (<usize>first << 2), out, count, bytes);
    row += count;
    out += <usize>count * bytes;
    first = 0;
    x += slice;
    if (++place == outer) {
      place = 0;
      index += <usize>j << 2;
    }
  }
}
