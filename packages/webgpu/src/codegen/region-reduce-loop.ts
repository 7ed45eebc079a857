/** The loops over reduced axes: one's own, a team's share, a chunk of either. */
import type { PlannedLoop, RegionPlan } from '@tenon/core';
import type { ReduceFrame } from './region-reduce-frame.ts';
import {
  laneNames,
  movingSteps,
  weightOf,
  writeLanes,
  writeOnce,
  writePositions,
  writeStrip,
} from './region-strip.ts';
import type { Locate, RegionWriter } from './region-writer.ts';

/** Positions written out together, so that loads overlap: as many as a team's members have. */
function lanesOf(weight: number, isShared: boolean): number {
  if (weight <= 24) return isShared ? 4 : 8;
  return weight <= 50 ? 4 : 1;
}

export class LoopWriter {
  private readonly frame: ReduceFrame;
  private readonly writer: RegionWriter;
  private readonly plan: RegionPlan;
  /** Where operands stand at the kept position. */
  private readonly positions: ReadonlyMap<number, string>;

  constructor(frame: ReduceFrame, positions: ReadonlyMap<number, string>) {
    this.frame = frame;
    this.writer = frame.writer;
    this.plan = frame.plan;
    this.positions = positions;
  }

  /** One pass over the reduced axes, or over a chunk of them. */
  write(loop: PlannedLoop): void {
    const { writer } = this;
    const { team } = this.frame.options;
    for (const i of loop.reduces) {
      const { type, identity } = this.frame.accumulator(i);
      writer.line(`var a${i}: ${type} = ${identity};`);
    }
    writer.block('', () => {
      if (team.isShared) this.teamLoop(loop);
      else this.ownLoop(loop);
    });
    this.frame.meet(loop.reduces);
  }

  /** Every team-th position from `member` on. */
  private teamLoop(loop: PlannedLoop): void {
    const { writer, plan } = this;
    const { keptRank, reducedRank } = plan.spec;
    const reduced = this.frame.word('reduced');
    let from = 'member';
    let to = reduced;
    if (this.frame.isStaged) {
      const share = this.frame.word('share');
      writer.line(`let first = chunk * ${share};`);
      from = 'first + member';
      to = `min(first + ${share}, ${reduced})`;
    }
    writer.line(`let end = select(0u, ${to}, is_active);`);
    const step = this.frame.word('team');
    if (reducedRank === 1) {
      this.strip(loop, this.positions, from, 'end', step);
      return;
    }
    writer.block(`for (var f = ${from}; f < end; f += ${step})`, () => {
      const operands = this.movingOperands(loop);
      const at = writePositions(writer, 'f', keptRank, plan.rank, operands, this.positions, 'q');
      this.body(loop, new Set(), 1, (t) => at.get(t) ?? '', [...loop.spilled, ...loop.steps]);
    });
  }

  /** All positions, along the last axis in order. */
  private ownLoop(loop: PlannedLoop): void {
    const { writer, plan } = this;
    const { keptRank, reducedRank } = plan.spec;
    const size = writer.size(plan.rank - 1);
    if (reducedRank === 1) {
      if (!this.frame.isStaged) {
        this.strip(loop, this.positions, '0u', size, null);
        return;
      }
      const share = this.frame.word('share');
      writer.line(`let first = chunk * ${share};`);
      writer.line(`let end = min(first + ${share}, ${size});`);
      this.strip(loop, this.positions, 'first', 'end', null);
      return;
    }
    const reduced = this.frame.word('reduced');
    let head = `for (var piece = 0u; piece < ${reduced}; piece++)`;
    if (this.frame.isStaged) {
      const share = this.frame.word('share');
      writer.line(`let first = chunk * ${share};`);
      writer.line(`let last = min(first + ${share}, ${reduced});`);
      head = 'for (var piece = first; piece < last; piece++)';
    }
    writer.block(head, () => {
      const operands = this.movingOperands(loop);
      let outer = 'piece';
      let from = '0u';
      let to = size;
      if (this.frame.isStaged) {
        const pieces = this.frame.word('pieces');
        const span = this.frame.word('span');
        writer.line(`let outer = piece / ${pieces};`);
        writer.line(`let start = (piece - outer * ${pieces}) * ${span};`);
        writer.line(`let end = min(start + ${span}, ${size});`);
        outer = 'outer';
        from = 'start';
        to = 'end';
      }
      const inner = plan.rank - 1;
      const at = writePositions(writer, outer, keptRank, inner, operands, this.positions, 'u');
      this.strip(loop, at, from, to, null);
    });
  }

  /** Operands that move along the reduced axes in this loop. */
  private movingOperands(loop: PlannedLoop): number[] {
    const outputs = [...loop.stores, ...this.frame.spilledOutputs(loop)];
    const isMoving = (t: number): boolean => this.writer.operand(t).domain === 'full';
    return this.frame.operandsOf(loop.steps, outputs).filter(isMoving);
  }

  private strip(
    loop: PlannedLoop,
    bases: ReadonlyMap<number, string>,
    from: string,
    to: string,
    step: string | null,
  ): void {
    const { writer, plan } = this;
    const moving = movingSteps(
      writer,
      loop.steps,
      (operand) => operand.domain === 'full' && operand.reducedClass !== 0,
      new Set(loop.spilled),
    );
    const varying = loop.steps.filter((i) => moving.has(i));
    const once = loop.steps.filter((i) => !moving.has(i));
    writeOnce(writer, once, bases);
    const weight = weightOf(writer, [...varying, ...loop.spilled, ...loop.reduces], 20);
    const lanes = lanesOf(weight, this.frame.options.team.isShared);
    const strip = { axis: plan.rank - 1, from, to, step, lanes, bases };
    writeStrip(writer, strip, this.movingOperands(loop), (count, locate) => {
      this.body(loop, moving, count, locate, [...loop.spilled, ...varying]);
    });
  }

  /** Loads, values, stores and accumulation of `lanes` positions. */
  private body(
    loop: PlannedLoop,
    moving: ReadonlySet<number>,
    lanes: number,
    locate: Locate,
    steps: readonly number[],
  ): void {
    const { writer, plan } = this;
    const inputs = plan.spec.inputs.length;
    const names = laneNames(moving, lanes);
    const eachLane = (write: (lane: number) => void): void => {
      for (let lane = 0; lane < lanes; lane++) write(lane);
    };
    for (const i of loop.spilled) {
      const t = inputs + (this.frame.options.spills.get(i) ?? 0);
      eachLane((lane) => {
        writer.line(`let ${names(lane)(i)} = ${writer.element(t, locate(t, lane))};`);
      });
    }
    writeLanes(
      writer,
      steps.filter((i) => !loop.spilled.includes(i)),
      moving,
      lanes,
      locate,
    );
    for (const i of loop.spills) {
      const o = this.frame.options.spills.get(i) ?? 0;
      eachLane((lane) => {
        writer.store(o, locate(inputs + o, lane), names(lane)(i));
      });
    }
    for (const i of loop.reduces) this.accumulate(i, lanes, names);
    for (const o of loop.stores) {
      eachLane((lane) => {
        writer.store(o, locate(inputs + o, lane), names(lane)(writer.stored(o)));
      });
    }
  }

  private accumulate(
    i: number,
    lanes: number,
    names: (lane: number) => (i: number) => string,
  ): void {
    const step = this.writer.step(i);
    const arg = step.op === 'reduce' ? step.args[0] : 0;
    const accumulator = this.frame.accumulator(i);
    for (let lane = 0; lane < lanes; lane++) {
      const entered = accumulator.enter(names(lane)(arg));
      this.writer.line(`a${i} = ${accumulator.add(`a${i}`, entered)};`);
    }
  }
}
