// The figures a part has to show, beside what this run measured. It reports and never gates:
// absolute times and ratios move with the machine.
import type { Row } from './rows.ts';
import { alignColumns, columnOf, formatTime, stateOf } from './table.ts';

/** One line of a part's table; `own` and `rivals` are ids of systems. */
export type Bar =
  /** `own` is at least `bar` times faster than the best of `rivals`. */
  | {
      readonly kind: 'ratio';
      readonly workload: string;
      readonly own: string;
      readonly rivals: readonly string[];
      readonly bar: number;
    }
  /** As 'ratio' on at least `least` of the workloads. */
  | {
      readonly kind: 'most';
      readonly workloads: readonly string[];
      readonly own: string;
      readonly rivals: readonly string[];
      readonly bar: number;
      readonly least: number;
    }
  /** At least `bar` percent of the peak of the system's own arithmetic. */
  | { readonly kind: 'peak'; readonly workload: string; readonly own: string; readonly bar: number }
  /** At least `bar` percent of the GFLOP/s of the workload `plain` on the same system. */
  | {
      readonly kind: 'layout';
      readonly workload: string;
      readonly plain: string;
      readonly own: string;
      readonly bar: number;
    }
  /** At most `bar` microseconds for each of the `count` operations of a run. */
  | {
      readonly kind: 'cost';
      readonly workload: string;
      readonly own: string;
      readonly count: number;
      readonly bar: number;
    }
  /** At most `bar` of what `field` counts in a run. */
  | {
      readonly kind: 'count';
      readonly workload: string;
      readonly own: string;
      readonly field: CountField;
      readonly bar: number;
    }
  /** As 'ratio', but nothing is asked of it. */
  | {
      readonly kind: 'record';
      readonly workload: string;
      readonly own: string;
      readonly rivals: readonly string[];
    };

/** What is counted at the interface of WebGPU. */
export type CountField =
  | 'launches'
  | 'submits'
  | 'buffers_created'
  | 'bind_groups_created'
  | 'pipelines_created'
  | 'passes';

/** What a bar needs of a row found for a workload and a system's id. */
export type Find = (workload: string, system: string) => Row | undefined;

/** The workloads that a bar compares. */
export function workloadsOf(bar: Bar): readonly string[] {
  if (bar.kind === 'most') return bar.workloads;
  return bar.kind === 'layout' ? [bar.workload, bar.plain] : [bar.workload];
}

/** The systems that a bar compares. */
export function systemsOf(bar: Bar): readonly string[] {
  return 'rivals' in bar ? [bar.own, ...bar.rivals] : [bar.own];
}

interface Measured {
  readonly own: string;
  readonly against: string;
  readonly median: number;
  /** The same figure from the fastest samples: on a busy machine the fairer one. Never judged. */
  readonly best: number;
}

const describe = (row: Row | undefined): string => {
  if (!row) return 'missing';
  return row.median_ms === null ? stateOf(row) : formatTime(row.median_ms);
};

type Timed = Row & { readonly median_ms: number; readonly min_ms: number };
const isTimed = (row: Row | undefined): row is Timed =>
  row?.median_ms != null && row.min_ms !== null;

function measureRatio(
  workload: string,
  ids: { readonly own: string; readonly rivals: readonly string[] },
  find: Find,
): Measured | readonly [string, string] {
  const own = find(workload, ids.own);
  const rivals = ids.rivals.map((id) => find(workload, id));
  const timed = rivals.filter(isTimed).sort((a, b) => a.median_ms - b.median_ms);
  const fastest = timed[0];
  if (!isTimed(own) || !fastest) return [describe(own), describe(fastest ?? rivals[0])];
  return {
    own: formatTime(own.median_ms),
    against: `${columnOf(fastest)} ${formatTime(fastest.median_ms)}`,
    median: fastest.median_ms / own.median_ms,
    best: Math.min(...timed.map((row) => row.min_ms)) / own.min_ms,
  };
}

function measureBar(
  bar: Exclude<Bar, { kind: 'most' }>,
  find: Find,
): ReturnType<typeof measureRatio> {
  if (bar.kind === 'ratio' || bar.kind === 'record') {
    return measureRatio(bar.workload, bar, find);
  }
  const own = find(bar.workload, bar.own);
  if (!isTimed(own)) return [describe(own), ''];
  const time = formatTime(own.median_ms);
  const speedUp = own.median_ms / own.min_ms;
  if (bar.kind === 'count') {
    const count = own[bar.field];
    if (count === null) return [time, 'not counted'];
    return { own: time, against: bar.field.replaceAll('_', ' '), median: count, best: count };
  }
  if (bar.kind === 'cost') {
    const median = (own.median_ms * 1000) / bar.count;
    return { own: time, against: '', median, best: median / speedUp };
  }
  if (bar.kind === 'peak') {
    const median = own.percent_of_peak;
    if (median === null) return [time, 'no peak'];
    return { own: time, against: 'peak', median, best: median * speedUp };
  }
  const plain = find(bar.plain, bar.own);
  if (!isTimed(plain) || plain.gflops === null || own.gflops === null) {
    return [time, describe(plain)];
  }
  const median = (100 * own.gflops) / plain.gflops;
  const best = (median * speedUp * plain.min_ms) / plain.median_ms;
  return { own: time, against: `${bar.plain} ${formatTime(plain.median_ms)}`, median, best };
}

const units = {
  ratio: (x: number): string => `${x >= 10 ? Math.round(x) : x.toFixed(2)}x`,
  peak: (x: number): string => `${x.toFixed(1)} %`,
  layout: (x: number): string => `${x.toFixed(1)} %`,
  cost: (x: number): string => `${x.toFixed(2)} us`,
  count: (x: number): string => String(Number(x.toFixed(2))),
} as const;

const limitOf = (bar: Exclude<Bar, { kind: 'most' }>): string => {
  if (bar.kind === 'record') return '';
  if (bar.kind === 'ratio') return `${bar.bar}x`;
  if (bar.kind === 'count') return `≤ ${bar.bar}`;
  return bar.kind === 'cost' ? `≤ ${bar.bar} us` : `${bar.bar} %`;
};

function judgeMost(bar: Extract<Bar, { kind: 'most' }>, find: Find): readonly string[] {
  const found = bar.workloads.map((workload) => measureRatio(workload, bar, find));
  const reached = found.filter((m) => 'median' in m && m.median >= bar.bar).length;
  const best = found.filter((m) => 'median' in m && m.best >= bar.bar).length;
  const figure = `${bar.bar}x of ${bar.workloads.length}`;
  const verdict = reached >= bar.least ? 'reached' : 'below';
  const isWhole = found.every((m) => 'median' in m);
  const cells = [figure, bar.own, '', '', String(reached), String(best), String(bar.least)];
  return [...cells, isWhole || reached >= bar.least ? verdict : 'not measured'];
}

/** A bar's line: figure, system, its time, against what, measured, of best, bar, verdict. */
export function judge(bar: Bar, find: Find): readonly string[] {
  if (bar.kind === 'most') return judgeMost(bar, find);
  const measured = measureBar(bar, find);
  const head = [bar.workload, bar.own];
  if (!('median' in measured)) {
    return [...head, ...measured, '', '', limitOf(bar), 'not measured'];
  }
  const { own, against, median, best } = measured;
  const show = units[bar.kind === 'record' ? 'ratio' : bar.kind];
  const cells = [...head, own, against, show(median), show(best), limitOf(bar)];
  if (bar.kind === 'record') return [...cells, 'recorded'];
  const isAtMost = bar.kind === 'cost' || bar.kind === 'count';
  const isReached = isAtMost ? median <= bar.bar : median >= bar.bar;
  return [...cells, isReached ? 'reached' : 'below'];
}

/** The table of a part's bars, and how many of them were reached. */
export function formatCheck(list: readonly Bar[], rows: readonly Row[]): string {
  const find: Find = (workload, id) =>
    rows.find((r) => r.workload === workload && columnOf(r) === id);
  const header = ['figure', 'system', 'time', 'against', 'measured', 'of best', 'bar', ''];
  const lines = list.map((bar) => judge(bar, find));
  const reached = lines.filter((line) => line.at(-1) === 'reached').length;
  const asked = list.filter(({ kind }) => kind !== 'record').length;
  return `${alignColumns([header, ...lines])}\n\n${reached} of ${asked} reached`;
}
