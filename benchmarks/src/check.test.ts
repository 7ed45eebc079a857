import { describe, expect, it } from 'vitest';
import { bars } from './bars.ts';
import { type Bar, type Find, formatCheck, judge, systemsOf, workloadsOf } from './check.ts';
import { groupsOf } from './groups.ts';
import type { Row } from './rows.ts';
import { systems } from './systems/index.ts';
import { columnOf } from './table.ts';
import { workloads } from './workloads/index.ts';

function row(workload: string, id: string, median: number | null, change: Partial<Row> = {}): Row {
  const { name, version, backend, variant, threads } = systems.find((s) => s.id === id)!;
  return {
    ...{ workload, system: name, version, backend, variant, threads, mode: 'eager' },
    ...{ median_ms: median, min_ms: median && median * 0.9, spread: null, gflops: null },
    ...{ percent_of_peak: null, launches: null, submits: null, buffers_created: null },
    ...{ bind_groups_created: null, pipelines_created: null, passes: null },
    ...{ peak_bytes: null, note: null },
    correct: median === null ? null : true,
    ...change,
  };
}

const own = 'tenon-cpu-js';
const rivals = ['tfjs-wasm', 'jax-js-wasm'];
const rows: Row[] = [
  row('matmul-512', own, 5, { gflops: 53.6, percent_of_peak: 91.1 }),
  row('matmul-512', 'tfjs-wasm', 9, { min_ms: 8 }),
  row('matmul-512', 'jax-js-wasm', 8.4),
  row('matmul-512-nt', own, 6, { gflops: 44.7, percent_of_peak: 75.9 }),
  row('add-1m', own, 0.2),
  row('add-1m', 'tfjs-wasm', 0.19),
  row('add-1m', 'jax-js-wasm', null, { correct: false }),
  row('softmax-1024', own, 1),
  row('softmax-1024', 'tfjs-wasm', 1.6),
  row('dispatch-16-100k', own, 340),
  row('train-cnn', own, null),
];

const find: Find = (workload, id) =>
  rows.find((r) => r.workload === workload && columnOf(r) === id);

const list: Bar[] = [
  { kind: 'peak', workload: 'matmul-512', own, bar: 88 },
  { kind: 'layout', workload: 'matmul-512-nt', plain: 'matmul-512', own, bar: 90 },
  { kind: 'ratio', workload: 'matmul-512', own, rivals, bar: 1.5 },
  { kind: 'ratio', workload: 'add-1m', own, rivals, bar: 1 },
  { kind: 'most', workloads: ['add-1m', 'softmax-1024'], own, rivals, bar: 1.5, least: 1 },
  { kind: 'cost', workload: 'dispatch-16-100k', own, count: 100_000, bar: 3 },
  { kind: 'ratio', workload: 'train-cnn', own, rivals, bar: 60 },
];

describe('formatCheck', () => {
  it('judges by medians and shows the figure of the fastest samples beside', () => {
    const cells = list.map((bar) => judge(bar, find).filter((cell) => cell !== own));
    expect(cells.map((line) => line.join(' | '))).toEqual([
      'matmul-512 | 5 ms | peak | 91.1 % | 101.2 % | 88 % | reached',
      'matmul-512-nt | 6 ms | matmul-512 5 ms | 83.4 % | 83.4 % | 90 % | below',
      'matmul-512 | 5 ms | jax-js-wasm 8.4 ms | 1.68x | 1.68x | 1.5x | reached',
      'add-1m | 0.2 ms | tfjs-wasm 0.19 ms | 0.95x | 0.95x | 1x | below',
      '1.5x of 2 |  |  | 1 | 1 | 1 | reached',
      'dispatch-16-100k | 340 ms |  | 3.40 us | 3.06 us | ≤ 3 us | below',
      'train-cnn | missing | missing |  |  | 60x | not measured',
    ]);
    expect(formatCheck(list, rows)).toContain('\n\n3 of 7 reached');
  });

  it('never judges what was not measured or was wrong', () => {
    const wrong = rows.map((r) => ({ ...r, median_ms: null, min_ms: null, correct: false }));
    const verdicts = formatCheck(list, wrong).split('\n').slice(1, -2);
    expect(verdicts.every((line) => line.endsWith('not measured'))).toBe(true);
    expect(verdicts).toHaveLength(list.length);
  });
});

describe('the bars of each part', () => {
  it.each(Object.entries(bars))('%s name workloads and systems that exist', (_, part) => {
    const names = new Set(workloads.map(({ name }) => name));
    const ids = new Set(systems.map(({ id }) => id));
    for (const bar of part) {
      for (const name of workloadsOf(bar)) expect(names).toContain(name);
      for (const id of systemsOf(bar)) expect(ids).toContain(id);
    }
  });

  it.each(Object.entries(bars))('%s measures each pair once, compared ones together', (_, part) => {
    const groups = groupsOf(part).map((g) => g.map((p) => `${p.workload.name} ${p.system.id}`));
    const all = groups.flat();
    expect(new Set(all).size).toBe(all.length);
    for (const bar of part) {
      if (bar.kind === 'most') continue;
      const pairs = workloadsOf(bar).flatMap((w) => systemsOf(bar).map((s) => `${w} ${s}`));
      const group = groups.find((g) => g.includes(pairs[0]!));
      expect(group).toEqual(expect.arrayContaining(pairs));
    }
  });
});
