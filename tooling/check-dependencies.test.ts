import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { checkDependencies, type PackageRule, RULES } from './check-dependencies.ts';

let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'tenon-deps-'));
});
afterEach(() => rmSync(root, { recursive: true }));

const rule: PackageRule = {
  folder: 'packages/nn',
  imports: ['@tenon/core'],
  inTests: ['@tenon/cpu-js'],
  node: 'dynamic',
};

/** The problems of a package made of `files`, whose manifest has the fields `manifest`. */
function check(files: Record<string, string>, manifest: object = {}): string[] {
  const write = (path: string, text: string): void => {
    const target = join(root, rule.folder, path);
    mkdirSync(join(target, '..'), { recursive: true });
    writeFileSync(target, text);
  };
  write('package.json', JSON.stringify({ name: '@tenon/nn', ...manifest }));
  for (const [path, text] of Object.entries(files)) write(path, text);
  return checkDependencies(root, [rule]);
}

test('allowed imports pass', () => {
  const problems = check({
    'src/index.ts': "export { a } from './a.ts';",
    'src/a.ts': "import { t } from '@tenon/core';\nawait import('node:fs');\nexport const a = t;",
    'src/a.test.ts': "import 'vitest';\nimport '@tenon/cpu-js';\nimport './index.ts';",
    'src/a-test-support.ts': "import '@tenon/cpu-js';",
  });
  expect(problems).toEqual([]);
});

test('build scripts may use Node, build tools and development dependencies', () => {
  const files = {
    'scripts/build.ts': "import 'node:fs';\nimport 'esbuild';\nimport 'compiler';",
    'src/a.ts': "import 'esbuild';\nimport 'compiler';",
  };
  expect(check(files, { devDependencies: { compiler: '1.0.0' } })).toEqual([
    "packages/nn/src/a.ts:1: 'esbuild' is not a dependency of @tenon/nn",
    "packages/nn/src/a.ts:2: 'compiler' is not a dependency of @tenon/nn",
  ]);
});

test('an optional peer may be declared, not imported', () => {
  const manifest = {
    peerDependencies: { '@tenon/webgpu': 'workspace:^' },
    devDependencies: { '@tenon/webgpu': 'workspace:^' },
  };
  expect(check({}, manifest)).toEqual([
    'packages/nn/package.json: @tenon/nn may not depend on @tenon/webgpu',
    'packages/nn/package.json: @tenon/nn may not depend on @tenon/webgpu',
  ]);
  const optional = { ...rule, optional: ['@tenon/webgpu'] };
  expect(checkDependencies(root, [optional])).toEqual([]);
  check({ 'src/a.ts': "import '@tenon/webgpu';" }, manifest);
  expect(checkDependencies(root, [optional])).toHaveLength(1);
});

test('a peer from npm that is optional may be loaded, not imported', () => {
  const manifest = {
    peerDependencies: { webgpu: '>=0.3.0', canvas: '1' },
    peerDependenciesMeta: { webgpu: { optional: true } },
    devDependencies: { webgpu: '0.6.2' },
  };
  const files = {
    'src/a.ts': "import 'webgpu';\nimport 'canvas';\nawait import('webgpu');",
    'src/b.ts': "import type { G } from 'webgpu';",
    'src/a.test.ts': "import 'webgpu';",
  };
  expect(check(files, manifest)).toEqual([
    "packages/nn/src/a.ts:1: 'webgpu' is an optional peer of @tenon/nn; load it by import()",
  ]);
});

test('the wrong direction fails, in sources, types and test-only packages', () => {
  const problems = check({
    'src/a.ts': "import '@tenon/data';\nimport type { B } from '@tenon/cpu-js';",
    'src/a.test.ts': "import 'tenon';",
  });
  expect(problems).toEqual([
    "packages/nn/src/a.test.ts:1: @tenon/nn may not import 'tenon' (allowed: @tenon/core, " +
      '@tenon/cpu-js)',
    "packages/nn/src/a.ts:1: @tenon/nn may not import '@tenon/data' (allowed: @tenon/core)",
    "packages/nn/src/a.ts:2: @tenon/nn may not import '@tenon/cpu-js' (allowed: @tenon/core)",
  ]);
});

test('a cycle of value imports fails', () => {
  const problems = check({
    'src/a.ts': "import { b } from './b.ts';",
    'src/b.ts': "export { c } from './c.ts';",
    'src/c.ts': "import { type A } from './a.ts';",
  });
  expect(problems).toEqual([
    'packages/nn/src/a.ts: cycle of imports: packages/nn/src/a.ts → packages/nn/src/b.ts → ' +
      'packages/nn/src/c.ts → packages/nn/src/a.ts',
  ]);
});

test('type-only and dynamic imports close no cycle', () => {
  const problems = check({
    'src/a.ts': "import { b } from './b.ts';",
    'src/b.ts': "import type { A } from './a.ts';\nexport const b = () => import('./a.ts');",
  });
  expect(problems).toEqual([]);
});

test('importing the barrel fails, even for a type', () => {
  const problems = check({
    'src/index.ts': 'export {};',
    'src/ops/a.ts': "import type { T } from '../index.ts';",
  });
  expect(problems).toEqual([
    "packages/nn/src/ops/a.ts:1: '../index.ts' is the package's barrel; import the file that " +
      'defines the name',
  ]);
});

test('leaving the package, a missing extension and an undeclared package fail', () => {
  const problems = check({
    'src/a.ts': "import '../../core/src/x.ts';\nimport './b';\nimport 'left-pad';",
    'src/b.ts': "import fs from 'node:fs';",
  });
  expect(problems).toEqual([
    "packages/nn/src/a.ts:1: '../../core/src/x.ts' leaves the package; import the other package " +
      'by its name',
    "packages/nn/src/a.ts:2: './b' needs its .ts extension",
    "packages/nn/src/a.ts:3: 'left-pad' is not a dependency of @tenon/nn",
    "packages/nn/src/b.ts:1: 'node:fs' is not allowed here (Node modules in @tenon/nn: dynamic)",
  ]);
});

test('the manifest must keep the direction too', () => {
  const manifest = {
    dependencies: { '@tenon/core': '^0.1.0', '@tenon/cpu-js': 'workspace:^' },
    devDependencies: { '@tenon/cpu-js': 'workspace:^' },
  };
  expect(check({}, manifest)).toEqual([
    "packages/nn/package.json: @tenon/core: 'workspace:^' expected",
    'packages/nn/package.json: @tenon/nn may not depend on @tenon/cpu-js',
  ]);
});

test('every workspace package has a rule', () => {
  const repository = join(import.meta.dirname, '..');
  const folders = ['packages', 'apps'].flatMap((parent) =>
    readdirSync(join(repository, parent)).map((name) => `${parent}/${name}`),
  );
  expect(RULES.map((r) => r.folder).sort()).toEqual([...folders, 'benchmarks', 'examples'].sort());
});
