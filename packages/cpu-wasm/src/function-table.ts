/**
 * The functions of one thread: the AssemblyScript instance, generated instances, and the table
 * through which both are called. Every thread adds the same modules in the same order, so an index
 * means the same function everywhere.
 */
import { MATH_IMPORTS } from './math-imports.ts';

/** The one signature of everything that runs in parallel. */
export type KernelFunction = (args: number, begin: number, end: number, scratch: number) => void;
export type WasmFunction = (...args: number[]) => number;

const INITIAL_SIZE = 1024;

export class FunctionTable {
  readonly exports: Readonly<Record<string, WasmFunction>>;
  /** By table index; index 0 is no function. */
  readonly functions: KernelFunction[];
  private readonly indices: Map<string, number>;
  private readonly memory: WebAssembly.Memory;
  private readonly table: WebAssembly.Table;

  constructor(module: WebAssembly.Module, memory: WebAssembly.Memory) {
    this.memory = memory;
    this.table = new WebAssembly.Table({ initial: INITIAL_SIZE, element: 'anyfunc' });
    const instance = new WebAssembly.Instance(module, { env: { memory, table: this.table } });
    this.exports = instance.exports as Record<string, WasmFunction>;
    this.functions = [missing];
    this.indices = new Map();
    // The module's own function references come first.
    while (this.table.get(this.functions.length) !== null) this.functions.push(missing);
    for (const { name, kind } of WebAssembly.Module.exports(module)) {
      if (kind === 'function') this.indices.set(name, this.append(instance.exports[name]));
    }
  }

  /** The index of an exported function, or -1. */
  indexOf(name: string): number {
    return this.indices.get(name) ?? -1;
  }

  /** Instantiates a generated module; returns the indices of `names` in order. All or none. */
  add(module: WebAssembly.Module, names: readonly string[]): number[] {
    const env = { ...MATH_IMPORTS, memory: this.memory };
    const { exports } = new WebAssembly.Instance(module, { env });
    const found = names.map((name) => {
      const fn = exports[name];
      if (typeof fn !== 'function') throw new TypeError(`the module does not export ${name}`);
      return fn;
    });
    return found.map((fn) => this.append(fn));
  }

  private append(fn: WebAssembly.ExportValue | undefined): number {
    const index = this.functions.length;
    if (index >= this.table.length) this.table.grow(this.table.length);
    this.table.set(index, fn);
    this.functions.push(fn as KernelFunction);
    return index;
  }
}

function missing(): never {
  throw new TypeError('this table index holds no kernel');
}
