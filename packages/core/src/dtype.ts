/**
 * Element types: names, sizes, host arrays, promotion. Every element is one 32-bit word on every
 * backend (bool is 0 or 1 in a word); f64 takes two words and, like f16, exists only where a
 * backend declares it.
 */

/** The element types. Every backend has the first four. */
export type DType = 'f32' | 'i32' | 'u32' | 'bool' | 'f16' | 'f64';

/** The array that `data()` gives for each dtype; f16 is widened to f32 on the host. */
export interface DataArrays {
  f32: Float32Array<ArrayBuffer>;
  i32: Int32Array<ArrayBuffer>;
  u32: Uint32Array<ArrayBuffer>;
  bool: Uint8Array<ArrayBuffer>;
  f16: Float32Array<ArrayBuffer>;
  f64: Float64Array<ArrayBuffer>;
}
export type DataArray = DataArrays[DType];

/** Bytes of one element in a backend's buffer. */
export const BYTES: Readonly<Record<DType, number>> = {
  f32: 4,
  i32: 4,
  u32: 4,
  bool: 4,
  f16: 2,
  f64: 8,
};

/** Position in the promotion order: the larger one wins (bool < i32 < u32 < f16 < f32 < f64). */
const RANK: Readonly<Record<DType, number>> = { bool: 0, i32: 1, u32: 2, f16: 3, f32: 4, f64: 5 };

export function isFloat(dtype: DType): boolean {
  return dtype === 'f32' || dtype === 'f64' || dtype === 'f16';
}

export function isInteger(dtype: DType): boolean {
  return dtype === 'i32' || dtype === 'u32';
}

/** The dtype that two operands meet in; null where no common dtype is safe (i32 with u32). */
export function promote(a: DType, b: DType): DType | null {
  if (a === b) return a;
  if (isInteger(a) && isInteger(b)) return null;
  return RANK[a] > RANK[b] ? a : b;
}
