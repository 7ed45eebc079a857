/**
 * What the shaders of a matrix product share: launch words, which group does what, how operands are
 * loaded, and where sums go: through an epilogue, or to the workspace.
 * Names: a [m, k] times b [k, n]; a slice is a part of k, a plane one slice of one batch.
 */
import { isIdentityRegion, type RegionSpec } from '@tenon/core';
import { epilogueBindings, epilogueText, epilogueWords } from '../codegen/region-epilogue.ts';
import { accessOf, type Binding, shaderText, word } from '../codegen/shader.ts';
import type { ShaderSource } from '../kernel.ts';

export type Float = 'f32' | 'f16';
/** k4, o4: `vec4` along the inner axis, or along m or n. scalar: any strides, one by one. */
export type LoadMode = 'k4' | 'o4' | 'scalar';

/** Launch words, as in MatmulSpec; the products of a swapped launch are (b·a)ᵀ. */
const NAMES = ['B0', 'B1', 'M', 'N', 'K', 'a0', 'aB0', 'aB1', 'aM', 'aK'] as const;
const MORE = ['b0', 'bB0', 'bB1', 'bK', 'bN', 'tilesM', 'tilesN', 'slices', 'depth', ''] as const;
/** The epilogue's words start here. */
export const EPILOGUE_WORDS = 20;
export type WordName = Exclude<(typeof NAMES)[number] | (typeof MORE)[number], ''>;

/** The WGSL expression of a launch word. */
export function at(name: WordName): string {
  return word([...NAMES, ...MORE].indexOf(name));
}

/** Where sums go: through an epilogue, or each plane's to the workspace. */
export interface Target {
  readonly dtype: Float;
  readonly epilogue: RegionSpec | null;
  /** The launch computes the transpose: m and n of the epilogue are n and m here. */
  readonly isSwapped: boolean;
  /** The position of the epilogue's first own buffer in the launch's. */
  readonly firstBuffer: number;
}

/** How the two operands of a shader are read. */
export interface Operands {
  readonly dtype: Float;
  readonly a: LoadMode;
  readonly b: LoadMode;
}

export interface TextParts {
  readonly label: string;
  readonly inputs: readonly Binding[];
  readonly workgroup: number;
  readonly declarations?: string;
  readonly body: string;
  readonly usesSubgroups?: boolean;
}

export interface Assembled {
  readonly source: ShaderSource;
  /** Positions in the launch's buffers of what is bound after the inputs; -1: the workspace. */
  readonly buffers: readonly number[];
}

/** What becomes of sums, in WGSL. */
export interface Finish {
  /** Statements before the sums are stored; they see plane, i0, i1, M and N. */
  readonly start: string;
  /** The statement that takes one sum (f32) at row m and column n. */
  readonly store: (m: string, n: string, sum: string) => string;
  /** The statement is short enough to be there once for each sum of a row. */
  readonly isShort: boolean;
  readonly declarations: string;
  readonly bindings: readonly Binding[];
  /** Positions in the launch's buffers of what is bound after the inputs; -1: the workspace. */
  readonly buffers: readonly number[];
  readonly prelude: readonly string[];
  /** Launch words in all. */
  readonly words: number;
  readonly dtype: Float;
}

const WORKSPACE: Finish = {
  start: 'let start = plane * M * N;',
  store: (m, n, sum) => `partial[start + ${m} * N + ${n}] = ${sum};`,
  isShort: true,
  declarations: '',
  bindings: [{ name: 'partial', dtype: 'f32', access: 'w' }],
  buffers: [-1],
  prelude: [],
  words: EPILOGUE_WORDS,
  dtype: 'f32',
};

export function finishOf({ dtype, epilogue, isSwapped, firstBuffer }: Target): Finish {
  if (epilogue === null) return WORKSPACE;
  const { bindings, buffers, operands } = epilogueBindings(epilogue, firstBuffer);
  const words = EPILOGUE_WORDS + epilogueWords(epilogue);
  const rounded = (sum: string): string => (dtype === 'f16' ? `f16(${sum})` : sum);
  if (isIdentityRegion(epilogue)) {
    // Sizes, the sums' own offset and strides, then the result's.
    const [offset, s0, s1, sM, sN] = [9, 10, 11, 12, 13].map((w) => word(EPILOGUE_WORDS + w));
    return {
      start: `let start = ${offset} + i0 * ${s0} + i1 * ${s1};
let strideM = ${isSwapped ? sN : sM};
let strideN = ${isSwapped ? sM : sN};`,
      store: (m, n, sum) =>
        `${operands[0]}[start + ${m} * strideM + ${n} * strideN] = ${rounded(sum)};`,
      isShort: true,
      declarations: '',
      bindings,
      buffers,
      prelude: [],
      words,
      dtype,
    };
  }
  const { text, prelude } = epilogueText(epilogue, {
    words: EPILOGUE_WORDS,
    accumulator: rounded('sum'),
    indices: isSwapped ? ['b0', 'b1', 'n', 'm'] : ['b0', 'b1', 'm', 'n'],
    bindings: operands,
  });
  const body = text
    .split('\n')
    .map((line) => `  ${line}`)
    .join('\n');
  return {
    start: '',
    store: (m, n, sum) => `finish(i0, i1, ${m}, ${n}, ${sum});`,
    isShort: false,
    declarations: `fn finish(b0: u32, b1: u32, m: u32, n: u32, sum: f32) {\n${body}\n}`,
    bindings,
    buffers,
    prelude,
    words,
    dtype,
  };
}

/**
 * The end of every body: stores an invocation's sums, row after row, `fours` times four columns
 * each; `hasFours`: aligned neighbours, none of them beyond the edge unless all are. They go to an
 * array of their own first, so that the text is short.
 */
export function storeText(
  finish: Finish,
  rows: number,
  fours: number,
  hasFours: boolean,
  row: (i: string) => string,
  column: (j: number | string) => string,
): string {
  const names = Array.from(
    { length: rows * fours },
    (_, i) => `c${Math.floor(i / fours)}_${i % fours}`,
  );
  const lines = [
    `var sums = array<vec4<f32>, ${names.length}>(${names.join(', ')});`,
    ...finish.start.split('\n'),
    `for (var i = 0u; i < ${rows}u; i++) {`,
    `  let m = ${row('i')};`,
    '  if (m >= M) { break; }',
  ];
  if (finish.isShort) {
    for (let v = 0; v < fours; v++) {
      lines.push(`  let s${v} = sums[i * ${fours}u + ${v}u];`);
      const stores = [0, 1, 2, 3].map((j) => [column(4 * v + j), `s${v}[${j}]`] as const);
      if (hasFours) {
        // N is a multiple of four, and so is the first column.
        lines.push(`  if (${column(4 * v)} < N) {`);
        for (const [n, sum] of stores) lines.push(`    ${finish.store('m', `(${n})`, sum)}`);
        lines.push('  }');
        continue;
      }
      for (const [n, sum] of stores) {
        lines.push(`  if (${n} < N) { ${finish.store('m', `(${n})`, sum)} }`);
      }
    }
  } else {
    lines.push(
      `  for (var j = 0u; j < ${4 * fours}u; j++) {`,
      `    let n = ${column('j')};`,
      `    if (n < N) { ${finish.store('m', 'n', `sums[i * ${fours}u + j / 4u][j % 4u]`)} }`,
      '  }',
    );
  }
  return [...lines, '}'].join('\n');
}

/** A shader that ends in what `finish` says. */
export function assemble(parts: TextParts, finish: Finish): Assembled {
  const bindings = [...parts.inputs, ...finish.bindings];
  const { words, buffers, prelude } = finish;
  const features: ('f16' | 'subgroups')[] = [];
  if (finish.dtype === 'f16' || bindings.some(({ dtype }) => dtype === 'f16')) features.push('f16');
  if (parts.usesSubgroups === true) features.push('subgroups');
  const code = shaderText({
    bindings,
    words,
    workgroup: parts.workgroup,
    prelude,
    features,
    declarations: `${parts.declarations ?? ''}${finish.declarations}`,
    body: parts.body,
  });
  const source = { label: parts.label, code, access: accessOf(bindings), words };
  return { source, buffers };
}

/** The bindings of a and b. */
export function operandBindings({ dtype, a, b }: Operands): Binding[] {
  return [
    { name: 'a', dtype, access: 'r', vec4: a !== 'scalar' },
    { name: 'b', dtype, access: 'r', vec4: b !== 'scalar' },
  ];
}

/** An element, or four, of an operand as f32. */
export function load(operand: 'a' | 'b', mode: LoadMode, dtype: Float, index: string): string {
  const value = `${operand}[${index}]`;
  if (dtype === 'f32') return value;
  return mode === 'scalar' ? `f32(${value})` : `vec4<f32>(${value})`;
}

/** A stride in units of `vec4`; it may be negative. */
export function quarter(stride: string): string {
  return `bitcast<u32>(bitcast<i32>(${stride}) >> 2u)`;
}

/**
 * First lines of every body: sizes, the tile (tileM, tileN), the plane, batch indices, where a and
 * b of this batch start, and the slice of k from `begin` to `end`.
 */
export function placeText(): string {
  return `let M = ${at('M')};
let N = ${at('N')};
let tileN = group % ${at('tilesN')};
let tileM = (group / ${at('tilesN')}) % ${at('tilesM')};
let plane = group / (${at('tilesN')} * ${at('tilesM')});
let batch = plane / ${at('slices')};
if (batch >= ${at('B0')} * ${at('B1')}) { return; }
let i0 = batch / ${at('B1')};
let i1 = batch % ${at('B1')};
let begin = (plane % ${at('slices')}) * ${at('depth')};
let end = min(begin + ${at('depth')}, ${at('K')});
let aStart = ${at('a0')} + i0 * ${at('aB0')} + i1 * ${at('aB1')} + begin * ${at('aK')};
let bStart = ${at('b0')} + i0 * ${at('bB0')} + i1 * ${at('bB1')} + begin * ${at('bK')};
`;
}
