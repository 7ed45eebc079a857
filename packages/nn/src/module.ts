/**
 * The base of all layers and models: finds its own parameters, buffers and submodules among its
 * fields, as PyTorch's nn.Module names them. Not here: how tensors are stored (state-dict.ts).
 */
import { type Backend, Parameter, type Tensor, Variable } from '@tenon/core';
import { wrapForward } from './forward-path.ts';
import { moveVariables } from './move.ts';
import {
  type LoadOptions,
  type LoadReport,
  loadEntries,
  readEntries,
  type StateDict,
  type StateEntry,
} from './state-dict.ts';
import { type SummaryOptions, summarize } from './summary.ts';

/** How a field appears in names and state dicts. */
export interface StateField {
  /** The name; empty for a container whose items are named by their index alone. */
  readonly name: string;
  /** The dtype to write where the stored one differs from the variable's (PyTorch's counters). */
  readonly stored?: 'i64';
}

/** A module that maps one tensor to one tensor: what Sequential, fit and predict take. */
export interface Layer extends Module {
  forward(x: Tensor): Tensor;
}

interface Fields {
  readonly parameters: [string, Parameter][];
  readonly buffers: [string, Variable, StateField][];
  readonly modules: [string, Module][];
}

/**
 * Base class of layers and models. Fields that hold parameters, variables (buffers), modules, or
 * arrays of them register themselves; their field names are the names in the state dict. Private
 * `#fields`, and what stands in plain objects, maps or sets, do not register.
 *
 * @example
 * import { Linear, Module } from '@tenon/nn';
 * import type { Tensor } from '@tenon/core';
 * class Classifier extends Module {
 *   hidden = new Linear(784, 128);
 *   out = new Linear(128, 10);
 *   override forward(x: Tensor): Tensor {
 *     return this.out.forward(this.hidden.forward(x).relu());
 *   }
 * }
 * const names = new Classifier().namedParameters().map(([name]) => name);
 * // ['hidden.weight', 'hidden.bias', 'out.weight', 'out.bias']
 */
export abstract class Module {
  #training = true;

  constructor() {
    // What Node's console.log shows.
    Object.defineProperty(this, Symbol.for('nodejs.util.inspect.custom'), {
      value: () => this.toString(),
      enumerable: false,
    });
    const forward: unknown = this.forward;
    if (typeof forward !== 'function') return;
    // An own property in front of the class's method, so that errors inside it name the layer.
    Object.defineProperty(this, 'forward', {
      value: wrapForward(this, forward as (...inputs: unknown[]) => unknown),
      writable: true,
      configurable: true,
      enumerable: false,
    });
  }

  /** Computes the output. Errors that it throws are prefixed by the path of the layer. */
  abstract forward(...inputs: never[]): unknown;

  /** Whether the module trains (dropout drops, batch norm uses the batch) or is evaluated. */
  get training(): boolean {
    return this.#training;
  }

  set training(value: boolean) {
    this.#training = value;
  }

  /** The name of a field in state dicts; library layers answer with PyTorch's. */
  stateField(field: string): StateField {
    return { name: field };
  }

  /** What stands between the parentheses when the module is printed. */
  describe(): string {
    return '';
  }

  /** Puts this module and all below it into training mode (or evaluation mode for `false`). */
  train(mode = true): this {
    for (const [, module] of this.namedModules()) module.training = mode;
    return this;
  }

  /** Puts this module and all below it into evaluation mode. */
  eval(): this {
    return this.train(false);
  }

  /** All parameters, each once, in the order of PyTorch's `parameters()`. */
  parameters(): Parameter[] {
    return this.namedParameters().map(([, parameter]) => parameter);
  }

  /** All parameters with their names; a shared one appears once, under its first name. */
  namedParameters(): [string, Parameter][] {
    return distinct(this.namedModules(), (fields) => fields.parameters);
  }

  /** Variables that are state without a gradient (running statistics), with their names. */
  namedBuffers(): [string, Variable][] {
    return distinct(this.namedModules(), (fields) =>
      fields.buffers.map(([name, variable]): [string, Variable] => [name, variable]),
    );
  }

  /** The modules in this one's own fields, each once, with their names. */
  namedChildren(): [string, Module][] {
    const seen = new Set<Module>();
    return fieldsOf(this).modules.filter(([, module]) => !seen.has(module) && seen.add(module));
  }

  /** The modules in this one's own fields, each once. */
  children(): Module[] {
    return this.namedChildren().map(([, module]) => module);
  }

  /** This module (named '') and all below it, each once, parents first. */
  namedModules(): [string, Module][] {
    const found: [string, Module][] = [];
    visit('', this, new Set(), found);
    return found;
  }

  /** Calls `fn` on every module, children first, this one last. */
  apply(fn: (module: Module) => void): this {
    for (const [, module] of this.namedModules().reverse()) fn(module);
    return this;
  }

  /** Stops all parameters from being trained: they get no gradient. */
  freeze(): this {
    for (const parameter of this.parameters()) parameter.requiresGrad = false;
    return this;
  }

  /** Undoes `freeze`. */
  unfreeze(): this {
    for (const parameter of this.parameters()) parameter.requiresGrad = true;
    return this;
  }

  /**
   * Moves all parameters and buffers to `backend`, in place: the objects stay the same, gradients
   * are dropped. An optimizer that has stepped before must be moved by
   * `optimizer.loadStateDict(await optimizer.stateDict())`.
   */
  async to(backend: Backend): Promise<this> {
    const variables = [...this.namedParameters(), ...this.namedBuffers()];
    await moveVariables(
      variables.map(([, held]) => held),
      backend,
    );
    return this;
  }

  /**
   * A copy of all parameters and buffers on the host, under PyTorch's names: parameters before
   * buffers, own ones before those of children; a shared parameter under each of its names.
   */
  stateDict(): Promise<StateDict> {
    return readEntries(stateEntries(this));
  }

  /**
   * Takes over the values of `dict`. Everything is checked before anything is written; f64, f16,
   * bf16 are converted to the parameter's float dtype, i64 to i32, each range-checked.
   *
   * @throws StateDictError listing all missing and unexpected names (`strict`), shapes that
   * differ and values that do not fit
   */
  loadStateDict(dict: StateDict, options: LoadOptions = {}): LoadReport {
    return loadEntries(this.constructor.name, stateEntries(this), dict, options);
  }

  /**
   * A table of layers, output shapes and parameter counts for one sample of `inputShape` (without
   * the batch axis). Changes nothing: not the mode, not running statistics, not the random state.
   *
   * @example
   * import { Flatten, Linear, Sequential } from '@tenon/nn';
   * console.log(new Sequential([new Flatten(), new Linear(784, 10)]).summary([1, 28, 28]));
   */
  summary(inputShape: readonly number[], options: SummaryOptions = {}): string {
    return summarize(this, inputShape, options);
  }

  /** The tree of modules, one a line, in the form that PyTorch prints. */
  toString(): string {
    const lines = this.namedChildren().map(
      ([name, child]) => `  (${name}): ${child.toString().replaceAll('\n', '\n  ')}`,
    );
    const head = `${this.constructor.name}(${this.describe()}`;
    return lines.length === 0 ? `${head})` : `${head}\n${lines.join('\n')}\n)`;
  }
}

function fieldsOf(module: Module): Fields {
  const fields: Fields = { parameters: [], buffers: [], modules: [] };
  for (const [field, value] of Object.entries(module)) {
    if (typeof value === 'object' && value !== null) collect(fields, module, field, '', value);
  }
  return fields;
}

function collect(fields: Fields, owner: Module, field: string, item: string, value: unknown): void {
  const state = owner.stateField(field);
  const name = [state.name, item].filter((part) => part !== '').join('.');
  if (value instanceof Parameter) fields.parameters.push([name, value]);
  else if (value instanceof Variable) fields.buffers.push([name, value, state]);
  else if (value instanceof Module) fields.modules.push([name, value]);
  else if (Array.isArray(value)) {
    for (const [index, inner] of value.entries()) {
      if (typeof inner !== 'object' || inner === null) continue;
      collect(fields, owner, field, item === '' ? `${index}` : `${item}.${index}`, inner);
    }
  }
}

function visit(name: string, module: Module, seen: Set<Module>, found: [string, Module][]): void {
  if (seen.has(module)) return;
  seen.add(module);
  found.push([name, module]);
  for (const [child, inner] of fieldsOf(module).modules) {
    visit(name === '' ? child : `${name}.${child}`, inner, seen, found);
  }
}

function distinct<T>(
  modules: readonly [string, Module][],
  pick: (fields: Fields) => [string, T][],
): [string, T][] {
  const seen = new Set<T>();
  const found: [string, T][] = [];
  for (const [prefix, module] of modules) {
    for (const [name, value] of pick(fieldsOf(module))) {
      if (seen.has(value)) continue;
      seen.add(value);
      found.push([prefix === '' ? name : `${prefix}.${name}`, value]);
    }
  }
  return found;
}

/** All variables under all their names, as PyTorch's `state_dict()` orders them. */
function stateEntries(root: Module): StateEntry[] {
  const entries: StateEntry[] = [];
  const open = new Set<Module>();
  const walk = (prefix: string, module: Module): void => {
    if (open.has(module)) return; // a module that holds its own ancestor
    open.add(module);
    const fields = fieldsOf(module);
    for (const [name, variable] of fields.parameters) {
      entries.push({ name: prefix + name, variable });
    }
    for (const [name, variable, state] of fields.buffers) {
      const stored = state.stored === undefined ? {} : { stored: state.stored };
      entries.push({ name: prefix + name, variable, ...stored });
    }
    for (const [name, child] of fields.modules) walk(`${prefix}${name}.`, child);
    open.delete(module);
  };
  walk('', root);
  return entries;
}
