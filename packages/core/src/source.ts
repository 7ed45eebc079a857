/**
 * Where a tensor's elements come from. Besides a storage: one constant, index arithmetic, a value
 * of a trace that is being made, or nowhere any more. Constants and iotas cost no memory: they are
 * operands without a buffer until something irregular needs them materialised.
 */
import type { Storage } from './memory/ownership.ts';

/** Every element is `value`. */
interface Constant {
  readonly kind: 'constant';
  readonly value: number;
}
/** The element at an index is the layout's own position: offset + Σ index·stride. Integers only. */
export interface Iota {
  readonly kind: 'iota';
}
/** A value of a trace. `id` is its number there. */
interface Traced {
  readonly kind: 'traced';
  readonly id: number;
  /** The op that made it, for error messages. */
  readonly op: string;
}
interface Disposed {
  readonly kind: 'disposed';
}
export type Source = Storage | Constant | Iota | Traced | Disposed;

export const IOTA: Iota = { kind: 'iota' };
export const DISPOSED: Disposed = { kind: 'disposed' };
