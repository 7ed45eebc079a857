import { describe, expect, it } from 'vitest';
import type { Row } from './rows.ts';
import { systems } from './systems/index.ts';
import { columnOf, formatLimits, formatRatio, formatTable, formatTime } from './table.ts';

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
    pipelines_created: null,
    passes: null,
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
      "workload      tenon-cpu-js           tfjs-cpu  GFLOP/s of tenon-cpu-js, % of its peak
      matmul-512       60 ms ±5%  300 ms ±5% (5.0x)                                 4.5 40%
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

describe('columnOf', () => {
  it('is the id of every system', () => {
    for (const { id, name, backend, variant, threads } of systems) {
      expect(columnOf({ ...row('add-1m', name, backend, 1), variant, threads })).toBe(id);
    }
  });
});

describe('formatLimits', () => {
  it('says which peak is not to be had', () => {
    const limits = {
      js_scalar_gflops: 12.34,
      wasm_scalar_gflops: 14.6,
      wasm_simd_gflops: 57.04,
      wasm_relaxed_gflops: null,
      memory_gb_per_s: 34.1,
      webgpu_gflops: null,
      webgpu_gb_per_s: null,
    };
    expect(formatLimits(limits)).toBe(
      'Peak of one thread, GFLOP/s: JavaScript 12.3, wasm scalar 14.6, simd 57.0, relaxed none; ' +
        'copy 34.1 GB/s.',
    );
  });
});
