// Jobs on several threads: every unit once, late workers, traps, modules, workers that end.
import { once } from 'node:events';
import { Script } from 'node:vm';
import { Worker } from 'node:worker_threads';
import { BackendError, OutOfMemoryError } from '@tenon/core';
import { afterEach, expect, test, vi } from 'vitest';
import { TEST_KERNELS, testKernels } from '../../scripts/test-kernels.ts';
import { CONTROL, scratchOf } from '../address-map.ts';
import type { WasmBuffer } from '../kernel.ts';
import { startTestPool, type TestMachine, testMachine } from '../test-machine.ts';
import { DONE } from './control.ts';

const open: TestMachine[] = [];
afterEach(() => {
  vi.restoreAllMocks();
  for (const machine of open.splice(0)) machine.dispose();
});

async function machineWith(threads: number): Promise<TestMachine> {
  const machine = await testMachine('simd-threads', threads);
  open.push(machine);
  return machine;
}

type Name = 'count' | 'sum' | 'trapAt' | 'recurse' | 'hang' | 'spin';

async function kernels(machine: TestMachine): Promise<Record<Name, number>> {
  const indices = machine.define(await testKernels(), TEST_KERNELS);
  return Object.fromEntries(TEST_KERNELS.map((name, i) => [name, indices[i]])) as Record<
    Name,
    number
  >;
}

/** A generator of its own (Park and Miller), so that a failure can be repeated. */
function seeded(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 48271) % 2147483647;
    return state % below;
  };
}

const words = (machine: TestMachine, ...values: number[]): number => {
  machine.i32.set(values, machine.args / 4);
  return machine.args;
};

function counters(machine: TestMachine, buffer: WasmBuffer): Int32Array {
  return machine.get(buffer, 'i32');
}

test('each unit of 100,000 jobs of random sizes is done exactly once', async () => {
  const machine = await machineWith(3);
  const { count } = await kernels(machine);
  const random = seeded(7);
  const units = 512;
  const buffer = machine.put(new Int32Array(units));
  const args = words(machine, buffer.address);
  const expected = new Int32Array(units);
  for (let job = 0; job < 100_000; job++) {
    const total = random(units) + 1;
    machine.run(count, args, total, random(40) + 1);
    for (let i = 0; i < total; i++) expected[i] = (expected[i] ?? 0) + 1;
  }
  expect(counters(machine, buffer)).toEqual(expected);
});

test('workers that slept between jobs wake up and miss nothing', async () => {
  const machine = await machineWith(3);
  const { count } = await kernels(machine);
  const buffer = machine.put(new Int32Array(300));
  const args = words(machine, buffer.address);
  for (let job = 0; job < 50; job++) {
    // Long enough for every worker to have gone to sleep.
    await new Promise((resolve) => setTimeout(resolve, 2));
    machine.run(count, args, 300, 3);
  }
  expect(counters(machine, buffer)).toEqual(new Int32Array(300).fill(50));
});

test('both threads work: a unit waits for another thread to claim one', async () => {
  const machine = await machineWith(2);
  const { hang } = await kernels(machine);
  const args = words(machine, 0, 0, 1, scratchOf(0));
  machine.run(hang, args, 2, 1);
  expect(machine.i32[args / 4 + 1]).toBe(1);
});

test('results are the same bits for 1 and 3 threads', async () => {
  const values = Float32Array.from({ length: 10_000 }, (_, i) => Math.sin(i));
  const results: Float32Array[] = [];
  for (const threads of [1, 3]) {
    const machine = await machineWith(threads);
    const { sum } = await kernels(machine);
    const from = machine.put(values);
    const to = machine.alloc(from.byteLength);
    machine.run(sum, words(machine, from.address, to.address), values.length, 64);
    results.push(machine.get(to, 'f32'));
  }
  expect(results[1]).toEqual(results[0]);
  expect(results[0]?.[3]).toBe(Math.fround(Math.fround(Math.fround(Math.sin(3)) * 3) + 1));
});

test('modules defined while workers sleep reach them, also after growth', async () => {
  const machine = await machineWith(2);
  for (let round = 0; round < 5; round++) {
    const { hang, count } = await kernels(machine);
    const buffer = machine.put(new Int32Array(4_000_000 * (round + 1)));
    machine.run(hang, words(machine, 0, 0, 1, scratchOf(0)), 2, 1);
    machine.run(count, words(machine, buffer.address), 100, 1);
    expect(counters(machine, buffer).subarray(0, 101)).toEqual(new Int32Array(101).fill(1, 0, 100));
  }
});

test('a trap in any piece is a BackendError, and the next job is right', async () => {
  const machine = await machineWith(3);
  const { trapAt, count } = await kernels(machine);
  const buffer = machine.put(new Int32Array(64));
  for (let at = 0; at < 64; at++) {
    const args = words(machine, buffer.address, at);
    expect(() => machine.run(trapAt, args, 64, 1)).toThrow(BackendError);
    const before = counters(machine, buffer);
    machine.run(count, args, 64, 1);
    expect(counters(machine, buffer)).toEqual(before.map((value) => value + 1));
  }
});

test('the error of a trap names its cause', async () => {
  const machine = await machineWith(2);
  const { trapAt, recurse } = await kernels(machine);
  const buffer = machine.put(new Int32Array(64));
  const args = words(machine, buffer.address, 5);
  expect(() => machine.run(trapAt, args, 64, 64)).toThrow(
    'cpu-wasm: a kernel trapped: RuntimeError: unreachable',
  );
  expect(() => machine.run(trapAt, args, 64, 1)).toThrow(
    /cpu-wasm: a kernel trapped( on a worker thread)?: RuntimeError: unreachable/,
  );
  expect(() => machine.run(recurse, args, 64, 1)).toThrow(/Maximum call stack size exceeded/);
});

test('a worker that ends while idle is replaced, and jobs go on meanwhile', async () => {
  const reasons: string[] = [];
  let told = (): void => {};
  const changed = (reason: string): void => {
    reasons.push(reason);
    told();
  };
  const fresh = await testMachine('simd-threads', 1);
  open.push(fresh);
  const pool = await startTestPool(fresh, { threads: 3, changed });
  const { count } = await kernels(fresh);
  const buffer = fresh.put(new Int32Array(100));
  const args = words(fresh, buffer.address);
  for (let death = 1; death <= 4; death++) {
    const isTold = new Promise<void>((resolve) => {
      told = resolve;
    });
    pool.terminateWorker(1 + (death % 2));
    fresh.run(count, args, 100, 1);
    await isTold;
    fresh.run(count, args, 100, 1);
  }
  expect(counters(fresh, buffer)).toEqual(new Int32Array(100).fill(8));
  expect(reasons.slice(0, 3)).toEqual(['', '', '']);
  expect(reasons[3]).toMatch(/^a worker ended and was not replaced: /);
  expect(pool.threads).toBe(2);
});

test('a worker that hangs in a piece: an error in time, then one thread', async () => {
  const machine = await testMachine('simd-threads', 1);
  open.push(machine);
  const reasons: string[] = [];
  const pool = await startTestPool(machine, {
    stallMs: 300,
    changed: (reason) => reasons.push(reason),
  });
  const { hang, count } = await kernels(machine);
  const args = words(machine, 0, 0, 0, scratchOf(0));
  const start = performance.now();
  expect(() => machine.run(hang, args, 2, 1)).toThrow(
    'cpu-wasm: a worker thread ended or hung inside a kernel (nothing moved for 0.3 s)',
  );
  expect(performance.now() - start).toBeLessThan(5000);
  expect(reasons).toHaveLength(1);
  expect(pool.threads).toBe(1);
  const buffer = machine.put(new Int32Array(100));
  machine.run(count, words(machine, buffer.address), 100, 1);
  expect(counters(machine, buffer)).toEqual(new Int32Array(100).fill(1));
});

test('a worker killed in the middle of a running job does not hang the caller', async () => {
  const machine = await testMachine('simd-threads', 1);
  open.push(machine);
  const pool = await startTestPool(machine, { stallMs: 500 });
  const { spin, count } = await kernels(machine);
  const args = words(machine, 0, 2_000_000);
  machine.run(spin, args, 8, 1);
  // terminate() takes effect while the job below runs: in a piece, or between two.
  pool.terminateWorker(1);
  try {
    for (let i = 0; i < 20; i++) machine.run(spin, args, 8, 1);
  } catch (error) {
    expect(error).toBeInstanceOf(BackendError);
    expect(String(error)).toMatch(/nothing moved for 0.5 s/);
  }
  const buffer = machine.put(new Int32Array(100));
  machine.run(count, words(machine, buffer.address), 100, 1);
  expect(counters(machine, buffer)).toEqual(new Int32Array(100).fill(1));
});

test('a caller that may only spin joins too', async () => {
  const machine = await testMachine('simd-threads', 1);
  open.push(machine);
  await startTestPool(machine, { canWait: false });
  const { spin, count } = await kernels(machine);
  machine.run(spin, words(machine, 0, 3_000_000), 3, 1);
  const buffer = machine.put(new Int32Array(100));
  machine.run(count, words(machine, buffer.address), 100, 1);
  expect(counters(machine, buffer)).toEqual(new Int32Array(100).fill(1));
});

/** Sets a word of the machine's memory from a thread of its own, in a while. */
async function setLater(
  machine: TestMachine,
  address: number,
  milliseconds: number,
): Promise<void> {
  const code = `
    const { workerData } = require('node:worker_threads');
    const words = new Int32Array(workerData.buffer);
    setTimeout(() => Atomics.store(words, workerData.index, 1), workerData.milliseconds);`;
  const workerData = { buffer: machine.u8.buffer, index: address / 4, milliseconds };
  await once(new Worker(code, { eval: true, workerData }), 'online');
}

test.each([true, false])(
  'a process that was stopped for an hour goes on: the caller may sleep: %s',
  async (canWait) => {
    const machine = await testMachine('simd-threads', 1);
    open.push(machine);
    await startTestPool(machine, { canWait, stallMs: 2000 });
    const { hang } = await kernels(machine);
    const args = words(machine, 0, 0, 0, scratchOf(0));
    await setLater(machine, args + 8, 500);
    const now = performance.now.bind(performance);
    let calls = 0;
    // 1: the launch begins, 2: the caller begins to wait.
    vi.spyOn(performance, 'now').mockImplementation(() => now() + (++calls > 2 ? 3_600_000 : 0));
    machine.run(hang, args, 2, 1);
    expect(calls).toBeGreaterThan(2);
  },
);

test('a launch that a timeout cuts short is over before the next one begins', async () => {
  const machine = await testMachine('simd-threads', 1);
  open.push(machine);
  await startTestPool(machine, { stallMs: 2000 });
  const { hang, count } = await kernels(machine);
  const args = words(machine, 0, 0, 0, scratchOf(0));
  const holder = globalThis as { launch?: () => void };
  holder.launch = () => machine.run(hang, args, 2, 1);
  const script = new Script('launch()');
  expect(() => script.runInThisContext({ timeout: 100 })).toThrow('timed out');
  delete holder.launch;
  // A worker hangs in its piece until then.
  await setLater(machine, args + 8, 300);
  const buffer = machine.put(new Int32Array(100));
  machine.i32[args / 4] = buffer.address;
  expect(machine.i32[args / 4 + 2]).toBe(0);
  machine.run(count, args, 100, 1);
  expect(machine.i32[args / 4 + 2]).toBe(1);
  expect(counters(machine, buffer)).toEqual(new Int32Array(100).fill(1));
});

test('closing a job again tells the same', async () => {
  const machine = await machineWith(2);
  const { trapAt } = await kernels(machine);
  const buffer = machine.put(new Int32Array(64));
  for (let at = 0; at < 20; at++) {
    expect(() => machine.run(trapAt, words(machine, buffer.address, at), 64, 1)).toThrow();
    expect(machine.exports.poolClose?.(CONTROL)).toBe(machine.i32[DONE / 4]);
  }
});

test('a module that there is no room for leaves all threads with the same indices', async () => {
  const machine = await machineWith(2);
  const held: WasmBuffer[] = [];
  for (let size = 2 ** 31; size >= 64; ) {
    try {
      held.push(machine.alloc(size));
    } catch {
      size /= 2;
    }
  }
  await expect(kernels(machine)).rejects.toThrow(OutOfMemoryError);
  for (const buffer of held) machine.free(buffer);
  await expect(async () =>
    machine.define(await testKernels(), ['count', 'absent']),
  ).rejects.toThrow('does not export absent');
  const { hang } = await kernels(machine);
  const args = words(machine, 0, 0, 1, scratchOf(0));
  machine.run(hang, args, 2, 1);
  expect(machine.i32[args / 4 + 1]).toBe(1);
});

test('a clock that stands still does not keep a pool from starting', async () => {
  const machine = await testMachine('simd-threads', 1);
  open.push(machine);
  let calls = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => {
    if (++calls > 100_000) throw new Error('the clock is asked for ever');
    return 5;
  });
  const pool = await startTestPool(machine, {});
  expect(pool.threads).toBe(2);
});
