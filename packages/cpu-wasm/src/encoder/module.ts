/**
 * A WebAssembly module under construction: imports env.memory, functions on doubles and, where a
 * function calls indirectly, env.table; exports functions by name. Constants that must stay in
 * registers are globals that nothing writes (see `FunctionBuilder.hoistGlobal`).
 */
import { Bytes } from './bytes.ts';
import { FunctionBuilder, type FunctionType } from './function.ts';
import { OP, SIMD, TYPES, type ValueType } from './opcodes.ts';

/** What `call` names: an imported function by name, or a function of this module. */
export type FunctionRef = { readonly imported: string } | FunctionBuilder;

/** A function with the signature of every kernel: (args, begin, end, scratch). */
const KERNEL_TYPE: FunctionType = { params: ['i32', 'i32', 'i32', 'i32'], results: [] };

const SECTION = { type: 1, import: 2, function: 3, global: 6, export: 7, code: 10 } as const;
const MAGIC = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
/** 4 GiB: an import must allow at least the maximum of the memory it gets. */
const MAX_PAGES = 65536;

interface ModuleOptions {
  /** Whether env.memory is shared between threads: the import has to say so. */
  readonly shared: boolean;
}

export class ModuleBuilder {
  /** Set by a function that calls indirectly. */
  needsTable = false;
  private readonly shared: boolean;
  private readonly types: string[] = [];
  private readonly imports = new Map<string, FunctionType>();
  private readonly functions: FunctionBuilder[] = [];
  private readonly exports = new Map<string, FunctionBuilder>();
  private readonly globals: string[] = [];

  constructor(options: ModuleOptions) {
    this.shared = options.shared;
  }

  /** A new function, exported if it has a name; `KERNEL_TYPE` is the kernel signature. */
  function(type: FunctionType = KERNEL_TYPE, name: string | null = null): FunctionBuilder {
    const builder = new FunctionBuilder(this, type);
    this.functions.push(builder);
    if (name !== null) this.exports.set(name, builder);
    return builder;
  }

  /** The function env.<name> that takes `arity` doubles and gives one. */
  importMath(name: string, arity: number): FunctionRef {
    const params: ValueType[] = Array.from({ length: arity }, () => 'f64');
    this.imports.set(name, { params, results: ['f64'] });
    return { imported: name };
  }

  /** Names of the functions that the module imports from env. */
  get importNames(): readonly string[] {
    return [...this.imports.keys()];
  }

  /** Index of the global with these bits (words, low first); made on first use. */
  global(type: ValueType, words: readonly number[]): number {
    const bytes = new Bytes().u8(TYPES[type]).u8(1);
    const code = { i32: OP.i32Const, i64: OP.i64Const, f32: OP.f32Const, f64: OP.f64Const };
    if (type === 'v128') bytes.u8(SIMD.const >>> 12).u32(SIMD.const & 0xfff);
    else bytes.u8(code[type]);
    const [low = 0, high = 0] = words;
    if (type === 'i32') bytes.i32(low);
    else if (type === 'i64') bytes.i64((BigInt(high) << 32n) | BigInt(low >>> 0));
    else for (const word of words) bytes.word(word);
    return indexOrAdd(this.globals, bytes.u8(OP.end).data.join());
  }

  typeIndex(type: FunctionType): number {
    const bytes = new Bytes().u8(0x60);
    for (const list of [type.params, type.results]) {
      bytes.u32(list.length).append(list.map((each) => TYPES[each]));
    }
    return indexOrAdd(this.types, bytes.data.join());
  }

  /** The finished module. */
  finish(): Uint8Array<ArrayBuffer> {
    const imported = [...this.imports.keys()];
    const indexOf = (target: FunctionRef): number =>
      target instanceof FunctionBuilder
        ? imported.length + this.functions.indexOf(target)
        : imported.indexOf(target.imported);
    const imports = this.importEntries();
    const functions = this.functions.map((each) => new Bytes().u32(this.typeIndex(each.type)));
    const globals = this.globals.map(fromKey);
    const exports = [...this.exports].map(([name, each]) =>
      new Bytes().text(name).u8(0).u32(indexOf(each)),
    );
    const code = this.functions.map((each) => new Bytes().sized(each.finish(indexOf)));
    const bytes = new Bytes().append(MAGIC);
    section(bytes, SECTION.type, this.types.map(fromKey));
    section(bytes, SECTION.import, imports);
    section(bytes, SECTION.function, functions);
    if (globals.length > 0) section(bytes, SECTION.global, globals);
    section(bytes, SECTION.export, exports);
    section(bytes, SECTION.code, code);
    return Uint8Array.from(bytes.data);
  }

  private importEntries(): Bytes[] {
    const entry = (name: string): Bytes => new Bytes().text('env').text(name);
    const memory = entry('memory').u8(2);
    if (this.shared) memory.u8(3).u32(0).u32(MAX_PAGES);
    else memory.u8(0).u32(0);
    const entries = [memory];
    if (this.needsTable) entries.push(entry('table').u8(1).u8(0x70).u8(0).u32(0));
    for (const [name, type] of this.imports) {
      entries.push(entry(name).u8(0).u32(this.typeIndex(type)));
    }
    return entries;
  }
}

/** Byte strings are kept as text, so that equal ones meet. */
function indexOrAdd(keys: string[], key: string): number {
  const index = keys.indexOf(key);
  return index >= 0 ? index : keys.push(key) - 1;
}

function fromKey(key: string): Bytes {
  return new Bytes().append(key.split(',').map(Number));
}

function section(bytes: Bytes, id: number, entries: readonly Bytes[]): void {
  const body = new Bytes().u32(entries.length);
  for (const entry of entries) body.append(entry.data);
  bytes.u8(id).sized(body);
}
