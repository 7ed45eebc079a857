import { describe, expect, it } from 'vitest';
import { bars, formatCheck, judge } from './check.ts';
import type { Row } from './rows.ts';
import { formatRatio, formatTable, formatTime } from './table.ts';

function row(workload: string, system: string, backend: string, median: number | null): Row {
  return {
    workload,
    system,
    version: '1.0.0',
    backend,
    variant: null,
    threads: 1,
    mode: 'eager',
    median_ms: median,
    min_ms: median,
    spread: median === null ? null : 0.05,
    gflops: null,
    percent_of_peak: null,
    launches: null,
    submits: null,
    buffers_created: null,
    bind_groups_created: null,
    peak_bytes: null,
    correct: median === null ? null : true,
    note: median === null ? 'has no such kernel' : null,
  };
}

const rows: Row[] = [
  { ...row('matmul-512', 'tenon', 'cpu-js', 60), gflops: 4.47, percent_of_peak: 40.2 },
  row('matmul-512', 'tfjs', 'cpu', 300),
  row('softmax-1024', 'tenon', 'cpu-js', 8),
  { ...row('softmax-1024', 'tfjs', 'cpu', null), correct: false, note: 'element 0: …' },
  row('train-cnn', 'tenon', 'cpu-js', 500),
  row('train-cnn', 'tfjs', 'cpu', null),
];

describe('formatTable', () => {
  it('shows times with ratios, and words where there is no time', () => {
    expect(formatTable(rows)).toMatchInlineSnapshot(`
      "workload      tenon-cpu-js           tfjs-cpu  GFLOP/s of tenon-cpu-js, % of JS peak
      matmul-512       60 ms ±5%  300 ms ±5% (5.0x)                                4.5 40%
      softmax-1024      8 ms ±5%              wrong
      train-cnn       500 ms ±5%            missing

      Notes
        softmax-1024, tfjs-cpu: wrong: element 0: …
        train-cnn, tfjs-cpu: missing: has no such kernel"
    `);
  });

  it('prints a shared note once', () => {
    const note = 'loaded: others used 1.0 cores';
    const loaded = rows.slice(0, 2).map((r) => ({ ...r, note }));
    expect(formatTable(loaded).split(note).length - 1).toBe(1);
  });
});

describe('formats', () => {
  it('times', () => {
    expect([67_800, 1234, 59.04, 0.95, 0.0821, 0.0003].map(formatTime)).toEqual([
      '67.8 s',
      '1.23 s',
      '59 ms',
      '0.95 ms',
      '82.1 us',
      '0.3 us',
    ]);
  });

  it('ratios', () => {
    expect([0.5, 4.449, 9.96, 61.4].map(formatRatio)).toEqual(['0.50x', '4.4x', '10x', '61x']);
  });
});

describe('check', () => {
  it('judges by the ratio of medians', () => {
    const bar = bars.part1[0]!;
    expect(judge(bar, rows)).toEqual([
      'matmul-512',
      '60 ms',
      '300 ms',
      '5.0x',
      '5.0x',
      '4.5x',
      'reached',
    ]);
    const slower = rows.map((r) => (r.system === 'tenon' ? { ...r, median_ms: 70 } : r));
    expect(judge(bar, slower).at(-1)).toBe('below');
  });

  it('never judges what was not measured or was wrong', () => {
    expect(formatCheck(bars.part1, rows)).toMatchInlineSnapshot(`
      "workload          tenon-cpu-js  tfjs-cpu  ratio  of best   bar
      matmul-512               60 ms    300 ms   5.0x     5.0x  4.5x       reached
      conv3x3-56x56x64       missing   missing                  3.5x  not measured
      softmax-1024              8 ms     wrong                   20x  not measured
      layernorm-1024         missing   missing                   20x  not measured
      train-cnn               500 ms   missing                   60x  not measured"
    `);
  });
});
