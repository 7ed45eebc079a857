/** How finely a loop may be cut for the threads; results do not depend on it. */

/** Thousands of products (or of elements moved) that a piece should be worth: about 5 µs. */
const PIECE = 100;
/** Below this, waking another thread costs more than it saves. */
const LEAST = 2 * PIECE;

/** Units of a piece, of `total` units which together are `thousands` of products. */
export function pieceOf(total: number, thousands: number): number {
  if (thousands < LEAST) return Math.max(1, total);
  return Math.max(1, Math.ceil((total * PIECE) / thousands));
}
