import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { applyEdit, listedFiles, RECIPE } from './try-unary-primitive.ts';

const root = join(import.meta.dirname, '..');

test('every edit of the recipe finds its place', () => {
  for (const edit of RECIPE) {
    const before = readFileSync(join(root, edit.file), 'utf8');
    const after = applyEdit(before, edit);
    expect(after.length, edit.file).toBe(before.length + edit.text.length);
    expect(before, edit.file).not.toContain('cube');
    expect(after.replace(edit.text, '')).toBe(before);
  }
});

test('an edit without a place is an error', () => {
  const edit = { file: 'a.ts', before: 'neg,', text: 'cube,\n' };
  expect(applyEdit('abs,\nneg,\n', edit)).toBe('abs,\ncube,\nneg,\n');
  expect(applyEdit('neg,\n', edit)).toBe('cube,\nneg,\n');
  expect(() => applyEdit('xneg,\n', edit)).toThrow(
    "a.ts: expected a line that starts with 'neg,', found none",
  );
});

test('the files of the recipe are read from its section alone', () => {
  const text =
    '## A\n`packages/a.ts`\n' +
    '## Add a unary primitive\n1. `packages/b/c.ts`: x\n' +
    '## Z\n`packages/z.ts`';
  expect(listedFiles(text)).toEqual(['packages/b/c.ts']);
  expect(listedFiles('## Other')).toEqual([]);
});
