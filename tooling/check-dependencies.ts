// Checks who imports whom: packages only in the allowed direction, no cycle of value imports
// inside a package, no internal file importing its package's barrel, relative imports with `.ts`.
import { readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { findCycles, type Import, readImports } from './imports.ts';
import { sourceFiles } from './source-files.ts';

/** What one workspace package may import. */
export interface PackageRule {
  folder: string;
  /** Workspace packages that its sources may import. */
  imports: string[];
  /** Workspace packages that only its tests may import. */
  inTests: string[];
  /** Workspace packages that may be optional peers: loaded by name where they are installed. */
  optional?: string[];
  /** `static`: a Node program. `dynamic`: only by `import()`, so that browser bundlers pass. */
  node: 'static' | 'dynamic' | 'never';
}

const CORE = '@tenon/core';
const CPU_JS = '@tenon/cpu-js';
const CPU_WASM = '@tenon/cpu-wasm';
const WEBGPU = '@tenon/webgpu';
const CONFORMANCE = '@tenon/conformance';
const LIBRARIES = [CORE, CPU_JS, '@tenon/nn', '@tenon/data'];
const ALL = [...LIBRARIES, CPU_WASM, WEBGPU, 'tenon'];

/** The direction of dependencies. A new package adds its row here. */
export const RULES: PackageRule[] = [
  { folder: 'packages/core', imports: [], inTests: [], node: 'never' },
  { folder: 'packages/cpu-js', imports: [CORE], inTests: [CONFORMANCE], node: 'never' },
  {
    folder: 'packages/cpu-wasm',
    imports: [CORE],
    inTests: [CONFORMANCE, CPU_JS],
    node: 'never',
  },
  {
    folder: 'packages/webgpu',
    imports: [CORE],
    inTests: [CONFORMANCE, CPU_JS, '@tenon/nn', '@tenon/data'],
    node: 'never',
  },
  { folder: 'packages/conformance', imports: [CORE], inTests: [], node: 'dynamic' },
  { folder: 'packages/nn', imports: [CORE], inTests: [CPU_JS], node: 'never' },
  { folder: 'packages/data', imports: [CORE], inTests: [CPU_JS], node: 'dynamic' },
  {
    folder: 'packages/tenon',
    imports: LIBRARIES,
    inTests: [],
    optional: [CPU_WASM, WEBGPU],
    node: 'never',
  },
  { folder: 'apps/cli', imports: ALL, inTests: [], node: 'static' },
  { folder: 'benchmarks', imports: ALL, inTests: [], node: 'static' },
  { folder: 'examples', imports: ALL, inTests: [], node: 'static' },
];

// Tools for tests and builds are dependencies of the repository's root, for every package.
const TEST_TOOLS = new Set(['vitest', 'fast-check']);
const BUILD_TOOLS = new Set(['esbuild']);

interface Manifest {
  name: string;
  dependencies?: Record<string, string>;
  peerDependencies?: Record<string, string>;
  peerDependenciesMeta?: Record<string, { optional?: boolean }>;
  optionalDependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
}

const isWorkspace = (name: string): boolean => name === 'tenon' || name.startsWith('@tenon/');
/** Tests, and what only they import: `region.test.ts`, `region-test-support.ts`. */
const isTest = (path: string): boolean => /(\.test|[-/]test-support)\.ts$/.test(path);
/** Programs that build a package: they run in Node and are not part of it. */
const isScript = (rule: PackageRule, path: string): boolean =>
  path.startsWith(`${rule.folder}/scripts/`);

/** `@scope/name` or `name` of a bare specifier with or without a subpath. */
function packageName(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

/** All that is wrong in the packages of `rules`, one message each. */
export function checkDependencies(root: string, rules: PackageRule[]): string[] {
  return rules.flatMap((rule) => checkPackage(root, rule));
}

function checkPackage(root: string, rule: PackageRule): string[] {
  const manifest = JSON.parse(
    readFileSync(join(root, rule.folder, 'package.json'), 'utf8'),
  ) as Manifest;
  const problems = checkManifest(rule, manifest);
  const files = sourceFiles(root, rule.folder, /\.m?ts$/);
  const edges = new Map<string, string[]>();
  for (const file of files) {
    const targets: string[] = [];
    for (const found of readImports(file, readFileSync(join(root, file), 'utf8'))) {
      const isRelative = found.specifier.startsWith('.');
      // build and test configurations share presets in tooling/
      const problem = file.endsWith('.config.ts')
        ? undefined
        : isRelative
          ? relativeProblem(rule, file, found)
          : bareProblem(rule, manifest, file, found);
      if (problem !== undefined) problems.push(`${file}:${found.line}: ${problem}`);
      if (isRelative && !found.isType && !found.isDynamic) targets.push(resolve(file, found));
    }
    edges.set(file, targets);
  }
  for (const cycle of findCycles(edges)) {
    problems.push(`${cycle[0]}: cycle of imports: ${cycle.join(' → ')}`);
  }
  return problems;
}

function resolve(file: string, { specifier }: Import): string {
  return posix.join(posix.dirname(file), specifier);
}

function relativeProblem(rule: PackageRule, file: string, found: Import): string | undefined {
  const target = resolve(file, found);
  if (!target.startsWith(`${rule.folder}/`)) {
    return `'${found.specifier}' leaves the package; import the other package by its name`;
  }
  if (!/\.(m?ts|json)$/.test(target)) return `'${found.specifier}' needs its .ts extension`;
  if (target === `${rule.folder}/src/index.ts` && !isTest(file)) {
    return `'${found.specifier}' is the package's barrel; import the file that defines the name`;
  }
  return undefined;
}

function bareProblem(
  rule: PackageRule,
  manifest: Manifest,
  file: string,
  { specifier, isType, isDynamic }: Import,
): string | undefined {
  if (specifier.startsWith('node:')) {
    const isAllowed = rule.node === 'static' || (rule.node === 'dynamic' && isDynamic);
    if (isTest(file) || isScript(rule, file) || isType || isAllowed) return undefined;
    return `'${specifier}' is not allowed here (Node modules in ${manifest.name}: ${rule.node})`;
  }
  const name = packageName(specifier);
  if (isWorkspace(name)) {
    const allowed = isTest(file) ? [...rule.imports, ...rule.inTests] : rule.imports;
    if (name === manifest.name && isTest(file)) return undefined;
    if (allowed.includes(name)) return undefined;
    return `${manifest.name} may not import '${name}' (allowed: ${allowed.join(', ') || 'none'})`;
  }
  const declared = { ...manifest.dependencies, ...manifest.peerDependencies };
  Object.assign(declared, manifest.optionalDependencies);
  const tools = isTest(file) ? TEST_TOOLS : isScript(rule, file) ? BUILD_TOOLS : null;
  if (tools !== null) {
    if (tools.has(name)) return undefined;
    Object.assign(declared, manifest.devDependencies);
  }
  const isOptional = manifest.peerDependenciesMeta?.[name]?.optional === true;
  if (isOptional && !isType && !isDynamic && tools === null) {
    return `'${name}' is an optional peer of ${manifest.name}; load it by import()`;
  }
  if (name in declared) return undefined;
  return `'${name}' is not a dependency of ${manifest.name}`;
}

function checkManifest(rule: PackageRule, manifest: Manifest): string[] {
  const problems: string[] = [];
  const check = (dependencies: Record<string, string> | undefined, allowed: string[]): void => {
    for (const [name, version] of Object.entries(dependencies ?? {})) {
      if (!isWorkspace(name)) continue;
      if (!allowed.includes(name)) problems.push(`${manifest.name} may not depend on ${name}`);
      if (version !== 'workspace:^') problems.push(`${name}: 'workspace:^' expected`);
    }
  };
  check(manifest.dependencies, rule.imports);
  const optional = rule.optional ?? [];
  check(manifest.peerDependencies, [...rule.imports, ...optional]);
  check(manifest.devDependencies, [...rule.imports, ...rule.inTests, ...optional]);
  return problems.map((problem) => `${rule.folder}/package.json: ${problem}`);
}

if (import.meta.main) {
  const problems = checkDependencies(join(import.meta.dirname, '..'), RULES);
  for (const problem of problems) console.error(`error: ${problem}`);
  console.log(`check-dependencies: ${RULES.length} packages, ${problems.length} errors`);
  if (problems.length > 0) process.exitCode = 1;
}
