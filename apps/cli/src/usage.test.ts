import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, rm } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inProcess, MAIN, temporaryFolder, tenon } from './testing.ts';
import { VERSION } from './version.ts';

let folder = '';
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => rm(folder, { recursive: true }));

describe('help', () => {
  it('lists the commands and the exit codes', async () => {
    const { code, stdout, stderr } = await tenon(['--help'], folder);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatchSnapshot();
  });

  it('lists the options of train', async () => {
    const { code, stdout } = await inProcess(['train', '--help']);
    expect(code).toBe(0);
    expect(stdout).toMatchSnapshot();
  });

  it('prints the version', async () => {
    expect(await inProcess(['--version'])).toEqual({
      code: 0,
      stdout: `${VERSION}\n`,
      stderr: '',
    });
  });
});

describe('wrong usage ends with exit code 2 and one clear line', () => {
  it.each([
    [['fit'], "tenon: UsageError: unknown command 'fit'"],
    [['train', '--epoch', '3'], "tenon: UsageError: unknown option '--epoch'"],
    [
      ['train', '--epochs', '0'],
      "tenon: UsageError: option '-e, --epochs <n>' argument '0' is invalid. " +
        'Expected a whole number of at least 1.',
    ],
    [
      ['train', '--threads', '0'],
      "tenon: UsageError: option '--threads <n>' argument '0' is invalid. " +
        'Expected a whole number of at least 1.',
    ],
    [
      ['train', '--learning-rate', 'high'],
      "tenon: UsageError: option '--learning-rate <x>' argument 'high' is invalid. " +
        'Expected a number above 0.',
    ],
    [
      ['train', '--model', 'transformer', '--quiet'],
      "tenon: UsageError: --model: expected one of cnn, lenet, mlp, linear, got 'transformer'",
    ],
    [
      ['train', '--data', 'cifar'],
      'tenon: UsageError: --data: expected one of digits, fashion-mnist, idx:<folder>, ' +
        "csv:<file>, got 'cifar'",
    ],
    [
      ['train', '--backend', 'cuda'],
      'tenon: UsageError: --backend: expected one of auto, webgpu, cpu-wasm, cpu-js, ' +
        "got 'cuda'",
    ],
    [['evaluate'], "tenon: UsageError: missing required argument 'model'"],
    [
      ['summary'],
      'tenon: UsageError: summary: expected either the path of a model or --model <name>',
    ],
  ])('%j', async (args, line) => {
    const { code, stdout, stderr } = await inProcess(args);
    expect(stderr.split('\n')[0]).toBe(line);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  });

  it('with --json standard output still carries one document', async () => {
    const { code, stdout } = await tenon(['train', '--model', 'x', '--json'], folder);
    expect(code).toBe(2);
    expect(JSON.parse(stdout)).toEqual({
      error: {
        name: 'UsageError',
        message: "--model: expected one of cnn, lenet, mlp, linear, got 'x'",
        exitCode: 2,
      },
    });
  });
});

describe('output that cannot be written', () => {
  const start = (stdout: number | 'pipe') =>
    spawn(process.execPath, ['--conditions=@tenon/source', MAIN, 'summary', '--model', 'linear'], {
      stdio: ['ignore', stdout, 'pipe'],
    });
  const ended = async (child: ReturnType<typeof start>) => {
    let stderr = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    const [code] = await once(child, 'close');
    return { code, stderr };
  };

  it('is one line and exit code 1 on a full disk', async () => {
    const full = await open('/dev/full', 'w');
    const { code, stderr } = await ended(start(full.fd));
    await full.close();
    expect(stderr).toBe(
      'tenon: Error: cannot write the output: ENOSPC: no space left on device, write\n',
    );
    expect(code).toBe(1);
  });

  it('is dropped where nobody reads on', async () => {
    const child = start('pipe');
    child.stdout?.destroy();
    expect(await ended(child)).toEqual({ code: 0, stderr: '' });
  });
});

describe('backends', () => {
  it('says what works here, and why the rest does not', async () => {
    const { code, stdout, stderr } = await inProcess(['backends', '--json']);
    expect(code).toBe(0);
    const { backends, best } = JSON.parse(stdout);
    const [gpu] = backends;
    expect(gpu.name).toBe('webgpu');
    // A machine may have a GPU, a CPU that plays one, or neither.
    const isPassedOver = /adapter, got none|auto passes over it/.test(gpu.notes.join());
    expect(best).toBe(isPassedOver ? 'cpu-wasm' : 'webgpu');
    if (gpu.works) {
      expect(gpu.variant).toMatch(/^(register|workgroup|subgroup)$/);
      expect(gpu.notes[0]).toMatch(/^adapter: /);
    }
    expect(backends[1]).toMatchObject({ name: 'cpu-wasm', works: true });
    expect(backends[1].variant).toMatch(/^(scalar|(simd|relaxed)(-threads)?)$/);
    expect(backends[1].threads).toBeGreaterThan(0);
    expect(backends[2]).toMatchObject({ name: 'cpu-js', works: true, variant: null, threads: 1 });
    expect(backends[2].dtypes).toContain('f64');
    expect(stderr).toContain(gpu.notes[0]);
  });

  it('a backend that is not available ends with exit code 4', async () => {
    // Without a driver Dawn finds no adapter, and says so itself besides.
    const nothing = { VK_ICD_FILENAMES: '/nothing.json', VK_DRIVER_FILES: '/nothing.json' };
    const args = ['train', '--backend', 'webgpu', '--no-save'];
    const { code, stderr } = await tenon(args, folder, nothing);
    expect(code).toBe(4);
    expect(stderr).toContain(
      'tenon: BackendError: --backend webgpu: webgpu: expected a WebGPU adapter',
    );
  });

  it('so do threads that it does not have', async () => {
    const args = ['train', '--backend', 'cpu-js', '--threads', '2', '--no-save'];
    const { code, stderr } = await inProcess(args);
    expect(stderr).toContain('tenon: BackendError: --threads: expected 2 on cpu-js, got 1');
    expect(code).toBe(4);
  });
});
