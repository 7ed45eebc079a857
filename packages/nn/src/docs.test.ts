// Runs every snippet of the README and every @example of the sources in a Node of their own.
// README: what is printed must be what the comments say. @example: `const y = …; // [4, 2]` must
// have that shape.
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';

const root = new URL('..', import.meta.url);
const flags = ['--conditions=@tenon/source', '--input-type=module-typescript', '-e'];
const mark = '--- next snippet ---';

interface Snippet {
  readonly file: string;
  readonly code: string;
}

function readmeSnippets(): Snippet[] {
  const text = readFileSync(new URL('README.md', root), 'utf8');
  return Array.from(text.matchAll(/^```ts\n(.*?)^```/gms), (m) => ({
    file: 'README.md',
    code: m[1] ?? '',
  }));
}

function examples(): Snippet[] {
  const files = readdirSync(new URL('src', root), { recursive: true, encoding: 'utf8' });
  return files
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
    .flatMap((file) => {
      const text = readFileSync(new URL(`src/${file}`, root), 'utf8');
      const found = text.matchAll(/@example\n(.*?)\n \*\//gs);
      return Array.from(found, (m) => ({ file, code: (m[1] ?? '').replaceAll(/^ \* ?/gm, '') }));
    });
}

/** A snippet as a block: its imports become awaited ones, type imports go. */
function asBlock(code: string): string {
  const body = code
    .replaceAll(/^import type .*$/gm, '')
    .replaceAll(/^import \{(.*?)\} from ('.*?');$/gm, (_, names: string, from: string) => {
      const values = names.split(',').filter((name) => !name.trim().startsWith('type '));
      return `const {${values.join(',')}} = await import(${from});`;
    });
  return `{\n${body}\n}\nconsole.log('${mark}');\n`;
}

/** Shape comments of an example become prints of the shape. */
function printShapes(code: string): string {
  return code.replaceAll(
    /^const (\w+) = (.*); \/\/ (\[[\d, ]*\])$/gm,
    (_, name: string, value: string, shape: string) =>
      `const ${name} = ${value};\n` +
      `console.log(JSON.stringify(${name}.shape), '${shape.replaceAll(' ', '')}');`,
  );
}

async function run(blocks: string[]): Promise<string[]> {
  const { stdout } = await promisify(execFile)(process.execPath, [...flags, blocks.join('')], {
    cwd: root,
  });
  return stdout.split(`${mark}\n`).slice(0, -1);
}

describe('README', () => {
  const snippets = readmeSnippets();
  let outputs: string[] = [];
  beforeAll(async () => {
    outputs = await run(snippets.map(({ code }) => asBlock(code)));
  });

  test('has snippets', () => expect(snippets.length).toBe(4));
  test.each(snippets.map(({ code }, at) => [at + 1, code] as const))(
    'snippet %i',
    (number, code) => {
      const lines = code.split('\n');
      const wanted = lines.flatMap((line, i) => {
        const comment = /^(.*?)\/\/ (.*)$/.exec(line);
        const isPrint = line.includes('console.log(');
        const follows = comment?.[1] === '' && /^(console\.log|\/\/)/.test(lines[i - 1] ?? '');
        return comment && (isPrint || follows) ? [comment[2] ?? ''] : [];
      });
      expect(wanted.length).toBeGreaterThan(0);
      const printed = (outputs[number - 1] ?? '')
        .trimEnd()
        .split('\n')
        .map((line) => line.trimEnd());
      expect(printed).toEqual(wanted);
    },
  );
});

describe('@example', () => {
  const all = examples();
  let outputs: string[] = [];
  beforeAll(async () => {
    const setUp =
      "const { setDefaultBackend } = await import('@tenon/core');\n" +
      "setDefaultBackend((await import('@tenon/cpu-js')).cpuJs());\n";
    outputs = await run([setUp, ...all.map(({ code }) => asBlock(printShapes(code)))]);
  });

  test('are found', () => expect(all.length).toBeGreaterThan(10));
  test.each(all.map(({ file }, at) => [file, at] as const))('%s (%i)', (_, at) => {
    expect(outputs[at]).toBeDefined();
    for (const line of (outputs[at] ?? '').split('\n').filter((text) => text !== '')) {
      const [got, shape] = line.split(' ');
      expect(got).toBe(shape);
    }
  });
});
