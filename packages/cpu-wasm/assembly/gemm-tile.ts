/**
 * The register tile of matrix products: R rows times one panel row of W elements (32 bytes: 8 f32
 * or 4 f64; without SIMD 4 elements) for every k of a block. With relaxed_madd 6 rows fit V8's 15
 * usable vector registers (12 sums, 2 of B, 1 of A); mul and add need one more, so 5. The k loop is
 * not unrolled here: V8 does that, and 2, 4 or 8 steps in the source cost 10 to 70 % in spills.
 */
import { add, madd, splatAt } from './lanes';

/** Elements in a row of a panel. */
// @ts-ignore: decorator
@inline
export function panelWidth<T extends number>(): i32 {
  return ASC_FEATURE_SIMD ? <i32>(32 / sizeof<T>()) : 4;
}

/** Bytes in a row of a panel. */
// @ts-ignore: decorator
@inline
export function panelBytes<T extends number>(): usize {
  return ASC_FEATURE_SIMD ? 32 : 4 * sizeof<T>();
}

/** The tallest tile. */
// @ts-ignore: decorator
@inline
export function tileRows(): i32 {
  return ASC_FEATURE_RELAXED_SIMD ? 6 : ASC_FEATURE_SIMD ? 5 : 2;
}

/**
 * Rows of the next tile when `left` are left: the tallest, but never so that a last tile of 1 or 2
 * rows is left over that has too few sums to hide their latency (13 = 5 + 4 + 4, not 6 + 6 + 1).
 */
export function nextRows(left: i32): i32 {
  if (ASC_FEATURE_RELAXED_SIMD) {
    if (left == 7 || left == 8) return 4;
    if (left == 9 || left == 13) return 5;
    return min(left, 6);
  }
  if (ASC_FEATURE_SIMD) {
    if (left == 6) return 3;
    if (left == 7 || left == 8 || left == 11 || left == 12) return 4;
    return min(left, 5);
  }
  return min(left, 2);
}

// @ts-ignore: decorator
@inline
function put<T extends number>(c: usize, value: T, isFirst: bool): void {
  store<T>(c, isFirst ? value : ((load<T>(c) + value) as T));
}

/** The first n < W elements of a row of C. */
function putPart<T extends number>(c: usize, low: v128, high: v128, n: i32, isFirst: bool): void {
  const half = panelWidth<T>() >> 1;
  let v = low;
  if (n >= half) {
    v128.store(c, isFirst ? low : add<T>(v128.load(c), low));
    c += 16;
    n -= half;
    v = high;
  }
  if (n > 0) put<T>(c, v128.extract_lane<T>(v, 0), isFirst);
  if (sizeof<T>() == 4) {
    if (n > 1) put<T>(c + 4, v128.extract_lane<T>(v, 1), isFirst);
    if (n > 2) put<T>(c + 8, <T>f32x4.extract_lane(v, 2), isFirst);
  }
}

// @ts-ignore: decorator
@inline
function putRow<T extends number>(c: usize, low: v128, high: v128, n: i32, isFirst: bool): void {
  if (n >= panelWidth<T>()) {
    v128.store(c, isFirst ? low : add<T>(v128.load(c), low));
    v128.store(c, isFirst ? high : add<T>(v128.load(c, 16), high), 16);
  } else {
    putPart<T>(c, low, high, n, isFirst);
  }
}

/** Element i < 5 of a packed row: its distance goes into the instruction. */
// @ts-ignore: decorator
@inline
function splatInRow<T extends number>(p: usize, i: i32): v128 {
  if (sizeof<T>() == 8) {
    if (i == 1) return v128.load64_splat(p, 8);
    if (i == 2) return v128.load64_splat(p, 16);
    if (i == 3) return v128.load64_splat(p, 24);
    return v128.load64_splat(p, 32);
  }
  if (i == 1) return v128.load32_splat(p, 4);
  if (i == 2) return v128.load32_splat(p, 8);
  if (i == 3) return v128.load32_splat(p, 12);
  return v128.load32_splat(p, 16);
}

/**
 * R rows; A anywhere (row i, inner k at a + i·sM + k·sK), or dense as [k][R] if isDense; rows of B
 * at b + k·sB. Stores (isFirst) or adds to n columns of C.
 */
// @ts-ignore: decorator
@inline
function tile<T extends number>(
  R: i32,
  isDense: bool,
  a0: usize,
  sM: usize,
  sK: usize,
  b: usize,
  sB: usize,
  depth: i32,
  c: usize,
  sC: usize,
  n: i32,
  isFirst: bool,
): void {
  const size = sizeof<T>();
  let a1 = a0 + sM;
  let a2 = a1 + sM;
  let a3 = a2 + sM;
  let a4 = a3 + sM;
  let a5 = a4 + sM;
  let c00 = f32x4.splat(0);
  let c01 = c00;
  let c10 = c00;
  let c11 = c00;
  let c20 = c00;
  let c21 = c00;
  let c30 = c00;
  let c31 = c00;
  let c40 = c00;
  let c41 = c00;
  let c50 = c00;
  let c51 = c00;
  const end = b + sB * depth;
  while (b != end) {
    const low = v128.load(b);
    const high = v128.load(b, 16);
    let x = splatAt<T>(a0);
    c00 = madd<T>(x, low, c00);
    c01 = madd<T>(x, high, c01);
    if (R > 1) {
      x = isDense ? splatInRow<T>(a0, 1) : splatAt<T>(a1);
      c10 = madd<T>(x, low, c10);
      c11 = madd<T>(x, high, c11);
    }
    if (R > 2) {
      x = isDense ? splatInRow<T>(a0, 2) : splatAt<T>(a2);
      c20 = madd<T>(x, low, c20);
      c21 = madd<T>(x, high, c21);
    }
    if (R > 3) {
      x = isDense ? splatInRow<T>(a0, 3) : splatAt<T>(a3);
      c30 = madd<T>(x, low, c30);
      c31 = madd<T>(x, high, c31);
    }
    if (R > 4) {
      x = isDense ? splatInRow<T>(a0, 4) : splatAt<T>(a4);
      c40 = madd<T>(x, low, c40);
      c41 = madd<T>(x, high, c41);
    }
    if (R > 5) {
      x = splatAt<T>(a5);
      c50 = madd<T>(x, low, c50);
      c51 = madd<T>(x, high, c51);
    }
    if (isDense) {
      a0 += <usize>R * size;
    } else {
      a0 += sK;
      if (R > 1) a1 += sK;
      if (R > 2) a2 += sK;
      if (R > 3) a3 += sK;
      if (R > 4) a4 += sK;
      if (R > 5) a5 += sK;
    }
    b += sB;
  }
  putRow<T>(c, c00, c01, n, isFirst);
  if (R > 1) putRow<T>((c += sC), c10, c11, n, isFirst);
  if (R > 2) putRow<T>((c += sC), c20, c21, n, isFirst);
  if (R > 3) putRow<T>((c += sC), c30, c31, n, isFirst);
  if (R > 4) putRow<T>((c += sC), c40, c41, n, isFirst);
  if (R > 5) putRow<T>((c += sC), c50, c51, n, isFirst);
}

/**
 * The tile without SIMD: R rows (1 or 2) times 4 columns; 8 sums fit the registers. They are
 * doubles for f32 too: that costs a quarter of the speed (8.0 against 10.6 GFLOP/s), and this
 * variant serves where nothing faster runs, so its results may as well be the most exact.
 */
// @ts-ignore: decorator
@inline
function scalarTile<T extends number>(
  R: i32,
  a0: usize,
  sM: usize,
  sK: usize,
  b: usize,
  sB: usize,
  depth: i32,
  c: usize,
  sC: usize,
  n: i32,
  isFirst: bool,
): void {
  const size = sizeof<T>();
  let a1 = a0 + sM;
  let c00: f64 = 0;
  let c01: f64 = 0;
  let c02: f64 = 0;
  let c03: f64 = 0;
  let c10: f64 = 0;
  let c11: f64 = 0;
  let c12: f64 = 0;
  let c13: f64 = 0;
  const end = b + sB * depth;
  while (b != end) {
    const b0 = <f64>load<T>(b);
    const b1 = <f64>load<T>(b + size);
    const b2 = <f64>load<T>(b + 2 * size);
    const b3 = <f64>load<T>(b + 3 * size);
    let x = <f64>load<T>(a0);
    c00 += x * b0;
    c01 += x * b1;
    c02 += x * b2;
    c03 += x * b3;
    if (R > 1) {
      x = <f64>load<T>(a1);
      c10 += x * b0;
      c11 += x * b1;
      c12 += x * b2;
      c13 += x * b3;
    }
    a0 += sK;
    if (R > 1) a1 += sK;
    b += sB;
  }
  put<T>(c, <T>c00, isFirst);
  if (n > 1) put<T>(c + size, <T>c01, isFirst);
  if (n > 2) put<T>(c + 2 * size, <T>c02, isFirst);
  if (n > 3) put<T>(c + 3 * size, <T>c03, isFirst);
  if (R > 1) {
    c += sC;
    put<T>(c, <T>c10, isFirst);
    if (n > 1) put<T>(c + size, <T>c11, isFirst);
    if (n > 2) put<T>(c + 2 * size, <T>c12, isFirst);
    if (n > 3) put<T>(c + 3 * size, <T>c13, isFirst);
  }
}

function tile1<T extends number>(
  a: usize,
  sM: usize,
  sK: usize,
  b: usize,
  sB: usize,
  depth: i32,
  c: usize,
  sC: usize,
  n: i32,
  isFirst: bool,
): void {
  if (ASC_FEATURE_SIMD) tile<T>(1, false, a, sM, sK, b, sB, depth, c, sC, n, isFirst);
  else scalarTile<T>(1, a, sM, sK, b, sB, depth, c, sC, n, isFirst);
}

function tile2<T extends number>(
  a: usize,
  sM: usize,
  sK: usize,
  b: usize,
  sB: usize,
  depth: i32,
  c: usize,
  sC: usize,
  n: i32,
  isFirst: bool,
): void {
  if (ASC_FEATURE_SIMD) tile<T>(2, false, a, sM, sK, b, sB, depth, c, sC, n, isFirst);
  else scalarTile<T>(2, a, sM, sK, b, sB, depth, c, sC, n, isFirst);
}

function tile3<T extends number>(
  a: usize,
  sM: usize,
  sK: usize,
  b: usize,
  sB: usize,
  depth: i32,
  c: usize,
  sC: usize,
  n: i32,
  isFirst: bool,
): void {
  tile<T>(3, false, a, sM, sK, b, sB, depth, c, sC, n, isFirst);
}

function tile4<T extends number>(
  a: usize,
  sM: usize,
  sK: usize,
  b: usize,
  sB: usize,
  depth: i32,
  c: usize,
  sC: usize,
  n: i32,
  isFirst: bool,
): void {
  tile<T>(4, false, a, sM, sK, b, sB, depth, c, sC, n, isFirst);
}

function tile5<T extends number>(
  a: usize,
  sM: usize,
  sK: usize,
  b: usize,
  sB: usize,
  depth: i32,
  c: usize,
  sC: usize,
  n: i32,
  isFirst: bool,
): void {
  tile<T>(5, false, a, sM, sK, b, sB, depth, c, sC, n, isFirst);
}

function tile6<T extends number>(
  a: usize,
  sM: usize,
  sK: usize,
  b: usize,
  sB: usize,
  depth: i32,
  c: usize,
  sC: usize,
  n: i32,
  isFirst: bool,
): void {
  tile<T>(6, false, a, sM, sK, b, sB, depth, c, sC, n, isFirst);
}

function dense3<T extends number>(
  a: usize,
  b: usize,
  sB: usize,
  depth: i32,
  c: usize,
  sC: usize,
  n: i32,
  isFirst: bool,
): void {
  tile<T>(3, true, a, 0, 0, b, sB, depth, c, sC, n, isFirst);
}

function dense4<T extends number>(
  a: usize,
  b: usize,
  sB: usize,
  depth: i32,
  c: usize,
  sC: usize,
  n: i32,
  isFirst: bool,
): void {
  tile<T>(4, true, a, 0, 0, b, sB, depth, c, sC, n, isFirst);
}

function dense5<T extends number>(
  a: usize,
  b: usize,
  sB: usize,
  depth: i32,
  c: usize,
  sC: usize,
  n: i32,
  isFirst: bool,
): void {
  tile<T>(5, true, a, 0, 0, b, sB, depth, c, sC, n, isFirst);
}

/** A tile of `rows` rows wherever A and B lie; see `tile`. */
export function tileAt<T extends number>(
  rows: i32,
  a: usize,
  sM: usize,
  sK: usize,
  b: usize,
  sB: usize,
  depth: i32,
  c: usize,
  sC: usize,
  n: i32,
  isFirst: bool,
): void {
  if (rows == 1) tile1<T>(a, sM, sK, b, sB, depth, c, sC, n, isFirst);
  else if (!ASC_FEATURE_SIMD || rows == 2) tile2<T>(a, sM, sK, b, sB, depth, c, sC, n, isFirst);
  else if (ASC_FEATURE_SIMD) {
    if (rows == 3) tile3<T>(a, sM, sK, b, sB, depth, c, sC, n, isFirst);
    else if (rows == 4) tile4<T>(a, sM, sK, b, sB, depth, c, sC, n, isFirst);
    else if (!ASC_FEATURE_RELAXED_SIMD || rows == 5) {
      tile5<T>(a, sM, sK, b, sB, depth, c, sC, n, isFirst);
    } else if (ASC_FEATURE_RELAXED_SIMD) {
      tile6<T>(a, sM, sK, b, sB, depth, c, sC, n, isFirst);
    }
  }
}

/**
 * A tile of packed rows ([k][rows]). Only mul and add gain by a loop with one pointer to A (50
 * against 41 GFLOP/s); with madd the general tile is as fast.
 */
export function denseTile<T extends number>(
  rows: i32,
  a: usize,
  b: usize,
  sB: usize,
  depth: i32,
  c: usize,
  sC: usize,
  n: i32,
  isFirst: bool,
): void {
  if (ASC_FEATURE_SIMD && !ASC_FEATURE_RELAXED_SIMD) {
    if (rows == 5) return dense5<T>(a, b, sB, depth, c, sC, n, isFirst);
    if (rows == 4) return dense4<T>(a, b, sB, depth, c, sC, n, isFirst);
    if (rows == 3) return dense3<T>(a, b, sB, depth, c, sC, n, isFirst);
  }
  const size = sizeof<T>();
  tileAt<T>(rows, a, size, <usize>rows * size, b, sB, depth, c, sC, n, isFirst);
}

/** The same times a packed panel. */
export function densePackedTile<T extends number>(
  rows: i32,
  a: usize,
  b: usize,
  depth: i32,
  c: usize,
  sC: usize,
  n: i32,
  isFirst: bool,
): void {
  denseTile<T>(rows, a, b, panelBytes<T>(), depth, c, sC, n, isFirst);
}
