import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cpuJs, setDefaultBackend } from 'tenon';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FileError, OverwriteError } from './errors.ts';
import { checkTarget, loadModel, replaceAll, saveOrRescue } from './model-file.ts';
import { buildModel } from './models.ts';
import { DESCRIPTION, temporaryFolder } from './testing.ts';

let folder = '';
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => rm(folder, { recursive: true }));

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('replaceAll', () => {
  it('replaces every file', async () => {
    const [a, b] = [join(folder, 'a'), join(folder, 'b')];
    await writeFile(a, 'old');
    await replaceAll([
      { path: a, bytes: bytes('new a') },
      { path: b, bytes: bytes('new b') },
    ]);
    expect([await readFile(a, 'utf8'), await readFile(b, 'utf8')]).toEqual(['new a', 'new b']);
  });

  it('replaces none, and leaves nothing behind, where one cannot be written', async () => {
    const inner = join(folder, 'inner');
    await mkdir(inner);
    const path = join(inner, 'kept');
    await writeFile(path, 'old');
    const impossible = join(folder, 'no-such-folder', 'b');
    await expect(
      replaceAll([
        { path, bytes: bytes('new') },
        { path: impossible, bytes: bytes('new') },
      ]),
    ).rejects.toThrow(
      new FileError(`cannot save ${impossible}: no such file or folder`, impossible),
    );
    expect(await readFile(path, 'utf8')).toBe('old');
    expect(await readdir(inner)).toEqual(['kept']);
  });
});

describe('saveOrRescue', () => {
  it('keeps a trained model that its path cannot take, and says where', async () => {
    setDefaultBackend(cpuJs());
    const model = buildModel('mlp', [1, 4, 4], 2);
    const parameters = model.parameters().reduce((sum, { size }) => sum + size, 0);
    const file = join(folder, 'a-file');
    await writeFile(file, 'kept');
    const saving = saveOrRescue(
      join(file, 'm.safetensors'),
      model,
      { ...DESCRIPTION, inputShape: [1, 4, 4], parameters },
      false,
    );
    const error = await saving.then(
      () => null,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(FileError);
    const rescued = /; the trained model is in (.*)$/.exec((error as FileError).message)?.[1] ?? '';
    const loaded = await loadModel(rescued);
    expect(await loaded.model.stateDict()).toEqual(await model.stateDict());
    expect(await readFile(file, 'utf8')).toBe('kept');
    await rm(join(rescued, '..'), { recursive: true });
  });
});

describe('checkTarget', () => {
  it('makes the folder', async () => {
    await checkTarget(join(folder, 'new', 'deep', 'model.safetensors'), false);
    expect(await readdir(join(folder, 'new'))).toEqual(['deep']);
  });

  it('refuses a folder in place of the file, even with force', async () => {
    const path = join(folder, 'taken');
    await mkdir(path);
    await expect(checkTarget(path, true)).rejects.toThrow(OverwriteError);
  });

  it('refuses a foreign file where the description would go', async () => {
    const path = join(folder, 'model.safetensors');
    await writeFile(`${path}.json`, '{"mine": true}');
    await expect(checkTarget(path, false)).rejects.toThrow(
      `${path}.json exists and is not a model description`,
    );
  });

  it('says why a folder cannot be made', async () => {
    await writeFile(join(folder, 'plain'), '');
    const path = join(folder, 'plain', 'model.safetensors');
    await expect(checkTarget(path, false)).rejects.toThrow(FileError);
  });
});
