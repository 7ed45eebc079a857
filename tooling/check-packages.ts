// Checks the packages as they would be published: packs each into a tarball, runs publint and
// attw on it, checks its manifest, and imports the libraries from a folder outside the repository.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { manifestProblems, type PackedManifest } from './packed-manifest.ts';

const ROOT = join(import.meta.dirname, '..');
const problems: string[] = [];

/** Runs `command` and returns its output; a failure is a problem of `subject`. */
function run(subject: string, command: string, args: string[], cwd: string): string {
  const done = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    shell: process.platform === 'win32',
  });
  const output = `${done.stdout ?? ''}${done.stderr ?? ''}${done.error?.message ?? ''}`;
  if (done.status !== 0) problems.push(`${subject}: ${command} failed\n${output}`);
  return output;
}

interface Packed {
  readonly name: string;
  readonly unpacked: string;
  /** What programs may import: `@tenon/webgpu`, `@tenon/webgpu/node`. */
  readonly specifiers: readonly string[];
}

/** Packs the package in `folder` and checks the tarball. */
function checkPackage(folder: string, work: string): Packed {
  const out = mkdtempSync(join(work, 'package-'));
  run(folder, 'pnpm', ['pack', '--pack-destination', out], join(ROOT, folder));
  const [file] = readdirSync(out);
  if (file === undefined) return { name: folder, unpacked: out, specifiers: [] };
  run(folder, 'tar', ['-xzf', file], out);
  const unpacked = join(out, 'package');
  const manifest = JSON.parse(
    readFileSync(join(unpacked, 'package.json'), 'utf8'),
  ) as PackedManifest;
  const files = readdirSync(unpacked, { recursive: true, encoding: 'utf8' });
  const paths = new Set(files.map((path) => path.replaceAll('\\', '/')));
  problems.push(...manifestProblems(manifest, paths).map((problem) => `${folder}: ${problem}`));
  run(folder, 'publint', [join(out, file), '--strict'], ROOT);
  const entries = typedEntries(manifest);
  if (entries.length > 0) {
    // Only what is imported with types: a package may also export files for URLs.
    const options = ['--profile', 'esm-only', '--entrypoints', ...entries];
    run(folder, 'attw', [join(out, file), ...options], ROOT);
  }
  const specifiers = entries.map((entry) => manifest.name + entry.slice(1));
  return { name: manifest.name, unpacked, specifiers };
}

function typedEntries({ exports = {} }: PackedManifest): string[] {
  return Object.entries(exports).flatMap(([name, entry]) =>
    typeof entry === 'object' && 'types' in entry ? [name] : [],
  );
}

/** Imports and requires each library, with only the packed packages in reach. */
function checkImports(packages: readonly Packed[], work: string): void {
  const consumer = join(work, 'consumer');
  for (const { name, unpacked } of packages) {
    const target = join(consumer, 'node_modules', name);
    mkdirSync(join(target, '..'), { recursive: true });
    cpSync(unpacked, target, { recursive: true });
  }
  // the suite needs vitest, its peer, and the command is no library
  const libraries = packages.filter(({ name }) => !/\/(conformance|cli)$/.test(name));
  for (const name of libraries.flatMap(({ specifiers }) => specifiers)) {
    const code = `require('${name}'); import('${name}').catch((e) => { throw e; });`;
    run(name, process.execPath, ['-e', code], consumer);
  }
}

const work = mkdtempSync(join(tmpdir(), 'tenon-packed-'));
try {
  const folders = readdirSync(join(ROOT, 'packages')).map((name) => `packages/${name}`);
  const packages = [...folders, 'apps/cli'].map((folder) => checkPackage(folder, work));
  checkImports(packages, work);
  for (const problem of problems) console.error(`error: ${problem}`);
  console.log(`check-packages: ${packages.length} packages, ${problems.length} errors`);
  if (problems.length > 0) process.exitCode = 1;
} finally {
  rmSync(work, { recursive: true, force: true });
}
