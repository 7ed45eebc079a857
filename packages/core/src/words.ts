/** Numbers as launch words: f32 and integers take one 32-bit word, f64 two (low first). */
import type { DType } from './dtype.ts';

const f64 = new Float64Array(1);
const f32 = new Float32Array(f64.buffer);
const i32 = new Int32Array(f64.buffer);

/** The bits of a constant of this dtype. */
export function constantWords(dtype: DType, value: number): number[] {
  switch (dtype) {
    case 'f64':
      f64[0] = value;
      return [i32[0] as number, i32[1] as number];
    case 'f32':
    case 'f16':
      f32[0] = value;
      return [i32[0] as number];
    case 'bool':
      return [value === 0 ? 0 : 1];
    default:
      return [value | 0];
  }
}

/** The value that a dtype can hold: rounded to f32, truncated to an integer, 0 or 1. */
export function representable(dtype: DType, value: number): number {
  switch (dtype) {
    case 'f64':
      return value;
    case 'f32':
    case 'f16':
      return Math.fround(value);
    case 'bool':
      return value === 0 ? 0 : 1;
    case 'u32':
      return Math.trunc(value) >>> 0;
    default:
      return Math.trunc(value) | 0;
  }
}
