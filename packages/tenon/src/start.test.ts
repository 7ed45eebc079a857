import { BackendError, getDefaultBackend, setDefaultBackend, tensor } from '@tenon/core';
import { cpuJs } from '@tenon/cpu-js';
import { afterEach, describe, expect, it } from 'vitest';
import { knownBackends, start } from './start.ts';

const before = cpuJs();
afterEach(() => setDefaultBackend(before));

describe('start', () => {
  it('takes the best backend that is installed, makes it the default, and reports', async () => {
    const backend = await start();
    expect(getDefaultBackend()).toBe(backend);
    expect(backend.report.at(-1)).toEqual({ name: backend.name, works: true, reason: 'works' });
    const [webgpu] = backend.report;
    expect(webgpu?.name).toBe('webgpu');
    // Only machines with a real GPU get it; the others say why not.
    if (backend.name !== 'webgpu') {
      expect(backend.name).toBe('cpu-wasm');
      expect(webgpu?.reason).toMatch(/its adapter is a CPU|adapter, got none/);
    }
    expect(await tensor([1, 2, 3]).add(1).toArray()).toEqual([2, 3, 4]);
    backend.dispose();
  });

  it('asks for as many threads as were wanted', async () => {
    const backend = await start([], { threads: 2 });
    expect(backend.name).toBe('cpu-wasm');
    expect(backend.report[0]?.reason).toContain('threads were asked for');
    expect(backend.capabilities.threads).toBe(2);
    backend.dispose();
  });

  it('tries the candidates first, in order', async () => {
    const mine = cpuJs();
    const broken = async (): Promise<never> => {
      throw new BackendError('no adapter');
    };
    const backend = await start([broken, () => mine]);
    expect(backend).toBe(mine);
    expect(getDefaultBackend()).toBe(mine);
    expect(backend.report).toEqual([
      { name: 'broken', works: false, reason: 'no adapter' },
      { name: 'cpu-js', works: true, reason: 'works' },
    ]);
  });
});

describe('knownBackends', () => {
  it('are listed best first', () => {
    expect(knownBackends.map(({ name }) => name)).toEqual(['webgpu', 'cpu-wasm', 'cpu-js']);
  });
});
