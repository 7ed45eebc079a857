/**
 * CSV text as a table of strings, each row knowing its line. The parsing is papaparse's; what is
 * added is that malformed input raises an error. Numbers and labels: csv-dataset.ts.
 */
import { FormatError } from '@tenon/core';

/** Options of parseCsv. */
export interface CsvOptions {
  /** Whether the first row names the columns; true by default, else they are named '0', '1', …. */
  readonly header?: boolean;
  /** One character; ',' by default. */
  readonly delimiter?: string;
}

/** A parsed CSV file. */
export interface CsvTable {
  /** Column names. */
  readonly columns: readonly string[];
  /** Rows of cells as written, all as long as `columns`; blank lines are left out. */
  readonly rows: readonly (readonly string[])[];
  /** `lines[i]` is the line, from 1, on which row `i` starts. */
  readonly lines: Int32Array;
}

/**
 * Parses CSV (RFC 4180: quoted cells may hold delimiters, doubled quotes and line breaks).
 *
 * Throws FormatError, naming the line, for a quote left open or followed by text, a row of another
 * length than the first, a column name given twice, and for text without any row.
 *
 * @example
 * ```ts
 * import { parseCsv } from '@tenon/data';
 *
 * const table = await parseCsv('name,age\nAda,36\n"Hopper, Grace",85\n');
 * console.log(table.columns, table.rows[1]); // [ 'name', 'age' ] [ 'Hopper, Grace', '85' ]
 * ```
 */
export async function parseCsv(text: string, options: CsvOptions = {}): Promise<CsvTable> {
  const { header = true, delimiter = ',' } = options;
  const { default: papa } = await import('papaparse');
  const { data, errors } = papa.parse<string[]>(text, { delimiter });
  const starts = lineStarts(data);
  const error = errors[0];
  if (error !== undefined) {
    throw new FormatError(
      `parseCsv: well-formed CSV was expected, got an error on line ${starts[error.row ?? 0]}: ` +
        error.message,
    );
  }
  const first = data[0] ?? [''];
  if (isBlank(first) && data.length < 2) {
    throw new FormatError('parseCsv: at least one row was expected, got empty text');
  }
  const columns = header ? first.map((name) => name.trim()) : first.map((_, c) => String(c));
  const double = columns.findIndex((name, c) => columns.indexOf(name) !== c);
  if (double >= 0) {
    throw new FormatError(
      `parseCsv: column names that differ were expected on line 1, got '${columns[double]}' twice`,
    );
  }
  return { columns, ...bodyRows(data, starts, header ? 1 : 0, columns.length) };
}

function isBlank(row: readonly string[]): boolean {
  return row.length === 1 && row[0]!.trim() === '';
}

/** The line on which each record starts: quoted cells may span several. */
function lineStarts(records: readonly (readonly string[])[]): number[] {
  let line = 1;
  return records.map((cells) => {
    const start = line;
    line += 1;
    for (const cell of cells) {
      if (/[\r\n]/.test(cell)) line += cell.match(/\r\n|\r|\n/g)!.length;
    }
    return start;
  });
}

function bodyRows(
  data: readonly string[][],
  starts: readonly number[],
  from: number,
  width: number,
): { rows: string[][]; lines: Int32Array } {
  const rows: string[][] = [];
  const lines: number[] = [];
  for (let k = from; k < data.length; k++) {
    const row = data[k]!;
    // in a table of one column only the end of the text is a blank line, the others miss a value
    if (isBlank(row) && (width > 1 || k === data.length - 1)) continue;
    if (row.length !== width) {
      throw new FormatError(
        `parseCsv: ${width} cells were expected on line ${starts[k]}, as on line 1, ` +
          `got ${row.length}`,
      );
    }
    rows.push(row);
    lines.push(starts[k]!);
  }
  return { rows, lines: Int32Array.from(lines) };
}
