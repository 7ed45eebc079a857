// Launch words, copies and fills: what the kernels that move data share.

/** Launch word `i`. */
// @ts-ignore: decorator
@inline
export function word(args: usize, i: i32): i32 {
  return load<i32>(args + (<usize>i << 2));
}

/** Launch word `i` as an address. */
// @ts-ignore: decorator
@inline
export function address(args: usize, i: i32): usize {
  return <usize>load<u32>(args + (<usize>i << 2));
}

/** From here on the engine's own copy and fill beat a loop of vectors: its call costs ~20 ns. */
// @ts-ignore: decorator
@inline
const BULK: usize = 1024;

/** Copies whole 32-bit words between places that do not overlap. */
// @ts-ignore: decorator
@inline
export function copyWords(to: usize, from: usize, bytes: usize): void {
  if (ASC_FEATURE_SIMD) {
    if (bytes >= BULK) {
      memory.copy(to, from, bytes);
    } else if (bytes >= 16) {
      const last = bytes - 16;
      for (let k: usize = 0; k < last; k += 16) v128.store(to + k, v128.load(from + k));
      v128.store(to + last, v128.load(from + last));
    } else {
      for (let k: usize = 0; k < bytes; k += 4) store<i32>(to + k, load<i32>(from + k));
    }
  } else if (bytes >= 128) {
    memory.copy(to, from, bytes);
  } else {
    for (let k: usize = 0; k < bytes; k += 4) store<i32>(to + k, load<i32>(from + k));
  }
}

/** Fills with one value of T (an integer type as wide as the element). */
// @ts-ignore: decorator
@inline
export function fillWith<T extends number>(to: usize, bytes: usize, value: T): void {
  if (value == <T>0 && bytes >= BULK) {
    memory.fill(to, 0, bytes);
  } else if (ASC_FEATURE_SIMD) {
    if (bytes >= 16) {
      const lanes = v128.splat<T>(value);
      const last = bytes - 16;
      for (let k: usize = 0; k < last; k += 16) v128.store(to + k, lanes);
      v128.store(to + last, lanes);
    } else {
      for (let k: usize = 0; k < bytes; k += sizeof<T>()) store<T>(to + k, value);
    }
  } else {
    for (let k: usize = 0; k < bytes; k += sizeof<T>()) store<T>(to + k, value);
  }
}

/**
 * How sums add: u32 stands for bool words, whose sum is "or" (sums of u32 run as i32, their bits
 * are the same).
 */
// @ts-ignore: decorator
@inline
export function plus<T extends number>(a: T, b: T): T {
  if (isInteger<T>() && !isSigned<T>()) return (a | b) as T;
  return (a + b) as T;
}

// @ts-ignore: decorator
@inline
export function plusLanes<T extends number>(a: v128, b: v128): v128 {
  if (isInteger<T>() && !isSigned<T>()) return v128.or(a, b);
  return v128.add<T>(a, b);
}
