/**
 * Regions with reduced axes as generated JavaScript, in two loop orders. Rows: per kept position,
 * accumulators in locals, the last reduced axis innermost. Columns: where operands are contiguous
 * along the last kept axis (sum over the first axis), a block of kept positions at once, their
 * accumulators in scratch rows, so that memory is walked in order.
 */
import type { PlannedLoop, RegionPlan } from '@tenon/core';
import { RegionWriter } from './codegen.ts';
import { reducerOf, twoSumText } from './reduce.ts';
import { roundText } from './scalars.ts';

/** Bodies up to this many characters are written out four times; longer ones loop. */
const UNROLL_CHARACTERS = 1500;

function reducerAt(writer: RegionWriter, i: number): ReturnType<typeof reducerOf> {
  const step = writer.step(i);
  if (step.op !== 'reduce') throw new RangeError(`region: step ${i} is no reduction`);
  return reducerOf(step.reducer, step.dtype);
}

function argAt(writer: RegionWriter, i: number): number {
  const step = writer.step(i);
  return step.op === 'reduce' ? step.args[0] : -1;
}

/** The final value of reduction `i`, from accumulator `sum` and error `lost`. */
function finish(writer: RegionWriter, i: number, sum: string, lost: string): string {
  const { isCompensated } = reducerAt(writer, i);
  const raw = isCompensated ? `${lost} === ${lost} ? ${sum} + ${lost} : ${sum}` : sum;
  return roundText(writer.step(i).dtype, raw);
}

function isNarrow(writer: RegionWriter, i: number): boolean {
  return writer.step(i).dtype === 'f32';
}

function declareSpills(writer: RegionWriter, size: string): void {
  const { loops } = writer.plan;
  const spills = loops.flatMap((loop) => loop.spills);
  spills.forEach((i, slot) => {
    const kind = isNarrow(writer, i) ? 'narrow' : 'wide';
    writer.line(`const z${i} = ${kind}(${slot}, ${size});`);
  });
}

function product(axes: readonly number[]): string {
  return axes.length === 0 ? '1' : axes.map((axis) => `n${axis}`).join(' * ');
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}

/** Operands that move along the reduced axes in this loop. */
function operandsOf(writer: RegionWriter, loop: PlannedLoop): number[] {
  const inputs = loop.steps.flatMap((i) => {
    const step = writer.step(i);
    return step.op === 'load' ? [step.index] : [];
  });
  const outputs = loop.stores.map((o) => writer.plan.spec.inputs.length + o);
  return [...new Set([...inputs, ...outputs])];
}

/** Element of operand t: along the reduced axis by index (rows) or the kept one (columns). */
type Locate = (t: number) => string;

/** Loads, values and stores of one position of a loop; reductions are left to `reduce`. */
function body(
  writer: RegionWriter,
  loop: PlannedLoop,
  locate: Locate,
  scratchIndex: string,
  reduce: (i: number, value: string) => void,
): void {
  for (const i of loop.spilled) writer.line(`const s${i} = z${i}[${scratchIndex}];`);
  for (const i of loop.steps) {
    const step = writer.step(i);
    if (step.op === 'load') writer.load(i, step.index, locate(step.index));
    else writer.value(i);
  }
  for (const i of loop.spills) writer.line(`z${i}[${scratchIndex}] = s${i};`);
  for (const i of loop.reduces) reduce(i, `s${argAt(writer, i)}`);
  for (const o of loop.stores) {
    writer.store(o, locate(writer.plan.spec.inputs.length + o));
  }
}

/** Text that `write` produces, without keeping it. */
function measure(writer: RegionWriter, write: () => void): number {
  const before = writer.lines.length;
  write();
  return writer.lines.splice(before).reduce((sum, line) => sum + line.length, 0);
}

function rowAccumulate(writer: RegionWriter, i: number, value: string): void {
  const { isCompensated, text } = reducerAt(writer, i);
  if (isCompensated) writer.line(twoSumText(`a${i}`, `e${i}`, value, `w${i}`));
  else writer.line(`a${i} = ${text(`a${i}`, value)};`);
}

/** One pass over the reduced axes at one kept position. */
function rowLoop(writer: RegionWriter, loop: PlannedLoop, kept: Map<number, string>): void {
  const { keptRank } = writer.plan.spec;
  const inner = writer.plan.rank - 1;
  for (const i of loop.reduces) {
    writer.line(`let a${i} = ${reducerAt(writer, i).identity};`);
    if (reducerAt(writer, i).isCompensated) writer.line(`let e${i} = 0;`);
  }
  const usesScratch = loop.spills.length + loop.spilled.length > 0;
  writer.line('{');
  if (usesScratch) writer.line('let z = 0;');
  const positions = new Map(operandsOf(writer, loop).map((t) => [t, writer.position(kept, t)]));
  for (let axis = keptRank; axis < inner; axis++) writer.open(axis, positions);
  const at = (index: string) => (t: number) => {
    const strideClass = writer.operand(t).reducedClass;
    return writer.at(t, writer.position(positions, t), strideClass, inner, index);
  };
  const grouped = loop.reduces.filter((i) => reducerAt(writer, i).isGrouped);
  if (grouped.length > 0) rowGroups(writer, loop, grouped, at);
  writer.line(`for (let i = ${grouped.length > 0 ? `n${inner} & -4` : '0'}; i < n${inner}; i++) {`);
  body(writer, loop, at('i'), 'z + i | 0', (i, value) => {
    rowAccumulate(writer, i, value);
  });
  writer.line('}');
  if (usesScratch) writer.line(`z = z + n${inner} | 0;`);
  writer.line('}'.repeat(inner - keptRank + 1));
}

/** The part of the innermost loop that goes in steps of four. */
function rowGroups(
  writer: RegionWriter,
  loop: PlannedLoop,
  grouped: readonly number[],
  at: (index: string) => Locate,
): void {
  const isGrouped = new Set(grouped);
  const once = (index: string, isFirst: boolean): void => {
    writer.line('{');
    body(writer, loop, at(index), `z + ${index} | 0`, (i, value) => {
      if (!isGrouped.has(i)) rowAccumulate(writer, i, value);
      else if (isFirst) writer.line(`g${i} = ${value};`);
      else writer.line(`g${i} = ${reducerAt(writer, i).text(`g${i}`, value)};`);
    });
    writer.line('}');
  };
  const isShort = measure(writer, () => once('i', false)) <= UNROLL_CHARACTERS;
  writer.line(`for (let i = 0, end = n${writer.plan.rank - 1} - 3; i < end; i = i + 4 | 0) {`);
  for (const i of grouped) writer.line(`let g${i} = ${reducerAt(writer, i).identity};`);
  if (isShort) {
    for (let u = 0; u < 4; u++) once(u === 0 ? 'i' : `(i + ${u})`, u === 0);
  } else {
    writer.line('for (let u = i; u < i + 4; u++)');
    once('u', false);
  }
  for (const i of grouped) writer.line(`a${i} = ${reducerAt(writer, i).text(`a${i}`, `g${i}`)};`);
  writer.line('}');
}

function keptLoad(writer: RegionWriter, i: number, positions: Map<number, string>): void {
  const step = writer.step(i);
  if (step.op === 'load') writer.load(i, step.index, writer.position(positions, step.index));
}

function isKept(writer: RegionWriter, i: number, phase: number): boolean {
  return writer.plan.domains[i] === 'kept' && writer.plan.phases[i] === phase;
}

/** A region whose reduced axes are innermost. */
export function rowSource(plan: RegionPlan): string {
  const writer = new RegionWriter(plan);
  const { keptRank, steps } = plan.spec;
  writer.line('function region(buffers, args) {');
  writer.prologue();
  declareSpills(writer, product(range(keptRank, plan.rank)));
  const positions = writer.offsets();
  for (let axis = 0; axis < keptRank; axis++) writer.open(axis, positions);
  const lastPhase = Math.max(plan.loops.length, ...plan.phases);
  for (let phase = 0; phase <= lastPhase; phase++) {
    steps.forEach((step, i) => {
      if (!isKept(writer, i, phase)) return;
      if (step.op === 'load') keptLoad(writer, i, positions);
      else if (step.op === 'reduce') {
        writer.line(`const s${i} = ${finish(writer, i, `a${i}`, `e${i}`)};`);
      } else writer.value(i);
    });
    const loop = plan.loops[phase];
    if (loop !== undefined) rowLoop(writer, loop, positions);
  }
  for (const o of plan.keptStores) {
    writer.store(o, writer.position(positions, plan.spec.inputs.length + o));
  }
  writer.line('}'.repeat(keptRank + 1));
  return writer.lines.join('\n');
}

/** Whether the last kept axis should be innermost. */
export function prefersColumns(plan: RegionPlan): boolean {
  const full = plan.operands.filter((o) => o.domain === 'full' && !o.isIota);
  const rows = full.filter((o) => o.reducedClass === 2).length;
  const columns = full.filter((o) => o.keptClass === 2).length;
  return columns < rows;
}

/** Kept steps whose values have to survive from one loop over columns to another. */
function survivors(writer: RegionWriter): Set<number> {
  const { plan } = writer;
  const kept = new Set<number>();
  const isStored = (i: number): boolean =>
    plan.domains[i] === 'kept' && writer.step(i).op !== 'load';
  plan.spec.steps.forEach((step, i) => {
    if (step.op === 'load' || step.op === 'const') return;
    for (const arg of step.args) {
      const isSameLoop = isKept(writer, i, plan.phases[arg] ?? 0) && step.op !== 'reduce';
      if (isStored(arg) && !isSameLoop) kept.add(arg);
    }
  });
  for (const output of plan.spec.outputs) if (isStored(output.step)) kept.add(output.step);
  return kept;
}

/** Writer of the column order: `j` runs over a block of the last kept axis from `j0`. */
class ColumnWriter {
  readonly writer: RegionWriter;
  readonly kept: Map<number, string>;
  readonly saved: Set<number>;

  constructor(writer: RegionWriter, kept: Map<number, string>) {
    this.writer = writer;
    this.kept = kept;
    this.saved = survivors(writer);
  }

  /** Element of operand t in column j. */
  locate(positions: Map<number, string>): Locate {
    const axis = this.writer.plan.spec.keptRank - 1;
    return (t) => {
      const { keptClass } = this.writer.operand(t);
      return this.writer.at(t, this.writer.position(positions, t), keptClass, axis, 'j');
    };
  }

  /** Makes kept values that steps need available in the current column. */
  fetch(steps: readonly number[]): void {
    for (const i of new Set(steps)) {
      if (this.writer.plan.domains[i] !== 'kept') continue;
      const step = this.writer.step(i);
      if (step.op === 'load') this.writer.load(i, step.index, this.locate(this.kept)(step.index));
      else this.writer.line(`const s${i} = k${i}[j];`);
    }
  }

  /** Kept values of one phase, column by column; at the very end also the kept outputs. */
  keptValues(phase: number, isLast: boolean): void {
    const { writer } = this;
    const { plan } = writer;
    const own = range(0, plan.spec.steps.length).filter(
      (i) => isKept(writer, i, phase) && writer.step(i).op !== 'load',
    );
    const stores = isLast ? plan.keptStores : [];
    if (own.length === 0 && stores.length === 0) return;
    writer.line('for (let j = 0; j < w; j++) {');
    const wanted = own.flatMap((i) => {
      const step = writer.step(i);
      return step.op === 'load' || step.op === 'const' || step.op === 'reduce' ? [] : step.args;
    });
    const outputs = stores.map((o) => plan.spec.outputs[o]?.step ?? 0);
    this.fetch([...wanted, ...outputs].filter((i) => !own.includes(i)));
    for (const i of own) {
      if (writer.step(i).op === 'reduce') {
        writer.line(`const s${i} = ${finish(writer, i, `a${i}[j]`, `e${i}[j]`)};`);
      } else writer.value(i);
      if (this.saved.has(i)) writer.line(`k${i}[j] = s${i};`);
    }
    for (const o of stores) writer.store(o, this.locate(this.kept)(plan.spec.inputs.length + o));
    writer.line('}');
  }

  /** One pass over the reduced axes for the whole block. */
  loop(loop: PlannedLoop): void {
    const { writer } = this;
    const { keptRank } = writer.plan.spec;
    const inner = writer.plan.rank - 1;
    for (const i of loop.reduces) {
      writer.line(`a${i}.fill(${reducerAt(writer, i).identity}, 0, w);`);
      if (reducerAt(writer, i).isCompensated) writer.line(`e${i}.fill(0, 0, w);`);
    }
    writer.line('{');
    const usesScratch = loop.spills.length + loop.spilled.length > 0;
    if (usesScratch) writer.line('let z = 0;');
    const moving = operandsOf(writer, loop);
    const positions = new Map(moving.map((t) => [t, writer.position(this.kept, t)]));
    for (let axis = keptRank; axis < inner; axis++) writer.open(axis, positions);
    const grouped = loop.reduces.filter((i) => reducerAt(writer, i).isGrouped);
    if (grouped.length > 0) {
      writer.line(`for (let i = 0, end = n${inner} - 3; i < end; i = i + 4 | 0) {`);
      this.columns(loop, positions, 4, new Set(grouped));
      if (usesScratch) writer.line('z = z + 4 * w | 0;');
      writer.line('}');
    }
    const first = grouped.length > 0 ? `n${inner} & -4` : '0';
    writer.line(`for (let i = ${first}; i < n${inner}; i++) {`);
    this.columns(loop, positions, 1, new Set());
    if (usesScratch) writer.line('z = z + w | 0;');
    writer.line('}');
    writer.line('}'.repeat(inner - keptRank + 1));
  }

  /** All columns of the block at `count` successive reduced positions. */
  private columns(
    loop: PlannedLoop,
    positions: Map<number, string>,
    count: number,
    grouped: ReadonlySet<number>,
  ): void {
    const { writer } = this;
    const inner = writer.plan.rank - 1;
    const moved = range(0, count).map((u) => {
      const map = new Map<number, string>();
      for (const [t, position] of positions) {
        writer.line(`const q${t}_${u} = ${position} + Math.imul(i + ${u}, t${t}_${inner}) | 0;`);
        map.set(t, `q${t}_${u}`);
      }
      return map;
    });
    writer.line('for (let j = 0; j < w; j++) {');
    this.fetch(this.keptArgs(loop));
    for (const i of grouped) writer.line(`let g${i} = ${reducerAt(writer, i).identity};`);
    moved.forEach((map, u) => {
      writer.line('{');
      body(writer, loop, this.locate(map), `z + ${u === 0 ? '' : `${u} * w + `}j | 0`, (i, x) => {
        if (!grouped.has(i)) this.accumulate(i, x);
        else writer.line(`g${i} = ${u === 0 ? x : reducerAt(writer, i).text(`g${i}`, x)};`);
      });
      writer.line('}');
    });
    for (const i of grouped) this.accumulate(i, `g${i}`);
    writer.line('}');
  }

  private accumulate(i: number, value: string): void {
    const { isCompensated, text } = reducerAt(this.writer, i);
    if (!isCompensated) {
      this.writer.line(`a${i}[j] = ${text(`a${i}[j]`, value)};`);
      return;
    }
    this.writer.line(`let b${i} = a${i}[j], f${i} = e${i}[j];`);
    this.writer.line(twoSumText(`b${i}`, `f${i}`, value, `w${i}`));
    this.writer.line(`a${i}[j] = b${i}; e${i}[j] = f${i};`);
  }

  /** Kept values that this loop reads. */
  private keptArgs(loop: PlannedLoop): number[] {
    const { writer } = this;
    const args = [...loop.steps, ...loop.reduces].flatMap((i) => {
      const step = writer.step(i);
      return step.op === 'load' || step.op === 'const' ? [] : step.args;
    });
    return [...args, ...loop.stores.map((o) => writer.plan.spec.outputs[o]?.step ?? 0)];
  }
}

/** A region whose last kept axis is innermost. */
export function columnSource(plan: RegionPlan): string {
  const writer = new RegionWriter(plan);
  const { keptRank, steps } = plan.spec;
  const last = keptRank - 1;
  writer.line('function region(buffers, args) {');
  writer.prologue();
  const spills = plan.loops.some((loop) => loop.spills.length > 0);
  const reduced = product(range(keptRank, plan.rank));
  // Few columns where each keeps a scratch column; a block several loops read should fit caches.
  const block = spills
    ? `Math.max(16, Math.min(128, 65536 / (${reduced}) | 0))`
    : plan.loops.length > 1
      ? '128'
      : '1024';
  writer.line(`const block = ${block};`);
  declareSpills(writer, `${reduced} * block`);
  const positions = writer.offsets();
  for (let axis = 0; axis < last; axis++) writer.open(axis, positions);
  let slot = 100;
  const columns = new ColumnWriter(writer, positions);
  steps.forEach((step, i) => {
    if (step.op === 'reduce') {
      writer.line(`const a${i} = wide(${slot++}, 1024), e${i} = wide(${slot++}, 1024);`);
    }
    if (columns.saved.has(i)) writer.line(`const k${i} = wide(${slot++}, 1024);`);
  });
  writer.line(`for (let j0 = 0; j0 < n${last}; j0 += block) {`);
  writer.line(`const w = Math.min(block, n${last} - j0);`);
  writer.enter(last, positions, 'j0');
  const lastPhase = Math.max(plan.loops.length, ...plan.phases);
  for (let phase = 0; phase <= lastPhase; phase++) {
    columns.keptValues(phase, phase === lastPhase);
    const loop = plan.loops[phase];
    if (loop !== undefined) columns.loop(loop);
  }
  writer.line('}'.repeat(last + 2));
  return writer.lines.join('\n');
}
