/**
 * What scalar and SIMD lanes share: every operation that the opcode table gives as one instruction
 * per local, variables, and the rare paths. Subclasses say how many locals a kind takes and emit
 * the rest.
 */
import type { FunctionBuilder } from '../encoder/function.ts';
import type { ValueType } from '../encoder/opcodes.ts';
import type { LaneTable, Operation } from './lane-table.ts';
import type { I32, Kind, LaneMode, Mask, MaskOf, Value } from './lanes.ts';

type Float = 'f32' | 'f64';
type Integer = 'i32' | 'i64';
type Numeric = Float | Integer;
type Bitwise = Integer | 'mask' | 'mask64';

/** The kind of the mask that comparisons of `kind` give. */
function maskOf<K extends Kind>(kind: K): MaskOf<K> {
  const isWide = kind === 'f64' || kind === 'i64' || kind === 'mask64';
  return (isWide ? 'mask64' : 'mask') as MaskOf<K>;
}

/** The words of a float, low first. */
export function floatWords(kind: Float, value: number): readonly number[] {
  const view = new DataView(new ArrayBuffer(8));
  if (kind === 'f64') {
    view.setFloat64(0, value, true);
    return [view.getInt32(0, true), view.getInt32(4, true)];
  }
  view.setFloat32(0, value, true);
  return [view.getInt32(0, true)];
}

export abstract class TableLanes {
  readonly f: FunctionBuilder;
  abstract readonly mode: LaneMode;
  abstract readonly width: 1 | 4;
  private readonly table: LaneTable;

  constructor(f: FunctionBuilder, table: LaneTable) {
    this.f = f;
    this.table = table;
  }

  /** Types of the locals of a kind. */
  protected abstract types(kind: Kind): readonly ValueType[];
  /** Instruction of `select` for a kind. */
  protected abstract selectCode(kind: Kind): number;
  /** Leaves 1 on the stack if any lane of the mask is true. */
  protected abstract pushAny(mask: Value<'mask' | 'mask64'>): void;

  /** One instruction per local; the operands are pushed in order. */
  protected emit<K extends Kind>(code: number, kind: K, ...operands: readonly Value[]): Value<K> {
    const locals = this.types(kind).map((type, part) => {
      for (const operand of operands) this.f.get(operand.locals[part]!);
      return this.keep(code, type);
    });
    return { kind, locals };
  }

  /** Writes the instruction and keeps what is then on the stack in a fresh local. */
  protected keep(code: number, type: ValueType): number {
    const local = this.f.op(code).local(type);
    this.f.set(local);
    return local;
  }

  /** A value of one local that holds what is on the stack. */
  protected pop<K extends Kind>(kind: K, type: ValueType): Value<K> {
    const local = this.f.local(type);
    this.f.set(local);
    return { kind, locals: [local] };
  }

  protected code(operation: Operation, kind: Kind): number {
    const code = this.table[operation][kind];
    if (code === undefined) throw new Error(`lanes: ${operation} does not exist on ${kind}`);
    return code;
  }

  protected unary<K extends Kind>(operation: Operation, a: Value<K>): Value<K> {
    return this.emit(this.code(operation, a.kind), a.kind, a);
  }

  protected binary<K extends Kind>(operation: Operation, a: Value<K>, b: Value<K>): Value<K> {
    return this.emit(this.code(operation, a.kind), a.kind, a, b);
  }

  protected compare<K extends Numeric>(
    operation: Operation,
    a: Value<K>,
    b: Value<K>,
  ): Value<MaskOf<K>> {
    return this.emit(this.code(operation, a.kind), maskOf(a.kind), a, b);
  }

  protected shift<K extends Integer>(operation: Operation, a: Value<K>, count: number): Value<K> {
    const code = this.code(operation, a.kind);
    const locals = this.types(a.kind).map((type, part) => {
      this.f.get(a.locals[part]!);
      if (type === 'i64') this.f.i64(BigInt(count));
      else this.f.i32(count);
      return this.keep(code, type);
    });
    return { kind: a.kind, locals };
  }

  variable<K extends Kind>(start: Value<K>): Value<K> {
    const locals = this.types(start.kind).map((type) => this.f.local(type));
    const variable = { kind: start.kind, locals };
    this.assign(variable, start);
    return variable;
  }

  assign<K extends Kind>(variable: Value<K>, value: Value<K>): void {
    value.locals.forEach((local, part) => {
      this.f.get(local).set(variable.locals[part]!);
    });
  }

  add<K extends Numeric>(a: Value<K>, b: Value<K>): Value<K> {
    return this.binary('add', a, b);
  }
  sub<K extends Numeric>(a: Value<K>, b: Value<K>): Value<K> {
    return this.binary('sub', a, b);
  }
  mul<K extends Numeric>(a: Value<K>, b: Value<K>): Value<K> {
    return this.binary('mul', a, b);
  }
  div<K extends Float>(a: Value<K>, b: Value<K>): Value<K> {
    return this.binary('div', a, b);
  }
  madd<K extends Float>(a: Value<K>, b: Value<K>, c: Value<K>): Value<K> {
    return this.add(this.mul(a, b), c);
  }
  nmadd<K extends Float>(a: Value<K>, b: Value<K>, c: Value<K>): Value<K> {
    return this.sub(c, this.mul(a, b));
  }
  neg<K extends Numeric>(a: Value<K>): Value<K> {
    return this.unary('neg', a);
  }
  abs<K extends Float | 'i32'>(a: Value<K>): Value<K> {
    return this.unary('abs', a);
  }
  sqrt<K extends Float>(a: Value<K>): Value<K> {
    return this.unary('sqrt', a);
  }
  floor<K extends Float>(a: Value<K>): Value<K> {
    return this.unary('floor', a);
  }
  ceil<K extends Float>(a: Value<K>): Value<K> {
    return this.unary('ceil', a);
  }
  trunc<K extends Float>(a: Value<K>): Value<K> {
    return this.unary('trunc', a);
  }
  nearest<K extends Float>(a: Value<K>): Value<K> {
    return this.unary('nearest', a);
  }
  min<K extends Float | 'i32'>(a: Value<K>, b: Value<K>): Value<K> {
    return this.binary('min', a, b);
  }
  max<K extends Float | 'i32'>(a: Value<K>, b: Value<K>): Value<K> {
    return this.binary('max', a, b);
  }
  minU(a: I32, b: I32): I32 {
    return this.binary('minU', a, b);
  }
  maxU(a: I32, b: I32): I32 {
    return this.binary('maxU', a, b);
  }
  pmin<K extends Float>(a: Value<K>, b: Value<K>): Value<K> {
    return this.binary('pmin', a, b);
  }
  pmax<K extends Float>(a: Value<K>, b: Value<K>): Value<K> {
    return this.binary('pmax', a, b);
  }

  eq<K extends Numeric>(a: Value<K>, b: Value<K>): Value<MaskOf<K>> {
    return this.compare('eq', a, b);
  }
  ne<K extends Numeric>(a: Value<K>, b: Value<K>): Value<MaskOf<K>> {
    return this.compare('ne', a, b);
  }
  lt<K extends Numeric>(a: Value<K>, b: Value<K>): Value<MaskOf<K>> {
    return this.compare('lt', a, b);
  }
  le<K extends Numeric>(a: Value<K>, b: Value<K>): Value<MaskOf<K>> {
    return this.compare('le', a, b);
  }
  gt<K extends Numeric>(a: Value<K>, b: Value<K>): Value<MaskOf<K>> {
    return this.compare('gt', a, b);
  }
  ge<K extends Numeric>(a: Value<K>, b: Value<K>): Value<MaskOf<K>> {
    return this.compare('ge', a, b);
  }
  ltU(a: I32, b: I32): Mask {
    return this.compare('ltU', a, b);
  }
  leU(a: I32, b: I32): Mask {
    return this.compare('leU', a, b);
  }
  select<K extends Kind>(mask: Value<MaskOf<K>>, a: Value<K>, b: Value<K>): Value<K> {
    return this.emit(this.selectCode(a.kind), a.kind, a, b, mask);
  }

  and<K extends Bitwise>(a: Value<K>, b: Value<K>): Value<K> {
    return this.binary('and', a, b);
  }
  or<K extends Bitwise>(a: Value<K>, b: Value<K>): Value<K> {
    return this.binary('or', a, b);
  }
  xor<K extends Bitwise>(a: Value<K>, b: Value<K>): Value<K> {
    return this.binary('xor', a, b);
  }
  not<K extends Bitwise>(a: Value<K>): Value<K> {
    return this.unary('not', a);
  }
  shl<K extends Integer>(a: Value<K>, count: number): Value<K> {
    return this.shift('shl', a, count);
  }
  shrS<K extends Integer>(a: Value<K>, count: number): Value<K> {
    return this.shift('shrS', a, count);
  }
  shrU<K extends Integer>(a: Value<K>, count: number): Value<K> {
    return this.shift('shrU', a, count);
  }

  whenAny(mask: Value<'mask' | 'mask64'>, then: () => void): void {
    this.pushAny(mask);
    this.f.if(then);
  }

  rare<K extends Kind>(mask: Value<MaskOf<K>>, usual: Value<K>, slow: () => Value<K>): Value<K> {
    const result = this.variable(usual);
    this.whenAny(mask, () => this.assign(result, this.select(mask, slow(), usual)));
    return result;
  }
}
