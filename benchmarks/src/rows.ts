// The JSON that a run writes: its types, and a check that a document has that form.
// Names are snake_case because the file is read by other tools; the README says what each means.

/** One workload on one system. A field is null where it has no meaning or was not measured. */
export interface Row {
  readonly workload: string;
  readonly system: string;
  readonly version: string;
  readonly backend: string;
  readonly variant: string | null;
  readonly threads: number;
  readonly mode: 'eager' | 'compiled';
  readonly median_ms: number | null;
  readonly min_ms: number | null;
  readonly spread: number | null;
  readonly gflops: number | null;
  readonly percent_of_peak: number | null;
  readonly launches: number | null;
  readonly submits: number | null;
  readonly buffers_created: number | null;
  readonly bind_groups_created: number | null;
  readonly pipelines_created: number | null;
  /** Compute passes begun. */
  readonly passes: number | null;
  readonly peak_bytes: number | null;
  /** null: it did not run, and the note says why. */
  readonly correct: boolean | null;
  readonly note: string | null;
}

/** Where a run happened. */
export interface Machine {
  readonly name: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memory_bytes: number;
  readonly os: string;
  readonly arch: string;
  readonly node: string;
  readonly v8: string;
  /** One-minute load average before the run; on Windows 0. */
  readonly load_before: number;
}

/** The machine's own ceilings, measured in the same run; null until a part measures them. */
export interface Limits {
  readonly js_scalar_gflops: number | null;
  readonly wasm_scalar_gflops: number | null;
  readonly wasm_simd_gflops: number | null;
  readonly wasm_relaxed_gflops: number | null;
  readonly memory_gb_per_s: number | null;
  readonly webgpu_gflops: number | null;
  readonly webgpu_gb_per_s: number | null;
}

/** One run. */
export interface Report {
  readonly machine: Machine;
  /** ISO 8601. */
  readonly date: string;
  /** Abbreviated hash, with `-dirty` when the tree had changes; `unknown` outside git. */
  readonly commit: string;
  readonly limits: Limits;
  readonly rows: readonly Row[];
}

type Kind = 'string' | 'number' | 'string?' | 'number?' | 'boolean?';

const rowKinds = {
  workload: 'string',
  system: 'string',
  version: 'string',
  backend: 'string',
  variant: 'string?',
  threads: 'number',
  mode: 'string',
  median_ms: 'number?',
  min_ms: 'number?',
  spread: 'number?',
  gflops: 'number?',
  percent_of_peak: 'number?',
  launches: 'number?',
  submits: 'number?',
  buffers_created: 'number?',
  bind_groups_created: 'number?',
  pipelines_created: 'number?',
  passes: 'number?',
  peak_bytes: 'number?',
  correct: 'boolean?',
  note: 'string?',
} satisfies Record<keyof Row, Kind>;

const machineKinds = {
  name: 'string',
  cpu: 'string',
  cores: 'number',
  memory_bytes: 'number',
  os: 'string',
  arch: 'string',
  node: 'string',
  v8: 'string',
  load_before: 'number',
} satisfies Record<keyof Machine, Kind>;

const limitKinds = {
  js_scalar_gflops: 'number?',
  wasm_scalar_gflops: 'number?',
  wasm_simd_gflops: 'number?',
  wasm_relaxed_gflops: 'number?',
  memory_gb_per_s: 'number?',
  webgpu_gflops: 'number?',
  webgpu_gb_per_s: 'number?',
} satisfies Record<keyof Limits, Kind>;

/** A document that is not a {@link Report}; the message names the place. */
export class ReportFormatError extends Error {
  override readonly name = 'ReportFormatError';
  readonly path: string;

  constructor(path: string, expected: string, got: unknown) {
    super(`report: ${path}: expected ${expected}, got ${JSON.stringify(got) ?? 'nothing'}`);
    this.path = path;
  }
}

function asObject(value: unknown, path: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  throw new ReportFormatError(path, 'an object', value);
}

function checkFields(value: unknown, kinds: Readonly<Record<string, Kind>>, path: string): void {
  const object = asObject(value, path);
  for (const [key, kind] of Object.entries(kinds)) {
    const field = object[key];
    const isNullable = kind.endsWith('?');
    const type = isNullable ? kind.slice(0, -1) : kind;
    const isGood =
      (isNullable && field === null) ||
      (typeof field === type && (type !== 'number' || Number.isFinite(field)));
    if (!isGood)
      throw new ReportFormatError(`${path}.${key}`, isNullable ? `${type} or null` : type, field);
  }
  const extra = Object.keys(object).find((key) => !(key in kinds));
  if (extra !== undefined)
    throw new ReportFormatError(`${path}.${extra}`, 'no such field', object[extra]);
}

/** A row must never show a time for a result that was not found correct. */
function checkHonest(row: Row, path: string): void {
  if (row.mode !== 'eager' && row.mode !== 'compiled') {
    throw new ReportFormatError(`${path}.mode`, "'eager' or 'compiled'", row.mode);
  }
  if (row.correct !== true && (row.median_ms !== null || row.min_ms !== null)) {
    throw new ReportFormatError(
      `${path}.median_ms`,
      'null, since correct is not true',
      row.median_ms,
    );
  }
}

/** Returns `value` as a report. Throws {@link ReportFormatError} naming the first wrong field. */
export function checkReport(value: unknown): Report {
  const report = asObject(value, 'report');
  checkFields(report.machine, machineKinds, 'machine');
  checkFields(report.limits, limitKinds, 'limits');
  for (const key of ['date', 'commit']) {
    if (typeof report[key] !== 'string') throw new ReportFormatError(key, 'string', report[key]);
  }
  const { rows } = report;
  if (!Array.isArray(rows)) throw new ReportFormatError('rows', 'an array', rows);
  rows.forEach((row: unknown, i) => {
    checkFields(row, rowKinds, `rows[${i}]`);
    checkHonest(row as Row, `rows[${i}]`);
  });
  return value as Report;
}
