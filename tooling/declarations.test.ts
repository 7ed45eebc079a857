import { expect, test } from 'vitest';
import { entriesOf, withJsExtensions } from './declarations.ts';

test('relative imports of declarations end in .js', () => {
  expect(withJsExtensions(`import type { A } from './a.ts';`)).toBe(
    `import type { A } from './a.js';`,
  );
  expect(withJsExtensions(`export { b } from "../ops/b.ts";`)).toBe(
    `export { b } from "../ops/b.js";`,
  );
  expect(withJsExtensions(`type Ops = typeof import('./ops.ts');`)).toBe(
    `type Ops = typeof import('./ops.js');`,
  );
  expect(withJsExtensions(`import './install.ts';`)).toBe(`import './install.js';`);
});

test('entries are the sources that exports name', () => {
  const exports = {
    '.': { '@tenon/source': './src/index.ts', default: './dist/index.js' },
    './node': { '@tenon/source': './src/node.ts', default: './dist/node.js' },
    './worker.js': { '@tenon/source': './src/generated/worker.js', default: './dist/worker.js' },
    './package.json': './package.json',
  };
  expect(entriesOf(exports)).toEqual(['./src/index.ts', './src/node.ts']);
});

test('packages and other text stay as they are', () => {
  const text = `import { x } from '@tenon/core';\n/** see a.ts and './a.ts' */\n`;
  expect(withJsExtensions(text)).toBe(text);
});
