/**
 * How far results may lie from the reference, beyond what a backend's capabilities say of single
 * scalar rows. In units of the dtype's epsilon (2^-23 for f32), relative to the largest magnitude
 * that takes part. A backend may pass its own; the defaults hold for f32 and f64 alike.
 */
export interface Tolerances {
  /** A sum of n terms relative to Σ|x|: pairwise summation errs by at most log₂ n half units. */
  readonly sum: (n: number) => number;
  /** A product of n factors, relative to itself: one rounding each. */
  readonly prod: (n: number) => number;
  /** An inner product of n terms, relative to Σ|a·b|: one chain of roundings at worst. */
  readonly matmul: (n: number) => number;
}

export const DEFAULT_TOLERANCES: Tolerances = {
  sum: (n) => Math.max(1, Math.ceil(Math.log2(Math.max(n, 1)))) / 2 + 0.5,
  prod: (n) => n,
  // Blocks of at least 8 accumulators: n / 8 + 8 roundings, half a unit each.
  matmul: (n) => n / 16 + 4,
};

/** 2^-23 or 2^-52. */
export function epsilon(dtype: 'f32' | 'f64'): number {
  return dtype === 'f64' ? 2 ** -52 : 2 ** -23;
}
