// Usage, data and targets that the commands must refuse, each with its class, message and exit
// code, and the figures of `evaluate` where the data are not the model's own.
import { once } from 'node:events';
import { lstat, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { decodeSafetensors, encodeSafetensors } from '@tenon/nn';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Finished, inProcess, temporaryFolder, writeStripes } from './testing.ts';

let folder = '';
const file = (name: string): string => join(folder, name);
const FAST = ['--model', 'linear', '--epochs', '1', '--json'];

/** Points of three classes on a line; `kinds` picks which classes are written. */
function points(kinds: string): string {
  const rows = Array.from({ length: 60 }, (_, i) => {
    const kind = i % 3;
    return `${kind * 10 + (i % 7) / 7},${(i % 5) / 5},${'abc'[kind]}`;
  });
  return ['x,y,kind', ...rows.filter((row) => kinds.includes(row.at(-1)!)), ''].join('\n');
}

beforeAll(async () => {
  folder = await temporaryFolder();
  await writeFile(file('abc.csv'), points('abc'));
  await writeFile(file('bc.csv'), points('bc'));
  await writeFile(file('abc.csv.gz'), gzipSync(points('abc')));
  await writeFile(file('one.csv'), 'kind\na\nb\n');
  const args = ['--data', `csv:${file('abc.csv')}`, '--model', 'mlp', '--epochs', '60'];
  const rate = ['--learning-rate', '0.02', '--json'];
  const { code, stderr } = await inProcess(['train', ...args, ...rate, '--save', file('abc')]);
  expect(code, stderr).toBe(0);
});
afterAll(() => rm(folder, { recursive: true }));

/** The error document of a command that must fail; paths are relative. */
async function failure(args: readonly string[]): Promise<unknown> {
  const { code, stdout } = await inProcess(args);
  const { error } = JSON.parse(stdout.replaceAll(`${folder}/`, ''));
  expect(error.exitCode).toBe(code);
  return error;
}

const parsed = ({ code, stdout, stderr }: Finished) => {
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout);
};

describe('usage', () => {
  const train = (...args: string[]): string[] => ['train', ...args, '--json'];
  it.each([
    [train('--epochs', '0'), /^option '-e, --epochs <n>' argument '0' is invalid\. Expected a/],
    [train('--save', ''), /^option '-s, --save <path>' argument '' is invalid\. Expected a path/],
    [train('--save', 'x', '--no-save'), /^train: expected either --save <path> or --no-save/],
    [train('--no-save', '--save', 'x'), /^train: expected either --save <path> or --no-save/],
    [train('--label', 'kind'), /^--label: expected csv:<file> as --data, got 'digits'$/],
    [['summary', 'm', '--classes', '3', '--json'], /^summary: expected --input and --classes with/],
  ])('%j is a UsageError in the document too', async (args, message) => {
    expect(await failure(args)).toEqual({
      name: 'UsageError',
      message: expect.stringMatching(message),
      exitCode: 2,
    });
  });
});

describe('training', () => {
  it('that diverges in its last step saves nothing', async () => {
    const data = ['--data', `csv:${file('abc.csv')}`, '--batch-size', '60'];
    const args = ['train', ...data, ...FAST, '--learning-rate', '1e38', '--save', file('diverged')];
    expect(await failure(args)).toMatchObject({ name: 'NotFiniteError', exitCode: 1 });
    expect((await readdir(folder)).filter((name) => name.includes('diverged'))).toEqual([]);
  });

  it('refuses test images of another size before it starts', async () => {
    await writeStripes(file('mixed'), 8);
    const test = Buffer.from([0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 2, 1, 2, 3, 4]);
    await writeFile(file('mixed/t10k-images-idx3-ubyte'), test);
    const label = Buffer.from([0, 0, 8, 1, 0, 0, 0, 1, 0]);
    await writeFile(file('mixed/t10k-labels-idx1-ubyte'), label);
    const args = ['train', '--data', `idx:${file('mixed')}`, ...FAST, '--no-save'];
    expect(await failure(args)).toEqual({
      name: 'ShapeError',
      message:
        '--data idx:mixed: expected test samples of shape [1, 8, 8], as those to train on, ' +
        'got [1, 2, 2]',
      exitCode: 3,
    });
  });

  it('reads a gzipped CSV file, its label in the last column', async () => {
    const data = ['--data', `csv:${file('abc.csv.gz')}`];
    const result = parsed(await inProcess(['train', ...data, ...FAST, '--no-save']));
    expect(result.classes).toEqual(['a', 'b', 'c']);
  });

  it('needs an input column beside the label', async () => {
    const args = ['train', '--data', `csv:${file('one.csv')}`, ...FAST, '--no-save'];
    expect(await failure(args)).toMatchObject({
      message: expect.stringContaining('at least one input column was expected'),
      exitCode: 3,
    });
  });

  it('never replaces what is no regular file, and follows a link', async () => {
    const data = ['train', '--data', `csv:${file('abc.csv')}`, ...FAST];
    const server = createServer().listen(file('socket'));
    await once(server, 'listening');
    expect(await failure([...data, '--save', file('socket'), '--force'])).toEqual({
      name: 'OverwriteError',
      message: 'socket is no regular file: give the path of a file to --save',
      exitCode: 5,
    });
    expect((await lstat(file('socket'))).isSocket()).toBe(true);
    server.close();
    await symlink('linked-to', file('link'));
    await writeFile(file('linked-to'), '');
    parsed(await inProcess([...data, '--save', file('link'), '--force']));
    expect((await lstat(file('link'))).isSymbolicLink()).toBe(true);
    const { metadata } = decodeSafetensors(await readFile(file('linked-to')));
    expect(Object.keys(metadata)).toEqual(['tenon']);
  });
});

describe('evaluate', () => {
  it('keeps the model’s order of classes on data that lacks one', async () => {
    const args = ['evaluate', file('abc'), '--data', `csv:${file('bc.csv')}`, '--json'];
    const { accuracy, confusionMatrix, data } = parsed(await inProcess(args));
    // all of other data, and none of class a
    expect(data).toMatchObject({ split: 'all', samples: 40 });
    expect(confusionMatrix).toEqual([
      [0, 0, 0],
      [0, 20, 0],
      [0, 0, 20],
    ]);
    expect(accuracy).toBe(1);
  });

  it('refuses a class that the model does not know', async () => {
    await writeFile(file('d.csv'), 'x,y,kind\n1,2,a\n1,2,d\n');
    const args = ['evaluate', file('abc'), '--data', `csv:${file('d.csv')}`, '--json'];
    expect(await failure(args)).toEqual({
      name: 'ValueError',
      message:
        "csvDataset: one of the classes [a, b, c] was expected on line 3, column 'kind', got 'd'",
      exitCode: 3,
    });
  });

  it('takes held-out samples of its own data also by name, and --limit few of them', async () => {
    const own = ['evaluate', file('abc'), '--data', `csv:${file('abc.csv')}`, '--json'];
    expect(parsed(await inProcess(own)).data).toMatchObject({ split: 'test', samples: 12 });
    const few = parsed(await inProcess([...own, '--limit', '5']));
    expect(few.data).toMatchObject({ split: 'test', samples: 5 });
  });

  it('says which file does not fit, and when its weights are not finite', async () => {
    const { tensors, metadata } = decodeSafetensors(await readFile(file('abc')));
    const bias = { dtype: 'f32' as const, shape: [3], data: new Float32Array(3).fill(Number.NaN) };
    const broken = encodeSafetensors(new Map(tensors).set('3.bias', bias), metadata);
    await writeFile(file('nan'), broken);
    const args = ['evaluate', file('nan'), '--data', `csv:${file('abc.csv')}`, '--json'];
    expect(await failure(args)).toMatchObject({ name: 'NotFiniteError', exitCode: 1 });
    const renamed = new Map([...tensors].map(([name, tensor]) => [`x.${name}`, tensor]));
    await writeFile(file('renamed'), encodeSafetensors(renamed, metadata));
    expect(await failure(['evaluate', file('renamed'), '--json'])).toMatchObject({
      name: 'StateDictError',
      message: expect.stringMatching(/^renamed: loadStateDict: .*missing: .*; unexpected: /),
      exitCode: 3,
    });
  });
});
