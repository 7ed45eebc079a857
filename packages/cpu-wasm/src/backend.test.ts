// What is special to cpu-wasm as a backend: notes, copies, memory, threads and the process.
import { spawnSync } from 'node:child_process';
import { type Backend, BackendError, memory, OutOfMemoryError, tensor, zeros } from '@tenon/core';
import { afterEach, expect, test } from 'vitest';
import { type WasmBackend, type WasmOptions, wasm } from './index.ts';

const open: WasmBackend[] = [];
afterEach(() => {
  for (const backend of open.splice(0)) backend.dispose();
});

async function backendWith(options: WasmOptions = {}): Promise<WasmBackend> {
  const backend = await wasm(options);
  open.push(backend);
  return backend;
}

const MIB = 2 ** 20;

test('notes say what runs', async () => {
  const one = await backendWith({ variant: 'simd' });
  expect(one.capabilities).toMatchObject({ threads: 1, syncRead: true, bounds: 'throw' });
  expect(one.capabilities.notes).toEqual([
    'variant simd: SIMD; by option',
    'threads: off, by option (variant)',
  ]);
  const two = await backendWith({ variant: 'simd-threads', threads: 2 });
  expect(two.capabilities.threads).toBe(2);
  expect(two.capabilities.notes).toEqual([
    'variant simd-threads: SIMD, shared memory; by option',
    'threads: 2, the calling one included',
  ]);
});

test('a worker that cannot start leaves one thread and the reason', async () => {
  const backend = await backendWith({
    variant: 'simd-threads',
    threads: 2,
    workerUrl: new URL('file:///no/such/worker.js'),
  });
  expect(backend.capabilities.threads).toBe(1);
  expect(backend.capabilities.notes[1]).toMatch(/^threads: off; .*no\/such\/worker/);
  const x = tensor([1, 2, 3], { backend });
  expect(x.add(1).dataSync()).toEqual(Float32Array.of(2, 3, 4));
});

test('a worker may be given by the text of its URL', async () => {
  const workerUrl = new URL('./generated/worker.js', import.meta.url).href;
  const backend = await backendWith({ variant: 'simd-threads', threads: 2, workerUrl });
  expect(backend.capabilities.notes[1]).toBe('threads: 2, the calling one included');
});

test('a folder that is no URL is a BackendError too', async () => {
  await expect(wasm({ variant: 'scalar', wasmUrl: './wasm' })).rejects.toThrow(
    /^cpu-wasm: expected to compile the module scalar in \.\/wasm, got: Invalid URL \(wasmUrl is/,
  );
});

test('core may fill a share of the heap, whatever the threads take', async () => {
  const options = { variant: 'simd-threads', threads: 16, memoryBytes: 32 * MIB } as const;
  const { capabilities } = await backendWith(options);
  // 16 MiB are scratch.
  expect(capabilities.memory).toBeLessThan(0.75 * 16 * MIB);
  expect(capabilities.maxBufferBytes).toBeLessThan(16 * MIB);
});

test('a folder without the module is a BackendError that names the file', async () => {
  await expect(wasm({ variant: 'scalar', wasmUrl: 'file:///no/such/folder' })).rejects.toThrow(
    /^cpu-wasm: expected to compile the module file:\/\/\/no\/such\/folder\/scalar\.wasm, got: /,
  );
});

test.each<WasmOptions>([{ variant: 'simd' }, { variant: 'simd-threads', threads: 1 }])(
  'reads are copies of their own, not views and not shared: %o',
  async (options) => {
    const backend = await backendWith(options);
    const buffer = backend.allocate(16);
    backend.write(buffer, Int32Array.of(1, 2, 3, 4));
    const read = backend.readSync(buffer, 4, 8);
    expect(read.buffer).toBeInstanceOf(ArrayBuffer);
    expect(read.buffer.byteLength).toBe(8);
    backend.write(buffer, Int32Array.of(9), 4);
    expect(new Int32Array(read.buffer)).toEqual(Int32Array.of(2, 3));
    expect(await backend.read(buffer)).toEqual(new Uint8Array(Int32Array.of(1, 9, 3, 4).buffer));
  },
);

test('copies may overlap', async () => {
  const backend = await backendWith({ variant: 'simd' });
  const buffer = backend.allocate(20);
  backend.write(buffer, Int32Array.of(1, 2, 3, 4, 5));
  backend.copy({ from: buffer, fromByte: 0, to: buffer, toByte: 4, byteLength: 16 });
  expect(new Int32Array(backend.readSync(buffer).buffer)).toEqual(Int32Array.of(1, 1, 2, 3, 4));
});

test('out of memory is an error, and what is held stays right', async () => {
  const backend = await backendWith({ variant: 'simd', memoryBytes: 32 * MIB });
  const kept = tensor([1, 2, 3], { backend });
  expect(() => zeros([64 * MIB], { backend }).add(1)).toThrow(OutOfMemoryError);
  expect(kept.mul(2).dataSync()).toEqual(Float32Array.of(2, 4, 6));
});

test('growth does not disturb what a user holds', async () => {
  const backend = await backendWith({ variant: 'simd' });
  const x = tensor([1, 2, 3], { backend });
  const before = x.dataSync();
  const large = backend.allocate(100 * MIB);
  expect(before).toEqual(Float32Array.of(1, 2, 3));
  expect(x.add(1).dataSync()).toEqual(Float32Array.of(2, 3, 4));
  backend.free(large);
});

test('after dispose everything that touches memory is a BackendError', async () => {
  const backend = await wasm({ variant: 'simd-threads', threads: 2 });
  const buffer = backend.allocate(8);
  backend.dispose();
  expect(() => backend.allocate(8)).toThrow(BackendError);
  expect(() => backend.readSync(buffer)).toThrow(BackendError);
  expect(() => backend.write(buffer, Int32Array.of(1))).toThrow(BackendError);
  backend.free(buffer);
  backend.dispose();
});

test('tensors on it report to memory()', async () => {
  const backend: Backend = await backendWith({ variant: 'simd' });
  const x = zeros([1000], { backend }).add(1);
  expect(memory(backend).backend).toBe('cpu-wasm');
  expect(memory(backend).residentBytes).toBeGreaterThanOrEqual(x.size * 4);
});

// The program imports sources, which Node 20 cannot.
test.skipIf(!process.features.typescript)('idle threads do not keep a program alive', () => {
  const code = `
    import { tensor } from '@tenon/core';
    import { wasm } from '@tenon/cpu-wasm';
    const backend = await wasm({ variant: 'simd-threads', threads: 3 });
    console.log(backend.capabilities.threads, tensor([1, 2], { backend }).sum().itemSync());`;
  const args = ['--conditions=@tenon/source', '--input-type=module', '-e', code];
  const done = spawnSync(process.execPath, args, {
    cwd: import.meta.dirname,
    encoding: 'utf8',
    timeout: 30_000,
  });
  expect(done.stderr).toBe('');
  expect(done.stdout).toBe('3 3\n');
  expect(done.status).toBe(0);
});
