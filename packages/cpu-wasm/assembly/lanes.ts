/**
 * What hides simd and relaxed SIMD from kernels that are written once for f32 (4 lanes) and f64
 * (2 lanes). The scalar variant has loops of its own: nothing here compiles without SIMD.
 */

/** The element at p in every lane. */
// @ts-ignore: decorator
@inline
export function splatAt<T>(p: usize): v128 {
  if (sizeof<T>() == 8) return v128.load64_splat(p);
  return v128.load32_splat(p);
}

/** c + a · b, with one rounding (relaxed) or two. */
// @ts-ignore: decorator
@inline
export function madd<T>(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) {
    if (sizeof<T>() == 8) return f64x2.relaxed_madd(a, b, c);
    return f32x4.relaxed_madd(a, b, c);
  }
  if (sizeof<T>() == 8) return f64x2.add(c, f64x2.mul(a, b));
  return f32x4.add(c, f32x4.mul(a, b));
}

// @ts-ignore: decorator
@inline
export function add<T>(a: v128, b: v128): v128 {
  if (sizeof<T>() == 8) return f64x2.add(a, b);
  return f32x4.add(a, b);
}
