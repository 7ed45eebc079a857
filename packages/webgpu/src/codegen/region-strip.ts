/**
 * A strip: the positions from…to of one axis, in steps of 1 or of a launch word, several of them
 * (lanes) written out in each turn of the loop. Loads of one turn do not wait for each other, and a
 * CPU adapter pays for its bounds checks and its loop once per turn.
 */
import type { PlannedOperand } from '@tenon/core';
import type { Locate, RegionWriter } from './region-writer.ts';

export interface Strip {
  /** The last kept or the last reduced axis. */
  readonly axis: number;
  readonly from: string;
  readonly to: string;
  /** Name of a u32 by which positions advance; null: 1. */
  readonly step: string | null;
  readonly lanes: number;
  /** Where operands stand at position 0 of the axis. */
  readonly bases: ReadonlyMap<number, string>;
}

/** Roughly in instructions. */
export function weightOf(writer: RegionWriter, steps: readonly number[], costly: number): number {
  return steps.reduce((sum, i) => {
    const step = writer.step(i);
    if (step.op === 'const') return sum;
    if (step.op === 'load' || step.op === 'reduce') return sum + 1;
    return sum + (writer.isCostly(step.op) ? costly : 1);
  }, 0);
}

/** Steps that change with operands that move, or with `known` steps, of those given. */
export function movingSteps(
  writer: RegionWriter,
  steps: readonly number[],
  isMoving: (operand: PlannedOperand) => boolean,
  known: ReadonlySet<number> = new Set(),
): Set<number> {
  const moving = new Set<number>(known);
  for (const i of steps) {
    const step = writer.step(i);
    if (step.op === 'const' || step.op === 'reduce') continue;
    if (step.op === 'load') {
      if (isMoving(writer.operand(step.index))) moving.add(i);
    } else if (step.args.some((a) => moving.has(a))) moving.add(i);
  }
  return moving;
}

/** The loops of a strip; `body` writes `lanes` positions, whose elements `locate` gives. */
export function writeStrip(
  writer: RegionWriter,
  strip: Strip,
  operands: readonly number[],
  body: (lanes: number, locate: Locate) => void,
): void {
  const { axis, lanes, step, bases } = strip;
  const moving = operands.filter((t) => writer.classAlong(t, axis) !== 0);
  const distances = new Map<number, string>();
  if (lanes > 1) {
    for (const t of moving) {
      if (writer.classAlong(t, axis) !== 2) continue;
      const stride = writer.stride(t, axis);
      if (step !== null) writer.line(`let d${t} = ${stride} * ${step};`);
      distances.set(t, step === null ? stride : `d${t}`);
    }
  }
  const locate: Locate = (t, lane) => {
    const strideClass = writer.classAlong(t, axis);
    if (strideClass === 0) return bases.get(t) ?? '';
    if (lane === 0) return `q${t}`;
    if (strideClass === 2) return `q${t} + ${times(lane, distances.get(t) ?? '')}`;
    return step === null ? `q${t} + ${lane}u` : `q${t} + ${times(lane, step)}`;
  };
  const turn = (count: number): void => {
    for (const t of moving) {
      const stride = writer.classAlong(t, axis) === 1 ? '' : ` * ${writer.stride(t, axis)}`;
      writer.line(`let q${t} = ${bases.get(t) ?? ''} + i${stride};`);
    }
    body(count, locate);
  };
  const by = step ?? '1u';
  writer.line(`var i = ${strip.from};`);
  if (lanes > 1) {
    const last = step === null ? `${lanes - 1}u` : times(lanes - 1, step);
    const all = step === null ? `${lanes}u` : times(lanes, step);
    writer.block(`for (; i + ${last} < ${strip.to}; i += ${all})`, () => {
      turn(lanes);
    });
  }
  writer.block(`for (; i < ${strip.to}; i += ${by})`, () => {
    turn(1);
  });
}

function times(count: number, name: string): string {
  return count === 1 ? name : `${count}u * ${name}`;
}

/** Names of values: one per lane for steps that move, one for all others. */
export function laneNames(
  moving: ReadonlySet<number>,
  lanes: number,
): (lane: number) => (i: number) => string {
  return (lane) => (i) => (lanes > 1 && moving.has(i) ? `s${i}_${lane}` : `s${i}`);
}

/** Loads and values of `steps`, which all move, for each lane. */
export function writeLanes(
  writer: RegionWriter,
  steps: readonly number[],
  moving: ReadonlySet<number>,
  lanes: number,
  locate: Locate,
): void {
  const names = laneNames(moving, lanes);
  for (const i of steps) {
    const step = writer.step(i);
    for (let lane = 0; lane < lanes; lane++) {
      const name = names(lane)(i);
      if (step.op === 'load') writer.load(name, step.index, locate(step.index, lane));
      else writer.value(i, name, names(lane));
    }
  }
}

/** Loads and values of steps that do not move, operands standing at `positions`. */
export function writeOnce(
  writer: RegionWriter,
  steps: readonly number[],
  positions: ReadonlyMap<number, string>,
): void {
  for (const i of steps) {
    const step = writer.step(i);
    if (step.op === 'load') writer.load(`s${i}`, step.index, positions.get(step.index) ?? '');
    else if (step.op !== 'reduce') writer.value(i, `s${i}`, (a) => `s${a}`);
  }
}

/**
 * Decomposes linear index `index` into the axes from…to, the last one fastest, and moves the
 * positions there. The outermost axis needs no division.
 */
export function writePositions(
  writer: RegionWriter,
  index: string,
  from: number,
  to: number,
  operands: readonly number[],
  bases: ReadonlyMap<number, string>,
  prefix: string,
): Map<number, string> {
  const at = new Map<number, string>();
  let rest = index;
  for (let axis = to - 1; axis > from; axis--) {
    const size = writer.size(axis);
    writer.line(`let r${axis} = ${rest} / ${size};`);
    writer.line(`let i${axis} = ${rest} - r${axis} * ${size};`);
    at.set(axis, `i${axis}`);
    rest = `r${axis}`;
  }
  if (to > from) at.set(from, rest);
  const positions = new Map(bases);
  for (const t of operands) {
    const terms = [bases.get(t) ?? writer.offset(t)];
    for (let axis = from; axis < to; axis++) {
      const isLastAxis = axis === writer.plan.rank - 1 || axis === writer.plan.spec.keptRank - 1;
      const strideClass = isLastAxis ? writer.classAlong(t, axis) : 2;
      if (strideClass === 0) continue;
      const index = at.get(axis) ?? '';
      terms.push(strideClass === 1 ? index : `${index} * ${writer.stride(t, axis)}`);
    }
    if (terms.length === 1) positions.set(t, terms[0] ?? '');
    else {
      writer.line(`let ${prefix}${t} = ${terms.join(' + ')};`);
      positions.set(t, `${prefix}${t}`);
    }
  }
  return positions;
}
