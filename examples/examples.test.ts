// Runs every program of this folder as a user would, from the sources.
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { webgpu } from '@tenon/webgpu/node';
import { describe, expect, it } from 'vitest';

const folder = fileURLToPath(new URL('.', import.meta.url));
const execute = promisify(execFile);

async function run(...program: string[]): Promise<string> {
  const { stdout } = await execute(process.execPath, ['--conditions=@tenon/source', ...program], {
    cwd: folder,
    env: { ...process.env, NODE_OPTIONS: '', NO_COLOR: '1', FORCE_COLOR: undefined },
  });
  return stdout;
}

/** The last number that `text` shows after `label`. */
function last(text: string, label: string): number {
  return Number(text.split(label).at(-1)?.trim());
}

const checks: Readonly<Record<string, (stdout: string) => void>> = {
  '01-tensors.ts'(stdout) {
    expect(stdout).toContain('[ 4 ] f32 [ 9, 5, 11, 7 ] 32');
    expect(stdout).toContain('at [ 2, 3 ]');
    expect(stdout).toContain('sum [ [ 6 ], [ 15 ] ]');
    expect(stdout).toContain('argMax [ 2, 2 ]');
    expect(stdout).toContain('positive [ [ 0, 0, 0 ], [ 4, 5, 6 ] ]');
    expect(stdout).toContain('join [ 4, 3 ] [ 2, 2, 3 ] [ 0, 1, 2 ]');
    expect(stdout).toContain('einsum is matmul: true [ 2, 3 ]');
  },
  '02-backends.ts'(stdout) {
    // With Dawn and a driver, real or not, it is webgpu.
    expect(stdout).toMatch(/^(webgpu|cpu-wasm) \[ 'f32', 'i32', 'u32', 'bool'/);
    expect(stdout).toMatch(/'adapter: |'threads: 2, the calling one included'/);
    expect(stdout).toContain('true\n[ 11, 22, 33 ]');
  },
  '03-gradients.ts'(stdout) {
    expect(stdout).toContain('d/dw Σw² = 2w: [ 1, -2 ]');
    expect(stdout).toContain('x³ at [1, 2]: sum 9 slope 3x² [ 3, 12 ]');
    expect(stdout).toContain('curvature 6x [ 6, 12 ]');
    expect(stdout).toContain('tracked: true false');
  },
  '04-training-loop.ts'(stdout) {
    expect(last(stdout, 'accuracy')).toBeGreaterThan(0.85);
  },
  '06-fit.ts'(stdout) {
    // 8 · 25 + 8 weights of the convolution, 1152 · 10 + 10 of the linear layer.
    expect(stdout.replaceAll(',', '')).toContain(String(8 * 25 + 8 + 11_530));
    expect(last(stdout, 'accuracy')).toBeGreaterThan(0.85);
  },
  '07-save-and-load.ts'(stdout) {
    expect(stdout).toContain('equal outputs: true');
    expect(stdout).toContain('0.weight f32 [ 8, 4 ]');
    expect(stdout).toContain('2.bias f32 [ 2 ]');
  },
  '09-custom-gradient.ts'(stdout) {
    expect(stdout).toBe('[ 3, -2, 7 ]\n');
  },
};

/** Programs that choose no backend; 06-fit as well, which takes a minute where the GPU is a CPU. */
const ON_WEBGPU = [
  '01-tensors.ts',
  '03-gradients.ts',
  '04-training-loop.ts',
  '07-save-and-load.ts',
  '09-custom-gradient.ts',
];

/** Left out where Dawn finds no adapter. */
const hasGpu = await webgpu().then(
  (backend) => {
    backend.dispose();
    return true;
  },
  () => false,
);

describe.concurrent('examples', () => {
  it('all have a check', ({ expect }) => {
    const programs = readdirSync(folder).filter((name) => /^\d\d-.*\.ts$/.test(name));
    expect(programs.sort()).toEqual(Object.keys(checks).sort());
  });

  it('the program of the README', async () => {
    const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
    const program = /```ts\n([\s\S]*?)```/.exec(readme)?.[1] ?? '';
    const stdout = await run('--input-type=module', '--eval', program);
    expect(Number(/accuracy: ([\d.]+)/.exec(stdout)?.[1])).toBeGreaterThan(0.88);
  });

  for (const [name, check] of Object.entries(checks)) {
    it(name, async () => check(await run(name)));
  }

  for (const name of ON_WEBGPU) {
    it.skipIf(!hasGpu)(`${name} on webgpu`, { timeout: 180_000 }, async () => {
      checks[name]?.(await run('--import', './on-webgpu.ts', name));
    });
  }
});
