// Generated modules on their way to another thread, read as that thread sees the memory.
import { expect, test } from 'vitest';
import { TEST_KERNELS, testKernels } from '../../scripts/test-kernels.ts';
import { FunctionTable } from '../function-table.ts';
import { loadModule } from '../load.ts';
import { memoryFor } from '../machine.ts';
import { ModuleLog, ModuleReader } from './module-log.ts';

test('a thread that has not seen the memory grow yet reads the record later', async () => {
  const memory = memoryFor('simd-threads', 2);
  const early = { buffer: memory.memory.buffer } as WebAssembly.Memory;
  memory.allocate(64 * 2 ** 20);
  const log = new ModuleLog(memory);
  log.prepare(await testKernels(), TEST_KERNELS)();
  const table = new FunctionTable(await loadModule('simd-threads'), memory.memory);
  const reader = new ModuleReader();
  reader.read(early, table);
  expect(reader.count).toBe(0);
  reader.read(memory.memory, table);
  expect(reader.count).toBe(1);
});

test('a record that is prepared but not published is not read', async () => {
  const memory = memoryFor('simd-threads', 2);
  const log = new ModuleLog(memory);
  log.prepare(await testKernels(), ['absent']);
  log.prepare(await testKernels(), TEST_KERNELS)();
  const table = new FunctionTable(await loadModule('simd-threads'), memory.memory);
  const reader = new ModuleReader();
  reader.read(memory.memory, table);
  expect([reader.count, log.count]).toEqual([1, 1]);
});
