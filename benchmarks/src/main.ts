// `npm run bench`: chooses workloads and systems, measures, prints, and writes what was asked for.
// Exit codes: 0 done, 1 a share above 100 % of peak (the limit is wrong), 2 bad arguments.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { bars } from './bars.ts';
import { type Bar, formatCheck, workloadsOf } from './check.ts';
import { type Options, parseArguments, UsageError } from './cli.ts';
import { askGpu, formatSweep, sweepRows } from './gpu.ts';
import { groupsOf } from './groups.ts';
import { largest, measureLimits } from './limits/index.ts';
import { describeCommit, describeMachine } from './machine.ts';
import { checkReport, type Report, type Row } from './rows.ts';
import { fullEffort, measure, type Pair, quickEffort, withShare } from './runner.ts';
import { systems } from './systems/index.ts';
import type { System } from './systems/types.ts';
import { formatLimits, formatTable } from './table.ts';
import { workloads } from './workloads/index.ts';

/** What is measured together: the pairs of one group are interleaved. */
type Group = readonly Pair[];

function isWanted(system: System, { systems: ids, isFull }: Options): boolean {
  return ids ? ids.test(system.id) : isFull || system.isDefault;
}

function barsOf({ check, filter }: Options): readonly Bar[] {
  if (check === undefined) return [];
  if (!filter) return bars[check];
  const isMatch = (workload: string): boolean => filter.test(workload);
  return bars[check].filter((bar) =>
    bar.kind === 'most' ? bar.workloads.every(isMatch) : workloadsOf(bar).some(isMatch),
  );
}

function select(options: Options): readonly Group[] {
  const { filter, isFull } = options;
  if (options.check) {
    const groups = groupsOf(barsOf(options));
    if (groups.length > 0) return groups;
    throw new UsageError(`error: --filter ${filter}: no figure of ${options.check} matches`);
  }
  const chosen = workloads.filter((w) => (filter ? filter.test(w.name) : isFull || w.isHeadline));
  const wanted = systems.filter((system) => isWanted(system, options));
  if (chosen.length === 0) {
    throw new UsageError(`error: --filter ${filter}: no workload matches; --list shows them`);
  }
  if (wanted.length === 0) {
    throw new UsageError(
      `error: --systems ${options.systems}: no system matches; --list shows them`,
    );
  }
  return chosen.map((workload) => wanted.map((system) => ({ workload, system })));
}

function formatList(): string {
  const work = workloads.map((w) => [w.name, w.isHeadline ? 'headline' : 'full', w.description]);
  const libraries = systems.map((s) => [s.id, s.isDefault ? 'default' : 'full', s.version]);
  const left = (lines: readonly string[][]): string =>
    lines.map(([a = '', ...rest]) => `  ${a.padEnd(30)}${rest.join('  ')}`).join('\n');
  return `Workloads\n${left(work)}\n\nSystems\n${left(libraries)}`;
}

function progress(message: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${message}`);
  else if (message.includes('checking')) process.stderr.write(`${message}\n`);
}

async function makeReport(groups: readonly Group[], options: Options): Promise<Report> {
  const machine = describeMachine();
  if (machine.load_before > machine.cores / 2) {
    const load = machine.load_before.toFixed(1);
    process.stderr.write(`The machine is busy (load ${load}): expect noise, trust ratios only.\n`);
  }
  const hasGpu = groups.flat().some(({ system }) => system.peak === 'webgpu_gflops');
  const before = await measureLimits(hasGpu);
  const effort = options.isFull || options.check ? fullEffort : quickEffort;
  const rows: Row[] = [];
  for (const group of groups) {
    rows.push(...(await measure(group, { effort, onProgress: progress })));
  }
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  // Again, so that a slow moment before the run does not make every share too large.
  const limits = largest(before, await measureLimits(hasGpu));
  const measured = groups.flat();
  return {
    machine,
    date: new Date().toISOString(),
    commit: describeCommit(),
    limits,
    rows: rows.map((row, i) => withShare(row, measured[i]!.system, limits)),
  };
}

function write(report: Report, path: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${JSON.stringify(checkReport(report), null, 2)}\n`);
  process.stderr.write(`written: ${path}\n`);
}

function writeAll(report: Report, { json, isSaved }: Options): void {
  if (json !== undefined) write(report, json);
  if (isSaved) write(report, resultsPath(report));
}

function resultsPath({ machine, date, commit }: Report): string {
  const file = `${date.slice(0, 10)}-${commit}.json`;
  return join(import.meta.dirname, '..', 'results', machine.name, file);
}

/** `--gpu`: the GPU's ceilings, and Tenon's large kernels beside them. */
async function sweepGpu(options: Options): Promise<void> {
  const gpu = await askGpu('sweep');
  if (gpu.type === 'failed') {
    console.error(`WebGPU: ${gpu.message}`);
    process.exitCode = 1;
    return;
  }
  console.log(formatSweep(gpu));
  const limits = await measureLimits(false);
  writeAll(
    {
      machine: describeMachine(),
      date: new Date().toISOString(),
      commit: describeCommit(),
      limits: { ...limits, webgpu_gflops: gpu.gflops, webgpu_gb_per_s: gpu.gbPerS },
      rows: sweepRows(gpu),
    },
    options,
  );
}

async function main(): Promise<void> {
  const options = parseArguments(process.argv.slice(2));
  if (options.isList) {
    console.log(formatList());
    return;
  }
  if (options.isGpu) {
    await sweepGpu(options);
    return;
  }
  const report = await makeReport(select(options), options);
  const { machine, limits } = report;
  console.log(
    `${machine.cpu}, ${machine.cores} cores, Node ${machine.node}, commit ${report.commit}`,
  );
  console.log(`${formatLimits(limits)}\n`);
  console.log(formatTable(report.rows));
  if (options.check) console.log(`\n${formatCheck(barsOf(options), report.rows)}`);
  writeAll(report, options);
  const above = report.rows.filter((r) => (r.percent_of_peak ?? 0) > 100);
  for (const row of above) {
    const share = row.percent_of_peak!.toFixed(0);
    console.error(`${row.workload}, ${row.system}: ${share} % of peak; the measured peak is wrong`);
  }
  if (above.length > 0) process.exitCode = 1;
}

await main().catch((error: unknown) => {
  if (!(error instanceof UsageError)) throw error;
  if (error.exitCode !== 0) console.error(error.message);
  process.exitCode = error.exitCode;
});
