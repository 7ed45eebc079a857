// Runs the programs that README, guide and @example show, and looks for the files that they name.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const root = new URL('../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8');
const PAGE = read('../../docs/backends/cpu-wasm.md');

/** Programs between fences; those of comments without their stars. */
function programs(text: string): string[] {
  const plain = text.replaceAll(/^ \* ?/gm, '');
  return Array.from(plain.matchAll(/^```ts\n(import .*?)^```/gms), (found) => found[1] ?? '');
}

const PROGRAMS = [read('README.md'), PAGE, read('src/index.ts'), read('src/features.ts')].flatMap(
  programs,
);

test('each has its program', () => expect(PROGRAMS).toHaveLength(4));

// The programs import sources, which Node 20 cannot.
test.skipIf(!process.features.typescript).each(PROGRAMS)('program %# runs', (program) => {
  const code = program.replace(/^(.*\.dataSync\(\));/m, 'console.log($1);');
  const args = ['--conditions=@tenon/source', '--input-type=module', '-e', code];
  const done = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8', timeout: 30_000 });
  expect(done.stderr).toBe('');
  if (code.includes('dataSync')) expect(done.stdout).toContain('Float32Array(3) [ 2, 4, 6 ]');
  else expect(done.stdout).toBe('true true\n');
});

test('the guide names files that exist', () => {
  const folders = ['src', 'assembly', 'worker', 'scripts', '../core/src', '../conformance/src'];
  const files = folders.flatMap((folder) =>
    readdirSync(new URL(folder, root), { recursive: true, encoding: 'utf8' }).map(
      (file) => `${folder}/${file}`,
    ),
  );
  const named = Array.from(PAGE.matchAll(/`([\w/*-]+\.ts)`/g), (found) => found[1] ?? '');
  expect(named.length).toBeGreaterThan(50);
  const missing = named.filter((name) => {
    const pattern = new RegExp(`(^|/)${name.replace('.', '\\.').replace('*', '[^/]*')}$`);
    return !files.some((file) => pattern.test(file));
  });
  expect(missing).toEqual([]);
});
