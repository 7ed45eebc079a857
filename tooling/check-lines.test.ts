import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { checkLines, checkText } from './check-lines.ts';

let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'tenon-lines-'));
});
afterEach(() => rmSync(root, { recursive: true }));

function write(path: string, text: string): void {
  mkdirSync(join(root, path, '..'), { recursive: true });
  writeFileSync(join(root, path), text);
}

test('600 lines pass with a warning, 601 fail', () => {
  expect(checkText('a.ts', 'x\n'.repeat(600))).toEqual({
    errors: [],
    warnings: ['a.ts: 600 lines, over 400'],
  });
  expect(checkText('a.ts', 'x\n'.repeat(601))).toEqual({
    errors: ['a.ts: 601 lines, at most 600 are allowed'],
    warnings: [],
  });
});

test('400 lines are silent', () => {
  expect(checkText('a.ts', 'x\n'.repeat(400))).toEqual({ errors: [], warnings: [] });
});

test('100 columns pass, 101 fail with the line number; a character is one column', () => {
  expect(checkText('a.ts', `\n${'é'.repeat(100)}\n`).errors).toEqual([]);
  expect(checkText('a.ts', `\n${'é'.repeat(101)}\n`).errors).toEqual([
    'a.ts:2: 101 columns, at most 100 are allowed',
  ]);
});

test('generated, golden and assembly folders are excepted, nothing else is', () => {
  const long = 'x\n'.repeat(601);
  for (const folder of ['generated', 'golden', 'assembly', 'dist', 'kernels']) {
    write(`packages/p/src/${folder}/a.ts`, long);
  }
  for (const file of ['docs/api/main.js', 'docs/guide.js']) write(file, long);
  expect(checkLines(root)).toEqual({
    files: 2,
    errors: [
      'docs/guide.js: 601 lines, at most 600 are allowed',
      'packages/p/src/kernels/a.ts: 601 lines, at most 600 are allowed',
    ],
    warnings: [],
  });
});
