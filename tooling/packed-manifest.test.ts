import { expect, test } from 'vitest';
import { manifestProblems, type PackedManifest } from './packed-manifest.ts';

const paths = new Set(['LICENSE', 'README.md', 'package.json', 'dist/index.js']);
const good: PackedManifest = {
  name: '@tenon/core',
  license: 'MIT',
  type: 'module',
  exports: { '.': { default: './dist/index.js' }, './package.json': './package.json' },
};

test('a complete manifest has no problem', () => {
  expect(manifestProblems(good, paths)).toEqual([]);
});

test('every fault is named', () => {
  const bad: PackedManifest = {
    name: '@tenon/core',
    exports: { '.': { '@tenon/source': './src/index.ts', default: './dist/index.js' } },
    bin: { tenon: './dist/main.js' },
    dependencies: { '@tenon/nn': 'workspace:^' },
  };
  expect(manifestProblems(bad, new Set(['dist/index.js']))).toEqual([
    'LICENSE is missing from the tarball',
    'README.md is missing from the tarball',
    "license: 'MIT' expected",
    "type: 'module' expected",
    'the condition @tenon/source must not be published (publishConfig.exports)',
    './dist/main.js is not in the tarball',
    './src/index.ts is not in the tarball',
    '@tenon/nn: workspace:^ was not replaced',
    '@tenon/core must have no dependency',
  ]);
});
