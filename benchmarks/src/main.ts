// `npm run bench`: chooses workloads and systems, measures, prints, and writes what was asked for.
// Exit codes: 0 done, 1 a share above 100 % of peak (the limit is wrong), 2 bad arguments.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { bars, formatCheck } from './check.ts';
import { type Options, parseArguments, UsageError } from './cli.ts';
import { measureJsScalarPeak } from './limits.ts';
import { describeCommit, describeMachine } from './machine.ts';
import { checkReport, type Report, type Row } from './rows.ts';
import { fullEffort, measureWorkload, quickEffort } from './runner.ts';
import { systems } from './systems/index.ts';
import type { System } from './systems/types.ts';
import { formatTable } from './table.ts';
import { workloads } from './workloads/index.ts';
import type { Workload } from './workloads/types.ts';

interface Selection {
  readonly workloads: readonly Workload[];
  readonly systems: readonly System[];
}

function select(options: Options): Selection {
  if (options.check) {
    const list = bars[options.check];
    const ids = new Set(list.flatMap((bar) => [bar.own, bar.rival]));
    return {
      workloads: list.map((bar) => workloads.find((w) => w.name === bar.workload)!),
      systems: systems.filter((s) => ids.has(s.id)),
    };
  }
  const { filter, systems: ids, isFull } = options;
  const chosen = {
    workloads: workloads.filter((w) => (filter ? filter.test(w.name) : isFull || w.isHeadline)),
    systems: systems.filter((s) => !ids || ids.test(s.id)),
  };
  if (chosen.workloads.length === 0) {
    throw new UsageError(`error: --filter ${filter}: no workload matches; --list shows them`);
  }
  if (chosen.systems.length === 0) {
    throw new UsageError(`error: --systems ${ids}: no system matches; --list shows them`);
  }
  return chosen;
}

function formatList(): string {
  const work = workloads.map((w) => [w.name, w.isHeadline ? 'headline' : 'full', w.description]);
  const libraries = systems.map((s) => [s.id, s.version]);
  const left = (lines: readonly string[][]): string =>
    lines.map(([a = '', ...rest]) => `  ${a.padEnd(24)}${rest.join('  ')}`).join('\n');
  return `Workloads\n${left(work)}\n\nSystems\n${left(libraries)}`;
}

function progress(message: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${message}`);
  else if (message.includes('checking')) process.stderr.write(`${message}\n`);
}

async function measure(chosen: Selection, options: Options): Promise<Report> {
  const machine = describeMachine();
  if (machine.load_before > machine.cores / 2) {
    const load = machine.load_before.toFixed(1);
    process.stderr.write(`The machine is busy (load ${load}): expect noise, trust ratios only.\n`);
  }
  const jsPeak = measureJsScalarPeak();
  const effort = options.isFull || options.check ? fullEffort : quickEffort;
  const rows: Row[] = [];
  for (const workload of chosen.workloads) {
    const run = { effort, jsPeak, onProgress: progress };
    rows.push(...(await measureWorkload(workload, chosen.systems, run)));
  }
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  return {
    machine,
    date: new Date().toISOString(),
    commit: describeCommit(),
    limits: {
      js_scalar_gflops: jsPeak,
      wasm_simd_gflops: null,
      wasm_relaxed_gflops: null,
      memory_gb_per_s: null,
      webgpu_gflops: null,
      webgpu_gb_per_s: null,
    },
    rows,
  };
}

function write(report: Report, path: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${JSON.stringify(checkReport(report), null, 2)}\n`);
  process.stderr.write(`written: ${path}\n`);
}

function resultsPath({ machine, date, commit }: Report): string {
  const file = `${date.slice(0, 10)}-${commit}.json`;
  return join(import.meta.dirname, '..', 'results', machine.name, file);
}

async function main(): Promise<void> {
  const options = parseArguments(process.argv.slice(2));
  if (options.isList) {
    console.log(formatList());
    return;
  }
  const report = await measure(select(options), options);
  const { machine, limits } = report;
  const peak = limits.js_scalar_gflops?.toPrecision(3);
  console.log(
    `${machine.cpu}, ${machine.cores} cores, Node ${machine.node}, commit ${report.commit}`,
  );
  console.log(`Peak of scalar JavaScript ${peak} GFLOP/s. One thread each.\n`);
  console.log(formatTable(report.rows));
  if (options.check) console.log(`\n${formatCheck(bars[options.check], report.rows)}`);
  if (options.json !== undefined) write(report, options.json);
  if (options.isSaved) write(report, resultsPath(report));
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
