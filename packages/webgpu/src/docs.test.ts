// Runs the programs that README, guide and @example show, and looks for the files that they name.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const root = new URL('../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8');
const PAGE = read('../../docs/backends/webgpu.md');

/** Programs between fences; those of comments without their stars. */
function programs(text: string): string[] {
  const plain = text.replaceAll(/^ \* ?/gm, '');
  return Array.from(plain.matchAll(/^```ts\n(import .*?)^```/gms), (found) => found[1] ?? '');
}

const PROGRAMS = [read('README.md'), PAGE, read('src/index.ts'), read('src/node.ts')].flatMap(
  programs,
);

test('each has its program', () => expect(PROGRAMS).toHaveLength(6));

/** What `console.log(…); // text` of a program promises, as far as it is one line. */
function promised(program: string): string[] {
  const lines = program.matchAll(/^console\.log\(.*\); \/\/ ((?:Float32Array \[|true).*)$/gm);
  return Array.from(lines, (found) => (found[1] ?? '').replaceAll(/Float32Array|[[\] ,()]/g, ''));
}

// The programs import sources, which Node 20 cannot.
test.skipIf(!process.features.typescript).each(PROGRAMS)('program %# runs', (program) => {
  const args = ['--conditions=@tenon/source', '--input-type=module-typescript', '-e', program];
  const done = spawnSync(process.execPath, ['--no-warnings', ...args], {
    cwd: root,
    encoding: 'utf8',
    timeout: 60_000,
  });
  expect(done.stderr).toBe('');
  expect(done.status).toBe(0);
  const said = done.stdout.replaceAll(/Float32Array\(\d\)|[[\] ,()]/g, '');
  for (const text of promised(program)) expect(said).toContain(text);
});

test('the guide names files that exist', () => {
  const folders = ['src', 'browser', '../core/src', '../conformance/src', '../../tooling'];
  const files = folders.flatMap((folder) =>
    readdirSync(new URL(folder, root), { recursive: true, encoding: 'utf8' }).map(
      (file) => `${folder}/${file}`,
    ),
  );
  const named = Array.from(PAGE.matchAll(/`([\w/*-]+\.ts)`/g), (found) => found[1] ?? '');
  expect(named.length).toBeGreaterThan(30);
  const missing = named.filter((name) => !files.some((file) => `/${file}`.endsWith(`/${name}`)));
  expect(missing).toEqual([]);
});
