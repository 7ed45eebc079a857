import { describe, expect, it } from 'vitest';
import { checkReport, ReportFormatError, type Row } from './rows.ts';

const row: Row = {
  workload: 'matmul-512',
  system: 'tenon',
  version: '0.1.0',
  backend: 'cpu-js',
  variant: null,
  threads: 1,
  mode: 'eager',
  median_ms: 60,
  min_ms: 59,
  spread: 0.02,
  gflops: 4.4,
  percent_of_peak: 40,
  launches: null,
  submits: null,
  buffers_created: null,
  bind_groups_created: null,
  pipelines_created: null,
  passes: null,
  peak_bytes: 1e8,
  correct: true,
  note: null,
};

function report(rows: readonly object[]): unknown {
  return {
    machine: {
      name: 'x',
      cpu: 'X',
      cores: 2,
      memory_bytes: 1,
      os: 'Linux',
      arch: 'x64',
      node: '24.0.0',
      v8: '13',
      load_before: 0,
    },
    date: '2026-11-24T00:00:00.000Z',
    commit: 'abc1234',
    limits: {
      js_scalar_gflops: 11,
      wasm_scalar_gflops: null,
      wasm_simd_gflops: null,
      wasm_relaxed_gflops: null,
      memory_gb_per_s: null,
      webgpu_gflops: null,
      webgpu_gb_per_s: null,
    },
    rows,
  };
}

const messageOf = (rows: readonly object[]): string => {
  try {
    checkReport(report(rows));
    return 'accepted';
  } catch (error) {
    if (error instanceof ReportFormatError) return error.message;
    throw error;
  }
};

describe('checkReport', () => {
  it('accepts a timed, a wrong and a missing row, also after JSON', () => {
    const untimed = { ...row, median_ms: null, min_ms: null, spread: null, gflops: null };
    const rows = [row, { ...untimed, correct: false }, { ...untimed, correct: null, note: 'why' }];
    const text = JSON.stringify(report(rows));
    expect(checkReport(JSON.parse(text)).rows).toHaveLength(3);
  });

  it('names the field that is missing, of the wrong type, or unknown', () => {
    const { median_ms: _, ...short } = row;
    expect(messageOf([row, short])).toMatchInlineSnapshot(
      `"report: rows[1].median_ms: expected number or null, got nothing"`,
    );
    expect(messageOf([{ ...row, threads: '1' }])).toMatchInlineSnapshot(
      `"report: rows[0].threads: expected number, got "1""`,
    );
    expect(messageOf([{ ...row, speed: 1 }])).toMatchInlineSnapshot(
      `"report: rows[0].speed: expected no such field, got 1"`,
    );
    expect(messageOf([{ ...row, mode: 'lazy' }])).toMatchInlineSnapshot(
      `"report: rows[0].mode: expected 'eager' or 'compiled', got "lazy""`,
    );
    expect(messageOf([{ ...row, gflops: Number.NaN }])).toContain('rows[0].gflops');
  });

  it('rejects a time beside a result that is not correct', () => {
    const message = `"report: rows[0].median_ms: expected null, since correct is not true, got 60"`;
    expect(JSON.stringify(messageOf([{ ...row, correct: false }]))).toBe(message);
    expect(JSON.stringify(messageOf([{ ...row, correct: null }]))).toBe(message);
  });
});
