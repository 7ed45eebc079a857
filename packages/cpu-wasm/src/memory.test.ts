// The allocator against a model: no overlap, everything merges back, growth, refusal.
import { BackendError, OutOfMemoryError } from '@tenon/core';
import { describe, expect, test } from 'vitest';
import type { WasmBuffer } from './kernel.ts';
import { MAXIMUM_BYTES, WasmMemory } from './memory.ts';

const MIB = 2 ** 20;

function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
}

/** Neighbours touch, no two free blocks are neighbours, and the live ones are just `live`. */
function verify(memory: WasmMemory, live: ReadonlySet<WasmBuffer>): void {
  const blocks = memory.blocks();
  blocks.forEach((block, i) => {
    const next = blocks[i + 1];
    if (next === undefined) return;
    expect(block.address + block.byteLength).toBe(next.address);
    expect(block.isFree && next.isFree).toBe(false);
  });
  const taken = blocks.filter((block) => !block.isFree);
  const wanted = [...live].sort((a, b) => a.address - b.address);
  expect(taken.map((block) => block.address)).toEqual(wanted.map((buffer) => buffer.address));
  taken.forEach((block, i) => {
    const { byteLength } = wanted[i] ?? { byteLength: Number.NaN };
    expect(block.byteLength).toBe(Math.max(64, Math.ceil(byteLength / 64) * 64));
  });
}

describe.each([false, true])('shared: %s', (isShared) => {
  test('random allocations and frees never overlap and merge back into one block', () => {
    const memory = new WasmMemory({ isShared, heapStart: 2 * MIB, limitBytes: 512 * MIB });
    const random = seeded(11);
    const live = new Set<WasmBuffer>();
    for (let step = 0; step < 20_000; step++) {
      if (random() < 0.52 && live.size < 400) {
        // Sizes from 1 byte to 1 MiB, small ones more often.
        live.add(memory.allocate(Math.floor(2 ** (random() * 20))));
      } else {
        const victim = [...live][Math.floor(random() * live.size)];
        if (victim !== undefined) {
          live.delete(victim);
          memory.free(victim);
        }
      }
      if (step % 500 === 0) verify(memory, live);
    }
    verify(memory, live);
    const liveBytes = [...live].reduce((sum, b) => sum + Math.ceil(b.byteLength / 64) * 64, 0);
    expect(memory.report()).toMatchObject({ liveBytes, buffers: live.size });
    for (const buffer of live) memory.free(buffer);
    expect(memory.blocks()).toEqual([
      { address: 2 * MIB, byteLength: memory.report().heapBytes - 64, isFree: true },
    ]);
    expect(memory.report()).toMatchObject({ liveBytes: 0, buffers: 0 });
  });

  test('contents survive growth, and the views cover all of it', () => {
    const memory = new WasmMemory({ isShared, heapStart: MIB });
    const before = memory.u8;
    const first = memory.allocate(1000);
    memory.u8.fill(7, first.address, first.address + 1000);
    const second = memory.allocate(40 * MIB);
    expect(memory.u8).not.toBe(before);
    expect(memory.u8.length).toBe(memory.memory.buffer.byteLength);
    expect(memory.f64.length * 8).toBe(memory.u8.length);
    memory.u8.fill(9, second.address, second.address + second.byteLength);
    expect(memory.u8.subarray(first.address, first.address + 1000)).toEqual(
      new Uint8Array(1000).fill(7),
    );
  });
});

test('addresses are multiples of 64, and a freed block of the same size comes first', () => {
  const memory = new WasmMemory({ isShared: false, heapStart: MIB });
  const buffers = [0, 1, 64, 65, 4096].map((size) => memory.allocate(size));
  for (const { address } of buffers) expect(address % 64).toBe(0);
  expect(new Set(buffers.map((buffer) => buffer.address)).size).toBe(5);
  const again = buffers[2] as WasmBuffer;
  memory.free(again);
  expect(memory.allocate(64).address).toBe(again.address);
});

test('64 bytes behind the last block stay free for vector loads', () => {
  const memory = new WasmMemory({ isShared: false, heapStart: MIB, limitBytes: 16 * MIB });
  const largest = memory.allocate(15 * MIB - 64);
  expect(largest.address + largest.byteLength).toBe(16 * MIB - 64);
  expect(() => memory.allocate(1)).toThrow(OutOfMemoryError);
});

test('it grows by doubling, not by what is asked for', () => {
  const memory = new WasmMemory({ isShared: false, heapStart: MIB });
  let growths = 0;
  let bytes = memory.u8.length;
  for (let i = 0; i < 4000; i++) {
    memory.allocate(100_000);
    if (memory.u8.length !== bytes) growths++;
    bytes = memory.u8.length;
  }
  expect(growths).toBeLessThan(7);
});

test('addresses above 2 GiB are unsigned and can be written', () => {
  const memory = new WasmMemory({ isShared: false, heapStart: MIB });
  const low = memory.allocate(2 ** 31 - 64);
  const high = memory.allocate(1.9 * 2 ** 30);
  expect(high.address).toBeGreaterThan(2 ** 31);
  memory.f32[high.address / 4 + 1] = 5;
  memory.u8[high.address + high.byteLength - 1] = 6;
  expect(memory.u8.subarray(high.address, high.address + 8)).toEqual(
    Uint8Array.of(0, 0, 0, 0, 0, 0, 160, 64),
  );
  memory.free(high);
  memory.free(low);
  expect(memory.blocks()).toHaveLength(1);
});

test('a second free is an error, also when the memory was handed out again', () => {
  const memory = new WasmMemory({ isShared: false, heapStart: MIB });
  const buffer = memory.allocate(100);
  memory.free(buffer);
  expect(memory.allocate(100).address).toBe(buffer.address);
  expect(() => memory.free(buffer)).toThrow(
    new BackendError(
      'free: expected a live buffer of this backend, got one of 100 bytes that is already free',
    ),
  );
});

test('out of memory names what was wanted, what is live and the limit; memory stays usable', () => {
  const memory = new WasmMemory({ isShared: false, heapStart: MIB, limitBytes: 32 * MIB });
  const held = memory.allocate(20 * MIB);
  expect(() => memory.allocate(12 * MIB)).toThrow(
    new OutOfMemoryError(
      'cpu-wasm: expected room for 12582912 bytes, got at most 11534272 in one piece: ' +
        '20971520 bytes are live in 1 buffer, the memory has 22085632 bytes and its limit ' +
        'is 33554432 (memoryBytes sets it)',
    ),
  );
  memory.free(held);
  expect(memory.allocate(30 * MIB).byteLength).toBe(30 * MIB);
});

test('the limit is a whole number of pages and never above 4 GiB less one', () => {
  const limit = (limitBytes: number): number =>
    new WasmMemory({ isShared: false, heapStart: MIB, limitBytes }).limitBytes;
  expect(limit(100_000_000)).toBe(Math.floor(100_000_000 / 65536) * 65536);
  expect(limit(2 ** 40)).toBe(MAXIMUM_BYTES);
});

test('after release allocating is an error and freeing is nothing', () => {
  const memory = new WasmMemory({ isShared: false, heapStart: MIB });
  const buffer = memory.allocate(10);
  memory.release();
  memory.free(buffer);
  expect(() => memory.allocate(1)).toThrow(BackendError);
  expect(memory.u8).toHaveLength(0);
});
