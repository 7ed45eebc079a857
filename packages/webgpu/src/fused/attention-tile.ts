/**
 * What the attention shaders share: a block of rows that an invocation owns in registers, and the
 * rows of the other side passing by, four at a time: read from memory where there is a CPU behind
 * WebGPU, else from tiles in workgroup memory that the whole group fills. All vectors are vec4.
 */
import { LN2_HIGH, LN2_LOW } from '../codegen/math/exp.ts';
import { float, ROUND, ROUND_BITS } from '../codegen/math/wgsl.ts';
import { type Binding, word } from '../codegen/shader.ts';
import type { Gpu } from '../kernel.ts';
import { each } from './fused-shader.ts';

export type MaskKind = 'none' | 'bool' | 'float';

export interface Tiling {
  /** Vectors in a row of q and k, and in a row of v. */
  readonly depth: number;
  readonly width: number;
  readonly mask: MaskKind;
  readonly isShared: boolean;
  /** Rows that an invocation owns. */
  readonly rows: number;
  /** Rows of the other side in a tile. */
  readonly tile: number;
}

/** Rows of the other side that one turn of the loop takes. */
export const TURN = 4;
const SHARED_GROUP = 64;
/** Fewer invocations spread better over the cores of a CPU. */
const REGISTER_GROUP = 16;

export function groupOf({ isShared }: Tiling): number {
  return isShared ? SHARED_GROUP : REGISTER_GROUP;
}
/** Rows that a whole group owns. */
export function blockOf(tiling: Tiling): number {
  return tiling.isShared ? SHARED_GROUP : tiling.rows;
}

/** `registers`: values of a row's length, per owned row, that fit the registers of a CPU. */
export function tilingOf(
  gpu: Gpu,
  sizes: { readonly depth: number; readonly width: number; readonly mask: MaskKind },
  registers: number,
): Tiling {
  const { variant, limits } = gpu.profile;
  const vectors = Math.max(sizes.depth, sizes.width);
  const fit = Math.floor(limits.maxWorkgroupBytes / (16 * (sizes.depth + sizes.width)));
  const tile = Math.min(32, fit - (fit % TURN));
  if (variant !== 'register') return { ...sizes, isShared: true, rows: 1, tile };
  const rows = Math.max(1, Math.min(2, Math.floor(registers / vectors)));
  return { ...sizes, isShared: false, rows, tile: TURN };
}

const NAMES = [
  'total',
  'blocks',
  'queries',
  'keys',
  'heads',
  'causal',
  'scale',
  // Strides of the mask, in elements.
  'maskBatch',
  'maskHead',
  'maskQuery',
  'maskKey',
] as const;
export const ATTENTION_WORDS: number = NAMES.length;
/** Launch words by name, as WGSL. */
export const w: Readonly<Record<(typeof NAMES)[number], string>> = Object.fromEntries(
  NAMES.map((name, i) => [name, word(i)]),
) as Record<(typeof NAMES)[number], string>;

export function vectors(name: string, access: 'r' | 'w'): Binding {
  return { name, dtype: 'f32', access, vec4: true };
}
export function maskBinding(mask: MaskKind): readonly Binding[] {
  if (mask === 'none') return [];
  return [{ name: 'mask', dtype: mask === 'bool' ? 'bool' : 'f32', access: 'r' }];
}

/** `fn masked(scores, b, query, key)`: four scores scaled, -∞ where there is no attention. */
export function maskedFunction({ mask }: Tiling): string {
  const entries = each(4, (t) => `mask[at.${'xyzw'[t]}]`, ', ');
  const at = `let plane = b / ${w.heads} * ${w.maskBatch} + b % ${w.heads} * ${w.maskHead};
  let at = plane + query * ${w.maskQuery} + key * ${w.maskKey};`;
  const hidden = mask === 'bool' ? ` | (vec4<i32>(${entries}) == vec4<i32>())` : '';
  const added = mask === 'float' ? ` + vec4<f32>(${entries})` : '';
  return `fn masked(scores: vec4<f32>, b: u32, query: vec4<u32>, key: vec4<u32>) -> vec4<f32> {
  ${mask === 'none' ? '' : at}
  let is_future = (key > query) & vec4<bool>(${w.causal} != 0u);
  let is_outside = (query >= vec4<u32>(${w.queries})) | (key >= vec4<u32>(${w.keys}));
  let scaled = scores * bitcast<f32>(${w.scale})${added};
  return select(scaled, vec4<f32>(-inf()), is_future | is_outside${hidden});
}`;
}

/** e^r on |r| <= ln2/2 within 3.2e-9, lowest power last: the fit of the prelude's exp_. */
const EXP_FIT = [
  0.0013820918975397944, 0.00836868304759264, 0.04166826605796814, 0.1666652113199234,
  0.4999999403953552, 1, 1,
] as const;

/**
 * `fn exp4(x)` as the prelude's exp_, for four numbers up to 0 or hardly above: shaders with one
 * inlined copy per number take seconds to compile. What is below 2^-126 is 0.
 */
export const EXP4: string = `fn exp4(x: vec4<f32>) -> vec4<f32> {
  let clamped = clamp(x, vec4<f32>(-88f), vec4<f32>(88f));
  let powers = clamped * ${float(Math.fround(Math.LOG2E))};
  let n = bitcast<vec4<i32>>(powers + ${ROUND}) - ${ROUND_BITS};
  let k = vec4<f32>(n);
  let r = (clamped - k * ${float(LN2_HIGH)}) - k * ${float(LN2_LOW)};
  var p = vec4<f32>(${float(EXP_FIT[0])});
${each(EXP_FIT.length - 1, (i) => `  p = p * r + ${float(EXP_FIT[i + 1] ?? 0)};`)}
  let is_nan4 = (bitcast<vec4<u32>>(x) & vec4<u32>(0x7fffffffu)) > vec4<u32>(0x7f800000u);
  return select(p * bitcast<vec4<f32>>((n + 127) * 0x800000), x, is_nan4);
}`;

/** The batch `b` and the first owned row `own`; of owned row r, `row0`, `row1`, … inside it. */
export function ownRows(tiling: Tiling, count: string): string {
  const { isShared, rows } = tiling;
  const group = groupOf(tiling);
  const unit = isShared ? 'group' : 'id';
  const id = isShared ? '' : `let id = group * ${group}u + local;\n`;
  return `${id}if (${unit} >= ${w.total}) { return; }
let b = ${unit} / ${w.blocks};
let block = ${unit} % ${w.blocks} * ${blockOf(tiling)}u;
let own = block${isShared ? ' + local' : ''};
${each(rows, (r) => `let row${r} = b * ${count} + min(own + ${r}u, ${count} - 1u);`)}`;
}

/**
 * Vector e of owned row r: a variable of its own on a GPU, whose registers cannot be indexed; on a
 * CPU an element of an array, because a text as long as a row takes SwiftShader seconds to compile.
 */
function owned({ isShared }: Tiling, name: string, r: number, e: number | string): string {
  return isShared ? `${name}${r}_${e}` : `${name}${r}[${e}]`;
}
/** Statements for each of `length` vectors: one after the other, or a loop over `e`. */
function eachVector(
  { isShared }: Tiling,
  length: number,
  fn: (e: number | string) => string,
): string {
  if (isShared) return each(length, (e) => `{\n${fn(e)}\n}`);
  return `for (var e = 0u; e < ${length}u; e++) {\n${fn('e')}\n}`;
}

/** Owned rows of `length` vectors, all 0. */
export function declareOwn(tiling: Tiling, name: string, length: number): string {
  if (!tiling.isShared) {
    return each(tiling.rows, (r) => `var ${name}${r}: array<vec4<f32>, ${length}>;`);
  }
  return each(tiling.rows, (r) => each(length, (e) => `var ${name}${r}_${e} = vec4<f32>();`));
}
/** Owned rows of the array of this name. */
export function loadOwn(tiling: Tiling, name: string, length: number): string {
  const load = (r: number, e: number | string): string =>
    `${owned(tiling, name, r, e)} = ${name}[row${r} * ${length}u + ${e}];`;
  return `${declareOwn(tiling, name, length)}
${eachVector(tiling, length, (e) => each(tiling.rows, (r) => load(r, e)))}`;
}
/** Stores owned rows to the array of their name, times `factor0`, … where that is given. */
export function storeOwn(
  tiling: Tiling,
  name: string,
  length: number,
  count: string,
  factor?: string,
): string {
  return each(tiling.rows, (r) => {
    const times = factor === undefined ? '' : ` * ${factor}${r}`;
    const line = (e: number | string): string =>
      `${name}[row${r} * ${length}u + ${e}] = ${owned(tiling, name, r, e)}${times};`;
    return `if (own + ${r}u < ${count}) {\n${eachVector(tiling, length, line)}\n}`;
  });
}

/** The other side: two arrays of rows, `count` of them per batch. */
export interface Other {
  readonly first: string;
  readonly second: string;
  readonly count: string;
  readonly begin: string;
  readonly end: string;
}

/** Loads vector e of the four rows of this turn as `pass0`, … */
function passing({ isShared }: Tiling, array: string, length: number, e: number | string): string {
  return each(TURN, (t) => {
    const from = isShared
      ? `${array}_tile[(j - start + ${t}u) * ${length}u + ${e}]`
      : `${array}[at${t} * ${length}u + ${e}]`;
    return `let pass${t} = ${from};`;
  });
}
/** `to0`, …: of each owned row of `own` the dot products with the four passing rows of `array`. */
export function turnDots(
  tiling: Tiling,
  to: string,
  own: string,
  array: string,
  length: number,
): string {
  const { rows } = tiling;
  const products = (r: number, e: number | string): string =>
    each(TURN, (t) => `dot(${owned(tiling, own, r, e)}, pass${t})`, ', ');
  return `${each(rows, (r) => `var ${to}${r} = vec4<f32>();`)}
${eachVector(
  tiling,
  length,
  (e) => `${passing(tiling, array, length, e)}
${each(rows, (r) => `${to}${r} += vec4<f32>(${products(r, e)});`)}`,
)}`;
}
/** Adds `factors0`, … · the passing rows of `array` to owned rows, which `fade` may scale first. */
export function addTurn(
  tiling: Tiling,
  own: string,
  array: string,
  length: number,
  factors: string,
  fade?: string,
): string {
  const update = (r: number, e: number | string): string => {
    const to = owned(tiling, own, r, e);
    const kept = fade === undefined ? to : `${to} * ${fade}.${'xyzw'[r]}`;
    const sum = each(TURN, (t) => `${factors}${r}.${'xyzw'[t]} * pass${t}`, ' + ');
    return `${to} = ${kept} + (${sum});`;
  };
  return eachVector(
    tiling,
    length,
    (e) => `${passing(tiling, array, length, e)}\n${each(tiling.rows, (r) => update(r, e))}`,
  );
}

export function tileMemory({ depth, width, isShared, tile }: Tiling, other: Other): string {
  if (!isShared) return '';
  return `var<workgroup> ${other.first}_tile: array<vec4<f32>, ${tile * depth}>;
var<workgroup> ${other.second}_tile: array<vec4<f32>, ${tile * width}>;
`;
}

/** `body` for each turn: rows j … j + 3 of the other side, `at0` … their places, the last twice. */
export function eachTurn(tiling: Tiling, other: Other, body: string): string {
  const { depth, width, isShared, tile } = tiling;
  const { first, second, count, begin, end } = other;
  const places = each(TURN, (t) => `let at${t} = b * ${count} + min(j + ${t}u, ${count} - 1u);`);
  if (!isShared) {
    return `for (var j = ${begin}; j < ${end}; j += ${TURN}u) {
${places}
${body}
}`;
  }
  const fill = (name: string, length: number): string =>
    `for (var p = local; p < ${tile * length}u; p += ${SHARED_GROUP}u) {
  let at = b * ${count} + min(start + p / ${length}u, ${count} - 1u);
  ${name}_tile[p] = ${name}[at * ${length}u + p % ${length}u];
}`;
  return `for (var start = ${begin}; start < ${end}; start += ${tile}u) {
workgroupBarrier();
${fill(first, depth)}
${fill(second, width)}
workgroupBarrier();
for (var j = start; j < min(start + ${tile}u, ${end}); j += ${TURN}u) {
${places}
${body}
}
}`;
}
