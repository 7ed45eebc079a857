// Runs every snippet of the README and every @example of the sources, in one Node of their own, and
// compares what each prints with the comments behind its console.log calls.
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';

const root = new URL('..', import.meta.url);
const flags = ['--conditions=@tenon/source', '--input-type=module-typescript', '-e'];

/** The ```ts blocks of a file, without the stars of a doc comment. */
function snippets(path: string): string[] {
  const text = readFileSync(new URL(path, root), 'utf8').replaceAll(/^ +\* ?/gm, '');
  return Array.from(text.matchAll(/^```ts\n(.*?)^```/gms), (match) => match[1]!);
}

/** A mark between the outputs of two snippets. */
const mark = '--- next snippet ---';

/** A snippet as a block: its imports become awaited ones, type imports go. */
function asBlock(code: string): string {
  const body = code.replaceAll(
    /^import \{(.*?)\} from ('.*?');$/gm,
    (_, names: string, from: string) =>
      `const {${names.replaceAll(/ type \w+,?/g, '')}} = await import(${from});`,
  );
  return `{\n${body}\n}\nconsole.log('${mark}');\n`;
}

/** What the comments say is printed: behind a console.log, or on the lines that follow it. */
function expectedOutput(code: string): string[] {
  const lines: string[] = [];
  let isOutput = false;
  for (const line of code.split('\n')) {
    const comment = /^(.*?)\/\/ (.*)$/.exec(line);
    const isPrint = line.includes('console.log(');
    if (comment && (isPrint || (isOutput && comment[1]!.trim() === ''))) lines.push(comment[2]!);
    isOutput = isPrint || (isOutput && comment !== null);
  }
  return lines;
}

/** A line matches its comment, where … stands for anything. */
function matches(line: string, comment: string): boolean {
  const parts = comment.split('…').map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`).test(line);
}

const files = [
  'README.md',
  ...readdirSync(new URL('src', root))
    .filter((name) => name.endsWith('.ts') && !name.includes('.test.'))
    .map((name) => `src/${name}`),
];
const all = files.flatMap((file) => snippets(file).map((code, k) => ({ file, k, code })));

describe('snippets', () => {
  test('are found in the README and in the sources', () => {
    expect(all.filter(({ file }) => file === 'README.md').length).toBe(4);
    expect(all.length).toBeGreaterThan(12);
  });

  let outputs: string[] = [];
  beforeAll(async () => {
    const code = all.map((snippet) => asBlock(snippet.code)).join('');
    const { stdout } = await promisify(execFile)(process.execPath, [...flags, code], { cwd: root });
    outputs = stdout.split(`${mark}\n`);
  });

  test.each(all.map((snippet, at) => ({ ...snippet, at })))('$file, snippet $k', ({ code, at }) => {
    const printed = outputs[at]!.trimEnd().split('\n');
    const wanted = expectedOutput(code);
    // a loop prints the same line again and again: one comment stands for all of them
    const lines = printed.filter((line, k) => k === 0 || line !== printed[k - 1]);
    expect(wanted.length).toBeGreaterThan(0);
    if (lines.length !== wanted.length) expect(lines).toEqual(wanted);
    for (const [k, comment] of wanted.entries()) {
      if (!matches(lines[k]!, comment)) expect(lines[k]).toBe(comment);
    }
  });
});
