/** What convolutions take from the matrix product: its register tile, on panels of 8 columns. */
import { densePackedTile, nextRows, tileAt } from './gemm-tile';

export { nextRows };

/**
 * `rows` rows of A, packed [k][rows], times a panel of B, packed [k][8]: n of its columns are
 * stored (isFirst) or added to rows of C, `stride` bytes apart. `rows` is what nextRows says.
 */
// @ts-ignore: decorator
@inline
export function multiplyTile(
  rows: i32, k: i32, a: usize, b: usize, c: usize, stride: usize, n: i32, isFirst: bool,
): void {
  if (ASC_FEATURE_SIMD) {
    densePackedTile<f32>(rows, a, b, k, c, stride, n, isFirst);
  } else {
    // Its panels are 4 wide there: ours are two of them, side by side.
    const step = <usize>rows << 2;
    tileAt<f32>(rows, a, 4, step, b, 32, k, c, stride, min(n, 4), isFirst);
    if (n > 4) tileAt<f32>(rows, a, 4, step, b + 16, 32, k, c + 16, stride, n - 4, isFirst);
  }
}
