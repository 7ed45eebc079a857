/**
 * Products whose operands are both contiguous in k (x·Wᵀ with few rows): dot products of the rows
 * as they lie, vectors along k. Nothing is packed, and 2 x 6 sums keep the multiplier as busy as
 * the packed tile does. f32 only. Short tiles repeat their last column and store what exists.
 */
import { add, madd } from './lanes';

/** Columns of a tile: as many sums as fit the registers; 8 hide the latency. */
// @ts-ignore: decorator
@inline
const PAIR_COLUMNS: i32 = ASC_FEATURE_RELAXED_SIMD ? 6 : 4;
// @ts-ignore: decorator
@inline
const SINGLE_COLUMNS: i32 = 8;

/** Inner positions per pass: 8 rows of 4 KB fit the first-level cache. */
// @ts-ignore: decorator
@inline
const DOT_DEPTH: i32 = 1024;

/** The 1 to 3 elements from p, then zeros. */
// @ts-ignore: decorator
@inline
function loadRest(p: usize, rest: i32): v128 {
  if (rest == 1) return v128.load32_zero(p);
  const v = v128.load64_zero(p);
  return rest == 2 ? v : v128.load32_lane(p, v, 2, 8);
}

/** [Σa, Σb, Σc, Σd] */
// @ts-ignore: decorator
@inline
function sums(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab = add<f32>(
    v128.shuffle<f32>(a, b, 0, 4, 1, 5),
    v128.shuffle<f32>(a, b, 2, 6, 3, 7),
  );
  const cd = add<f32>(
    v128.shuffle<f32>(c, d, 0, 4, 1, 5),
    v128.shuffle<f32>(c, d, 2, 6, 3, 7),
  );
  return add<f32>(v128.shuffle<f32>(ab, cd, 0, 1, 4, 5), v128.shuffle<f32>(ab, cd, 2, 3, 6, 7));
}

// @ts-ignore: decorator
@inline
function put(c: usize, value: f32, isFirst: bool): void {
  store<f32>(c, isFirst ? value : load<f32>(c) + value);
}

/** The first n (1 to 4) of four sums to places sN apart. */
function putSums(c: usize, sN: usize, v: v128, n: i32, isFirst: bool): void {
  if (n >= 4 && sN == 4) {
    v128.store(c, isFirst ? v : add<f32>(v128.load(c), v));
    return;
  }
  put(c, f32x4.extract_lane(v, 0), isFirst);
  if (n > 1) put(c + sN, f32x4.extract_lane(v, 1), isFirst);
  if (n > 2) put(c + 2 * sN, f32x4.extract_lane(v, 2), isFirst);
  if (n > 3) put(c + 3 * sN, f32x4.extract_lane(v, 3), isFirst);
}

/** Two rows of A times up to six of Bᵀ. */
function pair6(
  a: usize,
  sM: usize,
  b: usize,
  sN: usize,
  depth: i32,
  n: i32,
  c: usize,
  cM: usize,
  cN: usize,
  isFirst: bool,
): void {
  let a0 = a;
  let a1 = a0 + sM;
  let b0 = b;
  let b1 = n > 1 ? b0 + sN : b0;
  let b2 = n > 2 ? b1 + sN : b1;
  let b3 = n > 3 ? b2 + sN : b2;
  let b4 = n > 4 ? b3 + sN : b3;
  let b5 = n > 5 ? b4 + sN : b4;
  let c00 = f32x4.splat(0);
  let c01 = c00;
  let c02 = c00;
  let c03 = c00;
  let c04 = c00;
  let c05 = c00;
  let c10 = c00;
  let c11 = c00;
  let c12 = c00;
  let c13 = c00;
  let c14 = c00;
  let c15 = c00;
  const end = a0 + (<usize>(depth & ~3) << 2);
  while (a0 != end) {
    const x0 = v128.load(a0);
    const x1 = v128.load(a1);
    let y = v128.load(b0);
    c00 = madd<f32>(x0, y, c00);
    c10 = madd<f32>(x1, y, c10);
    y = v128.load(b1);
    c01 = madd<f32>(x0, y, c01);
    c11 = madd<f32>(x1, y, c11);
    y = v128.load(b2);
    c02 = madd<f32>(x0, y, c02);
    c12 = madd<f32>(x1, y, c12);
    y = v128.load(b3);
    c03 = madd<f32>(x0, y, c03);
    c13 = madd<f32>(x1, y, c13);
    y = v128.load(b4);
    c04 = madd<f32>(x0, y, c04);
    c14 = madd<f32>(x1, y, c14);
    y = v128.load(b5);
    c05 = madd<f32>(x0, y, c05);
    c15 = madd<f32>(x1, y, c15);
    a0 += 16;
    a1 += 16;
    b0 += 16;
    b1 += 16;
    b2 += 16;
    b3 += 16;
    b4 += 16;
    b5 += 16;
  }
  const rest = depth & 3;
  if (rest != 0) {
    const x0 = loadRest(a0, rest);
    const x1 = loadRest(a1, rest);
    let y = loadRest(b0, rest);
    c00 = madd<f32>(x0, y, c00);
    c10 = madd<f32>(x1, y, c10);
    y = loadRest(b1, rest);
    c01 = madd<f32>(x0, y, c01);
    c11 = madd<f32>(x1, y, c11);
    y = loadRest(b2, rest);
    c02 = madd<f32>(x0, y, c02);
    c12 = madd<f32>(x1, y, c12);
    y = loadRest(b3, rest);
    c03 = madd<f32>(x0, y, c03);
    c13 = madd<f32>(x1, y, c13);
    y = loadRest(b4, rest);
    c04 = madd<f32>(x0, y, c04);
    c14 = madd<f32>(x1, y, c14);
    y = loadRest(b5, rest);
    c05 = madd<f32>(x0, y, c05);
    c15 = madd<f32>(x1, y, c15);
  }
  putSums(c, cN, sums(c00, c01, c02, c03), n, isFirst);
  if (n > 4) putSums(c + 4 * cN, cN, sums(c04, c05, c05, c05), min(n - 4, 2), isFirst);
  c += cM;
  putSums(c, cN, sums(c10, c11, c12, c13), n, isFirst);
  if (n > 4) putSums(c + 4 * cN, cN, sums(c14, c15, c15, c15), min(n - 4, 2), isFirst);
}

/** Two times four: what fits with mul and add. */
function pair4(
  a: usize,
  sM: usize,
  b: usize,
  sN: usize,
  depth: i32,
  n: i32,
  c: usize,
  cM: usize,
  cN: usize,
  isFirst: bool,
): void {
  let a0 = a;
  let a1 = a0 + sM;
  let b0 = b;
  let b1 = n > 1 ? b0 + sN : b0;
  let b2 = n > 2 ? b1 + sN : b1;
  let b3 = n > 3 ? b2 + sN : b2;
  let c00 = f32x4.splat(0);
  let c01 = c00;
  let c02 = c00;
  let c03 = c00;
  let c10 = c00;
  let c11 = c00;
  let c12 = c00;
  let c13 = c00;
  const end = a0 + (<usize>(depth & ~3) << 2);
  while (a0 != end) {
    const x0 = v128.load(a0);
    const x1 = v128.load(a1);
    let y = v128.load(b0);
    c00 = madd<f32>(x0, y, c00);
    c10 = madd<f32>(x1, y, c10);
    y = v128.load(b1);
    c01 = madd<f32>(x0, y, c01);
    c11 = madd<f32>(x1, y, c11);
    y = v128.load(b2);
    c02 = madd<f32>(x0, y, c02);
    c12 = madd<f32>(x1, y, c12);
    y = v128.load(b3);
    c03 = madd<f32>(x0, y, c03);
    c13 = madd<f32>(x1, y, c13);
    a0 += 16;
    a1 += 16;
    b0 += 16;
    b1 += 16;
    b2 += 16;
    b3 += 16;
  }
  const rest = depth & 3;
  if (rest != 0) {
    const x0 = loadRest(a0, rest);
    const x1 = loadRest(a1, rest);
    let y = loadRest(b0, rest);
    c00 = madd<f32>(x0, y, c00);
    c10 = madd<f32>(x1, y, c10);
    y = loadRest(b1, rest);
    c01 = madd<f32>(x0, y, c01);
    c11 = madd<f32>(x1, y, c11);
    y = loadRest(b2, rest);
    c02 = madd<f32>(x0, y, c02);
    c12 = madd<f32>(x1, y, c12);
    y = loadRest(b3, rest);
    c03 = madd<f32>(x0, y, c03);
    c13 = madd<f32>(x1, y, c13);
  }
  putSums(c, cN, sums(c00, c01, c02, c03), n, isFirst);
  c += cM;
  putSums(c, cN, sums(c10, c11, c12, c13), n, isFirst);
}

/** One row of A times up to eight of Bᵀ. */
function single(
  a: usize,
  sM: usize,
  b: usize,
  sN: usize,
  depth: i32,
  n: i32,
  c: usize,
  cM: usize,
  cN: usize,
  isFirst: bool,
): void {
  let a0 = a;
  let b0 = b;
  let b1 = n > 1 ? b0 + sN : b0;
  let b2 = n > 2 ? b1 + sN : b1;
  let b3 = n > 3 ? b2 + sN : b2;
  let b4 = n > 4 ? b3 + sN : b3;
  let b5 = n > 5 ? b4 + sN : b4;
  let b6 = n > 6 ? b5 + sN : b5;
  let b7 = n > 7 ? b6 + sN : b6;
  let c00 = f32x4.splat(0);
  let c01 = c00;
  let c02 = c00;
  let c03 = c00;
  let c04 = c00;
  let c05 = c00;
  let c06 = c00;
  let c07 = c00;
  const end = a0 + (<usize>(depth & ~3) << 2);
  while (a0 != end) {
    const x0 = v128.load(a0);
    let y = v128.load(b0);
    c00 = madd<f32>(x0, y, c00);
    y = v128.load(b1);
    c01 = madd<f32>(x0, y, c01);
    y = v128.load(b2);
    c02 = madd<f32>(x0, y, c02);
    y = v128.load(b3);
    c03 = madd<f32>(x0, y, c03);
    y = v128.load(b4);
    c04 = madd<f32>(x0, y, c04);
    y = v128.load(b5);
    c05 = madd<f32>(x0, y, c05);
    y = v128.load(b6);
    c06 = madd<f32>(x0, y, c06);
    y = v128.load(b7);
    c07 = madd<f32>(x0, y, c07);
    a0 += 16;
    b0 += 16;
    b1 += 16;
    b2 += 16;
    b3 += 16;
    b4 += 16;
    b5 += 16;
    b6 += 16;
    b7 += 16;
  }
  const rest = depth & 3;
  if (rest != 0) {
    const x0 = loadRest(a0, rest);
    let y = loadRest(b0, rest);
    c00 = madd<f32>(x0, y, c00);
    y = loadRest(b1, rest);
    c01 = madd<f32>(x0, y, c01);
    y = loadRest(b2, rest);
    c02 = madd<f32>(x0, y, c02);
    y = loadRest(b3, rest);
    c03 = madd<f32>(x0, y, c03);
    y = loadRest(b4, rest);
    c04 = madd<f32>(x0, y, c04);
    y = loadRest(b5, rest);
    c05 = madd<f32>(x0, y, c05);
    y = loadRest(b6, rest);
    c06 = madd<f32>(x0, y, c06);
    y = loadRest(b7, rest);
    c07 = madd<f32>(x0, y, c07);
  }
  putSums(c, cN, sums(c00, c01, c02, c03), n, isFirst);
  if (n > 4) putSums(c + 4 * cN, cN, sums(c04, c05, c06, c07), n - 4, isFirst);
}

/** C[m × n] = A·Bᵀ for rows of A (sM apart) and of Bᵀ (sN apart), any strides of C. */
export function multiplyDots(
  a: usize,
  sM: usize,
  b: usize,
  sN: usize,
  m: i32,
  n: i32,
  inner: i32,
  c: usize,
  cM: usize,
  cN: usize,
): void {
  // One or two rows pass B once whatever the depth: longer runs.
  const most = m <= 2 ? 2 * DOT_DEPTH : DOT_DEPTH;
  for (let k = 0; k < inner; k += most) {
    const depth = min(most, inner - k);
    const isFirst = k == 0;
    const ak = a + (<usize>k << 2);
    const bk = b + (<usize>k << 2);
    const columns = m == 1 ? SINGLE_COLUMNS : PAIR_COLUMNS;
    for (let j = 0; j < n; j += columns) {
      const bj = bk + sN * j;
      const cj = c + cN * j;
      let i = 0;
      for (; i + 2 <= m; i += 2) {
        const ai = ak + sM * i;
        const ci = cj + cM * i;
        if (ASC_FEATURE_RELAXED_SIMD) pair6(ai, sM, bj, sN, depth, n - j, ci, cM, cN, isFirst);
        else pair4(ai, sM, bj, sN, depth, n - j, ci, cM, cN, isFirst);
      }
      if (i == m) continue;
      const ai = ak + sM * i;
      const ci = cj + cM * i;
      single(ai, sM, bj, sN, depth, min(n - j, columns), ci, cM, cN, isFirst);
    }
  }
}

/** c[0 … n) = Σk x[k] · B[k, …) for one row x; rows of B contiguous in n. Eight k a pass. */
export function multiplyRow(
  x: usize,
  sK: usize,
  b: usize,
  sB: usize,
  depth: i32,
  n: i32,
  c: usize,
): void {
  memory.fill(c, 0, <usize>n << 2);
  const whole: usize = <usize>(n & ~3) << 2;
  const end: usize = <usize>n << 2;
  let k = 0;
  for (; k + 8 <= depth; k += 8) {
    const p0 = b;
    const p1 = p0 + sB;
    const p2 = p1 + sB;
    const p3 = p2 + sB;
    const p4 = p3 + sB;
    const p5 = p4 + sB;
    const p6 = p5 + sB;
    const p7 = p6 + sB;
    const x0 = v128.load32_splat(x);
    x += sK;
    const x1 = v128.load32_splat(x);
    x += sK;
    const x2 = v128.load32_splat(x);
    x += sK;
    const x3 = v128.load32_splat(x);
    x += sK;
    const x4 = v128.load32_splat(x);
    x += sK;
    const x5 = v128.load32_splat(x);
    x += sK;
    const x6 = v128.load32_splat(x);
    x += sK;
    const x7 = v128.load32_splat(x);
    x += sK;
    let j: usize = 0;
    for (; j < whole; j += 16) {
      let v = v128.load(c + j);
      v = madd<f32>(x0, v128.load(p0 + j), v);
      v = madd<f32>(x1, v128.load(p1 + j), v);
      v = madd<f32>(x2, v128.load(p2 + j), v);
      v = madd<f32>(x3, v128.load(p3 + j), v);
      v = madd<f32>(x4, v128.load(p4 + j), v);
      v = madd<f32>(x5, v128.load(p5 + j), v);
      v = madd<f32>(x6, v128.load(p6 + j), v);
      v = madd<f32>(x7, v128.load(p7 + j), v);
      v128.store(c + j, v);
    }
    for (; j < end; j += 4) {
      let v = v128.load32_zero(c + j);
      v = madd<f32>(x0, v128.load32_zero(p0 + j), v);
      v = madd<f32>(x1, v128.load32_zero(p1 + j), v);
      v = madd<f32>(x2, v128.load32_zero(p2 + j), v);
      v = madd<f32>(x3, v128.load32_zero(p3 + j), v);
      v = madd<f32>(x4, v128.load32_zero(p4 + j), v);
      v = madd<f32>(x5, v128.load32_zero(p5 + j), v);
      v = madd<f32>(x6, v128.load32_zero(p6 + j), v);
      v = madd<f32>(x7, v128.load32_zero(p7 + j), v);
      v128.store32_lane(c + j, v, 0);
    }
    b += 8 * sB;
  }
  for (; k < depth; k++) {
    const x0 = v128.load32_splat(x);
    let j: usize = 0;
    for (; j < whole; j += 16) {
      v128.store(c + j, madd<f32>(x0, v128.load(b + j), v128.load(c + j)));
    }
    for (; j < end; j += 4) {
      const v = madd<f32>(x0, v128.load32_zero(b + j), v128.load32_zero(c + j));
      v128.store32_lane(c + j, v, 0);
    }
    x += sK;
    b += sB;
  }
}
