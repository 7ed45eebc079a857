import { type Backend, BackendError } from '@tenon/core';
import { cpuJs } from '@tenon/cpu-js';
import { describe, expect, it } from 'vitest';
import { createFast, type KnownBackend, optional } from './known.ts';

/** A backend called webgpu on an adapter that is a CPU or not. */
function gpu(isCpuAdapter: boolean): { readonly known: KnownBackend; readonly log: string[] } {
  const log: string[] = [];
  const base = cpuJs();
  const notes = ['adapter: SwiftShader', 'variant register'];
  const backend: Backend = Object.assign(base, {
    isCpuAdapter,
    capabilities: { ...base.capabilities, notes },
    dispose: () => void log.push('disposed'),
  });
  const create = async (): Promise<Backend> => {
    log.push('created');
    return backend;
  };
  return { known: { name: 'webgpu', package: '@tenon/webgpu', create }, log };
}

describe('createFast', () => {
  it('takes a GPU', async () => {
    const { known, log } = gpu(false);
    expect(await createFast(known, { threads: 1 })).toHaveProperty('isCpuAdapter', false);
    expect(log).toEqual(['created']);
  });

  it('passes over a CPU that plays a GPU, says so, and leaves nothing behind', async () => {
    const { known, log } = gpu(true);
    await expect(createFast(known, {})).rejects.toThrow(
      new BackendError(
        'passed over: slower than cpu-wasm, since its adapter is a CPU (adapter: SwiftShader); ' +
          'name it to use it',
      ),
    );
    expect(log).toEqual(['created', 'disposed']);
  });

  it('passes over a GPU where several threads are wanted', async () => {
    const { known, log } = gpu(false);
    await expect(createFast(known, { threads: 2 })).rejects.toThrow('threads were asked for');
    expect(log).toEqual([]);
  });
});

describe('optional', () => {
  it('says what to install', async () => {
    await expect(optional('x', '@tenon/nothing', 'x', '/node').create()).rejects.toThrow(
      new BackendError('not installed: npm install @tenon/nothing'),
    );
  });

  it('says which export it misses', async () => {
    await expect(optional('x', '@tenon/core', 'gpu').create()).rejects.toThrow(
      "@tenon/core: expected an export 'gpu', got undefined (versions differ?)",
    );
  });
});
