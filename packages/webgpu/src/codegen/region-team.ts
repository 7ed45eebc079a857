/**
 * How invocations share a kept position. None: an invocation has it alone. Shared memory: a team of
 * a power of two walks the reduced axes together and joins its accumulators in a tree. Subgroups:
 * the tree's first levels are shuffles; they take neighbouring local indices for neighbouring lanes
 * of one subgroup, as drivers map one-dimensional groups, and need only the least subgroup size.
 */
import type { Gpu } from '../kernel.ts';
import type { Accumulator } from './region-accumulators.ts';
import type { RegionWriter } from './region-writer.ts';

export interface Team {
  /** Whether several invocations may share a position at all. */
  readonly isShared: boolean;
  /** Lanes of shuffles; 1: none. */
  readonly shuffle: number;
  readonly workgroup: number;
}

/** Rows by a CPU adapter: small groups, so that few rows still reach all threads. */
const REGISTER_GROUP = 16;
const GROUP = 256;
/** A CPU adapter switches between the invocations of a group at each barrier, at a high price. */
const CPU_GROUP = 32;

/** Columns: neighbouring invocations have neighbouring kept positions, and shuffles are no use. */
export function teamOf(gpu: Gpu, isColumns: boolean): Team {
  const { variant, subgroupSize, isCpu } = gpu.profile;
  if (variant === 'register') return { isShared: false, shuffle: 1, workgroup: REGISTER_GROUP };
  const hasShuffle = variant === 'subgroup' && !isColumns && subgroupSize > 1;
  const workgroup = isCpu ? CPU_GROUP : GROUP;
  return { isShared: true, shuffle: hasShuffle ? Math.min(subgroupSize, workgroup) : 1, workgroup };
}

function suffixOf(accumulator: Accumulator): string {
  return accumulator.type === 'vec2<f32>' ? 'f32x2' : accumulator.type;
}

/** Text of the team's value; everyone in the team has it. Control flow there must be uniform. */
export function teamValue(
  writer: RegionWriter,
  team: Team,
  accumulator: Accumulator,
  reducer: string,
  value: string,
): string {
  const suffix = suffixOf(accumulator);
  const name = `team_${reducer}_${suffix}`;
  const held = `held_${suffix}`;
  const { declarations } = writer;
  if (!declarations.has(held)) {
    declarations.set(
      held,
      `var<workgroup> ${held}: array<${accumulator.type}, ${team.workgroup}>;`,
    );
  }
  if (!declarations.has(name)) declarations.set(name, treeText(team, accumulator, name, held));
  return `${name}(${value}, local, member, team, pitch)`;
}

function treeText(team: Team, { type, merge }: Accumulator, name: string, held: string): string {
  const lines = [
    `fn ${name}(`,
    `  own: ${type}, local: u32, member: u32, team: u32, pitch: u32,`,
    `) -> ${type} {`,
  ];
  let value = 'own';
  if (team.shuffle > 1) {
    value = 'value';
    lines.push('  var value = own;');
    for (let s = 1; s < team.shuffle; s *= 2) {
      const joined = merge('value', `subgroupShuffleXor(value, ${s}u)`);
      lines.push(`  if (team > ${s}u) { value = ${joined}; }`);
    }
  }
  lines.push(`  if (team <= ${team.shuffle}u) { return ${value}; }`);
  lines.push(`  ${held}[local] = ${value};`);
  lines.push('  workgroupBarrier();');
  // Eight at a time: barriers cost more than additions. Below a subgroup's size all hold the same.
  const least = `${team.shuffle}u`;
  const sum = `${held}[local]`;
  lines.push(`  for (var s = team; s > ${least};) {`);
  lines.push(`    let next = max(s / 8u, ${least});`);
  lines.push('    if (member < next) {');
  lines.push('      for (var m = member + next; m < s; m += next) {');
  lines.push('        let other = local + (m - member) * pitch;');
  lines.push(`        ${sum} = ${merge(sum, `${held}[other]`)};`);
  lines.push('      }');
  lines.push('    }');
  lines.push('    workgroupBarrier();');
  lines.push('    s = next;');
  lines.push('  }');
  lines.push(`  let result = ${held}[local - member * pitch];`);
  lines.push('  workgroupBarrier();');
  lines.push('  return result;');
  lines.push('}');
  return lines.join('\n');
}
