/**
 * How a matrix product is run: which operand is read in place or packed, along which axis it is
 * cut. Bits depend on sizes and strides alone, never on the number of threads; the kernels of
 * assembly/gemm-launch.ts follow. Everything here is plain numbers, reused by launches.
 */

/** Paths; assembly/gemm-launch.ts has the same numbers. */
const PACKED = 0;
const IN_PLACE = 1;
const DOTS = 2;
const ROW = 3;
export const SUM = 4;
export type Path = typeof PACKED | typeof IN_PLACE | typeof DOTS | typeof ROW | typeof SUM;

/** Inner positions of a block: DEPTH of assembly/gemm.ts. */
const DEPTH = 256;
/** Bytes of the rows of a block of k: they have their place in scratch, and in the cache. */
const ROWS_BYTES: number = 264 * 1024;
const MOST_COLUMNS = 512;
/** Packed rows are worth more columns: 2048³ runs at 53.5 instead of 51.7 GFLOP/s. */
const MOST_COLUMNS_OF_PACKED = 2048;
/** A block of C on its way to an epilogue. */
const TILE_BYTES: number = 264 * 1024;
/** A row of sums fits 8 KB. */
const ROW_COLUMNS = 2048;
/** Blocks are made smaller down to this much work, as long as threads want more. */
const UNIT_FLOPS = 2 ** 20;
/** Blocks that each thread should have. */
const UNITS_PER_THREAD = 2;
/** So few blocks of BLOCK × BLOCK are few. */
const FEW_BLOCKS = 8;
const BLOCK = 128;
const SLICES = 16;
/** An inner axis this long is cut where there are few blocks otherwise, into slices of at least. */
const LONG_INNER = 4096;
const SLICE = 1024;

/**
 * Below so many rows nothing is packed: rows of B as they lie, or dot products. More rows pay for
 * packing unless B stays in the second-level cache.
 */
const IN_PLACE_BELOW = 12;
const IN_PLACE_CACHED_BELOW = 30;
const CACHED_BYTES: number = 2 ** 20;
const UNCACHED_BYTES: number = 2 ** 21;
const DOTS_BELOW = 14;
/** From so many columns on, rows of A that are not contiguous in k are packed. */
const PACKED_ROWS_FROM = 24;
/** Without relaxed_madd, any rows are from here on. */
const DENSE_ROWS_FROM = 32;
/** With it, those of an operand beyond the second-level cache: fewer pages are touched at once. */
const UNCACHED_ROWS_FROM = 256;

export interface Machinery {
  readonly hasSimd: boolean;
  readonly hasRelaxed: boolean;
  readonly threads: number;
}

/** An operand: byte address of its first element, byte strides of batches and of its two axes. */
export interface Matrix {
  address: number;
  s0: number;
  s1: number;
  row: number;
  column: number;
}
function emptyMatrix(): Matrix {
  return { address: 0, s0: 0, s1: 0, row: 0, column: 0 };
}

const roundUp = (n: number, to: number): number => Math.ceil(n / to) * to;

function transpose(matrix: Matrix): void {
  const { row } = matrix;
  matrix.row = matrix.column;
  matrix.column = row;
}

/** One product: fill sizes, a, b, c and isStored, then `decide`. */
export class MatmulPlan {
  readonly size: number;
  /** Columns of a panel. */
  readonly width: number;
  readonly a: Matrix = emptyMatrix();
  readonly b: Matrix = emptyMatrix();
  readonly c: Matrix = emptyMatrix();
  b0 = 1;
  b1 = 1;
  m = 0;
  n = 0;
  k = 0;
  /** Whether sums are stored in c (else an epilogue takes them from scratch). */
  isStored = true;

  path: Path = PACKED;
  /** Whether the product is run as Cᵀ = Bᵀ·Aᵀ: a, b, c, m and n are exchanged then. */
  isSwapped = false;
  packsRows = false;
  isDirect = false;
  mBlock = 0;
  mBlocks = 0;
  nBlock = 0;
  nBlocks = 0;
  slices = 1;
  sliceDepth = 0;
  /** Bytes of the sums of all slices. */
  partialBytes = 0;
  private readonly machine: Machinery;

  constructor(machine: Machinery, size: number) {
    this.machine = machine;
    this.size = size;
    this.width = machine.hasSimd ? 32 / size : 4;
  }

  get batches(): number {
    return this.b0 * this.b1;
  }

  /** Bytes of workspace. */
  get workspace(): number {
    return this.partialBytes;
  }

  /** Multiplications and additions, with what reading B costs; of one batch if m, n are given. */
  cost(m: number, n: number, k: number): number {
    return 2 * n * k * (m + 4) + 4 * m * n;
  }

  decide(): void {
    this.isSwapped = false;
    this.foldBatch();
    this.choosePath();
    this.cutInner();
    const isRow = this.c.column === this.size || this.n === 1;
    this.isDirect = this.isStored && (isRow || (this.path === DOTS && this.slices === 1));
    this.cutBlocks();
  }

  /** Rows of all batches in one matrix, where they lie so and B is the same for all. */
  private foldBatch(): void {
    const { a, b, c, m } = this;
    if (this.b1 === 1 || b.s1 !== 0 || !this.isStored) return;
    if (a.s1 !== m * a.row || c.s1 !== m * c.row) return;
    this.m = m * this.b1;
    this.b1 = 1;
  }

  private choosePath(): void {
    const { size, width } = this;
    this.path = this.pathOf();
    // Few columns would leave panels half empty: as few rows they do better.
    if (this.m > this.n && (this.n < width || this.n < DOTS_BELOW)) {
      const isNarrow = this.n < width;
      this.swap();
      const swapped = this.pathOf();
      if (swapped === DOTS || (isNarrow && swapped !== PACKED)) this.path = swapped;
      else this.swap();
    }
    const { a, m, n, k } = this;
    const isInOrder = a.column === size || k === 1;
    const from = isInOrder ? DENSE_ROWS_FROM : PACKED_ROWS_FROM;
    const usesTiles = this.path === PACKED || this.path === IN_PLACE;
    const isUncached = this.path === PACKED && m * k * size > UNCACHED_BYTES;
    const inPlace = isInOrder && this.readsRows && !(isUncached && n >= UNCACHED_ROWS_FROM);
    this.packsRows = usesTiles && n >= from && !inPlace;
  }

  /** Whether rows that are contiguous in k are as well read in place. */
  private get readsRows(): boolean {
    return this.machine.hasRelaxed || !this.machine.hasSimd;
  }

  private pathOf(): Path {
    const { a, b, size, m, n, k } = this;
    const isSimd = this.machine.hasSimd && size === 4;
    const isDots = k === 1 || (a.column === 4 && b.row === 4);
    if (isSimd && isDots && m < DOTS_BELOW) return DOTS;
    if (b.column !== size && n > 1) return PACKED;
    if (isSimd && m === 1) return ROW;
    // The tiles walk B until its last row: one row that stands for all is no walk.
    if (b.row === 0) return PACKED;
    const isCached = n * k * size <= CACHED_BYTES;
    return m < (isCached ? IN_PLACE_CACHED_BELOW : IN_PLACE_BELOW) ? IN_PLACE : PACKED;
  }

  private swap(): void {
    const { a, b, c, m } = this;
    const { address, s0, s1, row, column } = a;
    a.address = b.address;
    a.s0 = b.s0;
    a.s1 = b.s1;
    a.row = b.column;
    a.column = b.row;
    b.address = address;
    b.s0 = s0;
    b.s1 = s1;
    b.row = column;
    b.column = row;
    transpose(c);
    this.m = this.n;
    this.n = m;
    this.isSwapped = !this.isSwapped;
  }

  private cutBlocks(): void {
    const { m, n, size, width } = this;
    const step = this.machine.hasRelaxed ? 6 : 5;
    let rows = Math.min(m, Math.floor(ROWS_BYTES / size / DEPTH / step) * step);
    const most = this.packsRows ? MOST_COLUMNS_OF_PACKED : MOST_COLUMNS;
    let columns = this.path === ROW ? ROW_COLUMNS : most;
    if (!this.isDirect) columns = Math.min(columns, TILE_BYTES / size / roundUp(rows, 8));
    columns = Math.min(n, Math.floor(columns / width) * width);
    // Blocks change no bits, so they may depend on the number of threads.
    const { threads } = this.machine;
    const wanted = threads === 1 ? 1 : UNITS_PER_THREAD * threads;
    const units = (): number =>
      this.slices * this.batches * Math.ceil(m / rows) * Math.ceil(n / columns);
    while (units() < wanted && this.cost(rows, columns, this.sliceDepth) > UNIT_FLOPS) {
      // Each block of rows packs B again, each block of columns A if that is packed.
      const isTall = this.packsRows && rows > columns && rows >= BLOCK;
      if (columns >= BLOCK && !isTall) columns = roundUp(columns / 2, width);
      else if (rows >= BLOCK) rows = Math.ceil(rows / 2);
      else break;
    }
    this.mBlocks = Math.ceil(m / rows);
    this.mBlock = Math.min(m, roundUp(m / this.mBlocks, step));
    this.mBlocks = Math.ceil(m / this.mBlock);
    this.nBlocks = Math.ceil(n / columns);
    this.nBlock = roundUp(n / this.nBlocks, width);
    this.nBlocks = Math.ceil(n / this.nBlock);
  }

  private cutInner(): void {
    const { batches, k, m, n } = this;
    const blocks = batches * Math.ceil(m / BLOCK) * Math.ceil(n / BLOCK);
    this.slices = 1;
    this.sliceDepth = k;
    this.partialBytes = 0;
    if (k < LONG_INNER || blocks >= FEW_BLOCKS) return;
    const slices = Math.min(Math.ceil(k / SLICE), Math.ceil(SLICES / blocks));
    this.sliceDepth = roundUp(k / slices, 2 * DEPTH);
    this.slices = Math.ceil(k / this.sliceDepth);
    if (this.slices > 1) this.partialBytes = this.slices * batches * m * n * this.size;
  }
}
