/** For tests: what one launch of an irregular kernel takes. */
import type { DType, Specs } from '@tenon/core';

export type Data = Float32Array | Int32Array | Uint32Array;
export type IrregularSpec = Specs[
  | 'gather'
  | 'scatterAdd'
  | 'fold'
  | 'pad'
  | 'argReduce'
  | 'scan'
  | 'argSort'];

/** One launch: input arrays, launch words, and how many elements come out. */
export interface Sample {
  readonly spec: IrregularSpec;
  readonly inputs: readonly Data[];
  readonly args: readonly number[];
  readonly length: number;
}

export function dataOf(dtype: DType, values: Iterable<number>): Data {
  if (dtype === 'f32') return Float32Array.from(values);
  if (dtype === 'u32') return Uint32Array.from(values);
  return Int32Array.from(values);
}
