import { once } from 'node:events';
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FormatError, StateDictError, setDefaultBackend, setSeed, ValueError } from '@tenon/core';
import { cpuJs } from '@tenon/cpu-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BatchNorm1d } from './layers/batch-norm.ts';
import { Linear } from './layers/linear.ts';
import { Sequential } from './layers/sequential.ts';
import { load, readSafetensors, save, writeSafetensors } from './serialization.ts';
import type { StateDict } from './state-dict.ts';

setDefaultBackend(cpuJs());

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tenon-nn-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const model = (): Sequential => new Sequential([new Linear(3, 2), new BatchNorm1d(2)]);

describe('save and load', () => {
  it('bring a model back bit for bit, with its metadata', async () => {
    setSeed(1);
    const path = join(folder, 'runs', 'a.safetensors');
    const [first, second] = [model(), model()];
    await save(first, path, { metadata: { epochs: '3' } });
    const { missing, unexpected, metadata } = await load(second, path);
    expect({ missing, unexpected, metadata }).toEqual({
      missing: [],
      unexpected: [],
      metadata: { epochs: '3' },
    });
    expect(await second.stateDict()).toEqual(await first.stateDict());
    expect((await readSafetensors(path)).get('1.num_batches_tracked')?.dtype).toBe('i64');
    expect(readdirSync(join(folder, 'runs'))).toEqual(['a.safetensors']);
  });

  it('leave the old file and no other when saving fails', async () => {
    const path = join(folder, 'a.safetensors');
    await save(model(), path);
    const before = readFileSync(path);
    const bad: StateDict = new Map([
      ['w', { dtype: 'f32', shape: [3], data: new Float32Array(2) }],
    ]);
    await expect(writeSafetensors(path, bad)).rejects.toThrow('encodeSafetensors: w has shape [3]');
    expect(readFileSync(path)).toEqual(before);
    // the target is a folder: the rename fails after the temporary file was written
    const target = join(folder, 'target');
    mkdirSync(target);
    await expect(save(model(), target)).rejects.toThrow();
    expect(readdirSync(folder)).toEqual(['a.safetensors', 'target']);
  });

  it('follow a link, and refuse what is no file', async () => {
    const [path, link] = [join(folder, 'a.safetensors'), join(folder, 'link')];
    writeFileSync(path, '');
    symlinkSync('a.safetensors', link);
    await save(model(), link);
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    expect((await readSafetensors(path)).size).toBe(7);
    const socket = join(folder, 'socket');
    const server = createServer().listen(socket);
    await once(server, 'listening');
    await expect(save(model(), socket)).rejects.toThrow(
      new ValueError(`save: expected the path of a file, got a folder or device: ${socket}`),
    );
    expect(lstatSync(socket).isSocket()).toBe(true);
    server.close();
    await expect(save(model(), join(path, 'b'))).rejects.toThrow(ValueError);
    await expect(load(model(), folder)).rejects.toThrow(ValueError);
  });

  it('say which file is broken, and leave the model as it was', async () => {
    const path = join(folder, 'a.safetensors');
    const target = model();
    await save(target, path);
    truncateSync(path, 100);
    const before = await target.stateDict();
    const error = await load(target, path).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(FormatError);
    expect(String(error)).toMatch(
      /a\.safetensors: safetensors: the header is truncated: expected \d+ bytes, got 92$/,
    );
    writeFileSync(path, 'not a model at all');
    await expect(load(target, path)).rejects.toThrow('is this a safetensors file?');
    await save(new Linear(3, 2), path);
    await expect(load(target, path)).rejects.toThrow(StateDictError);
    await expect(load(target, path)).rejects.toThrow(`${path}: loadStateDict: the state dict`);
    await expect(load(target, join(folder, 'none'))).rejects.toThrow('ENOENT');
    expect(await target.stateDict()).toEqual(before);
  });
});
