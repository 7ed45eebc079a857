/** Order, submits and counts: what is recorded comes out as if each command had run at once. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { WebGpuBackend } from './backend.ts';
import type { GpuBuffer } from './buffers.ts';
import { gridFor, wordBytesFor } from './queue.ts';
import { ADD_SPEC, bufferOf, numbersOf, testBackend } from './test-kernels.ts';
import { addWords } from './test-sources.ts';

let backend: WebGpuBackend;
let add: ReturnType<WebGpuBackend['prepare']['region']>;

beforeAll(async () => {
  backend = await testBackend();
  add = backend.prepare.region(ADD_SPEC);
  await add.ready;
});
afterAll(() => backend.dispose());
beforeEach(async () => {
  await backend.synchronize();
  backend.counters();
});

function sum(a: GpuBuffer, b: GpuBuffer, out: GpuBuffer, n = 1): void {
  backend.launch(add, [a, b, out], addWords(n));
}

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20));

test('writes, launches, copies and reads of one buffer keep their order', async () => {
  const x = bufferOf(backend, 1);
  const one = bufferOf(backend, 1);
  const y = backend.allocate(4);
  const seen: Promise<number[]>[] = [];
  sum(x, one, y);
  seen.push(numbersOf(backend, y));
  // `x` is in use by the launch above, which must see 1 and not 10.
  backend.write(x, Float32Array.of(10));
  sum(x, one, y);
  seen.push(numbersOf(backend, y));
  backend.copy({ from: y, fromByte: 0, to: x, toByte: 0, byteLength: 4 });
  backend.write(y, Float32Array.of(-1));
  sum(x, y, one);
  seen.push(numbersOf(backend, one), numbersOf(backend, x), numbersOf(backend, y));
  expect(await Promise.all(seen)).toEqual([[2], [11], [10], [11], [-1]]);
  expect(backend.counters()).toMatchObject({ submits: 1, dispatches: 3, reads: 5 });
});

test('a write too large to travel with the commands is still in order', async () => {
  const n = 2 ** 19;
  const x = backend.allocate(4 * n);
  const y = backend.allocate(4 * n);
  backend.write(x, new Float32Array(n).fill(1));
  sum(x, x, y, n);
  backend.write(x, new Float32Array(n).fill(5));
  const [first, second] = await Promise.all([numbersOf(backend, y), numbersOf(backend, x)]);
  expect([first[0], first[n - 1], second[0], second[n - 1]]).toEqual([2, 2, 5, 5]);
});

test('reads of one turn share a submit; nothing pending needs one too', async () => {
  const x = bufferOf(backend, 1, 2, 3);
  const y = bufferOf(backend, 4);
  const all = await Promise.all([numbersOf(backend, x), numbersOf(backend, y)]);
  expect(all).toEqual([[1, 2, 3], [4]]);
  expect(backend.counters()).toMatchObject({ submits: 1, reads: 2, dispatches: 0 });
});

test('parts of a buffer are read and written', async () => {
  const x = bufferOf(backend, 1, 2, 3, 4);
  backend.write(x, Float32Array.of(7), 8);
  const part = await backend.read(x, 4, 8);
  expect([...new Float32Array(part.buffer)]).toEqual([2, 7]);
  expect(await backend.read(x, 16)).toHaveLength(0);
});

test('half words: the end of an odd number of f16 is read, written and copied', async () => {
  const x = backend.allocate(6);
  const y = backend.allocate(6);
  backend.write(x, Uint16Array.of(1, 2, 3));
  backend.copy({ from: x, fromByte: 0, to: y, toByte: 0, byteLength: 6 });
  const bytes = await backend.read(y);
  expect([...new Uint16Array(bytes.buffer)]).toEqual([1, 2, 3]);
  expect([...(await backend.read(y, 2, 4))]).toEqual([2, 0, 3, 0]);
  expect(() => backend.write(x, Uint16Array.of(9))).toThrow(
    'write: expected whole 4-byte words, got 2 bytes at byte 0 of 6',
  );
});

test('a copy within one buffer may overlap', async () => {
  const x = bufferOf(backend, 1, 2, 3, 4);
  backend.copy({ from: x, fromByte: 0, to: x, toByte: 4, byteLength: 12 });
  expect(await numbersOf(backend, x)).toEqual([1, 1, 2, 3]);
});

test('work starts at the end of the turn, not at each await', async () => {
  const x = bufferOf(backend, 1);
  const y = backend.allocate(4);
  for (let i = 0; i < 5; i++) {
    sum(x, x, y);
    await Promise.resolve();
  }
  expect(backend.counters()).toMatchObject({ submits: 0 });
  await turn();
  expect(backend.counters()).toMatchObject({ submits: 1, dispatches: 5 });
});

test('a long turn is submitted in pieces of 1,024 launches', async () => {
  const total = bufferOf(backend, 0);
  const one = bufferOf(backend, 1);
  const next = backend.allocate(4);
  for (let i = 0; i < 1025; i++) sum(i % 2 === 0 ? total : next, one, i % 2 === 0 ? next : total);
  expect(backend.counters()).toMatchObject({ submits: 1, dispatches: 1024 });
  expect(await numbersOf(backend, next)).toEqual([1025]);
});

test('a repeated step creates nothing and is one submit', async () => {
  const step = async (): Promise<number[]> => {
    const x = bufferOf(backend, 1, 2);
    const y = backend.allocate(8);
    const z = backend.allocate(8);
    sum(x, x, y, 2);
    await Promise.resolve();
    sum(y, x, z, 2);
    const result = numbersOf(backend, z);
    for (const buffer of [x, y, z]) backend.free(buffer);
    return result;
  };
  for (let i = 0; i < 3; i++) await step();
  backend.counters();
  for (let i = 0; i < 4; i++) expect(await step()).toEqual([3, 6]);
  expect(backend.counters()).toMatchObject({
    submits: 4,
    dispatches: 8,
    buffers: 0,
    bindGroups: 0,
    pipelines: 0,
  });
});

test('a turn that nobody awaits ends in one submit, whatever it frees and writes', async () => {
  const step = (): void => {
    const x = bufferOf(backend, 1, 2);
    const y = backend.allocate(8);
    sum(x, x, y, 2);
    for (const buffer of [x, y]) backend.free(buffer);
  };
  step();
  step();
  await turn();
  backend.counters();
  for (let i = 0; i < 100; i++) step();
  await turn();
  const { submits, dispatches, buffers } = backend.counters();
  expect({ submits, dispatches, buffers }).toEqual({ submits: 1, dispatches: 100, buffers: 0 });
});

test('more workgroups than an axis of the grid takes', async () => {
  const n = 64 * 65_535 + 65;
  const x = backend.allocate(4 * n);
  const values = new Float32Array(n);
  for (let i = 0; i < n; i++) values[i] = i % 1000;
  backend.write(x, values);
  const y = backend.allocate(4 * n);
  sum(x, x, y, n);
  const got = new Float32Array((await backend.read(y)).buffer);
  let wrong = 0;
  for (let i = 0; i < n; i++) if (got[i] !== 2 * (i % 1000)) wrong++;
  expect(wrong).toBe(0);
});

test('grids cover what is asked for and little more', () => {
  expect(gridFor(65_535, 65_535)).toEqual([65_535, 1, 1]);
  expect(gridFor(65_536, 65_535)).toEqual([32_768, 2, 1]);
  for (const groups of [65_537, 10 ** 7, 2 ** 32 - 1, 2 ** 32]) {
    const [x, y, z] = gridFor(groups, 65_535);
    expect(Math.max(x, y, z)).toBeLessThanOrEqual(65_535);
    expect(x * y * z).toBeGreaterThanOrEqual(groups);
    expect(x * y * z).toBeLessThan(groups * 1.001 + 65_535);
  }
});

test('launch words come in few sizes, each large enough', () => {
  expect([0, 1, 64, 65, 128, 129].map(wordBytesFor)).toEqual([256, 256, 256, 512, 512, 1024]);
});

test('commands wait for their pipelines in order, writes and reads behind them', async () => {
  const other = await testBackend();
  const kernel = other.prepare.region(ADD_SPEC);
  expect(kernel.ready).not.toBe(null);
  const x = bufferOf(other, 1);
  const y = other.allocate(4);
  other.launch(kernel, [x, x, y], addWords(1));
  other.flush();
  const large = new Float32Array(2 ** 19).fill(3);
  const z = other.allocate(large.byteLength);
  other.write(x, Float32Array.of(50));
  other.launch(kernel, [x, y, z], addWords(1));
  const early = numbersOf(other, z);
  other.write(z, large);
  // The bytes are the caller's again at once.
  large.fill(9);
  const late = other.read(z, 0, 4);
  expect(other.counters()).toMatchObject({ submits: 0, pipelines: 1 });
  expect((await early)[0]).toBe(52);
  expect([...new Float32Array((await late).buffer)]).toEqual([3]);
  expect(kernel.ready).toBe(null);
  other.dispose();
});

test('a kernel that does not fit its launch says so', () => {
  const x = bufferOf(backend, 1);
  expect(() => backend.launch(add, [x, x], addWords(1))).toThrow(
    'add: expected 3 buffers and 7 words, got 2 and 7',
  );
  expect(() => backend.launch(add, [x, x, x], Int32Array.of(1))).toThrow('got 3 and 1');
});

test('a freed buffer cannot be used or freed again', () => {
  const x = bufferOf(backend, 1);
  backend.free(x);
  expect(() => backend.free(x)).toThrow('expected a live buffer to free');
  expect(() => backend.write(x, Float32Array.of(1))).toThrow('expected a live buffer, got a freed');
});
