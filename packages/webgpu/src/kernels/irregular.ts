/**
 * What the irregular kernels share: how many invocations a group has, how much one of them owns,
 * element types that only move, sums over neighbouring columns, and keys that order values.
 */
import type { DType } from '@tenon/core';
import { accessOf, type Binding, shaderText, word } from '../codegen/shader.ts';
import type { Gpu, ShaderSource } from '../kernel.ts';

/** Invocations per workgroup, where nothing is shared between them. */
export const GROUP = 64;

/** Launch words by name, in order: the WGSL expression of each. */
export function wordNames<const N extends readonly string[]>(
  ...names: N
): Readonly<Record<N[number], string>> {
  const entries = names.map((name, i) => [name, word(i)] as const);
  return Object.fromEntries(entries) as Record<N[number], string>;
}

interface Parts {
  readonly label: string;
  readonly bindings: readonly Binding[];
  readonly words: Readonly<Record<string, string>>;
  readonly declarations?: string;
  /** Its lines are indented by two spaces. */
  readonly body: string;
  readonly workgroup?: number;
}

/** A shader; with f16 enabled where a binding has it. */
export function shaderOf(parts: Parts): ShaderSource {
  const { label, bindings, workgroup = GROUP, declarations = '' } = parts;
  const words = Object.keys(parts.words).length;
  const features: ['f16'] | [] = bindings.some(({ dtype }) => dtype === 'f16') ? ['f16'] : [];
  const body = parts.body.replaceAll('\n  ', '\n');
  const code = shaderText({ bindings, words, workgroup, features, declarations, body });
  return { label, code, access: accessOf(bindings), words };
}

/** First lines of a shader without workgroups: `id` of this invocation; those beyond leave. */
export function idBelow(total: string): string {
  return `let id = group * ${GROUP}u + local;\n  if (id >= ${total}) { return; }`;
}

export function groupsOf(invocations: number): number {
  return Math.ceil(invocations / GROUP);
}

/** Whether this is a CPU behind WebGPU: few fat invocations, no barriers. */
export function isRegister(gpu: Gpu): boolean {
  return gpu.profile.variant === 'register';
}

/**
 * Neighbouring elements that an invocation copies. A GPU wants one: then the accesses of
 * neighbouring invocations join.
 */
export function spanOf(gpu: Gpu, row: number): number {
  return isRegister(gpu) ? Math.min(row, 32) : 1;
}

/** Columns that an invocation sums at once, in registers; one on a GPU, as in spanOf. */
export function columnsOf(gpu: Gpu): number {
  return isRegister(gpu) ? 4 : 1;
}

/** Where values only move, all 32-bit types are bits: one shader, and NaNs keep theirs. */
export function movedType(dtype: DType): 'u32' | 'f16' {
  return dtype === 'f16' ? 'f16' : 'u32';
}

/** Sums of u32 are those of i32, bit by bit. */
export function summedType(dtype: DType): DType {
  return dtype === 'u32' ? 'i32' : dtype;
}

/** The type that sums of f16 run in is f32; they are rounded where they are stored. */
function accumulatorOf(dtype: DType): 'f32' | 'i32' {
  return dtype === 'f32' || dtype === 'f16' ? 'f32' : 'i32';
}

/** Statements for sums over `width` columns side by side, from column `c` on. */
interface ColumnSums {
  readonly declare: string;
  /** Adds x[at + c], x[at + c + 1], …; what is read beyond the row is never stored. */
  add(at: string): string;
  /** Stores those of the columns that are below `end` at out[at + c], … */
  store(at: string, end: string): string;
}

export function columnSums(dtype: DType, width: number): ColumnSums {
  const type = accumulatorOf(dtype);
  const columns = Array.from({ length: width }, (_, c) => c);
  const load = (at: string): string => (dtype === 'f16' ? `f32(x[${at}])` : `x[${at}]`);
  // Sums of bools are "or".
  const sum = (c: number, value: string): string =>
    dtype === 'bool' ? `max(sum${c}, ${value})` : `sum${c} + ${value}`;
  const result = (c: number): string => (dtype === 'f16' ? `f16(sum${c})` : `sum${c}`);
  return {
    declare: columns.map((c) => `var sum${c} = ${type}(0);`).join(' '),
    add: (at) => columns.map((c) => `sum${c} = ${sum(c, load(`${at} + c + ${c}u`))};`).join(' '),
    store: (at, end) =>
      columns
        .map((c) => `if (c + ${c}u < ${end}) { out[${at} + c + ${c}u] = ${result(c)}; }`)
        .join(' '),
  };
}

/** The bits of x[at] as u32: x is bound as movedType. */
export function bitsAt(dtype: DType, at: string): string {
  return dtype === 'f16' ? `bitcast<u32>(vec2<f16>(x[${at}], 0h))` : `x[${at}]`;
}

/**
 * WGSL `fn key_of(bits: u32) -> u32`, growing with the value: both zeros are one key, NaN is the
 * largest, 0xffffffff, and no other float has that key.
 */
export function keyFunction(dtype: DType): string {
  switch (dtype) {
    case 'f32':
      return floatKey('0x7fffffffu', '0x7f800000u', '0x80000000u', '0xffffffffu');
    case 'f16':
      return floatKey('0x7fffu', '0x7c00u', '0x8000u', '0xffffu');
    case 'i32':
      return 'fn key_of(bits: u32) -> u32 { return bits ^ 0x80000000u; }';
    default:
      return 'fn key_of(bits: u32) -> u32 { return bits; }';
  }
}

function floatKey(size: string, infinity: string, sign: string, all: string): string {
  return `fn key_of(bits: u32) -> u32 {
  let size = bits & ${size};
  if (size > ${infinity}) { return 0xffffffffu; }
  if (size == 0u) { return ${sign}; }
  return select(bits | ${sign}, bits ^ ${all}, (bits & ${sign}) != 0u);
}`;
}
