/** Making tensors: from host data, constants and ranges (which cost no memory until needed). */
import type { Backend } from '../backend.ts';
import { runtimeFor } from '../backends.ts';
import { type DType, isInteger } from '../dtype.ts';
import { DTypeError, ShapeError, ValueError } from '../errors.ts';
import { halfBits } from '../half.ts';
import { denseLayout, Layout } from '../layout.ts';
import type { Runtime } from '../runtime.ts';
import { checkShape, formatShape, type Shape, sizeOf } from '../shape.ts';
import { IOTA } from '../source.ts';
import { type NestedArray, type Parameter, Tensor, type Variable } from '../tensor.ts';
import { add, equal, mul } from './elementwise.ts';
import { castTo, constant, requireHeld } from './operand.ts';
import { unsqueeze } from './shape.ts';
import { parameterOf, variableOf } from './state.ts';

export interface CreateOptions {
  readonly dtype?: DType;
  /** Where the tensor lives; the default backend if left out. */
  readonly backend?: Backend;
}
export interface TensorOptions extends CreateOptions {
  /** Shape of flat data. */
  readonly shape?: Shape;
}
export type TypedData =
  | Float32Array
  | Float64Array
  | Int32Array
  | Uint32Array
  | Uint8Array
  | Uint8ClampedArray
  | Int8Array
  | Int16Array
  | Uint16Array;
export type TensorData = NestedArray | TypedData;

/**
 * A tensor from a number, nested arrays or a typed array (which is copied). Numbers are f32, bools
 * bool; Float32Array and Float64Array are f32 (ask for 'f64'), integer arrays i32, Uint32Array u32.
 * @throws ShapeError for ragged arrays or a shape of another size
 * @throws ValueError for elements that are neither numbers nor bools
 * @example
 * import { tensor } from '@tenon/core';
 * tensor([[1, 2, 3], [4, 5, 6]]); // [[1, 2, 3], [4, 5, 6]]
 * tensor(new Float32Array(6), { shape: [2, 3] }); // [2, 3]
 */
export function tensor(data: TensorData, options: TensorOptions = {}): Tensor {
  const runtime = runtimeFor(options.backend);
  const flat = ArrayBuffer.isView(data)
    ? { values: data, shape: [data.length], dtype: typedDType(data) }
    : flatten(data);
  const shape = options.shape ?? flat.shape;
  const dtype = options.dtype ?? flat.dtype;
  checkShape('tensor', shape);
  if (sizeOf(shape) !== flat.values.length) {
    throw new ShapeError(
      `tensor: shape ${formatShape(shape)} holds ${sizeOf(shape)} elements, ` +
        `got ${flat.values.length}`,
    );
  }
  return fromHost(runtime, flat.values, shape, dtype);
}

function typedDType(data: TypedData): DType {
  if (data instanceof Float32Array || data instanceof Float64Array) return 'f32';
  return data instanceof Uint32Array ? 'u32' : 'i32';
}

function flatten(data: NestedArray): { values: number[]; shape: number[]; dtype: DType } {
  const shape: number[] = [];
  for (let level = data; Array.isArray(level); level = level[0] as NestedArray) {
    shape.push(level.length);
    if (level.length === 0) break;
  }
  const values: number[] = [];
  const kinds = new Set<string>();
  const visit = (value: NestedArray | undefined, depth: number): void => {
    if (Array.isArray(value)) {
      if (value.length !== shape[depth]) {
        throw new ShapeError(
          `tensor: ragged array: expected ${shape[depth] ?? 'no'} elements on axis ${depth}, ` +
            `got ${value.length}`,
        );
      }
      for (const item of value) visit(item, depth + 1);
      return;
    }
    if (depth !== shape.length) {
      throw new ShapeError(
        `tensor: ragged array: expected an array on axis ${depth}, got ${value}`,
      );
    }
    if (typeof value !== 'number' && typeof value !== 'boolean') {
      throw new ValueError(`tensor: elements must be numbers or bools, got ${String(value)}`);
    }
    kinds.add(typeof value);
    values.push(Number(value));
  };
  visit(data, 0);
  return { values, shape, dtype: kinds.has('boolean') && !kinds.has('number') ? 'bool' : 'f32' };
}

/** Host numbers in a storage: converted to the dtype, written once. */
export function fromHost(
  runtime: Runtime,
  values: ArrayLike<number>,
  shape: Shape,
  dtype: DType,
): Tensor {
  const { backend } = runtime;
  if (!backend.capabilities.dtypes.includes(dtype)) {
    throw new DTypeError(
      `tensor: ${backend.name} has no ${dtype} (it has ${backend.capabilities.dtypes.join(', ')})`,
    );
  }
  const words = toWords(values, dtype);
  runtime.memory.tick();
  const storage = runtime.storageFor({ shape, dtype });
  if (words.byteLength > 0) {
    backend.write(storage.use(), words);
    if (backend.capabilities.memory !== 'collected') {
      const bytes = new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
      runtime.memory.keepHost(storage, bytes.slice());
    }
  }
  return new Tensor(runtime, storage, denseLayout(shape), dtype);
}

function toWords(
  values: ArrayLike<number>,
  dtype: DType,
): Float32Array | Float64Array | Int32Array | Uint32Array | Uint16Array {
  switch (dtype) {
    case 'f32':
      return values instanceof Float32Array ? values : Float32Array.from(values);
    case 'f64':
      return values instanceof Float64Array ? values : Float64Array.from(values);
    case 'u32':
      return values instanceof Uint32Array
        ? values
        : checkedIntegers(values, Uint32Array.from(values), dtype);
    case 'i32':
      return values instanceof Int32Array
        ? values
        : checkedIntegers(values, Int32Array.from(values), dtype);
    case 'bool':
      return Int32Array.from(values, (value) => (value === 0 ? 0 : 1));
    default:
      return Uint16Array.from(values, halfBits);
  }
}
/** Nothing is rounded in silence: 0.5 or 2^31 as i32 is an error. */
function checkedIntegers<T extends Int32Array | Uint32Array>(
  values: ArrayLike<number>,
  out: T,
  dtype: DType,
): T {
  for (let i = 0; i < out.length; i++) {
    if (out[i] !== values[i]) {
      throw new ValueError(`tensor: element ${i} is ${values[i]}, which ${dtype} cannot hold`);
    }
  }
  return out;
}

/** A tensor that only its variable will hold: updates may write it in place from the start. */
function unseen(data: TensorData, options: TensorOptions): Tensor {
  const value = tensor(data, options);
  if (value.source.kind === 'storage') value.source.isExposed = false;
  return value;
}

/** State that is not trained: read by ops, replaced by assign(). */
export function variable(data: TensorData | Tensor, options: TensorOptions = {}): Variable {
  return variableOf(data instanceof Tensor ? data : unseen(data, options));
}
/** A tensor that training changes: backward() accumulates into its `grad`. */
export function parameter(data: TensorData | Tensor, options: TensorOptions = {}): Parameter {
  return parameterOf(data instanceof Tensor ? data : unseen(data, options));
}

/** Every element `value`. */
export function full(shape: Shape, value: number | boolean, options: CreateOptions = {}): Tensor {
  checkShape('full', shape);
  const dtype = options.dtype ?? (typeof value === 'boolean' ? 'bool' : 'f32');
  requireHeld('full', Number(value), dtype);
  return constant(runtimeFor(options.backend), Number(value), shape, dtype);
}
export function zeros(shape: Shape, options: CreateOptions = {}): Tensor {
  return full(shape, 0, options);
}
export function ones(shape: Shape, options: CreateOptions = {}): Tensor {
  return full(shape, 1, options);
}
/** Every element `value`, in the shape, dtype and backend of another tensor. */
export function fullLike(x: Tensor, value: number, options: CreateOptions = {}): Tensor {
  return full(x.shape, value, { dtype: x.dtype, backend: x.backend, ...options });
}
export function zerosLike(x: Tensor, options: CreateOptions = {}): Tensor {
  return fullLike(x, 0, options);
}
export function onesLike(x: Tensor, options: CreateOptions = {}): Tensor {
  return fullLike(x, 1, options);
}

/**
 * start, start + step, … below stop. i32 when all three are whole numbers, else f32.
 * @example
 * import { arange } from '@tenon/core';
 * arange(5); // [0, 1, 2, 3, 4]
 * arange(2, 10, 2); // [2, 4, 6, 8]
 * arange(0, 1, 0.25); // [0, 0.25, 0.5, 0.75]
 */
export function arange(stop: number, options?: CreateOptions): Tensor;
export function arange(start: number, stop: number, options?: CreateOptions): Tensor;
export function arange(start: number, stop: number, step: number, options?: CreateOptions): Tensor;
export function arange(...args: (number | CreateOptions | undefined)[]): Tensor {
  const numbers = args.filter((x) => typeof x === 'number');
  const options = (args.find((x) => typeof x === 'object') ?? {}) as CreateOptions;
  const [start, stop, step = 1] = numbers.length === 1 ? [0, numbers[0]] : numbers;
  const [from, to] = [start as number, stop as number];
  if (step === 0 || !Number.isFinite((to - from) / step)) {
    throw new ValueError(`arange: cannot go from ${from} to ${to} by ${step}`);
  }
  const size = Math.max(0, Math.ceil((to - from) / step));
  const isWhole = [from, to, step].every(Number.isInteger);
  const dtype = options.dtype ?? (isWhole ? 'i32' : 'f32');
  const runtime = runtimeFor(options.backend);
  if (isWhole && isInteger(dtype)) {
    for (const end of size > 0 ? [from, from + (size - 1) * step] : []) {
      requireHeld('arange', end, dtype);
    }
    return new Tensor(runtime, IOTA, new Layout([size], [step], from), dtype);
  }
  const index = castTo(new Tensor(runtime, IOTA, new Layout([size], [1], 0), 'i32'), dtype);
  return add(mul(index, step), from);
}

/** `steps` values from start to stop, both included. */
export function linspace(
  start: number,
  stop: number,
  steps: number,
  options: CreateOptions = {},
): Tensor {
  if (!Number.isInteger(steps) || steps < 0)
    throw new ValueError(`linspace: steps must be a whole number, got ${steps}`);
  const values = Array.from({ length: steps }, (_, i) => {
    const t = steps === 1 ? 0 : i / (steps - 1);
    return start * (1 - t) + stop * t;
  });
  return tensor(Float64Array.from(values), { dtype: 'f32', ...options });
}

/** 1 on the diagonal, 0 elsewhere. */
export function eye(rows: number, columns: number = rows, options: CreateOptions = {}): Tensor {
  const row = unsqueeze(arange(rows, { ...options, dtype: 'i32' }), -1);
  const column = arange(columns, { ...options, dtype: 'i32' });
  return castTo(equal(row, column), options.dtype ?? 'f32');
}
