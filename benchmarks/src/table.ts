// Text for the terminal: the table of medians with ratios, and the list of names.
import type { Limits, Row } from './rows.ts';

/** How the note of a workload measured on a busy machine begins. */
export const LOADED = 'loaded:';

/** Columns padded to their widest cell: the first aligned left, the others right. */
export function alignColumns(lines: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const line of lines) {
    line.forEach((cell, i) => {
      widths[i] = Math.max(widths[i] ?? 0, cell.length);
    });
  }
  const align = (cell: string, i: number): string =>
    i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!);
  return lines.map((line) => line.map(align).join('  ').trimEnd()).join('\n');
}

/** Milliseconds with three significant digits, microseconds below a tenth. */
export function formatTime(ms: number): string {
  if (ms >= 1000) return `${(ms / 1000).toPrecision(3)} s`;
  if (ms >= 0.1) return `${Number(ms.toPrecision(3))} ms`;
  return `${Number((ms * 1000).toPrecision(3))} us`;
}

/** A ratio as `2.5x`: two digits below ten, whole above. */
export function formatRatio(ratio: number): string {
  return `${ratio >= 10 ? Math.round(ratio) : ratio.toPrecision(2)}x`;
}

/** A row's key in the table's columns: the id of its system. Rivals come in one variant each. */
export function columnOf({ system, backend, variant, threads }: Row): string {
  const ownVariant = system === 'tenon' && variant !== null ? [variant] : [];
  const ownThreads = threads > 1 ? [`${threads}t`] : [];
  return [system, backend, ...ownVariant, ...ownThreads].join('-');
}

/** Wrong and missing are words, never times. */
export function stateOf(row: Row): 'timed' | 'wrong' | 'missing' {
  if (row.correct === false) return 'wrong';
  return row.median_ms === null ? 'missing' : 'timed';
}

function cell(row: Row | undefined, own: Row | undefined): string {
  if (!row) return '';
  if (row.median_ms === null) return stateOf(row);
  const time = formatTime(row.median_ms);
  const spread = row.spread === null ? '' : ` ±${Math.round(row.spread * 100)}%`;
  const isRival = own !== undefined && own !== row && own.median_ms !== null;
  return isRival
    ? `${time}${spread} (${formatRatio(row.median_ms / own.median_ms!)})`
    : time + spread;
}

/** What a row counted at the interface of WebGPU, in words; undefined where nothing was. */
function formatCounts(row: Row): string | undefined {
  const counts = [
    ['dispatches', row.launches],
    ['submits', row.submits],
    ['passes', row.passes],
    ['buffers', row.buffers_created],
    ['bind groups', row.bind_groups_created],
    ['pipelines', row.pipelines_created],
  ] as const;
  if (counts.every(([, count]) => count === null)) return undefined;
  const parts = counts.map(([name, count]) => `${Number((count ?? 0).toFixed(2))} ${name}`);
  return `${row.workload}, ${columnOf(row)}: ${parts.join(', ')}`;
}

function formatGpu(rows: readonly Row[]): string {
  const lines = rows.flatMap((row) => formatCounts(row) ?? []);
  return lines.length > 0 ? `\n\nWebGPU, per run\n${lines.map((l) => `  ${l}`).join('\n')}` : '';
}

function peak(row: Row | undefined): string {
  if (!row || row.gflops === null) return '';
  const share = row.percent_of_peak === null ? '' : ` ${Math.round(row.percent_of_peak)}%`;
  return row.gflops.toPrecision(2) + share;
}

/** Notes of rows; one that all rows of a workload share is printed once. */
function formatNotes(rows: readonly Row[]): string {
  const lines = new Set<string>();
  for (const row of rows) {
    for (const note of row.note?.split('; ') ?? []) {
      const state = stateOf(row) === 'timed' ? '' : `${stateOf(row)}: `;
      const who = note.startsWith(LOADED) ? '' : `, ${columnOf(row)}`;
      lines.add(`  ${row.workload}${who}: ${state}${note}`);
    }
  }
  return lines.size > 0 ? `\n\nNotes\n${[...lines].join('\n')}` : '';
}

/**
 * One line per workload, one column per system: median, spread, and in brackets how many times
 * longer than Tenon's first column. Notes follow below.
 */
export function formatTable(rows: readonly Row[]): string {
  const columns = [...new Set(rows.map(columnOf))];
  const names = [...new Set(rows.map((r) => r.workload))];
  const ownColumn = columns.find((c) => c.startsWith('tenon-'));
  const find = (name: string, column: string | undefined): Row | undefined =>
    rows.find((r) => r.workload === name && columnOf(r) === column);
  const first = ownColumn ?? columns[0];
  const header = ['workload', ...columns, `GFLOP/s of ${first}, % of its peak`];
  const lines = names.map((name) => {
    const own = find(name, ownColumn);
    return [name, ...columns.map((c) => cell(find(name, c), own)), peak(find(name, first))];
  });
  return alignColumns([header, ...lines]) + formatGpu(rows) + formatNotes(rows);
}

/** One line about what was measured of the machine itself. */
export function formatLimits(limits: Limits): string {
  const rates = [
    ['JavaScript', limits.js_scalar_gflops],
    ['wasm scalar', limits.wasm_scalar_gflops],
    ['simd', limits.wasm_simd_gflops],
    ['relaxed', limits.wasm_relaxed_gflops],
  ] as const;
  const shown = rates.map(([name, rate]) => `${name} ${rate?.toPrecision(3) ?? 'none'}`);
  const copy = limits.memory_gb_per_s?.toPrecision(3) ?? 'unknown';
  const gpu =
    limits.webgpu_gflops === null
      ? ''
      : ` WebGPU ${limits.webgpu_gflops.toPrecision(3)} GFLOP/s, ` +
        `copy ${limits.webgpu_gb_per_s?.toPrecision(3) ?? 'unknown'} GB/s.`;
  return `Peak of one thread, GFLOP/s: ${shown.join(', ')}; copy ${copy} GB/s.${gpu}`;
}
