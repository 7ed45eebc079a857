// Index of the first extreme over n; the first NaN wins over everything. Rows are reduced block by
// block, only the winning block is searched for the place; columns run side by side.
import { address, copyWords, fillWith, word } from './words';

/** Elements of a row that are reduced before their extreme is looked at: they stay in cache. */
// @ts-ignore: decorator
@inline
const BLOCK: i32 = 2048;

/** Elements from which a row is worth its own vectors. */
// @ts-ignore: decorator
@inline
const LONG: i32 = 16;

/** Rows of x from which on a new record among four columns is rare enough to branch on. */
// @ts-ignore: decorator
@inline
const RARE: i32 = 32;

/** Columns per unit. */
// @ts-ignore: decorator
@inline
const COLUMNS: i32 = 16;

/** Columns that go side by side through the scratch: 16 bytes each. */
// @ts-ignore: decorator
@inline
const STRIP: i32 = 1024;

/** Whether a new value takes the lead; a NaN never loses it. */
// @ts-ignore: decorator
@inline
function leads<T extends number>(value: T, best: T, isMax: bool): bool {
  if (isFloat<T>()) {
    return best == best && !(isMax ? value <= best : value >= best);
  }
  return isMax ? value > best : value < best;
}

// @ts-ignore: decorator
@inline
function leadingLanes<T extends number>(value: v128, best: v128, isMax: bool): v128 {
  if (isFloat<T>()) {
    const behind = isMax ? v128.le<T>(value, best) : v128.ge<T>(value, best);
    return v128.andnot(v128.eq<T>(best, best), behind);
  }
  return isMax ? v128.gt<T>(value, best) : v128.lt<T>(value, best);
}

/** A NaN in `value` is passed over: a mask of its own finds it. */
// @ts-ignore: decorator
@inline
function extreme<T extends number>(best: v128, value: v128, isMax: bool): v128 {
  if (isFloat<T>()) return isMax ? v128.pmax<T>(best, value) : v128.pmin<T>(best, value);
  return isMax ? v128.max<T>(best, value) : v128.min<T>(best, value);
}

/** Index of the first NaN (or else of the first `wanted`) of n elements, or n. */
// @ts-ignore: decorator
@inline
function find<T extends number>(x: usize, n: i32, wanted: T, isNaN: bool): i32 {
  for (let p = 0; p < n; p++) {
    const value = load<T>(x + <usize>p * sizeof<T>());
    if (isNaN ? value != value : value == wanted) return p;
  }
  return n;
}

/** As find, a vector at a time. */
// @ts-ignore: decorator
@inline
function findLanes<T extends number>(x: usize, n: i32, wanted: T, isNaN: bool): i32 {
  const lanes = <i32>(16 / sizeof<T>());
  const all = v128.splat<T>(wanted);
  let p = 0;
  for (; p + lanes <= n; p += lanes) {
    const value = v128.load(x + <usize>p * sizeof<T>());
    if (v128.any_true(isNaN ? v128.ne<T>(value, value) : v128.eq<T>(value, all))) break;
  }
  return p + find<T>(x + <usize>p * sizeof<T>(), n - p, wanted, isNaN);
}

// @ts-ignore: decorator
@inline
function rowOf<T extends number>(x: usize, n: i32, isMax: bool): i32 {
  let best = load<T>(x);
  let found = 0;
  let at = x;
  for (let p = 1; p < n; p++) {
    at += sizeof<T>();
    const value = load<T>(at);
    if (leads<T>(value, best, isMax)) {
      best = value;
      found = p;
    }
  }
  return found;
}

/** Four short rows at once, a lane each: no branch to guess wrong. */
// @ts-ignore: decorator
@inline
function fourRowsOf<T extends number>(x: usize, n: i32, isMax: bool): v128 {
  const row = <usize>n * sizeof<T>();
  let best = i32x4.splat(0);
  let places = best;
  for (let p = 0; p < n; p++, x += sizeof<T>()) {
    let value = v128.load32_zero(x);
    value = v128.load32_lane(x + row, value, 1);
    value = v128.load32_lane(x + row * 2, value, 2);
    value = v128.load32_lane(x + row * 3, value, 3);
    if (p == 0) best = value;
    const mask = leadingLanes<T>(value, best, isMax);
    best = v128.bitselect(value, best, mask);
    places = v128.bitselect(i32x4.splat(p), places, mask);
  }
  return places;
}

/** n >= LONG. */
// @ts-ignore: decorator
@inline
function longRowOf<T extends number>(x: usize, n: i32, isMax: bool): i32 {
  let best = <T>0;
  let block = -1;
  for (let start = 0; start < n; start += BLOCK) {
    const from = x + <usize>start * sizeof<T>();
    // The last vector reaches back into what was seen before: an extreme does not mind.
    const count = min(BLOCK, n - start);
    const bytes = <usize>count * sizeof<T>();
    const tail = from + bytes - 16;
    let a = v128.load(tail);
    let b = a;
    let c = a;
    let d = a;
    let nan = v128.ne<T>(a, a);
    let at = from;
    for (; at + 64 <= from + bytes; at += 64) {
      const p = v128.load(at);
      const q = v128.load(at, 16);
      const r = v128.load(at, 32);
      const s = v128.load(at, 48);
      if (isFloat<T>()) {
        nan = v128.or(nan, v128.or(v128.ne<T>(p, p), v128.ne<T>(q, q)));
        nan = v128.or(nan, v128.or(v128.ne<T>(r, r), v128.ne<T>(s, s)));
      }
      a = extreme<T>(a, p, isMax);
      b = extreme<T>(b, q, isMax);
      c = extreme<T>(c, r, isMax);
      d = extreme<T>(d, s, isMax);
    }
    for (; at + 16 <= from + bytes; at += 16) {
      const p = v128.load(at);
      if (isFloat<T>()) nan = v128.or(nan, v128.ne<T>(p, p));
      a = extreme<T>(a, p, isMax);
    }
    if (isFloat<T>() && v128.any_true(nan)) {
      return start + findLanes<T>(from, count, <T>0, true);
    }
    a = extreme<T>(extreme<T>(a, b, isMax), extreme<T>(c, d, isMax), isMax);
    let value = v128.extract_lane<T>(a, 0);
    for (let lane: usize = 1; lane < 16 / sizeof<T>(); lane++) {
      a = v128.shuffle<i32>(a, a, 1, 2, 3, 0);
      if (sizeof<T>() == 8) a = v128.shuffle<i32>(a, a, 1, 2, 3, 0);
      const other = v128.extract_lane<T>(a, 0);
      if (isMax ? other > value : other < value) value = other;
    }
    if (block < 0 || (isMax ? value > best : value < best)) {
      best = value;
      block = start;
    }
  }
  return block + findLanes<T>(x + <usize>block * sizeof<T>(), n - block, best, false);
}

/** A vector of a row of x meets the leaders and their places so far. */
// @ts-ignore: decorator
@inline
function meet<T extends number>(
  x: usize,
  leaders: usize,
  places: usize,
  here: v128,
  isMax: bool,
): void {
  const value = v128.load(x);
  const best = v128.load(leaders);
  const mask = leadingLanes<T>(value, best, isMax);
  v128.store(leaders, v128.bitselect(value, best, mask));
  v128.store(places, v128.bitselect(here, v128.load(places), mask));
}

/** `count` columns, one row of x after the other; leaders and their places wait in the scratch. */
// @ts-ignore: decorator
@inline
function strip<T extends number>(
  x: usize,
  out: usize,
  n: i32,
  stride: usize,
  count: i32,
  isMax: bool,
  scratch: usize,
): void {
  const bytes = <usize>count * sizeof<T>();
  const places = scratch + <usize>STRIP * 8;
  copyWords(scratch, x, bytes);
  fillWith<i32>(places, bytes, 0);
  for (let p = 1; p < n; p++) {
    x += stride;
    if (ASC_FEATURE_SIMD) {
      if (bytes >= 16) {
        const here = sizeof<T>() == 8 ? i64x2.splat(<i64>p) : i32x4.splat(p);
        // The last vector overlaps the one before: a value does not lead itself.
        const last = bytes - 16;
        if (p < RARE) {
          for (let k: usize = 0; k < last; k += 16) {
            meet<T>(x + k, scratch + k, places + k, here, isMax);
          }
        } else {
          for (let k: usize = 0; k < last; k += 16) {
            const mask = leadingLanes<T>(v128.load(x + k), v128.load(scratch + k), isMax);
            if (v128.any_true(mask)) meet<T>(x + k, scratch + k, places + k, here, isMax);
          }
        }
        meet<T>(x + last, scratch + last, places + last, here, isMax);
        continue;
      }
    }
    for (let k: usize = 0; k < bytes; k += sizeof<T>()) {
      const value = load<T>(x + k);
      if (!leads<T>(value, load<T>(scratch + k), isMax)) continue;
      store<T>(scratch + k, value);
      store<i32>(places + k, p);
    }
  }
  for (let k: usize = 0; k < bytes; k += sizeof<T>(), out += 4) {
    store<i32>(out, load<i32>(places + k));
  }
}

/** Rows of n elements that lie one after the other. */
// @ts-ignore: decorator
@inline
function argRows<T extends number>(x: usize, out: usize, n: i32, count: i32, isMax: bool): void {
  const bytes = <usize>n * sizeof<T>();
  if (ASC_FEATURE_SIMD) {
    if (n >= LONG) {
      for (; count > 0; count--, x += bytes, out += 4) {
        store<i32>(out, longRowOf<T>(x, n, isMax));
      }
    } else if (sizeof<T>() == 4) {
      for (; count >= 4; count -= 4, x += bytes * 4, out += 16) {
        v128.store(out, fourRowsOf<T>(x, n, isMax));
      }
    }
  }
  for (; count > 0; count--, x += bytes, out += 4) store<i32>(out, rowOf<T>(x, n, isMax));
}

/**
 * Words: x, out, N, I. Units: rows where I is 1, else blocks of columns of one [n, i] after the
 * other.
 */
// @ts-ignore: decorator
@inline
function argReduce<T extends number>(
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
    const from = x + <usize>begin * <usize>n * sizeof<T>();
    argRows<T>(from, out + (<usize>begin << 2), n, end - begin, isMax);
    return;
  }
  const blocks = (i + COLUMNS - 1) / COLUMNS;
  for (let unit = begin; unit < end; ) {
    const slice = unit / blocks;
    const first = (unit - slice * blocks) * COLUMNS;
    const units = min(min(blocks - (unit - slice * blocks), end - unit), STRIP / COLUMNS);
    const count = min(units * COLUMNS, i - first);
    const from = x + (<usize>slice * <usize>n * <usize>i + <usize>first) * sizeof<T>();
    const to = out + ((<usize>slice * <usize>i + <usize>first) << 2);
    strip<T>(from, to, n, <usize>i * sizeof<T>(), count, isMax, scratch);
    unit += units;
  }
}

export function argMaxF32(args: usize, begin: i32, end: i32, scratch: usize): void {
  argReduce<f32>(args, begin, end, scratch, true);
}
export function argMinF32(args: usize, begin: i32, end: i32, scratch: usize): void {
  argReduce<f32>(args, begin, end, scratch, false);
}
export function argMaxI32(args: usize, begin: i32, end: i32, scratch: usize): void {
  argReduce<i32>(args, begin, end, scratch, true);
}
export function argMinI32(args: usize, begin: i32, end: i32, scratch: usize): void {
  argReduce<i32>(args, begin, end, scratch, false);
}
export function argMaxU32(args: usize, begin: i32, end: i32, scratch: usize): void {
  argReduce<u32>(args, begin, end, scratch, true);
}
export function argMinU32(args: usize, begin: i32, end: i32, scratch: usize): void {
  argReduce<u32>(args, begin, end, scratch, false);
}
export function argMaxF64(args: usize, begin: i32, end: i32, scratch: usize): void {
  argReduce<f64>(args, begin, end, scratch, true);
}
export function argMinF64(args: usize, begin: i32, end: i32, scratch: usize): void {
  argReduce<f64>(args, begin, end, scratch, false);
}
