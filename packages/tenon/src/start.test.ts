import { BackendError, getDefaultBackend, setDefaultBackend, tensor } from '@tenon/core';
import { cpuJs } from '@tenon/cpu-js';
import { afterEach, describe, expect, it } from 'vitest';
import { knownBackends, start } from './start.ts';

const before = cpuJs();
afterEach(() => setDefaultBackend(before));

describe('start', () => {
  it('takes the best backend that is installed, makes it the default, and reports', async () => {
    const backend = await start();
    expect(backend.name).toBe('cpu-wasm');
    expect(getDefaultBackend()).toBe(backend);
    expect(backend.report).toEqual([
      { name: 'webgpu', works: false, reason: 'not installed: npm install @tenon/webgpu' },
      { name: 'cpu-wasm', works: true, reason: 'works' },
    ]);
    expect(await tensor([1, 2, 3]).add(1).toArray()).toEqual([2, 3, 4]);
    backend.dispose();
  });

  it('asks for as many threads as were wanted', async () => {
    for (const threads of [1, 2]) {
      const backend = await start([], { threads });
      expect(backend.capabilities.threads).toBe(threads);
      backend.dispose();
    }
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

  it('throw a BackendError that says what to install', async () => {
    const [webgpu] = knownBackends;
    await expect(webgpu?.create()).rejects.toThrow(
      new BackendError('not installed: npm install @tenon/webgpu'),
    );
  });
});
