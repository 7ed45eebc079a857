// What is special to webgpu as a backend of core: loss and recovery, memory, two devices at once.
import {
  DeviceError,
  DeviceLostError,
  OutOfMemoryError,
  type Tensor,
  takeSnapshot,
  tensor,
  variable,
  zeros,
} from '@tenon/core';
import { afterEach, expect, test } from 'vitest';
import type { WebGpuBackend } from './backend.ts';
import { webgpu } from './node.ts';
import type { WebGpuOptions } from './options.ts';

const open: WebGpuBackend[] = [];
afterEach(() => {
  for (const backend of open.splice(0)) backend.dispose();
});

async function backendWith(options: WebGpuOptions = {}): Promise<WebGpuBackend> {
  const backend = await webgpu(options);
  open.push(backend);
  return backend;
}

const MIB = 2 ** 20;

test('variables come back from a snapshot on a fresh device, and go on', async () => {
  const backend = await backendWith();
  const w = variable(tensor([1, 2], { backend }));
  w.assign(w.add(1));
  const snapshot = await takeSnapshot([w]);
  w.assign(w.mul(100));
  const held = w.add(1);
  backend.device.destroy();
  await expect(held.data()).rejects.toThrow(DeviceLostError);
  await backend.lost;
  expect(() => held.add(1)).toThrow(DeviceLostError);
  await backend.recover({ state: snapshot });
  expect(await w.data()).toEqual(Float32Array.of(2, 3));
  w.assign(w.sub(w.mean()));
  expect(await w.data()).toEqual(Float32Array.of(-0.5, 0.5));
  await expect(held.data()).rejects.toThrow(DeviceLostError);
});

test('more held tensors than the budget takes; what is there stays readable', async () => {
  const backend = await backendWith({ memoryBytes: 16 * MIB });
  const held: Tensor[] = [];
  const fill = (): void => {
    for (let i = 0; i < 20; i++) held.push(zeros([MIB / 4], { backend }).add(i));
  };
  expect(fill).toThrow(OutOfMemoryError);
  expect(fill).toThrow(/^webgpu: no room for a tensor \[262144\] of f32, 1048576 bytes/);
  expect(held.length).toBeGreaterThan(8);
  expect((await held[7]?.data())?.slice(0, 2)).toEqual(Float32Array.of(7, 7));
});

test('tensors of two devices do not mix, and each device works', async () => {
  const [first, second] = await Promise.all([backendWith(), backendWith()]);
  const a = tensor([1, 2], { backend: first });
  const b = tensor([3, 4], { backend: second });
  expect(() => a.add(b)).toThrow(DeviceError);
  const results = await Promise.all([a.add(1).data(), b.add(1).data()]);
  expect(results).toEqual([Float32Array.of(2, 3), Float32Array.of(4, 5)]);
  first.device.destroy();
  await first.lost;
  expect(await b.add(b).data()).toEqual(Float32Array.of(6, 8));
});
