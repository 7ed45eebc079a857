/** For tests: a device with helpers to put arrays into its memory and read them back. */
import type { GpuBuffer } from './buffers.ts';
import { openDevice, type Variant } from './device.ts';
import type { GpuKernel, ShaderSource } from './kernel.ts';
import { Machine } from './machine.ts';
import type { WebGpuOptions } from './options.ts';

// By `import()`, as node.ts does: the package is an optional peer.
const { create } = await import('webgpu');

interface Arrays {
  f32: Float32Array<ArrayBuffer>;
  i32: Int32Array<ArrayBuffer>;
  u32: Uint32Array<ArrayBuffer>;
  u8: Uint8Array<ArrayBuffer>;
}
const MAKE: { readonly [E in keyof Arrays]: (bytes: ArrayBuffer) => Arrays[E] } = {
  f32: (bytes) => new Float32Array(bytes),
  i32: (bytes) => new Int32Array(bytes),
  u32: (bytes) => new Uint32Array(bytes),
  u8: (bytes) => new Uint8Array(bytes),
};

/** Dawn's objects are referenced for ever: the process aborts when one is collected. */
const kept: GPU[] = [];

/** Dawn's entry point; `null` makes a device that computes nothing and claims every feature. */
export function dawn(backend?: 'null'): GPU {
  const gpu = create(backend === undefined ? [] : [`backend=${backend}`]);
  kept.push(gpu);
  return gpu;
}

export class TestGpu extends Machine {
  alloc(byteLength: number): GpuBuffer {
    return this.pool.allocate(byteLength);
  }

  free(buffer: GpuBuffer): void {
    this.pool.release(buffer);
  }

  /** A new buffer that holds a copy of `values`. */
  put(values: ArrayBufferView): GpuBuffer {
    const buffer = this.alloc(values.byteLength);
    const bytes = new Uint8Array(Math.ceil(values.byteLength / 4) * 4);
    bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    this.queue.write(this.queue.blockOf(buffer), 0, bytes);
    return buffer;
  }

  /** A copy of a buffer's elements: `await gpu.get(buffer, 'f32')`. */
  async get<E extends keyof Arrays>(buffer: GpuBuffer, element: E): Promise<Arrays[E]> {
    const bytes = await this.queue.read(this.queue.blockOf(buffer), 0, buffer.byteLength);
    return MAKE[element](bytes.buffer);
  }

  /** buffers: inputs, outputs, and the workspace if the kernel wants one. */
  launch(
    kernel: GpuKernel,
    buffers: readonly GpuBuffer[],
    args: Int32Array | readonly number[],
  ): void {
    kernel.encode(this.queue, buffers, args instanceof Int32Array ? args : Int32Array.from(args));
  }

  dispose(): void {
    this.session.device.destroy();
  }
}

/** A device of its own; `variant` as in the options. */
export async function testGpu(variant?: Variant, options: WebGpuOptions = {}): Promise<TestGpu> {
  const gpu = dawn();
  const chosen = variant === undefined ? {} : { variant };
  const opened = await openDevice({ gpu, ...chosen, ...options });
  return new TestGpu(opened, options.memoryBytes ?? 2 ** 31);
}

/**
 * Why a device with every feature (f16, subgroups) would refuse the text, or null. Nothing runs:
 * for WGSL that the device here cannot take.
 */
export async function compileOnly(source: ShaderSource): Promise<string | null> {
  const gpu = await testNull();
  const pipeline = gpu.pipeline(source);
  await pipeline.compiling;
  return pipeline.failure?.message ?? null;
}

let nullGpu: Promise<TestGpu> | null = null;

/** A device that computes nothing, with f16 and subgroups: its kernels can be made and compiled. */
export function testNull(): Promise<TestGpu> {
  nullGpu ??= openDevice({ gpu: dawn('null'), variant: 'subgroup' }).then(
    (opened) => new TestGpu(opened, 2 ** 31),
  );
  return nullGpu;
}
