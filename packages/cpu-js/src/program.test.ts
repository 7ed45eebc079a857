import type { Launch, RegionSpec } from '@tenon/core';
import { BackendError, IndexRangeError } from '@tenon/core';
import { expect, test } from 'vitest';
import { cpuJs } from './index.ts';

const backend = cpuJs();

/** out[i] = a[i] + b[i]. args: n, then offset and stride of each. */
const ADD: RegionSpec = {
  kind: 'region',
  keptRank: 1,
  reducedRank: 0,
  inputs: [0, 1].map(() => ({
    dtype: 'f32',
    domain: 'kept',
    source: 'buffer',
    keptClass: 1,
    reducedClass: 0,
  })),
  outputs: [{ step: 2, dtype: 'f32', domain: 'kept', keptClass: 1, reducedClass: 0, alias: -1 }],
  steps: [
    { op: 'load', index: 0, dtype: 'f32' },
    { op: 'load', index: 1, dtype: 'f32' },
    { op: 'add', args: [0, 1], dtype: 'f32', from: 'f32' },
  ],
  constants: [],
};
const add = backend.prepare.region(ADD);

function buffer(...values: number[]): ReturnType<typeof backend.allocate> {
  const made = backend.allocate(values.length * 4);
  backend.write(made, Float32Array.from(values));
  return made;
}

function read(from: ReturnType<typeof backend.allocate>): number[] {
  return [...new Float32Array(backend.readSync(from).buffer)];
}

const words = (n: number, a = 0, b = 0, out = 0): Int32Array =>
  Int32Array.of(n, a, 1, b, 1, out, 1);

test('launches and copies run in order, as often as asked', () => {
  const x = buffer(1, 2);
  const y = buffer(10, 20);
  const out = buffer(0, 0);
  const program = backend.link([
    { kernel: add, buffers: [x, y, out], args: words(2) },
    { from: out, fromByte: 0, to: x, toByte: 0, byteLength: 8 },
  ]);
  program.run();
  expect(read(out)).toEqual([11, 22]);
  program.run();
  expect(read(x)).toEqual([21, 42]);
});

test('setArgs gives new numbers to one launch; the caller keeps its words', () => {
  const x = buffer(1, 2, 3, 4);
  const out = buffer(0, 0, 0, 0);
  const launch: Launch = { kernel: add, buffers: [x, x, out], args: words(2) };
  const program = backend.link([launch]);
  launch.args[0] = 4;
  program.run();
  expect(read(out)).toEqual([2, 4, 0, 0]);
  program.setArgs(launch, words(2, 2, 0, 2));
  program.run();
  expect(read(out)).toEqual([2, 4, 4, 6]);
  expect(() => program.setArgs({ ...launch }, words(1))).toThrow(BackendError);
  expect(() => program.setArgs(launch, Int32Array.of(1))).toThrow(BackendError);
});

test('a loop steps through slices and swaps carries; each run starts afresh', () => {
  // carry ← carry + xs[t], four times; the carry moves between two buffers.
  const xs = buffer(1, 2, 3, 4);
  const first = buffer(100);
  const second = buffer(0);
  const launch: Launch = { kernel: add, buffers: [first, xs, second], args: words(1) };
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
  expect(read(first)).toEqual([110]);
  expect(read(second)).toEqual([106]);
  program.run();
  expect(read(first)).toEqual([120]);
});

test('an odd number of exchanges is undone, and stacked results move on', () => {
  const xs = buffer(1, 2, 3, 4);
  const first = buffer(0);
  const second = buffer(0);
  const all = buffer(0, 0, 0, 0);
  const step: Launch = { kernel: add, buffers: [first, xs, second], args: words(1) };
  const zero = buffer(0);
  const save: Launch = { kernel: add, buffers: [second, zero, all], args: words(1) };
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
  expect(read(all)).toEqual([1, 0, 0, 4]);
  backend.write(first, Float32Array.of(5));
  program.run();
  expect(read(all)).toEqual([6, 0, 0, 9]);
});

test('nested loops, copies in loops, and a count of zero', () => {
  const total = buffer(0);
  const one = buffer(1);
  const next = buffer(0);
  const launch: Launch = { kernel: add, buffers: [total, one, next], args: words(1) };
  const back = { from: next, fromByte: 0, to: total, toByte: 0, byteLength: 4 };
  const inner = { count: 3, body: [launch, back], increments: [], swaps: [] };
  backend.link([{ count: 5, body: [inner], increments: [], swaps: [] }]).run();
  expect(read(total)).toEqual([15]);
  backend.link([{ count: 0, body: [inner], increments: [], swaps: [] }]).run();
  expect(read(total)).toEqual([15]);
});

test('after an error in a loop the next run starts from the first words', () => {
  const x = buffer(1, 2, 3);
  const index = backend.allocate(12);
  backend.write(index, Int32Array.of(0, 9, 2));
  const out = buffer(0, 0, 0);
  const gather = backend.prepare.gather({ kind: 'gather', dtype: 'f32', bounds: 'throw' });
  const launch: Launch = {
    kernel: gather,
    buffers: [x, index, out],
    args: Int32Array.of(1, 1, 3, 1, 1),
  };
  const grow = { launch, word: 3, delta: 1 };
  const program = backend.link([{ count: 3, body: [launch], increments: [grow], swaps: [] }]);
  expect(() => program.run()).toThrow(IndexRangeError);
  backend.write(index, Int32Array.of(2, 1, 0));
  program.run();
  expect(read(out)).toEqual([3, 2, 1]);
  program.setArgs(launch, Int32Array.of(1, 1, 3, 1, 1));
  backend.write(index, Int32Array.of(1, 7, 7));
  expect(() => program.run()).toThrow('gather: index 7 at position 1 is outside [0, 3)');
});

test('increments of a launch outside the loop are refused', () => {
  const x = buffer(1);
  const launch: Launch = { kernel: add, buffers: [x, x, x], args: words(1) };
  const increments = [{ launch, word: 0, delta: 1 }];
  expect(() => backend.link([{ count: 1, body: [], increments, swaps: [] }])).toThrow(BackendError);
});

test('a disposed program runs nothing', () => {
  const x = buffer(1);
  const out = buffer(0);
  const program = backend.link([{ kernel: add, buffers: [x, x, out], args: words(1) }]);
  program.dispose();
  program.run();
  expect(read(out)).toEqual([0]);
});
