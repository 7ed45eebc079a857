/**
 * For tests of the scalar rows: one shader that applies several rows to the same operands, and the
 * comparison with an oracle in double precision where the device may flush subnormals.
 */
import { ulpError } from '@tenon/conformance';
import type { DType, ScalarName } from '@tenon/core';
import type { ShaderSource } from '../kernel.ts';
import type { TestGpu } from '../test-gpu.ts';
import { ROWS } from './scalars.ts';
import { type Binding, shaderText, typeOf, word } from './shader.ts';

export const INF: number = Number.POSITIVE_INFINITY;
export const NAN: number = Number.NaN;

export type Column = Float32Array | Int32Array | Uint32Array;

export function columnOf(dtype: DType, values: ArrayLike<number>): Column {
  if (dtype === 'f32') return Float32Array.from(values);
  return dtype === 'u32' ? Uint32Array.from(values) : Int32Array.from(values);
}

/** A row, and the dtype of its result. */
export type Applied = readonly [name: ScalarName, result: DType];

const GROUP = 64;

/** Row k of element i is stored at k·count + i. */
export function rowsSource(applied: readonly Applied[], operands: readonly DType[]): ShaderSource {
  const inputs = operands.map((dtype, i): Binding => ({ name: `in${i}`, dtype, access: 'r' }));
  const from = operands.at(-1) as DType;
  const prelude = new Set<string>();
  const isHalf = [...operands, ...applied.map(([, result]) => result)].includes('f16');
  const lines = applied.map(([name, result], k) => {
    const args = operands.map((_, i) => `x${i}`);
    const { expression, prelude: names } = ROWS[name].text(args, result, from);
    for (const each of names) prelude.add(each);
    const stored = result === 'f16' ? `f32(${expression})` : expression;
    return `out[${k}u * count + i] = bitcast<u32>(${stored});`;
  });
  const body = `
let count = ${word(0)};
let i = group * ${GROUP}u + local;
if i >= count { return; }
${operands.map((_, i) => `let x${i} = in${i}[i];`).join('\n')}
${lines.join('\n')}`;
  const bindings: Binding[] = [...inputs, { name: 'out', dtype: 'u32', access: 'w' }];
  return {
    label: applied.map(([name]) => name).join(', '),
    code: shaderText({
      bindings,
      words: 1,
      workgroup: GROUP,
      prelude,
      body,
      features: isHalf ? ['f16'] : [],
    }),
    access: `${'r'.repeat(inputs.length)}w`,
    words: 1,
  };
}

/** The results of each row, as their dtypes. */
export async function applyRows(
  gpu: TestGpu,
  applied: readonly Applied[],
  operands: readonly DType[],
  columns: readonly Column[],
): Promise<Column[]> {
  const count = columns[0]?.length ?? 0;
  const inputs = columns.map((column) => gpu.put(column));
  const out = gpu.alloc(4 * count * applied.length);
  const pipeline = gpu.pipeline(rowsSource(applied, operands));
  gpu.queue.dispatch(pipeline, [...inputs, out], [count], Math.ceil(count / GROUP));
  const all = await gpu.get(out, 'u32');
  for (const buffer of [...inputs, out]) gpu.free(buffer);
  return applied.map(([, result], k) => {
    const bytes = all.slice(k * count, (k + 1) * count).buffer;
    if (result === 'f32') return new Float32Array(bytes);
    return result === 'u32' ? new Uint32Array(bytes) : new Int32Array(bytes);
  });
}

/** WGSL text of a row for a snapshot. */
export function rowText(name: ScalarName, dtype: DType, from: DType = dtype): string {
  return `${typeOf(dtype)} ${name}: ${ROWS[name].text(['a', 'b', 'c'], dtype, from).expression}`;
}

export type Oracle = (...args: number[]) => number;

/** A subnormal as the zero that it is flushed to. */
function flushed(x: number): number {
  return Math.abs(x) < 2 ** -126 && x !== 0 ? Math.sign(x) * 0 : x;
}

/** ULP from what the oracle says of the operands, or of flushed ones, flushed or not. */
function flushedError(got: number, args: readonly number[], exact: Oracle, result: DType): number {
  const direct = ulpError(got, exact(...args), result);
  if (direct === 0 || result !== 'f32') {
    return Math.min(direct, ulpError(got, exact(...args.map(flushed)), result));
  }
  const choices = [exact(...args), exact(...args.map(flushed))];
  return Math.min(
    ...choices.flatMap((choice) => [
      ulpError(got, choice, result),
      ulpError(got, flushed(Math.fround(choice)), result),
    ]),
  );
}

export interface Worst {
  ulp: number;
  at: readonly number[];
  got: number;
  exact: number;
}

/** The largest error of a column. */
export function worstOf(
  got: Column,
  columns: readonly Column[],
  result: DType,
  exact: Oracle,
): Worst {
  const worst: Worst = { ulp: 0, at: [], got: NAN, exact: NAN };
  for (let i = 0; i < got.length; i++) {
    const args = columns.map((column) => column[i] as number);
    const value = got[i] as number;
    const wanted = exact(...args);
    if (Object.is(value, result === 'f32' ? Math.fround(wanted) : wanted)) continue;
    const ulp = flushedError(value, args, exact, result);
    if (ulp > worst.ulp) Object.assign(worst, { ulp, at: args, got: value, exact: wanted });
  }
  return worst;
}

/** mulberry32: numbers in [0, 1) from a seed. */
export function randomNumbers(count: number, seed: number): number[] {
  let state = seed >>> 0;
  return Array.from({ length: count }, () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  });
}

const word32 = new Uint32Array(1);
const float32 = new Float32Array(word32.buffer);
export function fromBits(bits: number): number {
  word32[0] = bits;
  return float32[0] as number;
}
function toBits(x: number): number {
  float32[0] = x;
  return word32[0] as number;
}

/** Zeros, subnormals, the least normal and the largest number, infinities, of both signs; NaN. */
export const SPECIALS: readonly number[] = [
  NAN,
  ...[
    0,
    2 ** -149,
    2 ** -127,
    2 ** -126 - 2 ** -149,
    2 ** -126,
    3.4028234663852886e38,
    INF,
  ].flatMap((x) => [x, -x]),
];

/** Every 4,099th bit pattern: all signs, exponents and NaN occur; more where functions bend. */
export function sweep(): Float32Array {
  const bits: number[] = [];
  for (let at = 0; at < 2 ** 32; at += 4099) bits.push(at);
  for (let exponent = 103; exponent < 139; exponent++) {
    for (let m = (exponent * 37) % 2048; m < 2 ** 23; m += 2048) {
      bits.push(exponent * 2 ** 23 + m, exponent * 2 ** 23 + m + 2 ** 31);
    }
  }
  return new Float32Array(Uint32Array.from(bits).buffer);
}

/** The `radius` floats on either side of each center and of its negative. */
export function neighbours(centers: readonly number[], radius: number): Float32Array {
  const both = centers.flatMap((center) => [center, -center]);
  return Float32Array.from(
    both.flatMap((center) =>
      Array.from({ length: 2 * radius + 1 }, (_, i) => fromBits(toBits(center) + i - radius)),
    ),
  );
}
