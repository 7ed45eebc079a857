/** The pool: classes, order, budget, and what happens beyond it. */
import { OutOfMemoryError } from '@tenon/core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { WebGpuBackend } from './backend.ts';
import { capacityFor } from './buffers.ts';
import { ADD_SPEC, bufferOf, numbersOf, testBackend } from './test-kernels.ts';
import { addWords } from './test-sources.ts';

const MIB = 2 ** 20;
let backend: WebGpuBackend;
beforeAll(async () => {
  backend = await testBackend({ memoryBytes: 8 * MIB });
});
afterAll(() => backend.dispose());

test('classes are at most an eighth too large, and end on whole vec4', () => {
  expect([0, 1, 256, 257, 1000].map((bytes) => capacityFor(bytes, MIB))).toEqual([
    256, 256, 256, 512, 1024,
  ]);
  for (const bytes of [2049, 4097, 65_537, 1_000_001, 2 ** 30 + 1]) {
    const capacity = capacityFor(bytes, 2 ** 31);
    expect(capacity).toBeGreaterThanOrEqual(bytes);
    expect(capacity).toBeLessThanOrEqual(bytes * 1.125 + 256);
    expect(capacity % 256).toBe(0);
  }
  // Never beyond the limit, not even by rounding.
  expect(capacityFor(MIB - 4, MIB - 4)).toBe(MIB - 4);
  expect(capacityFor(MIB - 100, MIB - 4)).toBe(MIB - 16);
});

test('the free block with the lowest id comes first, whatever order they were freed in', () => {
  const made = [1, 2, 3, 4].map(() => backend.allocate(1000));
  const blocks = made.map(({ block }) => block);
  for (const index of [2, 0, 3, 1]) backend.free(made[index] as (typeof made)[0]);
  const again = [1, 2, 3, 4].map(() => backend.allocate(1001));
  expect(again.map(({ block }) => block)).toEqual(blocks);
  for (const buffer of again) backend.free(buffer);
});

test('the budget is kept before the device is asked', () => {
  const held = [backend.allocate(4 * MIB), backend.allocate(3 * MIB)];
  backend.counters();
  expect(() => backend.allocate(2 * MIB)).toThrow(OutOfMemoryError);
  expect(() => backend.allocate(2 * MIB)).toThrow(
    'webgpu: expected room for 2097152 bytes, got 1048576: 7340032 bytes are live in 2 buffers, ' +
      'the budget is 8388608 (memoryBytes sets it)',
  );
  expect(backend.counters()).toMatchObject({ buffers: 0 });
  for (const buffer of held) backend.free(buffer);
  backend.free(backend.allocate(8 * MIB));
});

test('free blocks go under pressure, also those that pending commands still name', async () => {
  const add = backend.prepare.region(ADD_SPEC);
  await add.ready;
  const result = backend.allocate(4);
  const sums: Promise<number[]>[] = [];
  for (let i = 1; i <= 40; i++) {
    // Ever other sizes: nothing that is free fits.
    const x = backend.allocate(i * 100_000);
    backend.write(x, Float32Array.of(i));
    backend.launch(add, [x, x, result], addWords(1));
    sums.push(numbersOf(backend, result));
    backend.free(x);
  }
  const got = await Promise.all(sums);
  expect(got.flat()).toEqual(Array.from({ length: 40 }, (_, i) => 2 * (i + 1)));
});

test('what the device has no memory for is an error once, its block not used again', async () => {
  const own = await testBackend();
  const { device } = own;
  const popErrorScope = device.popErrorScope.bind(device);
  const createBuffer = device.createBuffer.bind(device);
  device.createBuffer = (descriptor) => {
    device.pushErrorScope('validation');
    const buffer = createBuffer({ ...descriptor, usage: 0xffff });
    void popErrorScope();
    return buffer;
  };
  const none: Partial<GPUError> = { message: 'no memory' };
  device.popErrorScope = () => popErrorScope().then(() => none as GPUError);
  const refused = own.allocate(4 * MIB);
  device.popErrorScope = popErrorScope;
  device.createBuffer = createBuffer;
  await new Promise((resolve) => setTimeout(resolve, 30));
  await expect(own.read(bufferOf(own, 1))).rejects.toThrow(
    /^webgpu: expected the device to have 4194304 bytes more, got: no memory \(/,
  );
  own.free(refused);
  const add = own.prepare.region(ADD_SPEC);
  const [x, y] = [own.allocate(4 * MIB), own.allocate(4 * MIB)];
  own.write(x, Float32Array.of(3));
  own.launch(add, [x, x, y], addWords(1));
  expect(await numbersOf(own, y).then(([first]) => first)).toBe(6);
  own.dispose();
});

test('what never fits one binding is refused with both numbers', async () => {
  const small = await testBackend({ limits: { maxStorageBufferBindingSize: MIB } });
  expect(small.capabilities.maxBufferBytes).toBe(MIB);
  expect(() => small.allocate(MIB + 4)).toThrow(OutOfMemoryError);
  expect(() => small.allocate(MIB + 4)).toThrow(
    /expected at most 1048576 bytes in one buffer .*got 1048580 bytes/,
  );
  const x = bufferOf(small, 1);
  small.free(small.allocate(MIB));
  expect(await numbersOf(small, x)).toEqual([1]);
  small.dispose();
});
