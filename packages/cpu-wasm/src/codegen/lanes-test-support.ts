/**
 * For tests only: runs an emitted expression over columns of numbers in a memory of its own, in
 * each mode. No oracle here.
 */
import { ModuleBuilder } from '../encoder/module.ts';
import { OP } from '../encoder/opcodes.ts';
import { MATH_IMPORTS } from '../math-imports.ts';
import {
  createLanes,
  type F64,
  type I64,
  type LaneMode,
  type Lanes,
  type Mask,
  type Mask64,
  type Value,
} from './lanes.ts';

export const MODES: readonly LaneMode[] = ['scalar', 'simd', 'relaxed'];

export type Column = Float32Array | Int32Array | Uint32Array | Float64Array | BigInt64Array;

/** Elements are padded with zeros to a multiple of this. */
const GROUP = 4;
const FIRST = 64;

/** Null, or why this engine cannot run the mode. */
export function missing(mode: LaneMode): string | null {
  const module = new ModuleBuilder({ shared: false });
  const lanes = createLanes(module.function(), mode);
  lanes.select(
    lanes.always(true),
    lanes.madd(lanes.f32(1), lanes.f32(1), lanes.f32(1)),
    lanes.f32(1),
  );
  return WebAssembly.validate(module.finish()) ? null : `this engine has no ${mode} SIMD`;
}

function loadColumn(lanes: Lanes, column: Column, address: number): Value {
  if (column instanceof Float32Array) return lanes.load('f32', address);
  if (column instanceof Float64Array) return lanes.load('f64', address);
  if (column instanceof BigInt64Array) return lanes.bits(lanes.load('f64', address));
  return lanes.load('i32', address);
}

/** In memory a mask is 0 or 1, an i64 the bits of an f64. */
function storable(lanes: Lanes, value: Value): Value<'f32' | 'i32' | 'f64'> {
  if (value.kind === 'mask') return lanes.bool(value as Mask);
  if (value.kind === 'mask64') return lanes.bool(lanes.narrowMask(value as Mask64));
  if (value.kind === 'i64') return lanes.float(value as I64);
  return value as F64;
}

/** The kind of what was computed decides the array: f32, f64, i64, else Int32Array. */
function resultArray(kind: string, buffer: ArrayBuffer, at: number, length: number): Column {
  if (kind === 'f32') return new Float32Array(buffer, at, length);
  if (kind === 'f64') return new Float64Array(buffer, at, length);
  if (kind === 'i64') return new BigInt64Array(buffer, at, length);
  return new Int32Array(buffer, at, length);
}

/** `emit` of each group of elements; the result for each element. */
export function runLanes(
  mode: LaneMode,
  columns: readonly Column[],
  emit: (lanes: Lanes, values: readonly Value[]) => Value,
): (number | bigint)[] {
  const length = columns[0]?.length ?? 0;
  const padded = Math.ceil(length / GROUP) * GROUP;
  const module = new ModuleBuilder({ shared: false });
  const f = module.function(undefined, 'run');
  const lanes = createLanes(f, mode);
  const starts = columns.map((_, i) => FIRST + 8 * padded * i);
  const outAt = FIRST + 8 * padded * columns.length;
  const addresses = starts.map((start) => constantLocal(start));
  const out = constantLocal(outAt);
  const index = f.local('i32');
  let kind = '';
  const advance = (local: number, bytes: number): void => {
    f.get(local).i32(bytes).op(OP.i32Add).set(local);
  };
  f.loop((next) => {
    const result = emit(
      lanes,
      columns.map((column, i) => loadColumn(lanes, column, addresses[i] ?? 0)),
    );
    kind = result.kind;
    const stored = storable(lanes, result);
    lanes.store(out, stored);
    columns.forEach((column, i) => {
      advance(addresses[i] ?? 0, column.BYTES_PER_ELEMENT * lanes.width);
    });
    advance(out, (stored.kind === 'f64' ? 8 : 4) * lanes.width);
    advance(index, lanes.width);
    f.get(index).i32(padded).op(OP.i32LtU).brIf(next);
  });
  const memory = new WebAssembly.Memory({ initial: Math.ceil((outAt + 8 * padded) / 65536) });
  columns.forEach((column, i) => {
    const bytes = new Uint8Array(column.buffer, column.byteOffset, column.byteLength);
    new Uint8Array(memory.buffer).set(bytes, starts[i]);
  });
  const env = { memory, ...MATH_IMPORTS };
  const instance = new WebAssembly.Instance(new WebAssembly.Module(module.finish()), { env });
  const run = instance.exports.run as (...args: number[]) => void;
  run(0, 0, 0, 0);
  return [...resultArray(kind, memory.buffer, outAt, length)];

  function constantLocal(value: number): number {
    const local = f.local('i32');
    f.i32(value).set(local);
    return local;
  }
}

/** Repeatable numbers in [0, 1): a linear congruential generator. */
export function randomNumbers(count: number, seed: number): number[] {
  let state = seed >>> 0;
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  });
}

/** Every pair of two lists as two lists. */
export function pairs<T>(left: readonly T[], right: readonly T[]): [T[], T[]] {
  return [left.flatMap((a) => right.map(() => a)), left.flatMap(() => [...right])];
}

/** Floats where something happens: zeros, subnormals, halves, limits of integers, infinities. */
export const FLOATS: readonly number[] = [
  ...[0, 1e-45, 1e-40, 1.1754944e-38, 0.1, 0.49999997, 0.5, 0.75, 1, 1.5, 2, 2.5, 3.5, 7.25],
  ...[8388607.5, 8388608, 16777217, 2147483520, 2147483648, 4294967040, 4294967296, 1e10, 3.4e38],
  Infinity,
]
  .flatMap((x) => [x, -x])
  .concat(NaN);

/** 32-bit integers at the limits and around zero. */
export const INTEGERS: readonly number[] = [
  ...[0, 1, -1, 2, -2, 3, -3, 5, 7, -7, 10, 31, 32, 255, 65535, 65536, 123456789, -987654321],
  ...[1073741824, 2147483646, 2147483647, -2147483647, -2147483648],
];
