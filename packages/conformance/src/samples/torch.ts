/**
 * From a recorded PyTorch call to ours: arguments by position or name with tensors in place of
 * goldens. The maps of op names stand in torch-<family>.ts.
 */
import { type Backend, type DType, Parameter, parameter, type Tensor, tensor } from '@tenon/core';
import type { GoldenSample, GoldenTensor, GoldenValue } from '../golden.ts';

/** What an op gives: outputs in PyTorch's order, or a reason in words why the form is not ours. */
export type TorchResult =
  | Tensor
  | readonly Tensor[]
  /** `mutated`: by index of the input, the value that PyTorch's in-place change must leave. */
  | { readonly outputs: readonly Tensor[]; readonly mutated: ReadonlyMap<number, Tensor> }
  | string;
/** One PyTorch op in our public ops. */
export type TorchOp = (call: TorchCall) => TorchResult | Promise<TorchResult>;
export type TorchOps = Readonly<Record<string, TorchOp>>;

/** One recorded call with its inputs made: those that have a golden gradient are parameters. */
export class TorchCall {
  readonly sample: GoldenSample;
  readonly inputs: readonly Tensor[];

  constructor(sample: GoldenSample, backend: Backend) {
    this.sample = sample;
    this.inputs = sample.inputs.map((input, i) => {
      const made = tensorOf(input, backend);
      return sample.inputGrads?.[i] ? parameter(made) : made;
    });
  }

  get op(): string {
    return this.sample.op;
  }

  /** The raw argument: by position, else by name; undefined where it was not given. */
  raw(position: number, name: string): GoldenValue | undefined {
    return this.sample.args[position] ?? this.sample.kwargs[name];
  }
  has(position: number, name: string): boolean {
    const value = this.raw(position, name);
    return value !== undefined && value !== null;
  }
  isTensor(position: number, name: string): boolean {
    return this.optional(position, name) !== null;
  }

  /** A tensor argument; @throws where the call has none there. */
  tensor(position: number, name = 'input'): Tensor {
    return this.optional(position, name) ?? this.#fail('a tensor', position, name);
  }
  /** A tensor argument, or null. */
  optional(position: number, name: string): Tensor | null {
    return this.#tensorOf(this.raw(position, name));
  }
  /** A list of tensors. */
  tensors(position: number, name = 'tensors'): Tensor[] {
    const value = this.raw(position, name);
    if (!Array.isArray(value)) return this.#fail('a list of tensors', position, name);
    return value.map(
      (item: GoldenValue) => this.#tensorOf(item) ?? this.#fail('tensors', position, name),
    );
  }
  /** All positional tensors from `position` on. */
  rest(position: number): Tensor[] {
    return this.sample.args
      .slice(position)
      .map((value, i) => this.#tensorOf(value) ?? this.#fail('a tensor', position + i, 'rest'));
  }
  /** Which input a tensor argument is. */
  indexOf(position: number, name: string): number {
    const value = this.raw(position, name);
    const isTensor = typeof value === 'object' && value !== null && 'kind' in value;
    return isTensor && value.kind === 'tensor' ? value.index : -1;
  }

  /** A number (true is 1), or the default where the argument was left out or is None. */
  number(position: number, name: string, fallback?: number): number {
    const value = this.raw(position, name);
    if (typeof value === 'number' || typeof value === 'boolean') return Number(value);
    if ((value === undefined || value === null) && fallback !== undefined) return fallback;
    return this.#fail('a number', position, name);
  }
  optionalNumber(position: number, name: string): number | null {
    return this.has(position, name) ? this.number(position, name) : null;
  }
  boolean(position: number, name: string, fallback = false): boolean {
    const value = this.raw(position, name);
    return value === undefined || value === null ? fallback : Boolean(value);
  }
  text(position: number, name: string, fallback: string): string {
    const value = this.raw(position, name);
    return typeof value === 'string' ? value : fallback;
  }
  /** A number or list of numbers as a list; undefined where left out or None. */
  numbers(position: number, name: string): number[] | undefined {
    const value = this.raw(position, name);
    if (typeof value === 'number') return [value];
    if (!Array.isArray(value)) return undefined;
    return value.map((item: GoldenValue) => Number(item));
  }
  /** Numbers that must be there. */
  sizes(position: number, name: string): number[] {
    return this.numbers(position, name) ?? this.#fail('numbers', position, name);
  }
  /** A dtype argument, or null. */
  dtype(position: number, name: string): DType | null {
    const value = this.raw(position, name);
    const isDType = typeof value === 'object' && value !== null && 'kind' in value;
    return isDType && value.kind === 'dtype' ? value.dtype : null;
  }

  #tensorOf(value: GoldenValue | undefined): Tensor | null {
    if (typeof value !== 'object' || value === null || !('kind' in value)) return null;
    return value.kind === 'tensor' ? (this.inputs[value.index] as Tensor) : null;
  }
  #fail(what: string, position: number, name: string): never {
    throw new Error(`${this.op}: expected ${what} as argument ${position} or ${name}`);
  }
}

/** A golden tensor on a backend. */
function tensorOf(golden: GoldenTensor, backend: Backend): Tensor {
  const { data, shape, dtype } = golden;
  return tensor(data, { shape, dtype, backend });
}

/** The gradient that backward() left at an input, or null. */
export function gradientAt(input: Tensor): Tensor | null {
  return input instanceof Parameter ? input.grad : null;
}
