/**
 * Regions without reduced axes. The last axis is cut into pieces, an invocation takes one: on a CPU
 * adapter neighbouring elements, on a GPU every pieces-th element, so that neighbouring invocations
 * touch neighbouring words. Division of the index happens once per piece.
 */
import type { RegionPlan } from '@tenon/core';
import type { GpuBuffer } from '../buffers.ts';
import type { Gpu, Pipeline, Recorder, ShaderSource } from '../kernel.ts';
import { regionShader } from './region-shader.ts';
import {
  laneNames,
  movingSteps,
  type Strip,
  weightOf,
  writeLanes,
  writeOnce,
  writePositions,
  writeStrip,
} from './region-strip.ts';
import { RegionWriter } from './region-writer.ts';

/** Invocations per workgroup: a CPU adapter wants enough groups for its threads. */
const REGISTER_GROUP = 64;
const GROUP = 256;

/** Words after those of the region: how many pieces there are in all, per row, and their length. */
const EXTRA = ['total', 'pieces', 'span'] as const;

interface MapShader {
  readonly source: ShaderSource;
  readonly buffers: readonly number[];
  readonly lanes: number;
  readonly workgroup: number;
}

function lanesOf(weight: number, isRegister: boolean): number {
  if (isRegister) return weight <= 24 ? 8 : weight <= 60 ? 4 : 1;
  return weight <= 24 ? 4 : 1;
}

/** Operands that `steps` load, then all outputs. */
function operandsOf(writer: RegionWriter, steps: readonly number[]): number[] {
  const loaded = steps.flatMap((i) => {
    const step = writer.step(i);
    return step.op === 'load' ? [step.index] : [];
  });
  const { inputs, outputs } = writer.plan.spec;
  return [...new Set(loaded), ...outputs.map((_, o) => inputs.length + o)];
}

/** Which piece of which row this invocation has: names of both, and where operands stand there. */
function writeIdentity(
  writer: RegionWriter,
  baseWords: number,
  workgroup: number,
  operands: readonly number[],
): { bases: ReadonlyMap<number, string>; piece: string } {
  const axis = writer.plan.rank - 1;
  const total = writer.named('total', baseWords);
  const offsets = new Map(operands.map((t) => [t, writer.offset(t)]));
  writer.line(`let id = group * ${workgroup}u + local;`);
  writer.line(`if (id >= ${total}) { return; }`);
  if (axis === 0) return { bases: offsets, piece: 'id' };
  const pieces = writer.named('pieces', baseWords + 1);
  writer.line(`let row = id / ${pieces};`);
  writer.line(`let piece = id - row * ${pieces};`);
  const bases = writePositions(writer, 'row', 0, axis, operands, offsets, 'p');
  return { bases, piece: 'piece' };
}

/** The shader of a map, and how it is launched. */
function mapShader(plan: RegionPlan, isRegister: boolean, baseWords: number): MapShader {
  const writer = new RegionWriter(plan);
  const axis = plan.rank - 1;
  const workgroup = isRegister ? REGISTER_GROUP : GROUP;
  const inputs = plan.spec.inputs.length;
  const roots = plan.keptStores.map((o) => writer.stored(o));
  const live = writer.needs(roots, () => false);
  const moving = movingSteps(writer, live, (operand) => operand.keptClass !== 0);
  const varying = live.filter((i) => moving.has(i));
  const lanes = lanesOf(weightOf(writer, varying, 20) + plan.keptStores.length, isRegister);
  const operands = operandsOf(writer, live);
  const { bases, piece } = writeIdentity(writer, baseWords, workgroup, operands);
  const size = writer.size(axis);
  let range: Pick<Strip, 'from' | 'to' | 'step'>;
  if (isRegister) {
    const span = writer.named('span', baseWords + 2);
    writer.line(`let start = ${piece} * ${span};`);
    writer.line(`let end = min(start + ${span}, ${size});`);
    range = { from: 'start', to: 'end', step: null };
  } else range = { from: piece, to: size, step: writer.named('pieces', baseWords + 1) };
  const once = live.filter((i) => !moving.has(i));
  writeOnce(writer, once, bases);
  writeStrip(writer, { axis, ...range, lanes, bases }, operands, (count, locate) => {
    const names = laneNames(moving, count);
    writeLanes(writer, varying, moving, count, locate);
    for (const o of plan.keptStores) {
      for (let lane = 0; lane < count; lane++) {
        writer.store(o, locate(inputs + o, lane), names(lane)(writer.stored(o)));
      }
    }
  });
  const label = plan.spec.steps.length <= 3 ? labelOf(plan) : 'map';
  const words = baseWords + EXTRA.length;
  return { ...regionShader(writer, { label, words, workgroup }), lanes, workgroup };
}

function labelOf(plan: RegionPlan): string {
  return plan.spec.steps.find(({ op }) => op !== 'load' && op !== 'const')?.op ?? 'copy';
}

/** Elements of a row that an invocation takes. */
function spanOf(shader: MapShader, isRegister: boolean, rows: number, size: number): number {
  const total = rows * size;
  // Enough pieces for all threads first; then fewer, fatter ones.
  const wanted = isRegister ? 4096 : 1 << 18;
  const most = isRegister ? 64 : 4;
  const fair = Math.ceil(total / wanted / shader.lanes) * shader.lanes;
  return Math.max(Math.min(size, shader.lanes), Math.min(size, most, fair));
}

/** Encodes launches of a map. */
export class MapLauncher {
  private readonly plan: RegionPlan;
  private readonly isRegister: boolean;
  private readonly shader: MapShader;
  private readonly pipeline: Pipeline;
  private readonly words: Int32Array;
  private readonly bound: GpuBuffer[] = [];

  constructor(plan: RegionPlan, gpu: Gpu, baseWords: number) {
    this.plan = plan;
    this.isRegister = gpu.profile.variant === 'register';
    this.shader = mapShader(plan, this.isRegister, baseWords);
    this.pipeline = gpu.pipeline(this.shader.source);
    this.words = new Int32Array(baseWords + EXTRA.length);
  }

  encode(recorder: Recorder, buffers: readonly GpuBuffer[], args: Int32Array): void {
    const { shader, words } = this;
    const axis = this.plan.rank - 1;
    const size = args[axis] ?? 1;
    let rows = 1;
    for (let a = 0; a < axis; a++) rows *= args[a] ?? 1;
    if (rows * size === 0) return;
    const span = spanOf(shader, this.isRegister, rows, size);
    const pieces = Math.ceil(size / span);
    const total = rows * pieces;
    words.set(args);
    const base = words.length - EXTRA.length;
    words[base] = total;
    words[base + 1] = pieces;
    words[base + 2] = span;
    this.bound.length = 0;
    for (const b of shader.buffers) {
      const buffer = buffers[b];
      if (buffer !== undefined) this.bound.push(buffer);
    }
    recorder.dispatch(this.pipeline, this.bound, words, Math.ceil(total / shader.workgroup));
  }
}
