/**
 * Launches of matrix products: units are blocks of C. What lies where, which path to take and how
 * to cut is decided in src/kernels/matmul-plan.ts; these kernels only follow its words (byte
 * addresses and byte strides throughout):
 *  0 B1 M N K            inner batch size (batch = b0·B1 + b1), rows, columns, inner size
 *  4 a aS0 aS1 aM aK     9 b bS0 bS1 bK bN     14 c cS0 cS1 cM cN
 * 19 path packsRows mBlock mBlocks nBlock nBlocks
 * 25 slices sliceDepth partials batches    the inner axis in slices, each its own block of sums
 * 29 bias biasM biasN    added last; 0: none
 * 32 isDirect            C takes the sums as they come; else they go by a tile in scratch
 * 33 isSwapped           rows are the epilogue's columns
 * 34 epilogue            table index (0: store only)
 * 35 words operands [bytes word]…          of the epilogue, then its words themselves
 *
 * Each unit packs what it needs into its own scratch: B a group of columns at a time, so that it is
 * read once from memory and then comes from the second-level cache. That costs 0.1 ns an element
 * for each block of rows, 1 to 2 % of the product, and is faster than packing B once for all
 * threads: no second pass over memory, no meeting of threads, no workspace.
 */
import {
  DEPTH,
  denseTile,
  multiplyPacked,
  multiplyPanels,
  nextRows,
  packPanel,
  packPanels,
  packRows,
  panelBytes,
  panelWidth,
  tileAt,
} from './gemm';
import { multiplyDots, multiplyRow } from './gemm-dots';
import { add } from './lanes';
import { address, word } from './words';

/** Paths. */
// @ts-ignore: decorator
@inline
const PACKED: i32 = 0;
// @ts-ignore: decorator
@inline
const IN_PLACE: i32 = 1;
// @ts-ignore: decorator
@inline
const DOTS: i32 = 2;
// @ts-ignore: decorator
@inline
const ROW: i32 = 3;
// @ts-ignore: decorator
@inline
const SUM: i32 = 4;

/** Scratch: packed rows, a group of panels (or one, or a row of sums), the tile, turned, words. */
// @ts-ignore: decorator
@inline
const GROUP_AT: usize = 264 * 1024;
// @ts-ignore: decorator
@inline
const GROUP_BYTES: usize = 128 * 1024;
// @ts-ignore: decorator
@inline
const TILE_AT: usize = 392 * 1024;
// @ts-ignore: decorator
@inline
const TURNED_AT: usize = 656 * 1024;
// @ts-ignore: decorator
@inline
const WORDS_AT: usize = 920 * 1024;
// @ts-ignore: decorator
@inline
const FREE_AT: usize = 936 * 1024;

// @ts-ignore: decorator
@inline
const EPILOGUE: i32 = 35;

/** B where it lies (contiguous in n); only a last narrow panel is packed, and A if decided. */
function multiplyInPlace<T extends number>(
  args: usize,
  a: usize,
  b: usize,
  m: i32,
  n: i32,
  depth: i32,
  c: usize,
  sC: usize,
  isFirst: bool,
  scratch: usize,
): void {
  const aM = address(args, 7);
  const aK = address(args, 8);
  const bK = address(args, 12);
  const packsRows = word(args, 20) != 0;
  const width = panelWidth<T>();
  const rowBytes = <usize>depth * sizeof<T>();
  if (packsRows) packRows<T>(a, aM, aK, depth, m, scratch);
  for (let j = 0; j < n; j += width) {
    let panel = b;
    let sB = bK;
    if (n - j < width) {
      panel = scratch + GROUP_AT;
      sB = panelBytes<T>();
      packPanel<T>(b, bK, sizeof<T>(), depth, n - j, panel);
    }
    let pc = c;
    for (let i = 0; i < m; ) {
      const rows = nextRows(m - i);
      if (packsRows) {
        const pa = scratch + rowBytes * i;
        denseTile<T>(rows, pa, panel, sB, depth, pc, sC, n - j, isFirst);
      } else {
        tileAt<T>(rows, a + aM * i, aM, aK, panel, sB, depth, pc, sC, n - j, isFirst);
      }
      pc += sC * rows;
      i += rows;
    }
    b += panelBytes<T>();
    c += panelBytes<T>();
  }
}

/** One block of k with B packed by groups of columns, and A if that was decided. */
function multiplyGroups<T extends number>(
  args: usize,
  a: usize,
  b: usize,
  m: i32,
  n: i32,
  depth: i32,
  c: usize,
  sC: usize,
  isFirst: bool,
  scratch: usize,
): void {
  const aM = address(args, 7);
  const aK = address(args, 8);
  const bK = address(args, 12);
  const bN = address(args, 13);
  const packsRows = word(args, 20) != 0;
  const panels = scratch + GROUP_AT;
  // Few rows: a pair of panels that never leaves the first-level cache.
  const columns = m < 64 ? 2 * panelWidth<T>() : <i32>(GROUP_BYTES / sizeof<T>()) / DEPTH;
  if (packsRows) packRows<T>(a, aM, aK, depth, m, scratch);
  for (let j = 0; j < n; j += columns) {
    const count = min(columns, n - j);
    const cj = c + <usize>j * sizeof<T>();
    packPanels<T>(b + bN * j, bK, bN, depth, count, panels);
    if (packsRows) multiplyPacked<T>(scratch, panels, m, count, depth, cj, sC, isFirst);
    else multiplyPanels<T>(a, aM, aK, panels, m, count, depth, cj, sC, isFirst);
  }
}

/** to[0 … n) = or += from */
function addRow<T extends number>(to: usize, from: usize, n: i32, isFirst: bool): void {
  const end = from + <usize>n * sizeof<T>();
  if (ASC_FEATURE_SIMD) {
    for (; from + 16 <= end; from += 16, to += 16) {
      const v = v128.load(from);
      v128.store(to, isFirst ? v : add<T>(v128.load(to), v));
    }
  }
  for (; from < end; from += sizeof<T>(), to += sizeof<T>()) {
    store<T>(to, isFirst ? load<T>(from) : ((load<T>(to) + load<T>(from)) as T));
  }
}

/** A block of `inner` positions of k, to c; b and a point to its beginning. */
function product<T extends number>(
  args: usize,
  a: usize,
  b: usize,
  m: i32,
  n: i32,
  inner: i32,
  c: usize,
  sC: usize,
  cN: usize,
  scratch: usize,
): void {
  const path = word(args, 19);
  const aM = address(args, 7);
  const aK = address(args, 8);
  const bK = address(args, 12);
  if (inner == 0) {
    for (let i = 0; i < m; i++) memory.fill(c + sC * i, 0, <usize>n * sizeof<T>());
    return;
  }
  if (ASC_FEATURE_SIMD && sizeof<T>() == 4) {
    if (path == DOTS) {
      multiplyDots(a, aM, b, address(args, 13), m, n, inner, c, sC, cN);
      return;
    }
  }
  for (let k = 0; k < inner; k += DEPTH) {
    const depth = min(DEPTH, inner - k);
    const isFirst = k == 0;
    const ak = a + aK * k;
    if (path == PACKED) {
      multiplyGroups<T>(args, ak, b + bK * k, m, n, depth, c, sC, isFirst, scratch);
    } else if (path == IN_PLACE) {
      multiplyInPlace<T>(args, ak, b + bK * k, m, n, depth, c, sC, isFirst, scratch);
    } else if (ASC_FEATURE_SIMD && sizeof<T>() == 4) {
      multiplyRow(ak, aK, b + bK * k, bK, depth, n, scratch + GROUP_AT);
      addRow<T>(c, scratch + GROUP_AT, n, isFirst);
    }
  }
}

/** Sums of all slices' blocks at (m0, n0). */
function sumSlices<T extends number>(
  args: usize,
  batch: i32,
  m0: i32,
  n0: i32,
  m: i32,
  n: i32,
  c: usize,
  sC: usize,
): void {
  const matrix = <usize>word(args, 1) * <usize>word(args, 2) * sizeof<T>();
  const step = matrix * word(args, 28);
  const row = <usize>word(args, 2) * sizeof<T>();
  let from = address(args, 27) + matrix * batch + row * m0 + <usize>n0 * sizeof<T>();
  for (let s = 0; s < word(args, 25); s++) {
    for (let i = 0; i < m; i++) addRow<T>(c + sC * i, from + row * i, n, s == 0);
    from += step;
  }
}

/** Adds the bias of the block to c. */
function addBias<T extends number>(
  bias: usize,
  biasM: usize,
  biasN: usize,
  m: i32,
  n: i32,
  c: usize,
  sC: usize,
  cN: usize,
): void {
  for (let i = 0; i < m; i++) {
    const ci = c + sC * i;
    const bi = bias + biasM * i;
    if (cN == sizeof<T>() && biasN == sizeof<T>()) {
      addRow<T>(ci, bi, n, false);
    } else {
      for (let j = 0; j < n; j++) {
        const at = ci + cN * j;
        store<T>(at, (load<T>(at) + load<T>(bi + biasN * j)) as T);
      }
    }
  }
}

/** to(i, j) = from(i, j): any strides. */
function copyBlock<T extends number>(
  from: usize,
  fM: usize,
  m: i32,
  n: i32,
  to: usize,
  tM: usize,
  tN: usize,
): void {
  for (let i = 0; i < m; i++) {
    let p = from + fM * i;
    let q = to + tM * i;
    for (let j = 0; j < n; j++) {
      store<T>(q, load<T>(p));
      p += sizeof<T>();
      q += tN;
    }
  }
}

/** Runs the epilogue on m × n sums (in its own orientation) whose rows are `stride` bytes apart. */
function runEpilogue<T extends number>(
  args: usize,
  tile: usize,
  stride: usize,
  b0: i32,
  b1: i32,
  m0: i32,
  n0: i32,
  m: i32,
  n: i32,
  scratch: usize,
): void {
  const words = scratch + WORDS_AT;
  const count = word(args, EPILOGUE);
  const operands = word(args, EPILOGUE + 1);
  const table = args + 4 * (EPILOGUE + 2);
  memory.copy(words, table + 8 * operands, <usize>count << 2);
  store<i32>(words, 1);
  store<i32>(words, 1, 4);
  store<i32>(words, m, 8);
  store<i32>(words, n, 12);
  for (let i = 0; i < operands; i++) {
    const bytes = load<i32>(table + 8 * i);
    const at = words + (<usize>load<i32>(table + 8 * i, 4) << 2);
    if (i == 0) {
      store<u32>(at, <u32>tile);
      store<i32>(at, 0, 4);
      store<i32>(at, 0, 8);
      store<i32>(at, <i32>(stride / sizeof<T>()), 12);
      store<i32>(at, 1, 16);
    } else {
      const steps =
        b0 * load<i32>(at, 4) +
        b1 * load<i32>(at, 8) +
        m0 * load<i32>(at, 12) +
        n0 * load<i32>(at, 16);
      store<i32>(at, load<i32>(at) + bytes * steps);
    }
  }
  call_indirect<void>(word(args, 34), words, 0, m, scratch + FREE_AT);
}

/** One block: its product (or the sum of its slices), bias, and where it goes. */
function block<T extends number>(args: usize, unit: i32, scratch: usize): void {
  const nBlocks = word(args, 24);
  const mBlocks = word(args, 22);
  const mn = mBlocks * nBlocks;
  const isSum = word(args, 19) == SUM;
  const slices = word(args, 25);
  const outer = unit / mn;
  const inMatrix = unit - outer * mn;
  const m0 = (inMatrix / nBlocks) * word(args, 21);
  const n0 = (inMatrix % nBlocks) * word(args, 23);
  const m = min(word(args, 21), word(args, 1) - m0);
  const n = min(word(args, 23), word(args, 2) - n0);
  const batches = word(args, 28);
  const slice = isSum ? 0 : outer / batches;
  const batch = isSum ? outer : outer - slice * batches;
  const b0 = batch / word(args, 0);
  const b1 = batch - b0 * word(args, 0);
  const k0 = slice * word(args, 26);
  const inner = min(word(args, 26), word(args, 3) - k0);
  const a = address(args, 4) + address(args, 5) * b0 + address(args, 6) * b1;
  const b = address(args, 9) + address(args, 10) * b0 + address(args, 11) * b1;
  const pa = a + address(args, 7) * m0 + address(args, 8) * k0;
  const pb = b + address(args, 12) * k0 + address(args, 13) * n0;
  const size = sizeof<T>();
  if (!isSum && slices > 1) {
    const row = <usize>word(args, 2) * size;
    const at = <usize>(slice * batches + batch) * <usize>word(args, 1) + m0;
    const c = address(args, 27) + row * at + size * n0;
    product<T>(args, pa, pb, m, n, inner, c, row, size, scratch);
    return;
  }
  const epilogue = word(args, 34);
  const isSwapped = word(args, 33) != 0;
  const final = address(args, 14) + address(args, 15) * b0 + address(args, 16) * b1;
  const finalM = address(args, 17);
  const finalN = address(args, 18);
  const target = final + finalM * m0 + finalN * n0;
  const isDirect = word(args, 32) != 0;
  const stride = <usize>((n + 7) & ~7) * size;
  const c = isDirect ? target : scratch + TILE_AT;
  const sC = isDirect ? finalM : stride;
  const cN = isDirect ? finalN : size;
  if (isSum) sumSlices<T>(args, batch, m0, n0, m, n, c, sC);
  else product<T>(args, pa, pb, m, n, inner, c, sC, cN, scratch);
  const bias = address(args, 29);
  if (bias != 0) {
    const biasM = address(args, 30);
    const biasN = address(args, 31);
    addBias<T>(bias + biasM * m0 + biasN * n0, biasM, biasN, m, n, c, sC, cN);
  }
  if (isDirect) return;
  if (epilogue == 0) {
    copyBlock<T>(c, stride, m, n, target, finalM, finalN);
  } else if (!isSwapped) {
    runEpilogue<T>(args, c, stride, b0, b1, m0, n0, m, n, scratch);
  } else {
    const turned = scratch + TURNED_AT;
    const turnedStride = <usize>((m + 7) & ~7) * size;
    copyBlock<T>(c, stride, m, n, turned, size, turnedStride);
    runEpilogue<T>(args, turned, turnedStride, b0, b1, n0, m0, n, m, scratch);
  }
}

/** Multiplies. Units: slice, batch, block of rows, block of columns. */
export function matmulF32(args: usize, begin: i32, end: i32, scratch: usize): void {
  for (let unit = begin; unit < end; unit++) block<f32>(args, unit, scratch);
}

export function matmulF64(args: usize, begin: i32, end: i32, scratch: usize): void {
  for (let unit = begin; unit < end; unit++) block<f64>(args, unit, scratch);
}
