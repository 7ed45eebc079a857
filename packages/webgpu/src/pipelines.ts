/**
 * Compiles pipelines, once per text, without ever blocking; and the layouts that they share, one
 * per access string. Outlives the device: after a loss everything is compiled again when used.
 */
import { KernelError } from '@tenon/core';
import type { Tally } from './counters.ts';
import type { ShaderSource } from './kernel.ts';

/** Bind group and pipeline layout of all shaders with one access string. */
export interface Layout {
  readonly group: GPUBindGroupLayout;
  readonly pipeline: GPUPipelineLayout;
}

/** GPUShaderStage.COMPUTE: Node has no such global. */
const COMPUTE = 4;

/** A compiled, or compiling, text. */
export class Pipeline {
  readonly source: ShaderSource;
  /** Unique: errors of the device name it. */
  readonly label: string;
  /** Null until compiled. */
  handle: GPUComputePipeline | null = null;
  /** Resolves, never rejects, when it is known whether the device takes the text. */
  compiling: Promise<void> | null = null;
  failure: KernelError | null = null;
  /** Position of the access string among the layouts: part of the key of bind groups. */
  readonly layout: number;

  constructor(source: ShaderSource, id: number, layout: number) {
    this.source = source;
    this.label = `tenon:${id}:${source.label}`;
    this.layout = layout;
  }
}

export class Pipelines {
  private readonly byCode = new Map<string, Pipeline>();
  private readonly layoutIds = new Map<string, number>();
  private readonly all: Pipeline[] = [];
  private layouts: (Layout | undefined)[] = [];
  private device: GPUDevice | null = null;
  private readonly tally: Tally;
  /** Everything that was asked for, while someone listens. */
  private collected: Set<Pipeline> | null = null;

  constructor(tally: Tally) {
    this.tally = tally;
  }

  /** From now on pipelines are for this device; null: none. */
  attach(device: GPUDevice | null): void {
    this.device = device;
    this.layouts = [];
    for (const pipeline of this.all) {
      pipeline.handle = null;
      pipeline.compiling = null;
      pipeline.failure = null;
    }
  }

  pipeline(source: ShaderSource): Pipeline {
    // The same text with other words or access would be another pipeline.
    const key = `${source.access} ${source.words}\n${source.code}`;
    let pipeline = this.byCode.get(key);
    if (pipeline === undefined) {
      pipeline = new Pipeline(source, this.all.length, this.layoutId(source.access));
      this.byCode.set(key, pipeline);
      this.all.push(pipeline);
    }
    this.collected?.add(pipeline);
    this.start(pipeline);
    return pipeline;
  }

  /** What `make` returns, and the pipelines that it asked for. */
  collect<T>(make: () => T): { readonly value: T; readonly pipelines: readonly Pipeline[] } {
    const outer = this.collected;
    const mine = new Set<Pipeline>();
    this.collected = mine;
    try {
      return { value: make(), pipelines: [...mine] };
    } finally {
      this.collected = outer;
    }
  }

  /** Compiles it unless that has begun: after a loss nothing has. */
  start(pipeline: Pipeline): void {
    if (pipeline.compiling !== null || pipeline.handle !== null || pipeline.failure !== null)
      return;
    const { device } = this;
    if (device === null) return;
    this.tally.pipelines++;
    pipeline.compiling = this.compile(device, pipeline);
  }

  /** Resolves when nothing compiles any more. */
  async idle(): Promise<void> {
    await Promise.all(this.all.flatMap(({ compiling }) => compiling ?? []));
  }

  /** The pipeline that a message of the device names. */
  byLabel(message: string): Pipeline | null {
    const match = /tenon:(\d+):/.exec(message);
    return match === null ? null : (this.all[Number(match[1])] ?? null);
  }

  layoutOf(id: number): Layout {
    const layout = this.layouts[id];
    if (layout === undefined) throw new Error('webgpu: a layout is used before its pipeline');
    return layout;
  }

  private layoutId(access: string): number {
    let id = this.layoutIds.get(access);
    if (id === undefined) {
      id = this.layoutIds.size;
      this.layoutIds.set(access, id);
    }
    return id;
  }

  private makeLayout(device: GPUDevice, { layout: id, source }: Pipeline): Layout {
    const known = this.layouts[id];
    if (known !== undefined) return known;
    const entries: GPUBindGroupLayoutEntry[] = [
      { binding: 0, visibility: COMPUTE, buffer: { type: 'uniform', hasDynamicOffset: true } },
    ];
    for (const [index, access] of [...source.access].entries()) {
      const type = access === 'r' ? 'read-only-storage' : 'storage';
      entries.push({ binding: index + 1, visibility: COMPUTE, buffer: { type } });
    }
    const label = `tenon ${source.access}`;
    const group = device.createBindGroupLayout({ label, entries });
    const pipeline = device.createPipelineLayout({ label, bindGroupLayouts: [group] });
    const layout = { group, pipeline };
    this.layouts[id] = layout;
    return layout;
  }

  private async compile(device: GPUDevice, pipeline: Pipeline): Promise<void> {
    const { source, label } = pipeline;
    device.pushErrorScope('validation');
    const layout = this.makeLayout(device, pipeline).pipeline;
    const module = device.createShaderModule({ label, code: source.code });
    const made = device.createComputePipelineAsync({
      label,
      layout,
      compute: { module, entryPoint: 'main' },
    });
    const scope = device.popErrorScope();
    let handle: GPUComputePipeline | null = null;
    let reason = '';
    try {
      handle = await made;
      // What was refused although a pipeline came of it.
      reason = (await scope)?.message ?? '';
    } catch (error) {
      const first = await scope.catch(() => null);
      reason = first?.message ?? String(error instanceof Error ? error.message : error);
    }
    // Another device has come in the meantime: this one's answer is of no use.
    if (device !== this.device) return;
    if (reason === '') pipeline.handle = handle;
    else pipeline.failure = refusal(source, reason);
    pipeline.compiling = null;
  }
}

function refusal(source: ShaderSource, reason: string): KernelError {
  return new KernelError(
    `${source.label}: expected the device to take its shader, got: ${reason}\n${source.code}`,
    source.label,
    source.code,
  );
}

/** An error of the device as one that names the op and its text, where it can be told. */
export function explain(message: string, pipeline: Pipeline | null): KernelError {
  if (pipeline === null) {
    return new KernelError(`webgpu: expected valid commands, got: ${message}`, 'webgpu', null);
  }
  const { label, code } = pipeline.source;
  return new KernelError(
    `${label}: expected the device to take its launch, got: ${message}\n${code}`,
    label,
    code,
  );
}
