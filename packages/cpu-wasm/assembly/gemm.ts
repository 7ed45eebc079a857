/**
 * Matrix products of blocks, C = or += A·B, after Goto and van de Geijn, "Anatomy of
 * high-performance matrix multiplication" (2008): panels of B stay in the first-level cache while
 * the tiles of a block of A pass by. Used by the launches in gemm-launch.ts and by convolution.
 *
 * Panels: a block of `depth` ≤ DEPTH by n of B is ceil(n / W) panels, W = panelWidth<T>(); panel p
 * begins at byte p·depth·W·sizeof<T>() and holds element (k, j) at (k·W + j)·sizeof<T>(). Results of
 * columns beyond n are never stored.
 * Rows: A is read where it lies (any byte strides), or packed by packRows (see gemm-pack.ts), which
 * pays off from about 64 columns where k is not contiguous, and always without relaxed SIMD.
 * Sums: each block of DEPTH from zero in the order of k, then added to C: rounding errors grow with
 * DEPTH + K / DEPTH, not with K, and bits depend neither on the tile nor on the thread.
 */
import { densePackedTile, nextRows, panelBytes, panelWidth, tileAt } from './gemm-tile';

export { packPanel, packPanels, packRows } from './gemm-pack';
export { denseTile, nextRows, panelBytes, panelWidth, tileAt, tileRows } from './gemm-tile';

/** Inner positions of a block: 8 KB of a panel, a quarter of the first-level cache. */
// @ts-ignore: decorator
@inline
export const DEPTH: i32 = 256;

/** C[m × n] from A in place and packed panels. Rows of C are contiguous, sC bytes apart. */
export function multiplyPanels<T extends number>(
  a: usize,
  sM: usize,
  sK: usize,
  panels: usize,
  m: i32,
  n: i32,
  depth: i32,
  c: usize,
  sC: usize,
  isFirst: bool,
): void {
  const bytes = panelBytes<T>();
  const width = panelWidth<T>();
  for (let j = 0; j < n; j += width) {
    let pa = a;
    let pc = c;
    for (let i = 0; i < m; ) {
      const rows = nextRows(m - i);
      tileAt<T>(rows, pa, sM, sK, panels, bytes, depth, pc, sC, n - j, isFirst);
      pa += sM * rows;
      pc += sC * rows;
      i += rows;
    }
    panels += bytes * depth;
    c += bytes;
  }
}

/** The same from rows that packRows has packed. */
export function multiplyPacked<T extends number>(
  a: usize,
  panels: usize,
  m: i32,
  n: i32,
  depth: i32,
  c: usize,
  sC: usize,
  isFirst: bool,
): void {
  const bytes = panelBytes<T>();
  const width = panelWidth<T>();
  for (let j = 0; j < n; j += width) {
    let pa = a;
    let pc = c;
    for (let i = 0; i < m; ) {
      const rows = nextRows(m - i);
      densePackedTile<T>(rows, pa, panels, depth, pc, sC, n - j, isFirst);
      pa += <usize>rows * <usize>depth * sizeof<T>();
      pc += sC * rows;
      i += rows;
    }
    panels += bytes * depth;
    c += bytes;
  }
}
