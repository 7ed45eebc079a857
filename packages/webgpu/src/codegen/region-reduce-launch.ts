/** Launches of regions with reduced axes: who takes what is decided here, by the sizes. */
import type { RegionPlan } from '@tenon/core';
import type { GpuBuffer } from '../buffers.ts';
import type { Gpu, Pipeline, Recorder } from '../kernel.ts';
import { reduceShader, workspaceWords } from './region-reduce.ts';
import { REDUCE_WORDS, type ReduceShaderOptions, type Stage } from './region-reduce-frame.ts';
import type { RegionShader } from './region-shader.ts';
import { teamOf } from './region-team.ts';

/** When rows are cut into chunks: few positions and many elements, worth several dispatches. */
export interface SplitRule {
  /** Invocations, or groups where teams share positions, to have in the end. */
  readonly wanted: number;
  /** Elements of the whole region, at least. */
  readonly elements: number;
  /** Positions of each invocation, at least. */
  readonly least: number;
}
const REGISTER_SPLIT: SplitRule = { wanted: 128, elements: 1 << 15, least: 1024 };
const TEAM_SPLIT: SplitRule = { wanted: 512, elements: 1 << 16, least: 16 };

/** Elements of a row for each member of a team, at least. */
const PER_MEMBER = 4;
/** So many columns are enough invocations without teams. */
const MANY_COLUMNS = 1 << 16;
/** Neighbouring columns that a group reads together. */
const NEIGHBOURS = 32;

/** How a launch is shared out. */
interface Division {
  readonly kept: number;
  readonly reduced: number;
  readonly team: number;
  readonly chunks: number;
  /** Words `share`, `reduced`, `pieces`, `span` of its loops. */
  readonly words: readonly [share: number, reduced: number, pieces: number, span: number];
}

interface StagePipeline {
  readonly stage: Stage;
  readonly shader: RegionShader;
  /** Null until a launch wants it. */
  pipeline: Pipeline | null;
}

/** Whether most buffers are contiguous along the last kept axis and not along the reduced one. */
function isColumnRegion(plan: RegionPlan): boolean {
  const full = plan.operands.filter((o) => o.domain === 'full' && !o.isIota);
  const rows = full.filter((o) => o.reducedClass === 2).length;
  const columns = full.filter((o) => o.keptClass === 2).length;
  return columns < rows;
}

function powerBelow(limit: number): number {
  return limit < 1 ? 1 : 2 ** Math.floor(Math.log2(limit));
}

function powerAbove(count: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(1, count)));
}

/** The stages of a launch in chunks. */
function stagesOf(plan: RegionPlan): Stage[] {
  const last = plan.loops.length - 1;
  const stages: Stage[] = [];
  plan.loops.forEach((loop, p) => {
    stages.push({ kind: 'partial', loop: p });
    const stores = p === last && plan.keptStores.length > 0;
    if (loop.reduces.length > 0) stages.push({ kind: 'combine', loop: p, stores });
    else if (stores) stages.push({ kind: 'finish' });
  });
  return stages;
}

export class ReduceLauncher {
  private readonly gpu: Gpu;
  private readonly options: ReduceShaderOptions;
  private readonly whole: StagePipeline;
  private readonly split: SplitRule;
  private readonly words: Int32Array;
  private readonly bound: GpuBuffer[] = [];
  /** Shaders of the stages; null if none, or if they bind more buffers than the device takes. */
  private staged: readonly StagePipeline[] | null | undefined;

  constructor(
    plan: RegionPlan,
    gpu: Gpu,
    baseWords: number,
    spills: ReadonlyMap<number, number>,
    split: SplitRule | null,
  ) {
    const isColumns = isColumnRegion(plan);
    this.gpu = gpu;
    this.options = { plan, team: teamOf(gpu, isColumns), isColumns, baseWords, spills };
    this.split = split ?? (this.options.team.isShared ? TEAM_SPLIT : REGISTER_SPLIT);
    const shader = reduceShader(this.options, { kind: 'whole' });
    this.whole = { stage: { kind: 'whole' }, shader, pipeline: gpu.pipeline(shader.source) };
    this.words = new Int32Array(baseWords + REDUCE_WORDS.length);
  }

  /** Bytes of scratch that these sizes want. */
  workspace(args: Int32Array): number {
    const { kept, chunks } = this.divide(args);
    if (chunks === 1) return 0;
    const words = workspaceWords(this.options.plan);
    return 4 * kept * (words.kept + words.chunk * chunks);
  }

  encode(recorder: Recorder, buffers: readonly GpuBuffer[], args: Int32Array): void {
    const division = this.divide(args);
    const { kept, team, chunks } = division;
    if (kept === 0) return;
    this.words.set(args);
    if (chunks === 1) {
      this.dispatch(recorder, buffers, this.whole, division, kept, team);
      return;
    }
    for (const each of this.stages() ?? []) {
      const isPartial = each.stage.kind === 'partial';
      const joins = this.options.team.isShared && each.stage.kind === 'combine';
      const size = isPartial ? team : joins ? this.combineTeam(chunks) : 1;
      const total = isPartial ? kept * chunks : kept;
      this.dispatch(recorder, buffers, each, division, total, size);
    }
  }

  private combineTeam(chunks: number): number {
    return Math.min(this.options.team.workgroup, powerBelow(chunks / PER_MEMBER));
  }

  private dispatch(
    recorder: Recorder,
    buffers: readonly GpuBuffer[],
    stage: StagePipeline,
    division: Division,
    total: number,
    team: number,
  ): void {
    const { words, options, bound } = this;
    const { kept, chunks } = division;
    stage.pipeline ??= this.gpu.pipeline(stage.shader.source);
    words.set([total, kept, team, chunks, ...division.words], options.baseWords);
    bound.length = 0;
    for (const b of stage.shader.buffers) {
      const buffer = buffers[b < 0 ? buffers.length - 1 : b];
      if (buffer !== undefined) bound.push(buffer);
    }
    const groups = Math.ceil((total * team) / options.team.workgroup);
    recorder.dispatch(stage.pipeline, bound, words, groups);
  }

  private stages(): readonly StagePipeline[] | null {
    if (this.staged === undefined) {
      const { plan } = this.options;
      const most = this.gpu.profile.limits.maxStorageBuffers;
      const all = stagesOf(plan).map(
        (stage): StagePipeline => ({
          stage,
          shader: reduceShader(this.options, stage),
          pipeline: null,
        }),
      );
      const hasReduction = plan.loops.some((loop) => loop.reduces.length > 0);
      const fits = all.every(({ shader }) => shader.buffers.length <= most);
      this.staged = hasReduction && fits ? all : null;
    }
    return this.staged;
  }

  private divide(args: Int32Array): Division {
    const { keptRank, reducedRank } = this.options.plan.spec;
    let kept = 1;
    for (let axis = 0; axis < keptRank; axis++) kept *= args[axis] ?? 1;
    const inner = args[keptRank + reducedRank - 1] ?? 1;
    let outer = 1;
    for (let axis = keptRank; axis < keptRank + reducedRank - 1; axis++) outer *= args[axis] ?? 1;
    const division = this.options.team.isShared
      ? this.divideTeams(kept, outer * inner)
      : this.divideRegisters(kept, outer, inner);
    if (division.chunks === 1 || this.stages() !== null) return division;
    const turns = this.options.team.isShared ? outer * inner : outer;
    return { ...division, chunks: 1, words: [0, turns, 1, inner] };
  }

  private divideTeams(kept: number, reduced: number): Division {
    const { workgroup } = this.options.team;
    const most = this.options.isColumns
      ? kept >= MANY_COLUMNS
        ? 1
        : Math.max(1, workgroup / Math.min(NEIGHBOURS, powerAbove(kept)))
      : workgroup;
    const team = Math.min(most, powerBelow(reduced / PER_MEMBER));
    const groups = Math.ceil((kept * team) / workgroup);
    const { wanted, elements, least } = this.split;
    let chunks = 1;
    if (2 * groups <= wanted && kept * reduced >= elements) {
      chunks = Math.min(Math.ceil(wanted / groups), Math.floor(reduced / (team * least)));
    }
    const share = Math.ceil(reduced / Math.max(1, chunks));
    chunks = reduced === 0 ? 1 : Math.ceil(reduced / share);
    return { kept, reduced, team, chunks, words: [share, reduced, 1, 0] };
  }

  private divideRegisters(kept: number, outer: number, inner: number): Division {
    const reduced = outer * inner;
    const { wanted, elements, least } = this.split;
    let chunks = 1;
    if (2 * kept <= wanted && kept * reduced >= elements) {
      chunks = Math.min(Math.ceil(wanted / kept), Math.floor(reduced / least));
    }
    if (chunks <= 1)
      return { kept, reduced, team: 1, chunks: 1, words: [reduced, outer, 1, inner] };
    if (this.options.plan.spec.reducedRank === 1) {
      const share = Math.ceil(inner / chunks);
      chunks = Math.ceil(inner / share);
      return { kept, reduced, team: 1, chunks, words: [share, inner, 1, inner] };
    }
    // Pieces of the last axis, so many that chunks can be made of whole ones.
    const span = Math.ceil(inner / Math.ceil(chunks / outer));
    const pieces = Math.ceil(inner / span);
    const share = Math.ceil((outer * pieces) / chunks);
    chunks = Math.ceil((outer * pieces) / share);
    return { kept, reduced, team: 1, chunks, words: [share, outer * pieces, pieces, span] };
  }
}
