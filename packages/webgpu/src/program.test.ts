import type { Launch } from '@tenon/core';
import { BackendError } from '@tenon/core';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { WebGpuBackend } from './backend.ts';
import type { GpuBuffer } from './buffers.ts';
import {
  ADD_SPEC,
  ADD_TO_SPEC,
  bufferOf,
  launchOf,
  numbersOf,
  testBackend,
} from './test-kernels.ts';
import { addWords as words } from './test-sources.ts';

let backend: WebGpuBackend;
const buffer = (...values: number[]): GpuBuffer => bufferOf(backend, ...values);
const read = (from: GpuBuffer): Promise<number[]> => numbersOf(backend, from);
const add = (buffers: readonly GpuBuffer[], args: Int32Array): Launch =>
  launchOf(backend, ADD_SPEC, buffers, args);

beforeAll(async () => {
  backend = await testBackend();
  await backend.prepare.region(ADD_SPEC).ready;
});
afterAll(() => backend.dispose());
beforeEach(async () => {
  await backend.synchronize();
  backend.counters();
});

test('launches and copies run in order, as often as asked', async () => {
  const x = buffer(1, 2);
  const y = buffer(10, 20);
  const out = buffer(0, 0);
  const program = backend.link([
    add([x, y, out], words(2)),
    { from: out, fromByte: 0, to: x, toByte: 0, byteLength: 8 },
  ]);
  program.run();
  expect(await read(out)).toEqual([11, 22]);
  program.run();
  expect(await read(x)).toEqual([21, 42]);
});

test('a run creates nothing, writes nothing, and is part of one submit', async () => {
  const x = buffer(1);
  const y = buffer(0);
  const z = buffer(0);
  const program = backend.link([add([x, x, y], words(1)), add([y, x, z], words(1))]);
  program.run();
  await read(z);
  backend.counters();
  for (let i = 0; i < 3; i++) program.run();
  expect(await read(z)).toEqual([3]);
  expect(backend.counters()).toEqual({
    dispatches: 6,
    submits: 1,
    buffers: 0,
    bindGroups: 0,
    pipelines: 0,
    writes: 0,
    reads: 1,
  });
});

test('setArgs gives new numbers to one launch, also between runs of one turn', async () => {
  const x = buffer(1, 2, 3, 4);
  const out = buffer(0, 0, 0, 0);
  const launch = add([x, x, out], words(2));
  const program = backend.link([launch]);
  launch.args[0] = 4;
  program.run();
  const first = read(out);
  program.setArgs(launch, words(2, 2, 0, 2));
  program.run();
  expect(await first).toEqual([2, 4, 0, 0]);
  expect(await read(out)).toEqual([2, 4, 4, 6]);
  expect(() => program.setArgs({ ...launch }, words(1))).toThrow(BackendError);
  expect(() => program.setArgs(launch, Int32Array.of(1))).toThrow(BackendError);
  backend.counters();
  program.setArgs(launch, words(1));
  program.run();
  await read(out);
  expect(backend.counters()).toMatchObject({ bindGroups: 0, buffers: 0, submits: 1, writes: 1 });
});

test('a loop steps through slices and swaps carries; each run starts afresh', async () => {
  // carry ← carry + xs[t], four times; the carry moves between two buffers.
  const xs = buffer(1, 2, 3, 4);
  const first = buffer(100);
  const second = buffer(0);
  const launch = add([first, xs, second], words(1));
  const program = backend.link([
    {
      count: 4,
      body: [launch],
      increments: [{ launch, word: 3, delta: 1 }],
      swaps: [[first, second]],
    },
  ]);
  program.run();
  // Odd steps write `second`, even ones `first`.
  expect(await Promise.all([read(first), read(second)])).toEqual([[110], [106]]);
  program.run();
  expect(await read(first)).toEqual([120]);
  expect(backend.counters()).toMatchObject({ submits: 2, dispatches: 8 });
});

test('an odd number of exchanges is undone, and stacked results move on', async () => {
  const xs = buffer(1, 2, 3, 4);
  const first = buffer(0);
  const second = buffer(0);
  const all = buffer(0, 0, 0, 0);
  const step = add([first, xs, second], words(1));
  const zero = buffer(0);
  const save = add([second, zero, all], words(1));
  const program = backend.link([
    {
      count: 2,
      body: [step, save],
      increments: [
        { launch: step, word: 3, delta: 2 },
        { launch: save, word: 5, delta: 3 },
      ],
      swaps: [[first, second]],
    },
  ]);
  program.run();
  expect(await read(all)).toEqual([1, 0, 0, 4]);
  backend.write(first, Float32Array.of(5));
  program.run();
  expect(await read(all)).toEqual([6, 0, 0, 9]);
});

test('nested loops, copies in loops, and a count of zero', async () => {
  const total = buffer(0);
  const one = buffer(1);
  const next = buffer(0);
  const launch = add([total, one, next], words(1));
  const back = { from: next, fromByte: 0, to: total, toByte: 0, byteLength: 4 };
  const inner = { count: 3, body: [launch, back], increments: [], swaps: [] };
  backend.link([{ count: 5, body: [inner], increments: [], swaps: [] }]).run();
  expect(await read(total)).toEqual([15]);
  backend.link([{ count: 0, body: [inner], increments: [], swaps: [] }]).run();
  expect(await read(total)).toEqual([15]);
});

test('an aliased output is written in place', async () => {
  const total = buffer(1, 2);
  const step = buffer(10, 20);
  const launch = launchOf(backend, ADD_TO_SPEC, [total, step, total], words(2));
  const program = backend.link([launch]);
  for (let i = 0; i < 3; i++) program.run();
  expect(await read(total)).toEqual([31, 62]);
});

test('a copy within one buffer, with room of its own', async () => {
  const x = buffer(1, 2, 3);
  const program = backend.link([{ from: x, fromByte: 0, to: x, toByte: 4, byteLength: 8 }]);
  const other = buffer(7, 7, 7);
  program.run();
  expect(await read(x)).toEqual([1, 1, 2]);
  program.run();
  expect(await read(x)).toEqual([1, 1, 1]);
  expect(await read(other)).toEqual([7, 7, 7]);
});

test('more launches than a flush holds, and words of many repeats', async () => {
  const xs = buffer(...Array.from({ length: 1500 }, (_, i) => i));
  const total = buffer(0);
  const next = buffer(0);
  const launch = add([total, xs, next], words(1));
  const increments = [{ launch, word: 3, delta: 1 }];
  const program = backend.link([
    { count: 1500, body: [launch], increments, swaps: [[total, next]] },
  ]);
  program.run();
  expect(await read(total)).toEqual([(1500 * 1499) / 2]);
});

test('increments of a launch outside the loop are refused', () => {
  const x = buffer(1);
  const launch = add([x, x, buffer(0)], words(1));
  const increments = [{ launch, word: 0, delta: 1 }];
  expect(() => backend.link([{ count: 1, body: [], increments, swaps: [] }])).toThrow(BackendError);
});

test('a disposed program runs nothing', async () => {
  const x = buffer(1);
  const out = buffer(0);
  const program = backend.link([add([x, x, out], words(1))]);
  program.run();
  program.dispose();
  expect(await read(out)).toEqual([2]);
  backend.write(out, Float32Array.of(0));
  program.run();
  program.dispose();
  expect(await read(out)).toEqual([0]);
});

test('a program of a lost device does not run on the next', async () => {
  const other = await testBackend();
  const x = bufferOf(other, 1);
  const program = other.link([launchOf(other, ADD_SPEC, [x, x, other.allocate(4)], words(1))]);
  await other.recover();
  expect(() => program.run()).toThrow('the device was replaced');
  other.dispose();
});
