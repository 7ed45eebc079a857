/** What goes wrong on a device never comes out as numbers: it is an error that says what it was. */
import {
  BackendError,
  DeviceLostError,
  DTypeError,
  KernelError,
  OutOfMemoryError,
} from '@tenon/core';
import { expect, test } from 'vitest';
import { testGpu } from './test-gpu.ts';
import { ADD_SPEC, BROKEN_SPEC, bufferOf, numbersOf, testBackend } from './test-kernels.ts';
import { addWords } from './test-sources.ts';

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 30));

test('a refused shader is an error that names the op and has its text', async () => {
  const backend = await testBackend();
  const broken = backend.prepare.region(BROKEN_SPEC);
  await expect(broken.ready).rejects.toThrow(KernelError);
  const x = bufferOf(backend, 1);
  const y = bufferOf(backend, 2);
  backend.launch(broken, [x, x, y], addWords(1));
  const error = await numbersOf(backend, y).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(KernelError);
  expect(error).toMatchObject({ op: 'broken', source: expect.stringContaining('nowhere[') });
  expect(String(error)).toMatch(
    /^KernelError: broken: expected the device to take its shader, got:/,
  );
  expect(String(error)).toContain("unresolved value 'nowhere'");

  // What it should have written stays bad, and so does what is made of it; the rest works.
  await expect(numbersOf(backend, y)).rejects.toThrow(KernelError);
  const add = backend.prepare.region(ADD_SPEC);
  const z = backend.allocate(4);
  backend.launch(add, [x, y, z], addWords(1));
  await expect(numbersOf(backend, z)).rejects.toThrow(KernelError);
  backend.write(y, Float32Array.of(5));
  const fresh = backend.allocate(4);
  backend.launch(add, [x, y, fresh], addWords(1));
  expect(await numbersOf(backend, fresh)).toEqual([6]);
  await backend.synchronize();
  backend.dispose();
});

test('a refused shader that nobody reads is thrown by synchronize, once', async () => {
  const backend = await testBackend();
  const x = bufferOf(backend, 1);
  const y = backend.allocate(4);
  backend.launch(backend.prepare.region(BROKEN_SPEC), [x, x, y], addWords(1));
  await expect(backend.synchronize()).rejects.toThrow(KernelError);
  await backend.synchronize();
  backend.launch(backend.prepare.region(BROKEN_SPEC), [x, x, y], addWords(1));
  await turn();
  await expect(backend.read(x)).rejects.toThrow('broken: expected');
  expect(await numbersOf(backend, x)).toEqual([1]);
  backend.dispose();
});

test('a launch that the device refuses names its op', async () => {
  const backend = await testBackend();
  const add = backend.prepare.region(ADD_SPEC);
  const x = bufferOf(backend, 1);
  // The same buffer for reading and for writing: WebGPU refuses the whole submit.
  backend.launch(add, [x, x, x], addWords(1));
  const error = await numbersOf(backend, x).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(KernelError);
  expect(error).toMatchObject({ op: 'add', source: expect.stringContaining('fn main') });
  await backend.synchronize();
  backend.dispose();
});

test('what was written behind a refused launch is right', async () => {
  const backend = await testBackend();
  const add = backend.prepare.region(ADD_SPEC);
  await add.ready;
  const x = bufferOf(backend, 1);
  backend.launch(add, [x, x, x], addWords(1));
  backend.flush();
  backend.write(x, Float32Array.of(7));
  // Whether it is known in time or not.
  await numbersOf(backend, x).catch(() => []);
  await turn();
  await numbersOf(backend, x).catch(() => []);
  expect(await numbersOf(backend, x)).toEqual([7]);
  backend.dispose();
});

test('a read behind a refused submit waits for what the device says about that', async () => {
  const backend = await testBackend();
  const add = backend.prepare.region(ADD_SPEC);
  await add.ready;
  const x = bufferOf(backend, 1);
  const y = bufferOf(backend, 5);
  await numbersOf(backend, y);
  for (let i = 0; i < 5; i++) {
    const z = bufferOf(backend, 3);
    backend.launch(add, [z, z, z], addWords(1));
    backend.launch(add, [x, x, y], addWords(1));
    backend.flush();
    await expect(numbersOf(backend, y)).rejects.toThrow(KernelError);
  }
  backend.dispose();
});

test('errors outside any submit reach the next read', async () => {
  const backend = await testBackend();
  const x = bufferOf(backend, 1);
  await numbersOf(backend, x);
  backend.device.createBuffer({ size: 4, usage: 0xffff, label: 'tenon' });
  await turn();
  await expect(numbersOf(backend, x)).rejects.toThrow(/^webgpu: expected valid commands, got: /);
  expect(await numbersOf(backend, x)).toEqual([1]);
  backend.dispose();
});

test('memory that the device turns out not to have reaches every pending read', async () => {
  const gpu = await testGpu();
  const x = gpu.put(Float32Array.of(1));
  const pending = [gpu.get(x, 'f32'), gpu.get(x, 'f32')];
  // As the error scope around the creation of a buffer does.
  gpu.queue.report(new OutOfMemoryError('webgpu: expected the device to have 4 bytes more'));
  for (const result of await Promise.allSettled(pending)) {
    expect(result).toMatchObject({ status: 'rejected', reason: expect.any(OutOfMemoryError) });
  }
  expect(await gpu.get(x, 'f32')).toEqual(Float32Array.of(1));
  gpu.dispose();
});

test('a lost device: every pending and later use is a DeviceLostError', async () => {
  const backend = await testBackend();
  const add = backend.prepare.region(ADD_SPEC);
  await add.ready;
  const x = bufferOf(backend, 1);
  const y = backend.allocate(4);
  const program = backend.link([{ kernel: add, buffers: [x, x, y], args: addWords(1) }]);
  backend.launch(add, [x, x, y], addWords(1));
  backend.device.destroy();
  const pending = [backend.read(y), backend.read(x), backend.synchronize()];
  for (const result of await Promise.allSettled(pending)) {
    expect(result).toMatchObject({ status: 'rejected', reason: expect.any(DeviceLostError) });
  }
  expect(await backend.lost).toBeInstanceOf(DeviceLostError);
  await expect(backend.read(x)).rejects.toThrow(
    'webgpu: the device was lost (destroyed, device was destroyed): nothing on it can be read ' +
      'any more (backend.recover() goes on with a fresh one)',
  );
  const uses: (() => unknown)[] = [
    () => backend.launch(add, [x, x, y], addWords(1)),
    () => backend.write(x, Float32Array.of(1)),
    () => backend.copy({ from: x, fromByte: 0, to: y, toByte: 0, byteLength: 4 }),
    () => backend.allocate(4),
    () => program.run(),
    () => backend.link([]),
    () => backend.flush(),
  ];
  for (const use of uses) expect(use).toThrow(DeviceLostError);
  await expect(backend.synchronize()).rejects.toThrow(DeviceLostError);
  // Giving back what is lost is no error: collectors do it.
  expect([x.isLost, y.isLost]).toEqual([true, true]);
  backend.free(x);
  backend.dispose();
});

test('a loss between launches and a read that has begun', async () => {
  const backend = await testBackend();
  const x = bufferOf(backend, 1);
  const reading = backend.read(x);
  await Promise.resolve();
  backend.device.destroy();
  await expect(reading).rejects.toThrow(DeviceLostError);
});

test('a loss just when the bytes are there', async () => {
  const backend = await testBackend();
  const x = bufferOf(backend, 1);
  const { device } = backend;
  const wait = device.queue.onSubmittedWorkDone.bind(device.queue);
  device.queue.onSubmittedWorkDone = async () => {
    await wait();
    device.destroy();
    return undefined;
  };
  await expect(backend.read(x)).rejects.toThrow(DeviceLostError);
});

test('recover goes on with a fresh device and puts state back', async () => {
  const backend = await testBackend();
  const add = backend.prepare.region(ADD_SPEC);
  const old = bufferOf(backend, 1);
  expect(await numbersOf(backend, old)).toEqual([1]);
  const first = backend.device;
  first.destroy();
  await backend.lost;
  let restored = 0;
  const restore = (): void => {
    restored++;
    expect(backend.device).not.toBe(first);
  };
  // Two who notice at once get one device.
  await Promise.all([backend.recover({ state: { restore } }), backend.recover()]);
  expect(restored).toBe(1);
  for (const use of [
    () => backend.write(old, Float32Array.of(1)),
    () => backend.launch(add, [old, old, old], addWords(1)),
  ]) {
    expect(use).toThrow(DeviceLostError);
  }
  await expect(backend.read(old)).rejects.toThrow(DeviceLostError);
  expect(old.isLost).toBe(true);
  backend.free(old);
  const x = bufferOf(backend, 3);
  expect(x.isLost).toBe(false);
  const y = backend.allocate(4);
  backend.counters();
  backend.launch(add, [x, x, y], addWords(1));
  expect(await numbersOf(backend, y)).toEqual([6]);
  expect(backend.counters()).toMatchObject({ pipelines: 1 });
  // Also twice, and without a loss.
  await backend.recover();
  await expect(backend.read(y)).rejects.toThrow('what was lost with the one before');
  expect(await numbersOf(backend, bufferOf(backend, 4))).toEqual([4]);
  backend.dispose();
});

test('after dispose everything is refused, pending reads too', async () => {
  const backend = await testBackend();
  const x = bufferOf(backend, 1);
  const pending = backend.read(x);
  backend.dispose();
  await expect(pending).rejects.toThrow(BackendError);
  await expect(backend.read(x)).rejects.toThrow('expected a live backend, got a disposed one');
  expect(() => backend.allocate(4)).toThrow(BackendError);
  backend.dispose();
});

test('a backend that was disposed does not come back by recover', async () => {
  const backend = await testBackend();
  backend.device.destroy();
  await backend.lost;
  const recovering = backend.recover();
  backend.dispose();
  const expected = 'expected a live backend, got a disposed one';
  await expect(recovering).rejects.toThrow(expected);
  await expect(backend.recover()).rejects.toThrow(expected);
  expect(() => backend.allocate(4)).toThrow(DeviceLostError);
});

test('dtypes that the device lacks are refused', async () => {
  const backend = await testBackend();
  const expected = 'webgpu: expected dtype f32, i32, u32, bool, got f64 (cast first)';
  expect(() => backend.prepare.scan({ kind: 'scan', reducer: 'sum', dtype: 'f64' })).toThrow(
    new DTypeError(expected),
  );
  const steps = [{ op: 'load', index: 0, dtype: 'f16' }] as const;
  expect(() => backend.prepare.region({ ...ADD_SPEC, steps })).toThrow(DTypeError);
  backend.dispose();
});
