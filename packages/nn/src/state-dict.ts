/**
 * State dicts: named host arrays, read from variables and checked before they are written back.
 * Not here: files (serialization.ts) and which names a module has (module.ts).
 */
import {
  type DataArray,
  type DType,
  isFloat,
  isInteger,
  library,
  noGrad,
  StateDictError,
  tensor,
  type Variable,
} from '@tenon/core';
import { widenBf16, widenF16 } from './half-floats.ts';

/** The host array of each stored dtype; f16 and bf16 are their bits. */
export interface StoredArrays {
  f64: Float64Array;
  f32: Float32Array;
  f16: Uint16Array;
  bf16: Uint16Array;
  i64: BigInt64Array;
  u64: BigUint64Array;
  i32: Int32Array;
  u32: Uint32Array;
  i16: Int16Array;
  u16: Uint16Array;
  i8: Int8Array;
  u8: Uint8Array;
  bool: Uint8Array;
}
export type StoredDType = keyof StoredArrays;

/** A named tensor outside any backend. */
export interface StoredTensor {
  readonly dtype: StoredDType;
  readonly shape: readonly number[];
  readonly data: StoredArrays[StoredDType];
}

/** Names to host arrays, in the order of the module; saves and loads without a backend. */
export type StateDict = Map<string, StoredTensor>;

/** A variable under one of its names. */
export interface StateEntry {
  readonly name: string;
  readonly variable: Variable;
  readonly stored?: 'i64';
}

/** What `loadStateDict` left out, both empty when `strict`. */
export interface LoadReport {
  readonly missing: readonly string[];
  readonly unexpected: readonly string[];
}

export interface LoadOptions {
  /** Whether names that are missing or unknown are an error; default true. Shapes always are. */
  readonly strict?: boolean;
}

/** Copies all variables to the host; the reads are issued at once, so it is one moment's state. */
export async function readEntries(entries: readonly StateEntry[]): Promise<StateDict> {
  const arrays = await Promise.all(entries.map((entry) => entry.variable.data()));
  const dict: StateDict = new Map();
  for (const [index, { name, variable, stored }] of entries.entries()) {
    const data = arrays[index];
    if (data === undefined) continue;
    const shape = [...variable.shape];
    if (stored === 'i64') dict.set(name, { dtype: 'i64', shape, data: toI64(data) });
    else dict.set(name, { dtype: storedDType(variable.dtype), shape, data });
  }
  return dict;
}

/** Checks `dict` against `entries`, then assigns; on error nothing has been written. */
export function loadEntries(
  owner: string,
  entries: readonly StateEntry[],
  dict: StateDict,
  options: LoadOptions,
): LoadReport {
  if (!(dict instanceof Map)) {
    throw new StateDictError(
      'loadStateDict: expected a Map of names to tensors, as stateDict() and readSafetensors give',
    );
  }
  const names = new Set(entries.map((entry) => entry.name));
  const missing = [...names].filter((name) => !dict.has(name));
  const unexpected = [...dict.keys()].filter((name) => !names.has(name));
  const problems: string[] = [];
  if (options.strict !== false) {
    if (missing.length > 0) problems.push(`missing: ${missing.join(', ')}`);
    if (unexpected.length > 0) problems.push(`unexpected: ${unexpected.join(', ')}`);
  }
  const writes: { variable: Variable; data: DataArray }[] = [];
  for (const { name, variable } of entries) {
    const stored = dict.get(name);
    if (stored === undefined) continue;
    const data = fit(name, variable, stored);
    if (typeof data === 'string') problems.push(data);
    else writes.push({ variable, data });
  }
  if (problems.length > 0) {
    throw new StateDictError(
      `loadStateDict: the state dict does not fit ${owner}, nothing was changed:\n  ` +
        `${problems.join('\n  ')}`,
    );
  }
  assignAll(writes);
  return { missing, unexpected };
}

/** Host arrays into variables; dtypes and sizes were checked. */
export function assignAll(writes: readonly { variable: Variable; data: DataArray }[]): void {
  library(() =>
    noGrad(() => {
      for (const { variable, data } of writes) {
        const { dtype, shape, backend } = variable;
        variable.assign(tensor(data, { shape, dtype, backend }));
      }
    }),
  );
}

/** The host data for `variable`, or what is wrong with it. */
export function fit(name: string, variable: Variable, stored: StoredTensor): DataArray | string {
  const { shape, dtype } = variable;
  if (shape.length !== stored.shape.length || shape.some((n, i) => n !== stored.shape[i])) {
    return `shape of ${name}: expected [${shape.join(', ')}], got [${stored.shape.join(', ')}]`;
  }
  const data = convert(stored, dtype);
  return typeof data === 'string' ? `${name}: ${data}` : data;
}

/** Float to float (rounding to nearest), integer to integer (in range), bool to bool. */
function convert(stored: StoredTensor, dtype: DType): DataArray | string {
  if (isFloat(dtype)) {
    const data = floats(stored);
    if (data === null) return `expected a float dtype for ${dtype}, got ${stored.dtype}`;
    if (dtype === 'f64') return Float64Array.from(data);
    const narrow = Float32Array.from(data);
    const lost = narrow.findIndex((x, i) => !Number.isFinite(x) && Number.isFinite(data[i]));
    if (lost >= 0) return `value ${data[lost]} at element ${lost} is outside the range of ${dtype}`;
    return narrow;
  }
  if (dtype === 'bool') {
    if (stored.dtype !== 'bool') return `expected bool, got ${stored.dtype}`;
    return Uint8Array.from(stored.data as Uint8Array, (x) => (x === 0 ? 0 : 1));
  }
  if (!isInteger(dtype) || !/^[iu]/.test(stored.dtype)) {
    return `expected an integer dtype for ${dtype}, got ${stored.dtype}`;
  }
  const [low, high] = dtype === 'i32' ? [-(2 ** 31), 2 ** 31 - 1] : [0, 2 ** 32 - 1];
  const data = Float64Array.from(stored.data, Number);
  const lost = data.findIndex((x) => x < low || x > high);
  if (lost >= 0)
    return `value ${stored.data[lost]} at element ${lost} is outside the range of ${dtype}`;
  return dtype === 'i32' ? Int32Array.from(data) : Uint32Array.from(data);
}

function floats(stored: StoredTensor): Float32Array | Float64Array | null {
  switch (stored.dtype) {
    case 'f32':
      return stored.data as Float32Array;
    case 'f64':
      return stored.data as Float64Array;
    case 'f16':
      return widenF16(stored.data as Uint16Array);
    case 'bf16':
      return widenBf16(stored.data as Uint16Array);
    default:
      return null;
  }
}

function storedDType(dtype: DType): StoredDType {
  return dtype === 'f16' ? 'f32' : dtype; // core widens f16 on the host
}

function toI64(data: DataArray): BigInt64Array {
  return BigInt64Array.from(Array.from(data, BigInt));
}
