/** Turns a batch into one command buffer: one compute pass, broken only where something copies. */
import type { Batch, Copy, Read, Run } from './batch.ts';
import type { BindGroups } from './bind-groups.ts';
import type { Tally } from './counters.ts';
import type { Pipeline } from './pipelines.ts';

/** What a batch is encoded with. */
export interface Surroundings {
  readonly device: GPUDevice;
  readonly groups: BindGroups;
  readonly tally: Tally;
  /** Holds the bytes of uploads; null where there are none. */
  readonly uploads: GPUBuffer | null;
  /** Where the reads go, one after another; null where there are none. */
  readonly staging: GPUBuffer | null;
}

const OFFSET = new Uint32Array(1);

class Encoder {
  private readonly encoder: GPUCommandEncoder;
  private readonly around: Surroundings;
  private pass: GPUComputePassEncoder | null = null;
  private bound: Pipeline | null = null;
  private stagingByte = 0;

  constructor(around: Surroundings) {
    this.around = around;
    this.encoder = around.device.createCommandEncoder({ label: 'tenon' });
  }

  dispatch(
    pipeline: Pipeline,
    group: GPUBindGroup,
    offset: number,
    grid: readonly [number, number, number],
  ): void {
    // Refused by the device: reported already, and nobody may see what it did not write.
    if (pipeline.handle === null) return;
    let { pass } = this;
    if (pass === null) {
      pass = this.encoder.beginComputePass({ label: 'tenon' });
      this.pass = pass;
      this.bound = null;
    }
    if (this.bound !== pipeline) {
      pass.setPipeline(pipeline.handle);
      this.bound = pipeline;
    }
    OFFSET[0] = offset;
    pass.setBindGroup(0, group, OFFSET, 0, 1);
    pass.dispatchWorkgroups(grid[0], grid[1], grid[2]);
    this.around.tally.dispatches++;
  }

  copy({ from, fromByte, to, toByte, byteLength }: Copy): void {
    this.copyBytes(from.handle, fromByte, to.handle, toByte, byteLength);
  }

  read({ from, fromByte, byteLength }: Read): void {
    if (this.around.staging === null || byteLength === 0) return;
    const bytes = roundUp(byteLength);
    this.copyBytes(from.handle, fromByte, this.around.staging, this.stagingByte, bytes);
    this.stagingByte += bytes;
  }

  run({ steps }: Run): void {
    for (const step of steps) {
      if (step.kind === 'bound') this.dispatch(step.pipeline, step.group, step.offset, step.grid);
      else this.copy(step);
    }
  }

  copyBytes(from: GPUBuffer, fromByte: number, to: GPUBuffer, toByte: number, bytes: number): void {
    this.endPass();
    this.encoder.copyBufferToBuffer(from, fromByte, to, toByte, bytes);
  }

  finish(): GPUCommandBuffer {
    this.endPass();
    return this.encoder.finish();
  }

  private endPass(): void {
    this.pass?.end();
    this.pass = null;
  }
}

/** Copies are of whole words. */
export function roundUp(byteLength: number): number {
  return Math.ceil(byteLength / 4) * 4;
}

export function encodeBatch(batch: Batch, around: Surroundings): GPUCommandBuffer {
  const encoder = new Encoder(around);
  for (const command of batch.commands) {
    switch (command.kind) {
      case 'dispatch': {
        const { pipeline, blocks, offset, wordBytes, grid } = command;
        // A refused pipeline may have no layout either.
        if (pipeline.handle === null) break;
        const group = around.groups.get(pipeline, blocks, wordBytes);
        encoder.dispatch(pipeline, group, offset, grid);
        break;
      }
      case 'copy':
        encoder.copy(command);
        break;
      case 'upload': {
        const { offset, to, toByte, byteLength } = command;
        if (around.uploads === null) break;
        encoder.copyBytes(around.uploads, offset, to.handle, toByte, byteLength);
        break;
      }
      case 'read':
        encoder.read(command);
        break;
      case 'run':
        encoder.run(command);
        break;
      default:
        command satisfies never;
    }
  }
  return encoder.finish();
}
