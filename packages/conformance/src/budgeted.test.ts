// The watch itself: every mistake that it is there for must be seen. Over a backend of a few lines.
import type { Backend, Buffer, Kernel, KernelSpec } from '@tenon/core';
import { describe, expect, test } from 'vitest';
import { budgeted } from './budgeted.ts';
import { requireFailure } from './describe-backend.ts';

interface HostBuffer extends Buffer {
  readonly bytes: Uint8Array<ArrayBuffer>;
}
/** A kernel here is what it does to its buffers. */
interface HostKernel extends Kernel {
  readonly act: (buffers: readonly HostBuffer[]) => void;
}
function kernelOf(act: HostKernel['act']): HostKernel {
  const spec: KernelSpec = { kind: 'fold', dtype: 'f32' };
  return { spec, ready: null, workspace: () => 0, act };
}
function hostBackend(): Backend {
  const refuse = (): never => {
    throw new Error('not needed here');
  };
  const of = (buffer: Buffer): Uint8Array<ArrayBuffer> => (buffer as HostBuffer).bytes;
  return {
    name: 'host',
    capabilities: {
      dtypes: ['f32'],
      syncRead: true,
      threads: 1,
      notes: [],
      bounds: 'throw',
      memory: 'collected',
      maxBuffers: 8,
      maxArgWords: 64,
      maxSteps: 64,
      maxBufferBytes: 2 ** 30,
      subnormals: true,
      ulp: {},
    },
    report: [],
    prepare: {
      region: refuse,
      matmul: refuse,
      gather: refuse,
      scatterAdd: refuse,
      fold: refuse,
      pad: refuse,
      argReduce: refuse,
      scan: refuse,
      argSort: refuse,
    },
    allocate: (byteLength) => ({ byteLength, bytes: new Uint8Array(byteLength) }) as HostBuffer,
    free: () => {},
    write: (buffer, view, byteOffset = 0) =>
      of(buffer).set(new Uint8Array(view.buffer, view.byteOffset, view.byteLength), byteOffset),
    copy: ({ from, fromByte, to, toByte, byteLength }) =>
      of(to).set(of(from).slice(fromByte, fromByte + byteLength), toByte),
    read: async (buffer, at = 0, length = buffer.byteLength - at) =>
      of(buffer).slice(at, at + length),
    readSync: (buffer, at = 0, length = buffer.byteLength - at) =>
      of(buffer).slice(at, at + length),
    launch: (kernel, buffers) => (kernel as HostKernel).act(buffers as readonly HostBuffer[]),
    link: (steps) => ({
      run: () => {
        for (const step of steps) {
          if ('kernel' in step)
            (step.kernel as HostKernel).act(step.buffers as readonly HostBuffer[]);
        }
      },
      setArgs: () => {},
      dispose: () => {},
    }),
    flush: () => {},
    synchronize: async () => {},
    dispose: () => {},
  };
}

const fill = kernelOf((buffers) => {
  for (const { bytes } of buffers) bytes.subarray(0, 8).fill(1);
});

describe('the watched backend', () => {
  test('passes data through, counts blocks, declares the budget', async () => {
    const arena = await budgeted(hostBackend, 1000);
    expect(arena.capabilities.memory).toBe(1000);
    const [a, b] = [arena.allocate(8), arena.allocate(8)];
    arena.write(a, Float32Array.of(1, 2));
    arena.copy({ from: a, fromByte: 4, to: b, toByte: 0, byteLength: 4 });
    expect(new Float32Array((await arena.read(b, 0, 4)).buffer)[0]).toBe(2);
    expect(arena.arena()).toEqual({
      liveBytes: 16,
      liveBlocks: 2,
      peakBytes: 16,
      allocatedBytes: 16,
      largestBytes: 8,
    });
    arena.free(a);
    await arena.check();
    expect(arena.arena().liveBytes).toBe(8);
  });

  test('new and freed blocks are NaN', async () => {
    const arena = await budgeted(hostBackend, 'collected');
    const a = arena.allocate(8);
    const words = (): number[] => [...new Float32Array(arena.readSync!(a).slice().buffer)];
    expect(words()).toEqual([Number.NaN, Number.NaN]);
    arena.write(a, Float32Array.of(1, 2));
    arena.free(a);
    const again = arena.allocate(8);
    expect(again).toBe(a);
    expect(words()).toEqual([Number.NaN, Number.NaN]);
  });

  test('use after free, double free and foreign buffers are errors', async () => {
    const arena = await budgeted(hostBackend, 'collected');
    const a = arena.allocate(8);
    arena.free(a);
    expect(() => arena.free(a)).toThrow('a block of 8 bytes freed twice');
    expect(() => arena.launch(fill, [a], new Int32Array())).toThrow(
      'a freed block of 8 bytes is launched on',
    );
    expect(() => arena.readSync!(a)).toThrow('a freed block of 8 bytes is read');
    expect(() => arena.write(a, Int32Array.of(1))).toThrow('a freed block of 8 bytes is written');
    const other = await budgeted(hostBackend, 'collected');
    expect(() => other.launch(fill, [{ byteLength: 8 }], new Int32Array())).toThrow(
      'another backend',
    );
  });

  test('writes beyond a block and into a freed one are seen', async () => {
    const arena = await budgeted(hostBackend, 'collected');
    const [a, b] = [arena.allocate(4), arena.allocate(8)];
    arena.launch(fill, [a], new Int32Array());
    await expect(arena.check()).rejects.toThrow('something wrote beyond a block of 4 bytes');
    expect(() => arena.free(a)).toThrow('beyond');
    const late = arena.link([{ kernel: fill, buffers: [b], args: new Int32Array() }]);
    arena.free(b);
    late.run();
    expect(() => arena.allocate(8)).toThrow('something wrote into a freed block of 8 bytes');
    expect(() => arena.write(arena.allocate(4), Int32Array.of(1, 2))).toThrow(
      '8 bytes written into 4',
    );
  });
});

test('a skipped test fails once it passes', async () => {
  const entry = { test: 'suite > name', reason: 'slow adapter', issue: '#1' };
  await requireFailure(() => {
    throw new Error('still broken');
  }, entry);
  await expect(requireFailure(() => {}, entry)).rejects.toThrow(
    "'suite > name' passes now: remove it from the skip list (slow adapter, #1)",
  );
});
