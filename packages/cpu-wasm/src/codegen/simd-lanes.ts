/**
 * Lanes of width 4: v128 instructions. 32-bit kinds take one v128 local, 64-bit kinds two (lanes
 * 0-1, lanes 2-3); with `vectors` n, n times that, and every operation acts on all of them. Masks
 * are all ones or all zeros per lane. In relaxed mode `madd` fuses and `select` is one blend.
 */
import type { FunctionBuilder } from '../encoder/function.ts';
import { OP, SIMD, type ValueType } from '../encoder/opcodes.ts';
import { SIMD_TABLE } from './lane-table.ts';
import type { F32, F64, I32, I64, Kind, Lanes, Mask, Mask64, Value } from './lanes.ts';
import { floatWords, TableLanes } from './table-lanes.ts';

type Float = 'f32' | 'f64';
type Integer = 'i32' | 'i64';
type Stored = 'f32' | 'i32' | 'f64';
type Words = readonly [number, number, number, number];

const isWide = (kind: Kind): boolean => kind === 'f64' || kind === 'i64' || kind === 'mask64';

const SPLAT = {
  f32: SIMD.f32x4Splat,
  i32: SIMD.i32x4Splat,
  f64: SIMD.f64x2Splat,
  i64: SIMD.i64x2Splat,
} as const;
const EXTRACT = {
  f32: SIMD.f32x4Extract,
  i32: SIMD.i32x4Extract,
  f64: SIMD.f64x2Extract,
  i64: SIMD.i64x2Extract,
} as const;

/** Both low halves; both high halves; the low words of four 64-bit lanes. */
const LOW_HALVES = [0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23];
const HIGH_HALF = [8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15];
const EVEN_WORDS = [0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27];
/** Each word twice, so that a mask of 32 bits becomes one of 64. */
const LOW_TWICE = [0, 1, 2, 3, 0, 1, 2, 3, 4, 5, 6, 7, 4, 5, 6, 7];
const HIGH_TWICE = [8, 9, 10, 11, 8, 9, 10, 11, 12, 13, 14, 15, 12, 13, 14, 15];

export class SimdLanes extends TableLanes implements Lanes {
  readonly mode: 'simd' | 'relaxed';
  readonly width = 4 as const;
  private readonly narrowTypes: readonly ValueType[];
  private readonly wideTypes: readonly ValueType[];

  constructor(f: FunctionBuilder, mode: 'simd' | 'relaxed', vectors = 1) {
    super(f, SIMD_TABLE);
    this.mode = mode;
    this.narrowTypes = Array.from({ length: vectors }, () => 'v128' as const);
    this.wideTypes = [...this.narrowTypes, ...this.narrowTypes];
  }

  protected types(kind: Kind): readonly ValueType[] {
    return isWide(kind) ? this.wideTypes : this.narrowTypes;
  }

  protected selectCode(kind: Kind): number {
    if (this.mode === 'simd') return SIMD.bitselect;
    return isWide(kind) ? SIMD.i64x2RelaxedLaneselect : SIMD.i32x4RelaxedLaneselect;
  }

  protected pushAny(mask: Value<'mask' | 'mask64'>): void {
    mask.locals.forEach((local, part) => {
      this.f.get(local);
      if (part > 0) this.f.op(SIMD.or);
    });
    this.f.op(SIMD.anyTrue);
  }

  private constant<K extends Kind>(kind: K, words: Words): Value<K> {
    const local = this.f.hoistGlobal(this.f.module.global('v128', words), 'v128');
    return { kind, locals: this.types(kind).map(() => local) };
  }

  private same<K extends Kind>(kind: K, a: Value): Value<K> {
    return { kind, locals: a.locals };
  }

  f32(value: number): F32 {
    const [word = 0] = floatWords('f32', value);
    return this.constant('f32', [word, word, word, word]);
  }
  f64(value: number): F64 {
    const [low = 0, high = 0] = floatWords('f64', value);
    return this.constant('f64', [low, high, low, high]);
  }
  i32(value: number): I32 {
    const word = value | 0;
    return this.constant('i32', [word, word, word, word]);
  }
  i64(value: bigint): I64 {
    const low = Number(BigInt.asIntN(32, value));
    const high = Number(BigInt.asIntN(32, value >> 32n));
    return this.constant('i64', [low, high, low, high]);
  }
  always(value: boolean): Mask {
    return this.same('mask', this.i32(value ? -1 : 0));
  }
  laneIndex(): I32 {
    return this.constant('i32', [0, 1, 2, 3]);
  }

  load<K extends Stored>(kind: K, address: number, offset = 0): Value<K> {
    const locals = this.types(kind).map((type, part) => {
      this.f.get(address).memory(SIMD.load, offset + 16 * part);
      return this.popLocal(type);
    });
    return { kind, locals };
  }
  loadSplat<K extends Stored>(kind: K, address: number, offset = 0): Value<K> {
    this.f.get(address).memory(kind === 'f64' ? SIMD.load64Splat : SIMD.load32Splat, offset);
    const local = this.popLocal('v128');
    return { kind, locals: this.types(kind).map(() => local) };
  }
  loadFirst<K extends Stored>(kind: K, address: number, offset = 0): Value<K> {
    this.f.get(address).memory(kind === 'f64' ? SIMD.load64Zero : SIMD.load32Zero, offset);
    const local = this.popLocal('v128');
    return { kind, locals: kind === 'f64' ? [local, this.i32(0).locals[0]!] : [local] };
  }
  gather<K extends Stored>(kind: K, address: number, stride: number): Value<K> {
    const isWide = kind === 'f64';
    const at = this.f.local('i32');
    this.f.get(address).set(at);
    const locals = this.types(kind).map(() => {
      const lanes = isWide ? 2 : 4;
      const local = this.f.local('v128');
      this.f
        .get(at)
        .memory(isWide ? SIMD.load64Zero : SIMD.load32Zero)
        .set(local);
      for (let lane = 1; lane < lanes; lane++) {
        this.f.get(at, stride).op(OP.i32Add).tee(at).get(local);
        this.f.memoryLane(isWide ? SIMD.load64Lane : SIMD.load32Lane, lane).set(local);
      }
      this.f.get(at, stride).op(OP.i32Add).set(at);
      return local;
    });
    return { kind, locals };
  }
  store(address: number, value: Value<Stored>, offset = 0): void {
    value.locals.forEach((local, part) => {
      this.f.get(address, local).memory(SIMD.store, offset + 16 * part);
    });
  }
  storeFirst(address: number, value: Value<Stored>, offset = 0): void {
    const code = value.kind === 'f64' ? SIMD.store64Lane : SIMD.store32Lane;
    this.f.get(address, value.locals[0]!).memoryLane(code, 0, offset);
  }
  scatter(address: number, stride: number, value: Value<Stored>): void {
    const isWide = value.kind === 'f64';
    const at = this.f.local('i32');
    this.f.get(address).set(at);
    for (let lane = 0; lane < 4; lane++) {
      const local = value.locals[isWide ? lane >> 1 : 0]!;
      if (lane > 0) this.f.get(at, stride).op(OP.i32Add).set(at);
      this.f.get(at, local);
      if (isWide) this.f.memoryLane(SIMD.store64Lane, lane & 1);
      else this.f.memoryLane(SIMD.store32Lane, lane);
    }
  }

  splat<K extends Float | Integer>(kind: K, local: number): Value<K> {
    const splat = this.apply(SPLAT[kind], local);
    return { kind, locals: this.types(kind).map(() => splat) };
  }
  extract(value: Value<Float | Integer>, lane: number): number {
    const isWide = value.locals.length === 2;
    this.f.get(value.locals[isWide ? lane >> 1 : 0]!);
    this.f.lane(EXTRACT[value.kind], isWide ? lane & 1 : lane);
    return this.popLocal(value.kind);
  }

  override madd<K extends Float>(a: Value<K>, b: Value<K>, c: Value<K>): Value<K> {
    if (this.mode === 'simd') return super.madd(a, b, c);
    const code = a.kind === 'f32' ? SIMD.f32x4RelaxedMadd : SIMD.f64x2RelaxedMadd;
    return this.emit(code, a.kind, a, b, c);
  }
  override nmadd<K extends Float>(a: Value<K>, b: Value<K>, c: Value<K>): Value<K> {
    if (this.mode === 'simd') return super.nmadd(a, b, c);
    const code = a.kind === 'f32' ? SIMD.f32x4RelaxedNmadd : SIMD.f64x2RelaxedNmadd;
    return this.emit(code, a.kind, a, b, c);
  }
  rotl(a: I32, count: number): I32 {
    return this.or(this.shl(a, count), this.shrU(a, 32 - count));
  }

  bits<K extends Float>(a: Value<K>): Value<K extends 'f32' ? 'i32' : 'i64'> {
    const kind = a.kind === 'f32' ? 'i32' : 'i64';
    return { kind: kind as K extends 'f32' ? 'i32' : 'i64', locals: a.locals };
  }
  float<K extends Integer>(a: Value<K>): Value<K extends 'i32' ? 'f32' : 'f64'> {
    const kind = a.kind === 'i32' ? 'f32' : 'f64';
    return { kind: kind as K extends 'i32' ? 'f32' : 'f64', locals: a.locals };
  }
  fromI32(a: I32): F32 {
    return this.emit(SIMD.f32x4ConvertI32x4S, 'f32', a);
  }
  fromU32(a: I32): F32 {
    return this.emit(SIMD.f32x4ConvertI32x4U, 'f32', a);
  }
  toI32(a: F32): I32 {
    return this.emit(SIMD.i32x4TruncSatF32x4S, 'i32', a);
  }
  toU32(a: F32): I32 {
    return this.emit(SIMD.i32x4TruncSatF32x4U, 'i32', a);
  }
  widen(a: F32): F64 {
    return this.widenBy(SIMD.f64x2PromoteLowF32x4, a);
  }
  widenI32(a: I32): F64 {
    return this.widenBy(SIMD.f64x2ConvertLowI32x4S, a);
  }
  widenU32(a: I32): F64 {
    return this.widenBy(SIMD.f64x2ConvertLowI32x4U, a);
  }
  narrow(a: F64): F32 {
    return this.narrowBy(SIMD.f32x4DemoteF64x2Zero, 'f32', a);
  }
  narrowI32(a: F64): I32 {
    return this.narrowBy(SIMD.i32x4TruncSatF64x2SZero, 'i32', a);
  }
  narrowU32(a: F64): I32 {
    return this.narrowBy(SIMD.i32x4TruncSatF64x2UZero, 'i32', a);
  }
  extendI32(a: I32): I64 {
    const locals = a.locals.flatMap((local) => [
      this.apply(SIMD.i64x2ExtendLowI32x4S, local),
      this.apply(SIMD.i64x2ExtendHighI32x4S, local),
    ]);
    return { kind: 'i64', locals };
  }
  wrapI64(a: I64): I32 {
    return this.mixed('i32', a.locals, EVEN_WORDS);
  }
  widenMask(a: Mask): Mask64 {
    const locals = a.locals.flatMap((local) =>
      [LOW_TWICE, HIGH_TWICE].map((bytes) => this.mix([local, local], bytes)),
    );
    return { kind: 'mask64', locals };
  }
  narrowMask(a: Mask64): Mask {
    return this.mixed('mask', a.locals, EVEN_WORDS);
  }
  bool(a: Mask): I32 {
    return this.and(this.same('i32', a), this.i32(1));
  }
  truthy(a: I32): Mask {
    return this.compare('ne', a, this.i32(0));
  }

  callLanes<K extends Float>(name: string, args: readonly Value<K>[]): Value<K> {
    const kind = args[0]!.kind;
    const wide = args.map((arg) => (kind === 'f32' ? this.widen(arg as F32) : arg));
    const target = this.f.module.importMath(name, args.length);
    const locals = this.wideTypes.map((type, part) => {
      const result = this.f.local(type);
      for (let lane = 0; lane < 2; lane++) {
        if (lane === 1) this.f.get(result);
        for (const { locals } of wide) this.f.get(locals[part]!).lane(SIMD.f64x2Extract, lane);
        this.f.call(target);
        if (lane === 0) this.f.op(SIMD.f64x2Splat);
        else this.f.lane(SIMD.f64x2Replace, 1);
        this.f.set(result);
      }
      return result;
    });
    const result: F64 = { kind: 'f64', locals };
    return (kind === 'f32' ? this.narrow(result) : result) as Value<K>;
  }

  private popLocal(type: ValueType): number {
    const local = this.f.local(type);
    this.f.set(local);
    return local;
  }

  /** One instruction on one local. */
  private apply(code: number, local: number): number {
    this.f.get(local);
    return this.keep(code, 'v128');
  }

  private mix(locals: readonly number[], bytes: readonly number[]): number {
    this.f.get(...locals).shuffle(bytes);
    return this.popLocal('v128');
  }

  private mixed<K extends Kind>(
    kind: K,
    locals: readonly number[],
    bytes: readonly number[],
  ): Value<K> {
    const pairs = this.narrowTypes.map((_, k) => this.mix(locals.slice(2 * k, 2 * k + 2), bytes));
    return { kind, locals: pairs };
  }

  /** An instruction on the low two lanes, applied to both halves. */
  private widenBy(code: number, a: Value): F64 {
    const locals = a.locals.flatMap((local) => {
      const low = this.apply(code, local);
      this.f.get(local, local).shuffle(HIGH_HALF);
      return [low, this.keep(code, 'v128')];
    });
    return { kind: 'f64', locals };
  }

  /** An instruction that leaves two results in the low half, applied to both locals. */
  private narrowBy<K extends Kind>(code: number, kind: K, a: F64): Value<K> {
    const parts = a.locals.map((local) => this.apply(code, local));
    return this.mixed(kind, parts, LOW_HALVES);
  }
}
