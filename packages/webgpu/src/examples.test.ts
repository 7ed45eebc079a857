// Runs the programs of the doc comments, each as a process of its own that has to end by itself.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

function programs(file: string): string[] {
  const text = readFileSync(new URL(file, import.meta.url), 'utf8').replaceAll(/^ \* ?/gm, '');
  return Array.from(text.matchAll(/^```ts\n(import .*?)^```/gms), (found) => found[1] ?? '');
}
const PROGRAMS = ['./index.ts', './node.ts'].flatMap(programs);

test('each has its program', () => expect(PROGRAMS).toHaveLength(2));

// The programs import sources, which Node 20 cannot.
test.skipIf(!process.features.typescript).each(PROGRAMS)('program %# runs', (program) => {
  const code = program.replace(/^(await tensor.*);/m, 'console.log($1);');
  const args = ['--conditions=@tenon/source', '--input-type=module', '-e', code];
  const cwd = new URL('..', import.meta.url);
  const done = spawnSync(process.execPath, args, { cwd, encoding: 'utf8', timeout: 50_000 });
  expect(done.stderr).toBe('');
  expect(done.stdout).toBe(code.includes('.sum()') ? '6\n' : 'Float32Array(3) [ 2, 4, 6 ]\n');
  expect(done.status).toBe(0);
});
