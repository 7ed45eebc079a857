import { copyFile, mkdir, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeSafetensors, encodeSafetensors } from '@tenon/nn';
import { encode } from 'fast-png';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { surveyBackends } from './backends.ts';
import {
  type Finished,
  inProcess,
  SIDE,
  stripe,
  temporaryFolder,
  tenon,
  writeStripes,
} from './testing.ts';

const SETTINGS = ['--model', 'mlp', '--data', 'idx:stripes', '--epochs', '3', '--batch-size', '16'];
const TRAIN = ['train', ...SETTINGS, '--learning-rate', '0.01', '--backend', 'cpu-wasm'];

/** Left out where Dawn finds no adapter: then `tenon backends` says why. */
const hasGpu = (await surveyBackends()).some(({ name, works }) => name === 'webgpu' && works);

let folder = '';
let first: Finished;
const file = (...names: string[]): string => join(folder, ...names);

beforeAll(async () => {
  folder = await temporaryFolder();
  await writeStripes(file('stripes'), 100);
  first = await tenon([...TRAIN, '--save', 'model.safetensors', '--json'], folder);
  await writeDamaged();
});
afterAll(() => rm(folder, { recursive: true }));

describe('train --json', () => {
  it('prints one document with everything about the run', () => {
    expect(first.code, first.stderr).toBe(0);
    const result = JSON.parse(first.stdout);
    expect(result).toMatchObject({
      command: 'train',
      backend: 'cpu-wasm',
      model: 'mlp',
      parameters: 64 * 128 + 128 + 128 * 4 + 4,
      data: { source: 'idx:stripes', limit: null, train: 80, test: 20 },
      classes: ['0', '1', '2', '3'],
      seed: 1,
      training: { optimizer: 'adam', learningRate: 0.01, batchSize: 16, epochs: 3 },
      path: 'model.safetensors',
      descriptionPath: 'model.safetensors.json',
    });
    expect(result.losses).toHaveLength(15);
    expect(result.losses[0]).toBeCloseTo(Math.log(4), 0);
    expect(result.losses[14]).toBeLessThan(0.2);
    expect(result.seconds).toBeGreaterThan(0);
    expect(result.epochs.map(({ epoch }: { epoch: number }) => epoch)).toEqual([1, 2, 3]);
    for (const epoch of result.epochs) {
      for (const key of ['loss', 'accuracy', 'validationLoss', 'validationAccuracy', 'seconds']) {
        expect(epoch[key], key).toBeTypeOf('number');
      }
    }
    // The classes are easy, and the split is stratified: five test samples of each.
    expect(result.testAccuracy).toBe(1);
    expect(result.epochs[2].validationAccuracy).toBe(1);
    expect(result.confusionMatrix).toEqual([
      [5, 0, 0, 0],
      [0, 5, 0, 0],
      [0, 0, 5, 0],
      [0, 0, 0, 5],
    ]);
  });

  it('reports the mean of the losses of an epoch as its loss', () => {
    const { losses, epochs } = JSON.parse(first.stdout);
    for (const [index, { loss }] of epochs.entries()) {
      const steps: number[] = losses.slice(5 * index, 5 * index + 5);
      expect(loss).toBeCloseTo(steps.reduce((sum, value) => sum + value) / 5, 6);
    }
  });

  it('writes the model with PyTorch names, and its description inside and beside', async () => {
    const { tensors, metadata } = decodeSafetensors(await readFile(file('model.safetensors')));
    const stored = [...tensors].map(([name, { dtype, shape }]) => [name, [dtype, shape]]);
    expect(Object.fromEntries(stored)).toEqual({
      '1.weight': ['f32', [128, 64]],
      '1.bias': ['f32', [128]],
      '3.weight': ['f32', [4, 128]],
      '3.bias': ['f32', [4]],
    });
    const beside = JSON.parse(await readFile(file('model.safetensors.json'), 'utf8'));
    expect(JSON.parse(metadata.tenon ?? '')).toEqual(beside);
    expect(beside).toMatchObject({ format: 'tenon-model', version: 1, inputShape: [1, 8, 8] });
  });
});

describe.concurrent('after training', () => {
  it('the same seed gives the same losses bit for bit, another seed others', async ({ expect }) => {
    const run = (seed: string): Promise<Finished> =>
      tenon([...TRAIN, '--seed', seed, '--no-save', '--json'], folder);
    const [same, other] = await Promise.all([run('1'), run('2')]);
    const { losses, epochs } = JSON.parse(first.stdout);
    const again = JSON.parse(same.stdout);
    expect(again.losses).toEqual(losses);
    expect(again.path).toBeNull();
    expect(again.epochs[2].validationLoss).toBe(epochs[2].validationLoss);
    expect(JSON.parse(other.stdout).losses).not.toEqual(losses);
  });

  it('the same seed gives the same losses on one thread and on two', async ({ expect }) => {
    const run = (threads: string): Promise<Finished> =>
      tenon([...TRAIN, '--threads', threads, '--no-save', '--json'], folder);
    const [one, two] = (await Promise.all([run('1'), run('2')])).map((f) => JSON.parse(f.stdout));
    expect([one.threads, two.threads]).toEqual([1, 2]);
    expect(two.losses).toEqual(one.losses);
  });

  it('runs on the backend that was asked for', async ({ expect }) => {
    const { stdout } = await tenon([...TRAIN, '--backend', 'cpu-js', '--no-save'], folder);
    expect(stdout).toContain('\nbackend        cpu-js\n');
  });

  it.skipIf(!hasGpu)(
    'trains, evaluates and predicts on webgpu',
    async ({ expect }) => {
      const gpu = ['--backend', 'webgpu', '--json'];
      const trained = await tenon([...TRAIN, ...gpu, '--save', 'gpu.safetensors'], folder);
      expect(trained.code, trained.stderr).toBe(0);
      const { backend, losses, testAccuracy } = JSON.parse(trained.stdout);
      expect({ backend, testAccuracy }).toEqual({ backend: 'webgpu', testAccuracy: 1 });
      for (const [i, loss] of JSON.parse(first.stdout).losses.entries()) {
        expect(Math.abs(losses[i] - loss) / loss, `step ${i}`).toBeLessThan(1e-4);
      }
      const evaluated = await tenon(['evaluate', 'gpu.safetensors', ...gpu], folder);
      expect(JSON.parse(evaluated.stdout)).toMatchObject({ backend: 'webgpu', accuracy: 1 });
      await writeFile(
        file('gpu.png'),
        encode({ width: SIDE, height: SIDE, data: stripe(2, 5), channels: 1 }),
      );
      const predicted = await tenon(['predict', 'gpu.safetensors', 'gpu.png', ...gpu], folder);
      expect(JSON.parse(predicted.stdout)).toMatchObject({ backend: 'webgpu', label: '2' });
    },
    180_000,
  );

  it('evaluate gives the same figures to the last digit', async ({ expect }) => {
    const { code, stdout } = await tenon(['evaluate', 'model.safetensors', '--json'], folder);
    expect(code).toBe(0);
    const trained = JSON.parse(first.stdout);
    expect(JSON.parse(stdout)).toMatchObject({
      command: 'evaluate',
      backend: 'cpu-wasm',
      accuracy: trained.testAccuracy,
      loss: trained.testLoss,
      confusionMatrix: trained.confusionMatrix,
      data: { source: 'idx:stripes', split: 'test', samples: 20 },
    });
  });

  it('evaluates on all samples', async ({ expect }) => {
    const args = ['evaluate', 'model.safetensors', '--split', 'all', '--quiet'];
    const { stdout, stderr } = await tenon(args, folder);
    expect(stderr).toBe('');
    expect(stdout.split('\n')[0]).toBe('accuracy  100.00 % of 100 samples (idx:stripes, all)');
  });

  it('predict classifies an image, and its negative with --invert', async ({ expect }) => {
    const data = stripe(2, 777);
    const image = { width: SIDE, height: SIDE, channels: 1 };
    await writeFile(file('two.png'), encode({ ...image, data }));
    await writeFile(file('negative.png'), encode({ ...image, data: data.map((v) => 255 - v) }));
    const predict = ['predict', 'model.safetensors', '--json'];
    const [plain, inverted] = await Promise.all([
      tenon([...predict, 'two.png'], folder),
      tenon([...predict, 'negative.png', '--invert'], folder),
    ]);
    const result = JSON.parse(plain.stdout);
    expect(result).toMatchObject({ command: 'predict', class: 2, label: '2', image: 'two.png' });
    const total = result.probabilities.reduce((sum: number, p: number) => sum + p);
    expect(total).toBeCloseTo(1, 5);
    expect(result.probability).toBe(result.probabilities[2]);
    const other = JSON.parse(inverted.stdout).probabilities;
    for (const [index, p] of result.probabilities.entries()) expect(other[index]).toBeCloseTo(p, 5);
  });

  it('summary lists layers and parameters of a file and of an architecture', async ({ expect }) => {
    const [saved, named] = await Promise.all([
      tenon(['summary', 'model.safetensors'], folder),
      tenon(['summary', '--model', 'lenet', '--json'], folder),
    ]);
    expect(saved.stdout).toContain('8,836');
    expect(saved.stdout).toContain('mlp, trained on idx:stripes');
    // LeNet-5 with full connections between its convolutions.
    expect(JSON.parse(named.stdout)).toMatchObject({ model: 'lenet', parameters: 61_706 });
  });

  it('without a terminal prints a plain line per epoch, and no control codes', async ({
    expect,
  }) => {
    const { stdout, stderr } = await tenon([...TRAIN, '--save', 'plain.safetensors'], folder);
    expect(stderr).toBe('');
    const lines = stdout.split('\n');
    expect(lines[0]).toBe(
      'mlp (8836 parameters) on idx:stripes: 80 samples to train on, 20 held out',
    );
    expect(lines[2]).toMatch(
      /^epoch 1\/3 {2}loss \d\.\d{4} {2}accuracy [\d.]+ % {2}validation [\d.]+ % {2}[\d.]+ s$/,
    );
    expect(stdout).toContain('true \\ predicted');
    expect(stdout).toMatch(
      /\ntest accuracy {2}100\.00 % of 20 held-out samples\nbackend {8}cpu-wasm( \([^)]+\))?\n/,
    );
    expect(stdout).toMatch(/\nsaved {10}plain\.safetensors\n$/);
    expect(stdout).not.toContain('\u001b');
  });
});

describe('files that are not what they should be end with exit code 3', () => {
  it.each([
    ['missing', 'none.safetensors', 'FileError: cannot read the model none.safetensors: no such'],
    ['truncated', 'short.safetensors', 'FormatError: short.safetensors: '],
    ['garbage', 'garbage.safetensors', 'FormatError: garbage.safetensors: '],
    ['of another program', 'other.safetensors', 'FileError: other.safetensors: expected a model'],
    ['of a newer version', 'newer.safetensors', 'FormatError: newer.safetensors: expected a model'],
    ['of the wrong weights', 'wrong.safetensors', 'StateDictError: '],
  ])('a model that is %s', async (_, name, message) => {
    const { code, stdout, stderr } = await here(['evaluate', file(name), '--json']);
    expect(stderr).toContain(`tenon: ${message}`);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(JSON.parse(stdout).error.exitCode).toBe(3);
    expect(code).toBe(3);
  });

  it.each([
    ['a folder that is not there', 'idx:nowhere', 'FileError: --data idx:nowhere: cannot read'],
    ['a folder without the files', 'idx:empty', 'ValueError: idxDataset: train-images'],
    ['a truncated file', 'idx:cut', 'FormatError: '],
    ['a CSV file that is not there', 'csv:no.csv', 'FileError: --data csv:no.csv: cannot read'],
    ['a CSV file with a gap', 'csv:gap.csv', 'FormatError: '],
  ])('%s', async (_, source, message) => {
    const { code, stderr } = await here([
      'train',
      '--data',
      source.replace(':', `:${folder}/`),
      '--model',
      'mlp',
      '--no-save',
    ]);
    expect(stderr).toContain(`tenon: ${message}`);
    expect(code).toBe(3);
  });

  it('data of another shape than the model', async () => {
    await writeFile(file('points.csv'), 'a,b,kind\n1,2,0\n3,4,1\n5,6,0\n');
    const args = ['evaluate', file('model.safetensors'), '--data', `csv:${file('points.csv')}`];
    const { code, stderr } = await here(args);
    expect(stderr).toBe(
      'tenon: ShapeError: --data csv:points.csv: expected samples of shape [1, 8, 8], as the ' +
        'model was trained on, got [2]\n',
    );
    expect(code).toBe(3);
  });

  it('ends the process with that code', async () => {
    expect((await tenon(['evaluate', 'none.safetensors'], folder)).code).toBe(3);
  });

  it('an image that is no PNG', async () => {
    await writeFile(file('text.png'), 'no image');
    const { code, stderr } = await here(['predict', file('model.safetensors'), file('text.png')]);
    expect(stderr).toContain('tenon: FileError: text.png: expected a PNG image, got: ');
    expect(code).toBe(3);
  });
});

describe.concurrent('nothing is lost', () => {
  it('a file that is no Tenon model is refused before training', async ({ expect }) => {
    await writeFile(file('notes.txt'), 'precious');
    const { code, stdout, stderr } = await tenon([...TRAIN, '--save', 'notes.txt'], folder);
    expect(stderr).toBe(
      'tenon: OverwriteError: notes.txt exists and is not a model that Tenon saved, so it is ' +
        'left as it is (--force overwrites it)\n',
    );
    expect({ code, stdout }).toEqual({ code: 5, stdout: '' });
    expect(await readFile(file('notes.txt'), 'utf8')).toBe('precious');
  });

  it('--force overwrites it, and an older model needs no --force', async ({ expect }) => {
    await writeFile(file('old.txt'), 'precious');
    const save = [...TRAIN, '--epochs', '1', '--save', 'old.txt', '--quiet'];
    expect((await tenon([...save, '--force'], folder)).code).toBe(0);
    const before = await readFile(file('old.txt'));
    expect((await tenon([...save, '--seed', '2'], folder)).code).toBe(0);
    expect((await readFile(file('old.txt'))).equals(before)).toBe(false);
    expect((await readdir(folder)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  it('a loss that is no number ends the run, and the old model stays', async ({ expect }) => {
    await copyFile(file('model.safetensors'), file('kept.safetensors'));
    const before = await readFile(file('kept.safetensors'));
    const args = ['--optimizer', 'sgd', '--learning-rate', '1e30', '--save', 'kept.safetensors'];
    const { code, stderr } = await tenon(['train', ...SETTINGS, ...args], folder);
    expect(stderr).toMatch(/^tenon: NonFiniteLossError: fit: expected a finite loss, got/m);
    expect(code).toBe(1);
    expect((await readFile(file('kept.safetensors'))).equals(before)).toBe(true);
  });
});

/** Runs a command in this process; the folder's name is left out of what it printed. */
async function here(args: readonly string[]): Promise<Finished> {
  const { code, stdout, stderr } = await inProcess(args);
  const relative = (text: string): string => text.replaceAll(`${folder}/`, '');
  return { code, stdout: relative(stdout), stderr: relative(stderr) };
}

/** Damaged copies of the trained model, and damaged data. */
async function writeDamaged(): Promise<void> {
  await mkdir(file('empty'));
  await writeStripes(file('cut'), 10);
  await truncate(file('cut', 'train-images-idx3-ubyte'), 300);
  await writeFile(file('gap.csv'), 'a,b,kind\n1,2,x\n3,,y\n');
  const bytes = await readFile(file('model.safetensors'));
  const { tensors, metadata } = decodeSafetensors(bytes);
  await writeFile(file('short.safetensors'), bytes.subarray(0, bytes.length - 100));
  await writeFile(
    file('garbage.safetensors'),
    bytes.map((byte) => byte ^ 0x5a),
  );
  await writeFile(file('other.safetensors'), encodeSafetensors(tensors));
  const newer = metadata.tenon?.replace('"model": "mlp"', '"model": "mlp2"') ?? '';
  await writeFile(file('newer.safetensors'), encodeSafetensors(tensors, { tenon: newer }));
  const fewer = new Map([...tensors].filter(([name]) => name !== '3.bias'));
  await writeFile(file('wrong.safetensors'), encodeSafetensors(fewer, metadata));
}
