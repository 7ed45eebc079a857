/**
 * Lanes of width 1: plain scalar instructions, one local per value, masks as 0 or 1 in an i32.
 * Regions with an f64 step use these in every variant.
 */
import type { FunctionBuilder } from '../encoder/function.ts';
import { OP, type ValueType } from '../encoder/opcodes.ts';
import { SCALAR_TABLE } from './lane-table.ts';
import type { F32, F64, I32, I64, Kind, Lanes, Mask, Mask64, MaskOf, Value } from './lanes.ts';
import { floatWords, TableLanes } from './table-lanes.ts';

type Float = 'f32' | 'f64';
type Integer = 'i32' | 'i64';
type Stored = 'f32' | 'i32' | 'f64';

const LOADS = { f32: OP.f32Load, i32: OP.i32Load, f64: OP.f64Load } as const;
const STORES = { f32: OP.f32Store, i32: OP.i32Store, f64: OP.f64Store } as const;

export class ScalarLanes extends TableLanes implements Lanes {
  readonly mode = 'scalar' as const;
  readonly width = 1 as const;

  constructor(f: FunctionBuilder) {
    super(f, SCALAR_TABLE);
  }

  protected types(kind: Kind): readonly [ValueType] {
    return [kind === 'mask' || kind === 'mask64' ? 'i32' : kind];
  }

  protected selectCode(): number {
    return OP.select;
  }

  protected pushAny(mask: Value<'mask' | 'mask64'>): void {
    this.f.get(mask.locals[0]!);
  }

  /** One instruction from one kind to another. */
  private convert<K extends Kind>(code: number, kind: K, a: Value): Value<K> {
    return this.emit(code, kind, a);
  }

  private same<K extends Kind>(kind: K, a: Value): Value<K> {
    return { kind, locals: a.locals };
  }

  f32(value: number): F32 {
    const index = this.f.module.global('f32', floatWords('f32', value));
    return { kind: 'f32', locals: [this.f.hoistGlobal(index, 'f32')] };
  }
  f64(value: number): F64 {
    const index = this.f.module.global('f64', floatWords('f64', value));
    return { kind: 'f64', locals: [this.f.hoistGlobal(index, 'f64')] };
  }
  i32(value: number): I32 {
    return { kind: 'i32', locals: [this.f.hoistInteger('i32', BigInt(value | 0))] };
  }
  i64(value: bigint): I64 {
    return { kind: 'i64', locals: [this.f.hoistInteger('i64', BigInt.asIntN(64, value))] };
  }
  always(value: boolean): Mask {
    return this.same('mask', this.i32(value ? 1 : 0));
  }
  laneIndex(): I32 {
    return this.i32(0);
  }

  load<K extends Stored>(kind: K, address: number, offset = 0): Value<K> {
    this.f.get(address).memory(LOADS[kind], offset);
    return this.pop(kind, kind);
  }
  loadSplat<K extends Stored>(kind: K, address: number, offset = 0): Value<K> {
    return this.load(kind, address, offset);
  }
  loadFirst<K extends Stored>(kind: K, address: number, offset = 0): Value<K> {
    return this.load(kind, address, offset);
  }
  gather<K extends Stored>(kind: K, address: number, _stride: number): Value<K> {
    return this.load(kind, address);
  }
  store(address: number, value: Value<Stored>, offset = 0): void {
    this.f.get(address, value.locals[0]!).memory(STORES[value.kind], offset);
  }
  storeFirst(address: number, value: Value<Stored>, offset = 0): void {
    this.store(address, value, offset);
  }
  scatter(address: number, _stride: number, value: Value<Stored>): void {
    this.store(address, value);
  }

  splat<K extends Float | Integer>(kind: K, local: number): Value<K> {
    return { kind, locals: [local] };
  }
  extract(value: Value<Float | Integer>, _lane: number): number {
    return this.variable(value).locals[0]!;
  }

  override neg<K extends Float | Integer>(a: Value<K>): Value<K> {
    if (a.kind === 'f32' || a.kind === 'f64') return super.neg(a);
    const zero = a.kind === 'i32' ? this.i32(0) : this.i64(0n);
    return this.emit(this.code('sub', a.kind), a.kind, zero, a);
  }
  override abs<K extends Float | 'i32'>(a: Value<K>): Value<K> {
    if (a.kind !== 'i32') return super.abs(a);
    const value = this.same('i32', a);
    const sign = this.shrS(value, 31);
    return this.same(a.kind, this.sub(this.xor(value, sign), sign));
  }
  override not<K extends Integer | 'mask' | 'mask64'>(a: Value<K>): Value<K> {
    if (a.kind !== 'i32' && a.kind !== 'i64') return super.not(a);
    const ones = a.kind === 'i32' ? this.i32(-1) : this.i64(-1n);
    return this.emit(this.code('xor', a.kind), a.kind, a, ones);
  }
  override min<K extends Float | 'i32'>(a: Value<K>, b: Value<K>): Value<K> {
    return a.kind === 'i32' ? this.choose('lt', a, b) : super.min(a, b);
  }
  override max<K extends Float | 'i32'>(a: Value<K>, b: Value<K>): Value<K> {
    return a.kind === 'i32' ? this.choose('gt', a, b) : super.max(a, b);
  }
  override minU(a: I32, b: I32): I32 {
    return this.choose('ltU', a, b);
  }
  override maxU(a: I32, b: I32): I32 {
    return this.choose('ltU', a, b, true);
  }
  override pmin<K extends Float>(a: Value<K>, b: Value<K>): Value<K> {
    return this.emit(OP.select, a.kind, b, a, this.compare('lt', b, a));
  }
  override pmax<K extends Float>(a: Value<K>, b: Value<K>): Value<K> {
    return this.emit(OP.select, a.kind, b, a, this.compare('lt', a, b));
  }
  /**
   * Of floats through integers: V8 makes a branch of f32 and f64 selects, which costs a wrong
   * guess on unpredictable masks (sin 10.8 → 4.8 ms per 1M), and a conditional move of i32 ones.
   */
  override select<K extends Kind>(mask: Value<MaskOf<K>>, a: Value<K>, b: Value<K>): Value<K> {
    if (a.kind !== 'f32' && a.kind !== 'f64') return super.select(mask, a, b);
    const isSingle = a.kind === 'f32';
    const toBits = isSingle ? OP.i32ReinterpretF32 : OP.i64ReinterpretF64;
    this.f.get(a.locals[0]!).op(toBits).get(b.locals[0]!).op(toBits);
    this.f.get(mask.locals[0]!).op(OP.select);
    this.f.op(isSingle ? OP.f32ReinterpretI32 : OP.f64ReinterpretI64);
    return this.pop(a.kind, isSingle ? 'f32' : 'f64');
  }
  rotl(a: I32, count: number): I32 {
    this.f.get(a.locals[0]!).i32(count).op(OP.i32Rotl);
    return this.pop('i32', 'i32');
  }

  /** compare(a, b) ? a : b, or with the two swapped. */
  private choose<K extends Float | Integer>(
    operation: 'lt' | 'gt' | 'ltU',
    a: Value<K>,
    b: Value<K>,
    swap = false,
  ): Value<K> {
    const mask = this.compare(operation, a, b);
    return swap ? this.select(mask, b, a) : this.select(mask, a, b);
  }

  bits<K extends Float>(a: Value<K>): Value<K extends 'f32' ? 'i32' : 'i64'> {
    const value =
      a.kind === 'f32'
        ? this.convert(OP.i32ReinterpretF32, 'i32', a)
        : this.convert(OP.i64ReinterpretF64, 'i64', a);
    return value as Value<K extends 'f32' ? 'i32' : 'i64'>;
  }
  float<K extends Integer>(a: Value<K>): Value<K extends 'i32' ? 'f32' : 'f64'> {
    const value =
      a.kind === 'i32'
        ? this.convert(OP.f32ReinterpretI32, 'f32', a)
        : this.convert(OP.f64ReinterpretI64, 'f64', a);
    return value as Value<K extends 'i32' ? 'f32' : 'f64'>;
  }
  fromI32(a: I32): F32 {
    return this.convert(OP.f32ConvertI32S, 'f32', a);
  }
  fromU32(a: I32): F32 {
    return this.convert(OP.f32ConvertI32U, 'f32', a);
  }
  toI32(a: F32): I32 {
    return this.convert(OP.i32TruncSatF32S, 'i32', a);
  }
  toU32(a: F32): I32 {
    return this.convert(OP.i32TruncSatF32U, 'i32', a);
  }
  widen(a: F32): F64 {
    return this.convert(OP.f64PromoteF32, 'f64', a);
  }
  widenI32(a: I32): F64 {
    return this.convert(OP.f64ConvertI32S, 'f64', a);
  }
  widenU32(a: I32): F64 {
    return this.convert(OP.f64ConvertI32U, 'f64', a);
  }
  narrow(a: F64): F32 {
    return this.convert(OP.f32DemoteF64, 'f32', a);
  }
  narrowI32(a: F64): I32 {
    return this.convert(OP.i32TruncSatF64S, 'i32', a);
  }
  narrowU32(a: F64): I32 {
    return this.convert(OP.i32TruncSatF64U, 'i32', a);
  }
  extendI32(a: I32): I64 {
    return this.convert(OP.i64ExtendI32S, 'i64', a);
  }
  wrapI64(a: I64): I32 {
    return this.convert(OP.i32WrapI64, 'i32', a);
  }
  widenMask(a: Mask): Mask64 {
    return this.same('mask64', a);
  }
  narrowMask(a: Mask64): Mask {
    return this.same('mask', a);
  }
  bool(a: Mask): I32 {
    return this.same('i32', a);
  }
  truthy(a: I32): Mask {
    return this.compare('ne', a, this.i32(0));
  }

  callLanes<K extends Float>(name: string, args: readonly Value<K>[]): Value<K> {
    const kind = args[0]!.kind;
    for (const { locals } of args) {
      this.f.get(locals[0]!);
      if (kind === 'f32') this.f.op(OP.f64PromoteF32);
    }
    this.f.call(this.f.module.importMath(name, args.length));
    if (kind === 'f32') this.f.op(OP.f32DemoteF64);
    return this.pop(kind, kind);
  }
}
