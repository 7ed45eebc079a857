/**
 * The text of one WGSL module from its parts: features, launch words, storage bindings, prelude
 * functions, and the body of `main`. Not the place of any arithmetic.
 */
import type { DType } from '@tenon/core';
import { PRELUDE } from './prelude.ts';

/** One storage buffer of a shader. */
export interface Binding {
  readonly name: string;
  readonly dtype: DType;
  /** r: read only; w: read_write. */
  readonly access: 'r' | 'w';
  /** Elements are `vec4` of the dtype. Only for buffers whose use starts at a multiple of four. */
  readonly vec4?: boolean;
}

export interface ShaderParts {
  /** In the order of the buffers of a dispatch. */
  readonly bindings: readonly Binding[];
  /** Launch words that `word` and its siblings read. */
  readonly words: number;
  /** Invocations per workgroup. */
  readonly workgroup: number;
  /** Names of prelude functions; what they need is added. */
  readonly prelude?: Iterable<string>;
  /** Further module-scope declarations: functions, workgroup memory. */
  readonly declarations?: string;
  /** Statements of `main`; they see `group` and `local`, and `lane`, `lanes` with subgroups. */
  readonly body: string;
  readonly features?: readonly ('f16' | 'subgroups')[];
}

const TYPES: Readonly<Record<Exclude<DType, 'f64'>, string>> = {
  f32: 'f32',
  i32: 'i32',
  u32: 'u32',
  bool: 'i32',
  f16: 'f16',
};

/** The WGSL type of an element: bool is an i32 that holds 0 or 1. */
export function typeOf(dtype: DType): string {
  if (dtype === 'f64') throw new Error('typeOf: WGSL has no f64');
  return TYPES[dtype];
}

const COMPONENTS = 'xyzw';

/** Launch word `i` as u32. */
export function word(i: number): string {
  return `words[${i >> 2}].${COMPONENTS[i & 3]}`;
}

/** Launch word `i` as i32. */
export function intWord(i: number): string {
  return `bitcast<i32>(${word(i)})`;
}

/** Launch word `i` as f32. */
export function floatWord(i: number): string {
  return `bitcast<f32>(${word(i)})`;
}

/** The access string of a source with these bindings. */
export function accessOf(bindings: readonly Binding[]): string {
  return bindings.map(({ access }) => access).join('');
}

/** Names in the order in which they may be declared: each after what it needs. */
function withNeeds(names: Iterable<string>): Set<string> {
  const ordered = new Set<string>();
  const visit = (name: string): void => {
    if (ordered.has(name)) return;
    const entry = PRELUDE[name];
    if (entry === undefined) throw new Error(`shaderText: the prelude has no '${name}'`);
    entry.needs.forEach(visit);
    ordered.add(name);
  };
  for (const name of names) visit(name);
  return ordered;
}

function bindingText({ name, dtype, access, vec4 }: Binding, index: number): string {
  const element = vec4 === true ? `vec4<${typeOf(dtype)}>` : typeOf(dtype);
  const mode = access === 'r' ? 'read' : 'read_write';
  return `@group(0) @binding(${index + 1}) var<storage, ${mode}> ${name}: array<${element}>;`;
}

/** There is always a workgroup; compilers do not know. */
const HIDDEN_ZERO = '  hidden_zero = select(0u, 1u, group_count.x == 0u);';

function indented(text: string): string {
  return text
    .trim()
    .split('\n')
    .map((line) => (line === '' ? '' : `  ${line}`))
    .join('\n');
}

/**
 * A whole module with the entry point `main`. `group` is the linear index of the workgroup: the
 * grid may hold more than were asked for, so the body returns where its sizes end.
 */
export function shaderText(parts: ShaderParts): string {
  const { bindings, words, workgroup, body } = parts;
  const features = parts.features ?? [];
  const hasSubgroups = features.includes('subgroups');
  const lines: string[] = features.map((feature) => `enable ${feature};`);
  const blocks = Math.max(1, Math.ceil(words / 4));
  lines.push(`@group(0) @binding(0) var<uniform> words: array<vec4<u32>, ${blocks}>;`);
  lines.push(...bindings.map(bindingText));
  const prelude = withNeeds(parts.prelude ?? []);
  for (const name of prelude) lines.push(PRELUDE[name]?.text.trim() ?? '');
  if (parts.declarations !== undefined) lines.push(parts.declarations.trim());
  const inputs = [
    '@builtin(workgroup_id) group_id: vec3<u32>',
    '@builtin(num_workgroups) group_count: vec3<u32>',
    '@builtin(local_invocation_index) local: u32',
    ...(hasSubgroups
      ? ['@builtin(subgroup_invocation_id) lane: u32', '@builtin(subgroup_size) lanes: u32']
      : []),
  ];
  lines.push(
    `@compute @workgroup_size(${workgroup})`,
    'fn main(',
    ...inputs.map((input) => `  ${input},`),
    ') {',
    '  let group = group_id.x + group_count.x * (group_id.y + group_count.y * group_id.z);',
    ...(prelude.has('opaque') ? [HIDDEN_ZERO] : []),
    indented(body),
    '}',
  );
  return `${lines.join('\n')}\n`;
}
