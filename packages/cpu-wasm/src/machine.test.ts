// The machine on one thread: exports, generated modules, how calls are cut, traps, disposal.
import { BackendError } from '@tenon/core';
import { expect, test } from 'vitest';
import { TEST_KERNELS, testKernels } from '../scripts/test-kernels.ts';
import { type TestMachine, testMachine } from './test-machine.ts';

/** A machine over shared memory, which the test kernels want, without a pool. */
async function machineWith(): Promise<{ machine: TestMachine; fn: Record<string, number> }> {
  const machine = await testMachine('simd-threads');
  const indices = machine.define(await testKernels(), TEST_KERNELS);
  const fn = Object.fromEntries(TEST_KERNELS.map((name, i) => [name, indices[i] ?? 0]));
  return { machine, fn };
}

test('put and get copy', async () => {
  const machine = await testMachine('simd');
  const buffer = machine.put(Float32Array.of(1, 2, 3));
  const copy = machine.get(buffer, 'f32');
  expect(copy).toEqual(Float32Array.of(1, 2, 3));
  copy[0] = 9;
  expect(machine.get(buffer, 'f32')).toEqual(Float32Array.of(1, 2, 3));
});

test('exported kernels have indices, unknown ones an error', async () => {
  const machine = await testMachine('scalar');
  expect(machine.kernel('gather')).toBeGreaterThan(0);
  expect(machine.kernel('gather')).not.toBe(machine.kernel('foldF32'));
  expect(() => machine.kernel('nothing')).toThrow(
    /^cpu-wasm: expected an exported kernel \(.*gather.*\), got nothing$/,
  );
});

test('a module without the named export is refused', async () => {
  const machine = await testMachine('simd-threads');
  const bytes = await testKernels();
  expect(() => machine.define(bytes, ['count', 'absent'])).toThrow(/does not export absent/);
});

test('more functions than the table had room for', async () => {
  const machine = await testMachine('simd-threads');
  const bytes = await testKernels();
  let last = 0;
  for (let i = 0; i < 400; i++) last = machine.define(bytes, ['count', 'sum', 'spin'])[0] ?? 0;
  expect(last).toBeGreaterThan(1100);
  const buffer = machine.put(new Int32Array(10));
  machine.i32[machine.args / 4] = buffer.address;
  machine.run(last, machine.args, 10, 10);
  expect(machine.get(buffer, 'i32')).toEqual(new Int32Array(10).fill(1));
});

test('every unit is done once, fresh and warm, whatever the grain', async () => {
  const { machine, fn } = await machineWith();
  const buffer = machine.put(new Int32Array(1000));
  machine.i32[machine.args / 4] = buffer.address;
  let runs = 0;
  const start = performance.now();
  // Long enough for the function to count as warm.
  while (performance.now() - start < 40) {
    machine.run(fn.count ?? 0, machine.args, 1000, 1 + (runs % 1100));
    runs++;
  }
  machine.run(fn.count ?? 0, machine.args, 0, 1);
  expect(machine.get(buffer, 'i32')).toEqual(new Int32Array(1000).fill(runs));
});

test('a trap is a BackendError with its cause', async () => {
  const { machine, fn } = await machineWith();
  machine.i32[machine.args / 4 + 1] = 0;
  let caught: unknown;
  try {
    machine.run(fn.trapAt ?? 0, machine.args, 1, 1);
  } catch (error) {
    caught = error;
  }
  expect(caught).toBeInstanceOf(BackendError);
  expect(String(caught)).toBe(
    'BackendError: cpu-wasm: a kernel trapped: RuntimeError: unreachable',
  );
  expect((caught as BackendError).cause).toBeInstanceOf(WebAssembly.RuntimeError);
});

test('a disposed machine says so', async () => {
  const { machine, fn } = await machineWith();
  machine.dispose();
  const disposed = 'cpu-wasm: expected a live backend, got one that was disposed';
  expect(() => machine.run(fn.count ?? 0, machine.args, 1, 1)).toThrow(disposed);
  expect(() => machine.alloc(4)).toThrow(disposed);
  expect(() => machine.kernel('gather')).toThrow(disposed);
});
