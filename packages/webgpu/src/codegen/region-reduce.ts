/**
 * Regions with reduced axes: the text of their shaders. All phases run in one shader, one loop over
 * the reduced axes for each; or, where few positions have long rows, in stages: the rows are cut
 * into chunks whose accumulators meet in a workspace, and each stage is a dispatch.
 */
import type { DType, PlannedLoop, RegionPlan } from '@tenon/core';
import { accumulatorOf } from './region-accumulators.ts';
import {
  REDUCE_WORDS,
  ReduceFrame,
  type ReduceShaderOptions,
  type Stage,
} from './region-reduce-frame.ts';
import { LoopWriter } from './region-reduce-loop.ts';
import { type RegionShader, regionShader } from './region-shader.ts';
import { writeOnce, writePositions } from './region-strip.ts';
import type { RegionWriter } from './region-writer.ts';

class ReduceWriter {
  readonly writer: RegionWriter;
  private readonly frame: ReduceFrame;
  private readonly plan: RegionPlan;
  private readonly stage: Stage;
  private readonly reduces: readonly number[];
  /** Where operands stand at the kept position. */
  private positions: ReadonlyMap<number, string> = new Map();
  private loops: LoopWriter;

  constructor(options: ReduceShaderOptions, stage: Stage) {
    this.frame = new ReduceFrame(options, stage);
    this.writer = this.frame.writer;
    this.plan = options.plan;
    this.stage = stage;
    this.loops = new LoopWriter(this.frame, this.positions);
    this.reduces = this.plan.spec.steps.flatMap((step, i) => (step.op === 'reduce' ? [i] : []));
  }

  write(): void {
    const { stage, writer } = this;
    this.identity();
    const live = this.live();
    this.positions = this.keptPositions(live);
    this.loops = new LoopWriter(this.frame, this.positions);
    if (stage.kind === 'whole') {
      const last = Math.max(this.plan.loops.length, ...this.plan.phases);
      for (let phase = 0; phase <= last; phase++) {
        this.keptSteps(live.filter((i) => this.plan.phases[i] === phase));
        const loop = this.plan.loops[phase];
        if (loop !== undefined) this.loops.write(loop);
      }
      this.keptStores();
      return;
    }
    if (stage.kind === 'combine') {
      const { reduces } = this.loopAt(stage.loop);
      this.combine(reduces);
      for (const i of reduces) writer.line(`let s${i} = ${this.finish(i)};`);
      this.frame.guarded(() => {
        for (const i of reduces) writer.line(`work[${this.resultAt(i)}] = ${this.resultBits(i)};`);
      });
      if (stage.stores) {
        this.keptSteps(live.filter((i) => !reduces.includes(i)));
        this.keptStores();
      }
      return;
    }
    this.keptSteps(live);
    if (stage.kind === 'finish') this.keptStores();
    else {
      const loop = this.loopAt(stage.loop);
      this.loops.write(loop);
      if (loop.reduces.length > 0) {
        this.frame.guarded(() => {
          for (const i of loop.reduces) this.storePartial(loop.reduces, i);
        });
      }
    }
  }

  private loopAt(loop: number): PlannedLoop {
    const found = this.plan.loops[loop];
    if (found === undefined) throw new RangeError(`region: no loop ${loop}`);
    return found;
  }

  /** Who this invocation is: `row`, `chunk` and with a team `member`, `is_active`. */
  private identity(): void {
    const { writer } = this;
    const { team, isColumns } = this.frame.options;
    const total = this.frame.word('total');
    const group = `${team.workgroup}u`;
    if (!team.isShared) {
      writer.line(`let id = group * ${group} + local;`);
      writer.line(`if (id >= ${total}) { return; }`);
    } else {
      const size = this.frame.word('team');
      writer.line(`let rows = ${group} / ${size};`);
      writer.line(`let member = local ${isColumns ? '/ rows' : `% ${size}`};`);
      writer.line(`let id = group * rows + local ${isColumns ? '% rows' : `/ ${size}`};`);
      writer.line(`let pitch = ${isColumns ? 'rows' : '1u'};`);
      writer.line(`let is_active = id < ${total};`);
    }
    if (this.stage.kind === 'partial') {
      writer.line(`let chunk = id / ${this.frame.word('kept')};`);
      writer.line(`let row = id - chunk * ${this.frame.word('kept')};`);
    } else writer.line('let row = id;');
  }

  /** Every step that this stage computes or reads, but for what reductions stand for. */
  private live(): number[] {
    const { writer, plan, stage } = this;
    const ofLoop = (loop: PlannedLoop): number[] => [
      ...loop.reduces.flatMap((i) => {
        const step = writer.step(i);
        return step.op === 'reduce' ? [step.args[0]] : [];
      }),
      ...loop.stores.map((o) => writer.stored(o)),
      ...loop.spills,
    ];
    const kept = plan.keptStores.map((o) => writer.stored(o));
    const roots =
      stage.kind === 'whole'
        ? [...plan.loops.flatMap(ofLoop), ...kept]
        : stage.kind === 'partial'
          ? ofLoop(this.loopAt(stage.loop))
          : stage.kind === 'finish' || stage.stores
            ? kept
            : [];
    return writer.needs(roots, (i) => this.frame.isStaged && writer.step(i).op === 'reduce');
  }

  private keptPositions(live: readonly number[]): ReadonlyMap<number, string> {
    const { stage, plan, writer } = this;
    const isKeptStoring = stage.kind !== 'partial' && !(stage.kind === 'combine' && !stage.stores);
    const loops =
      stage.kind === 'whole'
        ? plan.loops
        : stage.kind === 'partial'
          ? [this.loopAt(stage.loop)]
          : [];
    const outputs = [
      ...loops.flatMap((loop) => [...loop.stores, ...this.frame.spilledOutputs(loop)]),
      ...(isKeptStoring ? plan.keptStores : []),
    ];
    const steps = live.filter((i) => loops.length > 0 || plan.domains[i] !== 'full');
    const operands = this.frame.operandsOf(steps, outputs);
    const offsets = new Map(operands.map((t) => [t, writer.offset(t)]));
    return writePositions(writer, 'row', 0, plan.spec.keptRank, operands, offsets, 'p');
  }

  /** Loads, values and results of reductions that only the kept position changes. */
  private keptSteps(steps: readonly number[]): void {
    for (const i of steps) {
      if (this.plan.domains[i] === 'full') continue;
      if (this.writer.step(i).op !== 'reduce') writeOnce(this.writer, [i], this.positions);
      else if (this.frame.isStaged) this.writer.line(`let s${i} = ${this.readResult(i)};`);
      else this.writer.line(`let s${i} = ${this.finish(i)};`);
    }
  }

  private finish(i: number): string {
    return this.frame.accumulator(i).finish(`a${i}`);
  }

  private keptStores(): void {
    const { writer, plan } = this;
    if (plan.keptStores.length === 0) return;
    const inputs = plan.spec.inputs.length;
    const isOver = plan.keptStores.some((o) => (plan.spec.outputs[o]?.alias ?? -1) >= 0);
    // The rest of the team has read what is overwritten.
    if (isOver && this.frame.options.team.isShared) writer.line('storageBarrier();');
    this.frame.guarded(() => {
      for (const o of plan.keptStores) {
        writer.store(o, this.positions.get(inputs + o) ?? '', `s${writer.stored(o)}`);
      }
    });
  }

  /** Joins the accumulators that the chunks left in the workspace. */
  private combine(reduces: readonly number[]): void {
    const { writer } = this;
    for (const i of reduces) {
      const { type, identity } = this.frame.accumulator(i);
      writer.line(`var a${i}: ${type} = ${identity};`);
    }
    let to = this.frame.word('chunks');
    let from = '0u';
    let by = '1u';
    if (this.frame.options.team.isShared) {
      writer.line(`let end = select(0u, ${to}, is_active);`);
      to = 'end';
      from = 'member';
      by = this.frame.word('team');
    }
    writer.block(`for (var chunk = ${from}; chunk < ${to}; chunk += ${by})`, () => {
      for (const i of reduces) {
        const { type, merge } = this.frame.accumulator(i);
        const at = this.partialAt(reduces, i);
        writer.line(`let bits${i} = work[${at(0)}];`);
        let other = fromBits(type, `bits${i}`);
        if (type === 'vec2<f32>') {
          writer.line(`let lost${i} = work[${at(1)}];`);
          other = `bitcast<vec2<f32>>(vec2<u32>(bits${i}, lost${i}))`;
        }
        writer.line(`a${i} = ${merge(`a${i}`, other)};`);
      }
    });
    this.frame.meet(reduces);
  }

  /** Where word `part` of the accumulator of `i` of a chunk is in the workspace. */
  private partialAt(reduces: readonly number[], i: number): (part: number) => string {
    const before = reduces
      .slice(0, reduces.indexOf(i))
      .reduce((sum, r) => sum + this.frame.accumulator(r).words, 0);
    const kept = this.frame.word('kept');
    const chunks = this.frame.word('chunks');
    return (part) => {
      const slot = before + part;
      const plane = slot === 0 ? 'chunk' : `${slot === 1 ? '' : `${slot}u * `}${chunks} + chunk`;
      return `(${this.reduces.length}u + ${plane}) * ${kept} + row`;
    };
  }

  private storePartial(reduces: readonly number[], i: number): void {
    const { type } = this.frame.accumulator(i);
    const at = this.partialAt(reduces, i);
    if (type === 'vec2<f32>') {
      this.writer.line(`work[${at(0)}] = bitcast<u32>(a${i}.x);`);
      this.writer.line(`work[${at(1)}] = bitcast<u32>(a${i}.y);`);
    } else this.writer.line(`work[${at(0)}] = bitcast<u32>(a${i});`);
  }

  private resultAt(i: number): string {
    return `${this.reduces.indexOf(i)}u * ${this.frame.word('kept')} + row`;
  }

  private resultBits(i: number): string {
    return `bitcast<u32>(${this.writer.step(i).dtype === 'f16' ? `f32(s${i})` : `s${i}`})`;
  }

  private readResult(i: number): string {
    return resultText(this.writer.step(i).dtype, `work[${this.resultAt(i)}]`);
  }
}

function fromBits(type: string, bits: string): string {
  return type === 'u32' ? bits : `bitcast<${type}>(${bits})`;
}

function resultText(dtype: DType, bits: string): string {
  if (dtype === 'f16') return `f16(bitcast<f32>(${bits}))`;
  return fromBits(dtype === 'bool' ? 'i32' : dtype, bits);
}

/** The shader of one stage of a reduction. */
export function reduceShader(options: ReduceShaderOptions, stage: Stage): RegionShader {
  const writing = new ReduceWriter(options, stage);
  writing.write();
  const { writer } = writing;
  return regionShader(writer, {
    label: stage.kind === 'whole' ? 'reduce' : `reduce (${stage.kind})`,
    words: options.baseWords + REDUCE_WORDS.length,
    workgroup: options.team.workgroup,
    usesSubgroups: options.team.shuffle > 1,
    workspace: workspaceOf(options.plan, stage),
  });
}

function workspaceOf(plan: RegionPlan, stage: Stage): 'r' | 'w' | null {
  if (stage.kind === 'whole') return null;
  if (stage.kind === 'combine') return 'w';
  if (stage.kind === 'finish') return 'r';
  return (plan.loops[stage.loop]?.reduces.length ?? 0) > 0 ? 'w' : 'r';
}

/** 32-bit words of the workspace for each kept position and chunk, and for each kept position. */
export function workspaceWords(plan: RegionPlan): { chunk: number; kept: number } {
  const widths = plan.loops.map((loop) =>
    loop.reduces.reduce((sum, i) => {
      const step = plan.spec.steps[i];
      return step?.op === 'reduce' ? sum + accumulatorOf(step.reducer, step.dtype).words : sum;
    }, 0),
  );
  const kept = plan.spec.steps.filter((step) => step.op === 'reduce').length;
  return { chunk: Math.max(0, ...widths), kept };
}
