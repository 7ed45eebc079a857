// Inclusive running sum or maximum over n. Sums of f32 run in double and are rounded where they are
// stored; sums of f64 carry their rounding error (Knuth's two-sum). NaN stays.
import { address, word } from './words';

/** Columns per unit. */
// @ts-ignore: decorator
@inline
const COLUMNS: i32 = 16;

/** Columns that go side by side through the scratch: 16 bytes each. */
// @ts-ignore: decorator
@inline
const STRIP: i32 = 1024;

/** f32.max and f64.max keep NaN and order -0 before 0. */
// @ts-ignore: decorator
@inline
function combine<T extends number>(a: T, b: T, isMax: bool): T {
  if (!isMax) return (a + b) as T;
  return max<T>(a, b);
}

// @ts-ignore: decorator
@inline
function combineLanes<T extends number>(a: v128, b: v128, isMax: bool): v128 {
  if (!isMax) return v128.add<T>(a, b);
  return v128.max<T>(a, b);
}

/** The least value of a signed integer type: its sign bit alone. */
// @ts-ignore: decorator
@inline
function least<K extends number>(): K {
  return ((1 as K) << ((sizeof<K>() * 8 - 1) as K)) as K;
}

/**
 * A float as an integer of the same order, -0 before 0 and every NaN the largest: maxima of
 * integers take one instruction, those of floats many. The map undoes itself.
 */
// @ts-ignore: decorator
@inline
function mirror<K extends number>(bits: K): K {
  const sign = (bits >> ((sizeof<K>() * 8 - 1) as K)) as K;
  return (bits ^ (sign & ~least<K>())) as K;
}

/** Running maximum of one row of floats; K is the integer as wide as T. */
// @ts-ignore: decorator
@inline
function maxRowOfFloats<T extends number, K extends number>(
  x: usize,
  out: usize,
  n: usize,
): void {
  const end = x + n * sizeof<T>();
  const nan = (sizeof<T>() == 8 ? <K>0x7ff8000000000000 : <K>0x7fc00000) as K;
  let running = least<K>();
  if (ASC_FEATURE_SIMD && sizeof<T>() == 4) {
    const none = v128.splat<K>(running);
    const nans = v128.splat<K>(nan);
    const magnitude = i32x4.splat(0x7fffffff);
    let carry = none;
    for (; x + 16 <= end; x += 16, out += 16) {
      let value = v128.load(x);
      value = v128.bitselect(value, nans, f32x4.eq(value, value));
      value = v128.xor(value, v128.and(i32x4.shr_s(value, 31), magnitude));
      value = i32x4.max_s(value, v128.shuffle<i32>(none, value, 0, 4, 5, 6));
      value = i32x4.max_s(value, v128.shuffle<i32>(none, value, 0, 0, 4, 5));
      value = i32x4.max_s(value, carry);
      carry = v128.shuffle<i32>(value, value, 3, 3, 3, 3);
      v128.store(out, v128.xor(value, v128.and(i32x4.shr_s(value, 31), magnitude)));
    }
    running = v128.extract_lane<K>(carry, 0) as K;
  }
  for (; x < end; x += sizeof<T>(), out += sizeof<T>()) {
    const value = load<T>(x);
    running = max<K>(running, mirror<K>(value == value ? load<K>(x) : nan)) as K;
    store<K>(out, mirror<K>(running));
  }
}

/** The value that leaves the other alone. */
// @ts-ignore: decorator
@inline
function neutral<T extends number>(isMax: bool): T {
  if (!isMax) return <T>0;
  if (isFloat<T>()) return <T>-Infinity;
  return isSigned<T>() ? <T>i32.MIN_VALUE : <T>0;
}

/** Running result of one row of integers. */
// @ts-ignore: decorator
@inline
function row<T extends number>(x: usize, out: usize, n: usize, isMax: bool): void {
  const end = x + n * sizeof<T>();
  let running = neutral<T>(isMax);
  if (ASC_FEATURE_SIMD && sizeof<T>() == 4) {
    const none = v128.splat<T>(running);
    let carry = none;
    for (; x + 16 <= end; x += 16, out += 16) {
      // Each lane meets its left neighbour, then the pair before: prefixes of the four.
      let value = v128.load(x);
      value = combineLanes<T>(value, v128.shuffle<i32>(none, value, 0, 4, 5, 6), isMax);
      value = combineLanes<T>(value, v128.shuffle<i32>(none, value, 0, 0, 4, 5), isMax);
      value = combineLanes<T>(value, carry, isMax);
      v128.store(out, value);
      carry = v128.shuffle<i32>(value, value, 3, 3, 3, 3);
    }
    running = v128.extract_lane<T>(carry, 0);
  }
  for (; x < end; x += sizeof<T>(), out += sizeof<T>()) {
    running = combine<T>(running, load<T>(x), isMax);
    store<T>(out, running);
  }
}

/** Four sums hang on one addition to what came before, instead of four in a row. */
// @ts-ignore: decorator
@inline
function sumRowF32(x: usize, out: usize, n: usize): void {
  const end = x + (n << 2);
  let sum: f64 = 0;
  if (ASC_FEATURE_SIMD) {
    const zero = f64x2.splat(0);
    let carry = zero;
    for (; x + 16 <= end; x += 16, out += 16) {
      const value = v128.load(x);
      let low = f64x2.promote_low_f32x4(value);
      let high = f64x2.promote_low_f32x4(v128.shuffle<i32>(value, value, 2, 3, 2, 3));
      low = f64x2.add(low, v128.shuffle<i64>(zero, low, 0, 2));
      high = f64x2.add(high, v128.shuffle<i64>(zero, high, 0, 2));
      high = f64x2.add(high, v128.shuffle<i64>(low, low, 1, 1));
      low = f64x2.add(low, carry);
      high = f64x2.add(high, carry);
      carry = v128.shuffle<i64>(high, high, 1, 1);
      const a = f32x4.demote_f64x2_zero(low);
      const b = f32x4.demote_f64x2_zero(high);
      v128.store(out, v128.shuffle<i64>(a, b, 0, 2));
    }
    sum = f64x2.extract_lane(carry, 0);
  }
  for (; x < end; x += 4, out += 4) {
    sum += <f64>load<f32>(x);
    store<f32>(out, <f32>sum);
  }
}

// @ts-ignore: decorator
@inline
function sumRowF64(x: usize, out: usize, n: usize): void {
  const end = x + (n << 3);
  let sum: f64 = 0;
  let lost: f64 = 0;
  for (; x < end; x += 8, out += 8) {
    const value = load<f64>(x);
    const total = sum + value;
    const part = total - sum;
    lost += sum - (total - part) + (value - part);
    sum = total;
    // Infinities make the lost part NaN, which then does not count.
    store<f64>(out, lost == lost ? sum + lost : sum);
  }
}

/** `count` columns: each row of out is the row before combined with a row of x. */
// @ts-ignore: decorator
@inline
function strip<T extends number>(
  x: usize,
  out: usize,
  n: i32,
  stride: usize,
  count: i32,
  isMax: bool,
): void {
  const bytes = <usize>count * sizeof<T>();
  // From the neutral value, as in rows, so that -0 sums to 0 here too.
  const start = neutral<T>(isMax);
  for (let k: usize = 0; k < bytes; k += sizeof<T>()) {
    store<T>(out + k, combine<T>(start, load<T>(x + k), isMax));
  }
  for (let p = 1; p < n; p++) {
    x += stride;
    const before = out;
    out += stride;
    let k: usize = 0;
    if (ASC_FEATURE_SIMD) {
      for (; k + 16 <= bytes; k += 16) {
        v128.store(
          out + k,
          combineLanes<T>(v128.load(before + k), v128.load(x + k), isMax),
        );
      }
    }
    for (; k < bytes; k += sizeof<T>()) {
      store<T>(out + k, combine<T>(load<T>(before + k), load<T>(x + k), isMax));
    }
  }
}

// @ts-ignore: decorator
@inline
function sumStripF32(
  x: usize,
  out: usize,
  n: i32,
  stride: usize,
  count: i32,
  sums: usize,
): void {
  const bytes = <usize>count << 2;
  memory.fill(sums, 0, <usize>count << 3);
  for (let p = 0; p < n; p++, x += stride, out += stride) {
    let k: usize = 0;
    if (ASC_FEATURE_SIMD) {
      for (; k + 16 <= bytes; k += 16) {
        const value = v128.load(x + k);
        const at = sums + (k << 1);
        const high = v128.shuffle<i32>(value, value, 2, 3, 2, 3);
        const a = f64x2.add(v128.load(at), f64x2.promote_low_f32x4(value));
        const b = f64x2.add(v128.load(at, 16), f64x2.promote_low_f32x4(high));
        v128.store(at, a);
        v128.store(at, b, 16);
        v128.store(
          out + k,
          v128.shuffle<i64>(f32x4.demote_f64x2_zero(a), f32x4.demote_f64x2_zero(b), 0, 2),
        );
      }
    }
    for (; k < bytes; k += 4) {
      const at = sums + (k << 1);
      const sum = load<f64>(at) + <f64>load<f32>(x + k);
      store<f64>(at, sum);
      store<f32>(out + k, <f32>sum);
    }
  }
}

// @ts-ignore: decorator
@inline
function sumStripF64(
  x: usize,
  out: usize,
  n: i32,
  stride: usize,
  count: i32,
  sums: usize,
): void {
  const bytes = <usize>count << 3;
  const losses = sums + <usize>STRIP * 8;
  memory.fill(sums, 0, <usize>STRIP * 16);
  for (let p = 0; p < n; p++, x += stride, out += stride) {
    for (let k: usize = 0; k < bytes; k += 8) {
      const value = load<f64>(x + k);
      const sum = load<f64>(sums + k);
      const total = sum + value;
      const part = total - sum;
      const lost = load<f64>(losses + k) + (sum - (total - part) + (value - part));
      store<f64>(sums + k, total);
      store<f64>(losses + k, lost);
      store<f64>(out + k, lost == lost ? total + lost : total);
    }
  }
}

/**
 * Words: x, out, N, I. Units: rows where I is 1, else blocks of columns of one [n, i] after the
 * other.
 */
// @ts-ignore: decorator
@inline
function scan<T extends number>(
  args: usize,
  begin: i32,
  end: i32,
  scratch: usize,
  isMax: bool,
): void {
  const x = address(args, 0);
  const out = address(args, 1);
  const n = word(args, 2);
  const i = word(args, 3);
  if (i == 1) {
    for (let unit = begin; unit < end; unit++) {
      const offset = <usize>unit * <usize>n * sizeof<T>();
      if (isInteger<T>()) row<T>(x + offset, out + offset, n, isMax);
      else if (isMax && sizeof<T>() == 8) maxRowOfFloats<f64, i64>(x + offset, out + offset, n);
      else if (isMax) maxRowOfFloats<f32, i32>(x + offset, out + offset, n);
      else if (sizeof<T>() == 8) sumRowF64(x + offset, out + offset, n);
      else sumRowF32(x + offset, out + offset, n);
    }
    return;
  }
  const blocks = (i + COLUMNS - 1) / COLUMNS;
  const stride = <usize>i * sizeof<T>();
  for (let unit = begin; unit < end; ) {
    const slice = unit / blocks;
    const block = unit - slice * blocks;
    const units = min(min(blocks - block, end - unit), STRIP / COLUMNS);
    const count = min(units * COLUMNS, i - block * COLUMNS);
    const offset = <usize>slice * <usize>n * stride + <usize>(block * COLUMNS) * sizeof<T>();
    const from = x + offset;
    const to = out + offset;
    if (isMax || isInteger<T>()) strip<T>(from, to, n, stride, count, isMax);
    else if (sizeof<T>() == 8) sumStripF64(from, to, n, stride, count, scratch);
    else sumStripF32(from, to, n, stride, count, scratch);
    unit += units;
  }
}

export function scanSumF32(args: usize, begin: i32, end: i32, scratch: usize): void {
  scan<f32>(args, begin, end, scratch, false);
}
export function scanSumI32(args: usize, begin: i32, end: i32, scratch: usize): void {
  scan<i32>(args, begin, end, scratch, false);
}
export function scanSumF64(args: usize, begin: i32, end: i32, scratch: usize): void {
  scan<f64>(args, begin, end, scratch, false);
}
export function scanMaxF32(args: usize, begin: i32, end: i32, scratch: usize): void {
  scan<f32>(args, begin, end, scratch, true);
}
export function scanMaxI32(args: usize, begin: i32, end: i32, scratch: usize): void {
  scan<i32>(args, begin, end, scratch, true);
}
export function scanMaxU32(args: usize, begin: i32, end: i32, scratch: usize): void {
  scan<u32>(args, begin, end, scratch, true);
}
export function scanMaxF64(args: usize, begin: i32, end: i32, scratch: usize): void {
  scan<f64>(args, begin, end, scratch, true);
}
