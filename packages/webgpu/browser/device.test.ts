// What a browser does differently from Dawn in Node: its GPU is in another process, so losses and
// errors are told later. The texts of both are the same.
import { DeviceLostError, KernelError, tensor } from '@tenon/core';
import { webgpu } from '@tenon/webgpu';
import { expect, test } from 'vitest';
import { openDevice } from '../src/device.ts';
import { Machine } from '../src/machine.ts';
import { ADD, addWords, BROKEN } from '../src/test-sources.ts';

test('a lost device rejects what is pending and what comes later; recover goes on', async () => {
  const backend = await webgpu();
  const x = tensor([1, 2], { backend });
  const y = x.add(1);
  const pending = y.data();
  backend.device.destroy();
  await expect(pending).rejects.toThrow(DeviceLostError);
  await backend.lost;
  await expect(y.data()).rejects.toThrow(DeviceLostError);
  expect(() => y.add(1)).toThrow(DeviceLostError);
  await backend.recover();
  expect(await tensor([1, 2], { backend }).add(1).data()).toEqual(Float32Array.of(2, 3));
  backend.dispose();
});

test('refused shaders and launches name their op', async () => {
  const gpu = new Machine(await openDevice({}), 2 ** 28);
  const { queue, pool } = gpu;
  const x = pool.allocate(4);
  const y = pool.allocate(4);
  const read = (): Promise<unknown> => queue.read(queue.blockOf(y), 0, 4);
  queue.write(queue.blockOf(x), 0, new Uint8Array(Float32Array.of(4).buffer));
  queue.dispatch(gpu.pipeline(BROKEN), [x, x, y], addWords(1), 1);
  await expect(read()).rejects.toMatchObject({ op: 'broken', source: BROKEN.code });
  queue.dispatch(gpu.pipeline(ADD), [x, x, x], addWords(1), 1);
  const refused = queue.read(queue.blockOf(pool.allocate(4)), 0, 4);
  await expect(refused).rejects.toThrow(KernelError);
  await expect(refused).rejects.toMatchObject({ op: 'add', source: ADD.code });
  gpu.session.device.destroy();
});
