/**
 * One function under construction: typed locals, structured control flow with labels, and the
 * instructions. Operands are on WebAssembly's stack as always; `codegen/lanes.ts` is the layer
 * that hides the stack behind values.
 */
import { Bytes } from './bytes.ts';
import type { FunctionRef, ModuleBuilder } from './module.ts';
import { OP, SIMD, TYPES, type ValueType } from './opcodes.ts';

export interface FunctionType {
  readonly params: readonly ValueType[];
  readonly results: readonly ValueType[];
}

/** A block that `br` may name; it is valid while its body is being written. */
interface Label {
  readonly depth: number;
}

const EMPTY_BLOCK = 0x40;

export class FunctionBuilder {
  readonly module: ModuleBuilder;
  readonly type: FunctionType;
  /** Runs once, before the body: hoisted constants. */
  private readonly entry = new Bytes();
  private readonly code = new Bytes();
  private readonly types: ValueType[];
  private readonly hoisted = new Map<string, number>();
  /** Locals that `recycled` gave back, by type. */
  private readonly free = new Map<ValueType, number[]>();
  /** Locals given out since the innermost `recycled` began. */
  private lent: number[] = [];
  /** Calls, whose target index is known only when all imports are. */
  private readonly calls: { readonly at: number; readonly target: FunctionRef }[] = [];
  private depth = 0;

  constructor(module: ModuleBuilder, type: FunctionType) {
    this.module = module;
    this.type = type;
    this.types = [...type.params];
  }

  /** A local of this type that nothing else uses, to be set first; parameters are 0, 1, … */
  local(type: ValueType): number {
    const local = this.free.get(type)?.pop() ?? this.newLocal(type);
    this.lent.push(local);
    return local;
  }

  /**
   * Writes a value's instructions; locals that they asked for and that do not hold the value serve
   * again. V8 refuses functions with more than 50,000 locals, and is slow long before that.
   */
  recycled<V extends { readonly locals: readonly number[] }>(write: () => V): V {
    const before = this.lent;
    this.lent = [];
    const value = write();
    for (const local of this.lent) {
      if (value.locals.includes(local)) before.push(local);
      else this.giveBack(local);
    }
    this.lent = before;
    return value;
  }

  localType(local: number): ValueType {
    const type = this.types[local];
    if (type === undefined) throw new Error(`encoder: local ${local} does not exist`);
    return type;
  }

  /** Any instruction without immediates, prefixed or not. */
  op(code: number): this {
    if (code < 0x100) this.code.u8(code);
    else this.code.u8(code >>> 12).u32(code & 0xfff);
    return this;
  }

  get(...locals: readonly number[]): this {
    for (const local of locals) this.op(OP.localGet).code.u32(local);
    return this;
  }

  set(local: number): this {
    this.op(OP.localSet).code.u32(local);
    return this;
  }

  tee(local: number): this {
    this.op(OP.localTee).code.u32(local);
    return this;
  }

  i32(value: number): this {
    this.op(OP.i32Const).code.i32(value);
    return this;
  }

  i64(value: bigint): this {
    this.op(OP.i64Const).code.i64(value);
    return this;
  }

  f32(value: number): this {
    this.op(OP.f32Const).code.f32(value);
    return this;
  }

  f64(value: number): this {
    this.op(OP.f64Const).code.f64(value);
    return this;
  }

  /** A v128 constant of four words, lane 0 first. */
  v128(words: readonly [number, number, number, number]): this {
    this.op(SIMD.const);
    for (const word of words) this.code.word(word);
    return this;
  }

  /**
   * A load or store. Stack as in the instruction: address (i32), then the value for a store.
   * `offset` in bytes is unsigned; `align` is log2 of what is promised, 4 bytes unless told.
   */
  memory(code: number, offset = 0, align = 2): this {
    this.op(code).code.u32(align).u32(offset);
    return this;
  }

  /** load32Lane, store32Lane, …: a memory access of one lane. */
  memoryLane(code: number, lane: number, offset = 0, align = 2): this {
    this.memory(code, offset, align).code.u8(lane);
    return this;
  }

  /** extract and replace: an instruction with a lane number. */
  lane(code: number, lane: number): this {
    this.op(code).code.u8(lane);
    return this;
  }

  /** Bytes 0-15 are the first operand's, 16-31 the second's. */
  shuffle(bytes: readonly number[]): this {
    if (bytes.length !== 16)
      throw new Error(`encoder: shuffle takes 16 bytes, got ${bytes.length}`);
    this.op(SIMD.shuffle).code.append(bytes);
    return this;
  }

  call(target: FunctionRef): this {
    this.op(OP.call);
    this.calls.push({ at: this.code.length, target });
    return this;
  }

  /** Arguments, then the table index, on the stack. The table is imported as env.table. */
  callIndirect(type: FunctionType): this {
    this.op(OP.callIndirect).code.u32(this.module.typeIndex(type)).u8(0);
    this.module.needsTable = true;
    return this;
  }

  /** `br` to the label leaves the block. */
  block(body: (exit: Label) => void): this {
    return this.nest(OP.block, body);
  }

  /** `br` to the label starts the next round; falling off the end leaves the loop. */
  loop(body: (next: Label) => void): this {
    return this.nest(OP.loop, body);
  }

  /** Pops an i32 condition. */
  if(then: () => void, otherwise?: () => void): this {
    return this.nest(OP.if, () => {
      then();
      if (otherwise === undefined) return;
      this.op(OP.else);
      otherwise();
    });
  }

  br(label: Label): this {
    this.op(OP.br).code.u32(this.depth - label.depth);
    return this;
  }

  /** Pops an i32 condition. */
  brIf(label: Label): this {
    this.op(OP.brIf).code.u32(this.depth - label.depth);
    return this;
  }

  /**
   * A local that holds the module's global `index` from entry on. V8 rebuilds a constant at each
   * use, also one that was put in a local; it knows nothing of what a mutable global holds, so
   * this stays in a register or a stack slot (exp: 2 to 5 % faster on Node 24).
   */
  hoistGlobal(index: number, type: ValueType): number {
    return this.hoist(`global ${index}`, type, (entry) => entry.u8(OP.globalGet).u32(index));
  }

  /** A local that holds an i32 or i64 constant: V8 makes it an immediate operand at each use. */
  hoistInteger(type: 'i32' | 'i64', value: bigint): number {
    return this.hoist(`${type} ${value}`, type, (entry) =>
      type === 'i32'
        ? entry.u8(OP.i32Const).i32(Number(BigInt.asIntN(32, value)))
        : entry.u8(OP.i64Const).i64(value),
    );
  }

  /** The code entry: locals and instructions, without its byte count. */
  finish(indexOf: (target: FunctionRef) => number): Bytes {
    const bytes = new Bytes();
    const runs: { type: ValueType; count: number }[] = [];
    for (const type of this.types.slice(this.type.params.length)) {
      const last = runs.at(-1);
      if (last?.type === type) last.count++;
      else runs.push({ type, count: 1 });
    }
    bytes.u32(runs.length);
    for (const { type, count } of runs) bytes.u32(count).u8(TYPES[type]);
    bytes.append(this.entry.data);
    let from = 0;
    for (const { at, target } of this.calls) {
      bytes.append(this.code.data.slice(from, at)).u32(indexOf(target));
      from = at;
    }
    return bytes.append(this.code.data.slice(from)).u8(OP.end);
  }

  private newLocal(type: ValueType): number {
    return this.types.push(type) - 1;
  }

  private giveBack(local: number): void {
    const type = this.localType(local);
    const known = this.free.get(type);
    if (known === undefined) this.free.set(type, [local]);
    else known.push(local);
  }

  private hoist(key: string, type: ValueType, write: (entry: Bytes) => void): number {
    const known = this.hoisted.get(key);
    if (known !== undefined) return known;
    const local = this.newLocal(type);
    this.hoisted.set(key, local);
    write(this.entry);
    this.entry.u8(OP.localSet).u32(local);
    return local;
  }

  private nest(code: number, body: (label: Label) => void): this {
    this.op(code).code.u8(EMPTY_BLOCK);
    this.depth++;
    body({ depth: this.depth });
    this.depth--;
    return this.op(OP.end);
  }
}
