// For tests: runs the command, as a child process from its sources or in this process, and makes
// small IDX folders.
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { ModelDescription } from './description.ts';
import { run } from './program.ts';

/** The command's source file. */
export const MAIN: string = fileURLToPath(new URL('./main.ts', import.meta.url));

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `tenon ...args` in `cwd`, with no terminal attached. */
export function tenon(
  args: readonly string[],
  cwd: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<Finished> {
  const child = spawn(process.execPath, ['--conditions=@tenon/source', MAIN, ...args], {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      NODE_OPTIONS: '',
      FORCE_COLOR: undefined,
      NO_COLOR: undefined,
      ...environment,
    },
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

/** Runs `tenon ...args` in this process, for what needs no process of its own. */
export async function inProcess(args: readonly string[]): Promise<Finished> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const code = await run(args, { stdout, stderr });
  const text = (stream: PassThrough): string => String(stream.read() ?? '');
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

/** A new empty folder for the files of one test file. */
export function temporaryFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'tenon-cli-'));
}

/** Side of the images that `writeStripes` makes. */
export const SIDE = 8;

/** An image of class `label`: row 2 * label is lit, over a little noise that differs by `seed`. */
export function stripe(label: number, seed: number): Uint8Array {
  return Uint8Array.from({ length: SIDE * SIDE }, (_, i) => {
    const noise = (Math.imul(i + 1 + seed * 64, 2654435761) >>> 27) & 31;
    return Math.floor(i / SIDE) === 2 * label ? 255 - noise : noise;
  });
}

/** An IDX folder with `count` images of four classes, easy to tell apart. */
export async function writeStripes(folder: string, count: number): Promise<void> {
  await mkdir(folder, { recursive: true });
  const labels = Uint8Array.from({ length: count }, (_, i) => i % 4);
  const images = new Uint8Array(count * SIDE * SIDE);
  for (const [i, label] of labels.entries()) images.set(stripe(label, i), i * SIDE * SIDE);
  await writeFile(
    join(folder, 'train-images-idx3-ubyte'),
    Buffer.concat([header(0x0803, [count, SIDE, SIDE]), images]),
  );
  await writeFile(
    join(folder, 'train-labels-idx1-ubyte'),
    Buffer.concat([header(0x0801, [count]), labels]),
  );
}

function header(magic: number, sizes: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 + 4 * sizes.length);
  bytes.writeUInt32BE(magic, 0);
  sizes.forEach((size, i) => {
    bytes.writeUInt32BE(size, 4 + 4 * i);
  });
  return bytes;
}

/** A model description with nothing wrong in it. */
export const DESCRIPTION: ModelDescription = {
  format: 'tenon-model',
  version: 1,
  model: 'mlp',
  inputShape: [1, 8, 8],
  classes: ['a', 'b'],
  parameters: 10,
  backend: 'cpu-js',
  seed: 1,
  data: { source: 'digits', limit: null, label: null },
  training: {
    optimizer: 'adam',
    learningRate: 0.001,
    schedule: 'cosine',
    batchSize: 32,
    epochs: 2,
    shift: 0,
  },
  test: { accuracy: 0.5, loss: 0.7, samples: 8 },
};
