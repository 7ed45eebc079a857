// The ratios a part has to show, beside what this run measured. It reports and never gates:
// absolute times and ratios move with the machine.
import type { Row } from './rows.ts';
import { alignColumns, columnOf, formatRatio, formatTime, stateOf } from './table.ts';

/** One bar: Tenon must be at least `bar` times faster than `rival` on `workload`. */
export interface Bar {
  readonly workload: string;
  readonly own: string;
  readonly rival: string;
  readonly bar: number;
}

const part1 = (workload: string, bar: number): Bar => ({
  workload,
  own: 'tenon-cpu-js',
  rival: 'tfjs-cpu',
  bar,
});

/** The bars of each part that has any. */
export const bars: Readonly<Record<'part1', readonly Bar[]>> = {
  part1: [
    part1('matmul-512', 4.5),
    part1('conv3x3-56x56x64', 3.5),
    part1('softmax-1024', 20),
    part1('layernorm-1024', 20),
    part1('train-cnn', 60),
  ],
};

function describe(row: Row | undefined): string {
  if (!row) return 'missing';
  return row.median_ms === null ? stateOf(row) : formatTime(row.median_ms);
}

/** The line of one bar: both times, the ratio, the bar, and whether it was reached. */
export function judge(bar: Bar, rows: readonly Row[]): readonly string[] {
  const find = (column: string): Row | undefined =>
    rows.find((r) => r.workload === bar.workload && columnOf(r) === column);
  const own = find(bar.own);
  const rival = find(bar.rival);
  const times = [bar.workload, describe(own), describe(rival)];
  if (own?.median_ms == null || rival?.median_ms == null) {
    return [...times, '', '', `${bar.bar}x`, 'not measured'];
  }
  const ratio = rival.median_ms / own.median_ms;
  // On a busy machine the fastest runs are the fairer pair; shown beside, never judged by.
  const ofBest = (rival.min_ms ?? Number.NaN) / (own.min_ms ?? Number.NaN);
  const verdict = ratio >= bar.bar ? 'reached' : 'below';
  return [...times, formatRatio(ratio), formatRatio(ofBest), `${bar.bar}x`, verdict];
}

/** The table of a part's bars. */
export function formatCheck(list: readonly Bar[], rows: readonly Row[]): string {
  const header = [
    'workload',
    list[0]?.own ?? '',
    list[0]?.rival ?? '',
    'ratio',
    'of best',
    'bar',
    '',
  ];
  return alignColumns([header, ...list.map((bar) => judge(bar, rows))]);
}
