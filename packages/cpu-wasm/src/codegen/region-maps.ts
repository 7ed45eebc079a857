/**
 * Launching maps. What is contiguous runs as it comes; where an operand is strided along the last
 * axis but contiguous along another, axes change places in the words and tiles turn operands round.
 */
import type { RegionPlan, RegionSpec, StrideClass } from '@tenon/core';
import type { Run } from '../kernel.ts';
import type { Machine } from '../machine.ts';
import { elementCost, laneModeOf } from './region-cost.ts';
import { Launcher, sizeOf } from './region-launch.ts';
import { Compiled, planFor, targetOf } from './region-module.ts';
import { TILE_ROWS } from './region-tiles.ts';

/** Elements of a chunk of a map's row: a multiple of every group of vectors. */
function chunkOf(elementNs: number): number {
  return Math.min(65_536, Math.max(256, 2 ** Math.round(Math.log2(5_000 / elementNs))));
}

/** A map whose axes stand in the order of its words. */
class MapVariant {
  readonly compiled: Compiled;
  private readonly launcher: Launcher;
  private readonly isTiled: boolean;
  private readonly elementNs: number;
  private readonly chunk: number;

  constructor(launcher: Launcher, plan: RegionPlan, turned: readonly number[]) {
    const { machine } = launcher;
    this.launcher = launcher;
    this.isTiled = turned.length > 0;
    const shape = this.isTiled
      ? ({ kind: 'tiles', turned: new Set(turned) } as const)
      : ({ kind: 'map' } as const);
    this.compiled = new Compiled(machine, plan, shape);
    this.elementNs = elementCost(plan, laneModeOf(plan.spec, targetOf(machine).mode));
    this.chunk = chunkOf(this.elementNs);
  }

  /** The words are in place; `sizes`: those of the axes, in their order. */
  run(sizes: Int32Array, from: number, rank: number): void {
    const { launcher } = this;
    const inner = sizes[from + rank - 1]!;
    if (this.isTiled) {
      const blocks = Math.ceil(sizes[from + rank - 2]! / TILE_ROWS);
      launcher.extra(0, blocks);
      const units = sizeOf(sizes, from, from + rank - 2) * blocks;
      launcher.run(this.compiled.main, units, TILE_ROWS * inner * this.elementNs + 20);
      return;
    }
    const chunk = inner <= 2 * this.chunk ? inner : this.chunk;
    const chunks = chunk === inner ? 1 : Math.ceil(inner / chunk);
    launcher.extra(0, chunk);
    launcher.extra(1, chunks);
    const units = sizeOf(sizes, from, from + rank - 1) * chunks;
    launcher.run(this.compiled.main, units, chunk * this.elementNs + 5);
  }
}

const strideClassOf = (stride: number): StrideClass => (stride === 0 ? 0 : stride === 1 ? 1 : 2);

/** Axes shorter than this are not worth turning for. */
const SHORTEST = 4;

/** Finds, launch by launch, in which order the axes of a strided map go best. */
class Turner {
  private readonly spec: RegionSpec;
  private readonly plan: RegionPlan;
  private readonly launcher: Launcher;
  private readonly variants = new Map<string, MapVariant>();
  private readonly plain: MapVariant;

  constructor(spec: RegionSpec, plan: RegionPlan, launcher: Launcher) {
    this.spec = spec;
    this.plan = plan;
    this.launcher = launcher;
    this.plain = new MapVariant(launcher, plan, []);
  }

  run(args: Int32Array): void {
    const { rank } = this.plan;
    const last = rank - 1;
    const other = this.otherAxis(args, last);
    if (other < 0) this.plain.run(args, 0, rank);
    else if (this.isWritten(args, last)) this.launch(args, last, other);
    else if (this.isWritten(args, other)) this.launch(args, other, last);
    else this.plain.run(args, 0, rank);
  }

  private stride(args: Int32Array, t: number, axis: number): number {
    return args[this.plan.operands[t]!.word + 1 + axis]!;
  }

  /** The axis along which most of what is strided along `last` is contiguous, or -1. */
  private otherAxis(args: Int32Array, last: number): number {
    if (args[last]! < SHORTEST) return -1;
    let best = -1;
    let most = 0;
    for (let axis = 0; axis < last; axis++) {
      if (args[axis]! < SHORTEST) continue;
      let count = 0;
      this.plan.operands.forEach(({ isIota, keptClass }, t) => {
        if (!isIota && keptClass === 2 && this.stride(args, t, axis) === 1) count++;
      });
      if (count > most) [best, most] = [axis, count];
    }
    return best;
  }

  /** Whether all outputs are contiguous along an axis. */
  private isWritten(args: Int32Array, axis: number): boolean {
    const { inputs, outputs } = this.spec;
    return outputs.every((_, o) => this.stride(args, inputs.length + o, axis) === 1);
  }

  /** Runs with `inner` as the last axis, turning inputs that are contiguous along `rows` only. */
  private launch(args: Int32Array, inner: number, rows: number): void {
    const { launcher, plan } = this;
    const { rank } = plan;
    const canTile = launcher.machine.hasSimd && laneModeOf(this.spec, 'simd') === 'simd';
    const turned = plan.operands.flatMap(({ isIota }, t) => {
      const isTurned =
        !isIota &&
        strideClassOf(this.stride(args, t, inner)) === 2 &&
        this.stride(args, t, rows) === 1;
      return canTile && isTurned ? [t] : [];
    });
    const classes = plan.operands.map((_, t) => strideClassOf(this.stride(args, t, inner)));
    const key = `${classes.join('')} ${turned.join()}`;
    let variant = this.variants.get(key);
    if (variant === undefined) {
      variant = new MapVariant(launcher, planFor(withClasses(this.spec, classes), false), turned);
      this.variants.set(key, variant);
    }
    // The first swap may have moved the second axis.
    const last = rank - 1;
    launcher.swapAxes(plan, inner, last);
    launcher.swapAxes(plan, rows === last ? inner : rows, rank - 2);
    variant.run(launcher.machine.i32, launcher.base, rank);
  }
}

/** The spec with other classes along the last axis; inputs first. */
function withClasses(spec: RegionSpec, classes: readonly StrideClass[]): RegionSpec {
  const { inputs, outputs } = spec;
  return {
    ...spec,
    inputs: inputs.map((input, k) => ({ ...input, keptClass: classes[k]! })),
    outputs: outputs.map((output, o) => ({ ...output, keptClass: classes[inputs.length + o]! })),
  };
}

export function prepareMap(spec: RegionSpec, machine: Machine): Run {
  const plan = planFor(spec, false);
  const launcher = new Launcher(machine, plan);
  const { rank } = plan;
  const isStrided = rank > 1 && plan.operands.some((o) => !o.isIota && o.keptClass === 2);
  if (isStrided) {
    const turner = new Turner(spec, plan, launcher);
    return (buffers, args) => {
      launcher.fill(buffers, args);
      turner.run(args);
    };
  }
  const variant = new MapVariant(launcher, plan, []);
  return (buffers, args) => {
    launcher.fill(buffers, args);
    variant.run(args, 0, rank);
  };
}
