// What machine this is, which commit, and how busy other processes keep it.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import os from 'node:os';
import type { Machine } from './rows.ts';

/** Lower-case words joined by hyphens, for a folder's name. */
export function slug(text: string): string {
  return text
    .toLowerCase()
    .replace(/\((r|tm)\)/g, '')
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '');
}

/** This machine; `name` is made of the processor's name and the number of cores. */
export function describeMachine(): Machine {
  const cpus = os.cpus();
  const cpu = cpus[0]?.model.trim() || 'unknown processor';
  return {
    name: slug(`${cpu} ${cpus.length} cores`),
    cpu,
    cores: cpus.length,
    memory_bytes: os.totalmem(),
    os: `${os.type()} ${os.release()}`,
    arch: os.arch(),
    node: process.versions.node,
    v8: process.versions.v8,
    load_before: os.loadavg()[0] ?? 0,
  };
}

function git(...args: string[]): string {
  const stdio: ['ignore', 'pipe', 'ignore'] = ['ignore', 'pipe', 'ignore'];
  const cwd = import.meta.dirname;
  return execFileSync('git', args, { cwd, stdio, encoding: 'utf8' }).trim();
}

/** The abbreviated commit, `-dirty` when the tree has changes, `unknown` without git. */
export function describeCommit(): string {
  try {
    const hash = git('rev-parse', '--short', 'HEAD');
    return git('status', '--porcelain') === '' ? hash : `${hash}-dirty`;
  } catch {
    return 'unknown';
  }
}

/** Milliseconds of processor time all processes have used since boot; null where unknown. */
export function busyMilliseconds(): number | null {
  let stat: string;
  try {
    stat = readFileSync('/proc/stat', 'utf8');
  } catch {
    return null;
  }
  // user nice system idle iowait irq softirq steal, in hundredths of a second
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = stat
    .slice(0, stat.indexOf('\n'))
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return (user + nice + system + irq + softirq + steal) * 10;
}
