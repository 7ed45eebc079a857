/**
 * Lanes: one abstract instruction set over groups of `width` elements, emitted as scalar (1), SIMD
 * (4) or relaxed SIMD (4, `madd` in one rounding) instructions. How to use it:
 *
 *     const lanes = createLanes(f, 'relaxed');             // f: FunctionBuilder
 *     const x = lanes.load('f32', address);                // address: an i32 local
 *     const y = lanes.select(lanes.lt(x, lanes.f32(0)), lanes.mul(x, lanes.f32(0.1)), x);
 *     lanes.store(address, y);
 *
 * - A value is one or two locals that are written once; `variable`/`assign` make those that loops
 *   change. Emission order is execution order: a value from inside an `if` or a loop that may not
 *   have run must go out through a variable.
 * - Constants (`f32(0.1)`) may be asked for anywhere: they are set once, at function entry.
 * - Operations are named once and work on every kind that has them: add on f32, i32, f64 and i64.
 *   i32 serves for u32 too: `ltU`, `minU`, `shrU`, `fromU32`, `toU32` are the unsigned ones.
 * - Comparisons give a mask, all lanes of it true or false. A bool is a mask in registers and 0/1
 *   in memory: `bool(mask)` and `truthy(i32)` convert.
 * - f64 values ("wide") have as many lanes as f32 ones: two v128 locals in SIMD. `widen` and
 *   `narrow` convert; comparisons of f64 and i64 give a mask64: `narrowMask`, `widenMask`.
 * - `bits` and `float` reinterpret and are free in SIMD. `shl(a, n)` shifts by a plain number.
 * - Rare cases: `rare(mask, usual, () => value)` computes `value` only if a lane of mask is set;
 *   `callLanes('log', [x])` calls an imported function on doubles for each lane (slow).
 * - `f` gives the raw instructions for addresses, counters and control flow.
 */
import type { FunctionBuilder } from '../encoder/function.ts';
import { ScalarLanes } from './scalar-lanes.ts';
import { SimdLanes } from './simd-lanes.ts';

export type LaneMode = 'scalar' | 'simd' | 'relaxed';

export type Kind = 'f32' | 'i32' | 'f64' | 'i64' | 'mask' | 'mask64';

/** A group of `width` elements in locals. */
export interface Value<K extends Kind = Kind> {
  readonly kind: K;
  readonly locals: readonly number[];
}
export type F32 = Value<'f32'>;
export type I32 = Value<'i32'>;
export type F64 = Value<'f64'>;
export type I64 = Value<'i64'>;
export type Mask = Value<'mask'>;
export type Mask64 = Value<'mask64'>;

/** The mask that a comparison of this kind gives, and that `select` of this kind takes. */
export type MaskOf<K extends Kind> = K extends 'f64' | 'i64' | 'mask64' ? 'mask64' : 'mask';

type Float = 'f32' | 'f64';
type Integer = 'i32' | 'i64';
type Numeric = Float | Integer;

export interface Lanes {
  readonly f: FunctionBuilder;
  readonly mode: LaneMode;
  readonly width: 1 | 4;

  // Constants: the same in every lane.
  f32(value: number): F32;
  i32(value: number): I32;
  f64(value: number): F64;
  i64(value: bigint): I64;
  /** A mask with every lane true or false. */
  always(value: boolean): Mask;
  /** 0, 1, 2, … width - 1. */
  laneIndex(): I32;

  // Memory. `address` is an i32 local, `offset` a constant number of bytes.
  load<K extends 'f32' | 'i32' | 'f64'>(kind: K, address: number, offset?: number): Value<K>;
  /** One element into every lane. */
  loadSplat<K extends 'f32' | 'i32' | 'f64'>(kind: K, address: number, offset?: number): Value<K>;
  /** One element into lane 0; the others are 0. */
  loadFirst<K extends 'f32' | 'i32' | 'f64'>(kind: K, address: number, offset?: number): Value<K>;
  /** `stride`: an i32 local, bytes between elements. */
  gather<K extends 'f32' | 'i32' | 'f64'>(kind: K, address: number, stride: number): Value<K>;
  store(address: number, value: Value<'f32' | 'i32' | 'f64'>, offset?: number): void;
  storeFirst(address: number, value: Value<'f32' | 'i32' | 'f64'>, offset?: number): void;
  scatter(address: number, stride: number, value: Value<'f32' | 'i32' | 'f64'>): void;

  // Between lanes and scalar locals.
  /** `local`: a scalar local of the kind. */
  splat<K extends Numeric>(kind: K, local: number): Value<K>;
  /** The element of one lane, in a fresh scalar local of the kind. */
  extract(value: Value<Numeric>, lane: number): number;

  // Variables: values that assign() overwrites.
  variable<K extends Kind>(start: Value<K>): Value<K>;
  assign<K extends Kind>(variable: Value<K>, value: Value<K>): void;

  // Arithmetic.
  add<K extends Numeric>(a: Value<K>, b: Value<K>): Value<K>;
  sub<K extends Numeric>(a: Value<K>, b: Value<K>): Value<K>;
  mul<K extends Numeric>(a: Value<K>, b: Value<K>): Value<K>;
  div<K extends Float>(a: Value<K>, b: Value<K>): Value<K>;
  /** a·b + c; one rounding in relaxed mode (where the machine fuses), two elsewhere. */
  madd<K extends Float>(a: Value<K>, b: Value<K>, c: Value<K>): Value<K>;
  /** c - a·b, rounded like madd. */
  nmadd<K extends Float>(a: Value<K>, b: Value<K>, c: Value<K>): Value<K>;
  neg<K extends Numeric>(a: Value<K>): Value<K>;
  abs<K extends Float | 'i32'>(a: Value<K>): Value<K>;
  sqrt<K extends Float>(a: Value<K>): Value<K>;
  floor<K extends Float>(a: Value<K>): Value<K>;
  ceil<K extends Float>(a: Value<K>): Value<K>;
  trunc<K extends Float>(a: Value<K>): Value<K>;
  /** To the nearest integer, ties to even. */
  nearest<K extends Float>(a: Value<K>): Value<K>;
  /** Floats: NaN if one is NaN, -0 < +0, as Math.min. Integers: signed. */
  min<K extends Float | 'i32'>(a: Value<K>, b: Value<K>): Value<K>;
  max<K extends Float | 'i32'>(a: Value<K>, b: Value<K>): Value<K>;
  minU(a: I32, b: I32): I32;
  maxU(a: I32, b: I32): I32;
  /** b < a ? b : a. One instruction; only for clamps to a finite constant b (a's NaN stays). */
  pmin<K extends Float>(a: Value<K>, b: Value<K>): Value<K>;
  /** a < b ? b : a. One instruction; only for clamps to a finite constant b (a's NaN stays). */
  pmax<K extends Float>(a: Value<K>, b: Value<K>): Value<K>;

  // Comparisons: false with NaN, except ne.
  eq<K extends Numeric>(a: Value<K>, b: Value<K>): Value<MaskOf<K>>;
  ne<K extends Numeric>(a: Value<K>, b: Value<K>): Value<MaskOf<K>>;
  lt<K extends Numeric>(a: Value<K>, b: Value<K>): Value<MaskOf<K>>;
  le<K extends Numeric>(a: Value<K>, b: Value<K>): Value<MaskOf<K>>;
  gt<K extends Numeric>(a: Value<K>, b: Value<K>): Value<MaskOf<K>>;
  ge<K extends Numeric>(a: Value<K>, b: Value<K>): Value<MaskOf<K>>;
  ltU(a: I32, b: I32): Mask;
  leU(a: I32, b: I32): Mask;
  /** mask ? a : b, lane by lane. */
  select<K extends Kind>(mask: Value<MaskOf<K>>, a: Value<K>, b: Value<K>): Value<K>;

  // Bits of integers, lanes of masks.
  and<K extends Integer | 'mask' | 'mask64'>(a: Value<K>, b: Value<K>): Value<K>;
  or<K extends Integer | 'mask' | 'mask64'>(a: Value<K>, b: Value<K>): Value<K>;
  xor<K extends Integer | 'mask' | 'mask64'>(a: Value<K>, b: Value<K>): Value<K>;
  not<K extends Integer | 'mask' | 'mask64'>(a: Value<K>): Value<K>;
  shl<K extends Integer>(a: Value<K>, count: number): Value<K>;
  shrS<K extends Integer>(a: Value<K>, count: number): Value<K>;
  shrU<K extends Integer>(a: Value<K>, count: number): Value<K>;
  rotl(a: I32, count: number): I32;

  // Conversions.
  /** The bit pattern of a float. */
  bits<K extends Float>(a: Value<K>): Value<K extends 'f32' ? 'i32' : 'i64'>;
  /** The float with this bit pattern. */
  float<K extends Integer>(a: Value<K>): Value<K extends 'i32' ? 'f32' : 'f64'>;
  fromI32(a: I32): F32;
  fromU32(a: I32): F32;
  /** Truncates, saturates, NaN is 0. */
  toI32(a: F32): I32;
  toU32(a: F32): I32;
  widen(a: F32): F64;
  widenI32(a: I32): F64;
  widenU32(a: I32): F64;
  narrow(a: F64): F32;
  /** Truncates, saturates, NaN is 0. */
  narrowI32(a: F64): I32;
  narrowU32(a: F64): I32;
  extendI32(a: I32): I64;
  wrapI64(a: I64): I32;
  widenMask(a: Mask): Mask64;
  narrowMask(a: Mask64): Mask;
  /** 1 where the mask is true, else 0. */
  bool(a: Mask): I32;
  /** True where a is not 0. */
  truthy(a: I32): Mask;

  // Rare cases.
  /** Runs `then` if any lane of the mask is true. Results go out through variables. */
  whenAny(mask: Value<'mask' | 'mask64'>, then: () => void): void;
  /** mask ? slow() : usual, where slow runs only if a lane needs it. */
  rare<K extends Kind>(mask: Value<MaskOf<K>>, usual: Value<K>, slow: () => Value<K>): Value<K>;
  /** env.<name> on doubles, lane by lane; f32 arguments are widened, the result is rounded. */
  callLanes<K extends Float>(name: string, args: readonly Value<K>[]): Value<K>;
}

/**
 * The instruction set of a mode, writing into `f`. SIMD lanes may work on several `vectors` at
 * once: a value then has that many times the locals, vector after vector, and the instructions of
 * all vectors alternate. Long dependent chains (exp, tanh) leave a core idle otherwise, whose
 * scheduler sees only some fifty instructions ahead: 1M exp 0.67 → 0.59 ms, tanh 1.5 → 1.2.
 */
export function createLanes(f: FunctionBuilder, mode: LaneMode, vectors = 1): Lanes {
  return mode === 'scalar' ? new ScalarLanes(f) : new SimdLanes(f, mode, vectors);
}
