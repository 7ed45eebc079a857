import { expect, test } from 'vitest';
import { withJsExtensions } from './declarations.ts';

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

test('packages and other text stay as they are', () => {
  const text = `import { x } from '@tenon/core';\n/** see a.ts and './a.ts' */\n`;
  expect(withJsExtensions(text)).toBe(text);
});
