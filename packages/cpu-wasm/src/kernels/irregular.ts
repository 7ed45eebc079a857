/**
 * What the irregular kernels share: the names of their AssemblyScript functions by dtype, and how
 * much work makes a piece of a parallel loop.
 */
import { type DType, DTypeError } from '@tenon/core';
import type { Machine } from '../machine.ts';

/** An element type of AssemblyScript; bool words are small u32. */
type ElementName = 'F32' | 'I32' | 'U32' | 'F64';

/** f16 has no element type here. */
export function elementName(dtype: DType): ElementName {
  switch (dtype) {
    case 'f32':
      return 'F32';
    case 'f64':
      return 'F64';
    case 'i32':
      return 'I32';
    case 'u32':
    case 'bool':
      return 'U32';
    default:
      throw new DTypeError(
        `cpu-wasm: expected dtype f32, i32, u32, bool or f64, got ${dtype} (cast first)`,
      );
  }
}

/** Sums of u32 run as i32, their bits are the same; sums of bool are "or". */
export function sumName(dtype: DType): 'F32' | 'I32' | 'Bool' | 'F64' {
  if (dtype === 'bool') return 'Bool';
  const name = elementName(dtype);
  return name === 'U32' ? 'I32' : name;
}

export function wordsOf(dtype: DType): 1 | 2 {
  return elementName(dtype) === 'F64' ? 2 : 1;
}

/** Words that a piece of a loop moves at least: below it waking a thread costs more. */
const PIECE_WORDS = 32768;

/** Units per piece where a unit moves `words`: a few pieces per thread, none of them small. */
export function grainOf(machine: Machine, total: number, words: number): number {
  const least = Math.ceil(PIECE_WORDS / Math.max(1, words));
  return Math.max(least, Math.ceil(total / (4 * machine.threads)));
}

/** Columns that a unit of scatterAdd, argReduce and scan owns where rows are wider than one. */
export const COLUMNS = 16;
