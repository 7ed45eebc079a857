/**
 * A data set of the columns of a CSV file: numeric inputs, and a label column of class names or
 * numbers.
 */
import { FormatError, ShapeError, ValueError } from '@tenon/core';
import { ArrayDataset, type Column } from './array-dataset.ts';
import { type ByteSource, nameOf, readBytes } from './bytes.ts';
import { type CsvOptions, type CsvTable, parseCsv } from './csv.ts';
import { requireSamples, sizeOf } from './dataset.ts';

/** A path or bytes as for the other readers (gzip included), or the text itself. */
export type CsvSource = ByteSource | { readonly text: string };

/** Options of csvDataset. */
export interface CsvDatasetOptions extends CsvOptions {
  /** Input columns by name or position (-1: the last); all but the label by default. */
  readonly columns?: readonly (string | number)[];
  /** The label's column, by name or position (-1: the last); none by default. */
  readonly label?: string | number;
  /** Whether labels are class names (the default; i32 indices) or numbers (f32 targets). */
  readonly target?: 'class' | 'number';
  /** Class names in order; those found, sorted (as numbers if all are), when left out. */
  readonly classes?: readonly string[];
  /** Shape of one input; `[columns]` by default. */
  readonly shape?: readonly number[];
}

/** Cells that stand for a missing value. */
const missing: ReadonlySet<string> = new Set(['', 'na', 'n/a', 'nan', 'null', 'none', '?']);
const decimal = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;

/**
 * Reads a CSV file into memory: x f32 `[input columns]`, and with `label` a second column y, i32
 * class indices (with `classes`) or f32 targets.
 *
 * Throws FormatError, naming line and column, for a cell that is missing or not a finite number;
 * ValueError for a label that is missing, NaN or no known class, a column that is not there, and
 * for a file without rows.
 *
 * @example
 * ```ts
 * import { csvDataset } from '@tenon/data';
 *
 * const text = 'width,height,kind\n1.5,2,cat\n3,0.5,dog\n';
 * const set = await csvDataset({ text }, { label: 'kind' });
 * console.log(set.classes, set.get(1)[0].data); // [ 'cat', 'dog' ] Float32Array(2) [ 3, 0.5 ]
 * ```
 */
export function csvDataset(
  source: CsvSource,
  options: CsvDatasetOptions & { readonly label: string | number },
): Promise<ArrayDataset<readonly [x: Column, y: Column]>>;
export function csvDataset(
  source: CsvSource,
  options?: CsvDatasetOptions & { readonly label?: never },
): Promise<ArrayDataset<readonly [x: Column]>>;
export async function csvDataset(
  source: CsvSource,
  options: CsvDatasetOptions = {},
): Promise<ArrayDataset<readonly Column[]>> {
  const table = await parseCsv(await textOf(source), options);
  const file = typeof source === 'object' && 'text' in source ? 'the text' : nameOf(source);
  requireSamples(`csvDataset: ${file}`, table.rows.length);
  const { label } = options;
  const y = label === undefined ? undefined : columnIndex(table, label);
  const inputs =
    options.columns?.map((column) => columnIndex(table, column)) ??
    [...table.columns.keys()].filter((column) => column !== y);
  if (inputs.length === 0) {
    throw new ShapeError(
      'csvDataset: at least one input column was expected besides the label, got the columns ' +
        `[${table.columns.join(', ')}] (is the delimiter right?)`,
    );
  }
  const shape = options.shape ?? [inputs.length];
  if (sizeOf(shape) !== inputs.length) {
    throw new ShapeError(
      `csvDataset: as many input columns as shape [${shape}] holds (${sizeOf(shape)}) were ` +
        `expected, got ${inputs.length}`,
    );
  }
  const x: Column = { data: readInputs(table, inputs), shape };
  if (y === undefined) return new ArrayDataset<readonly Column[]>([x]);
  if (options.target === 'number') {
    return new ArrayDataset<readonly Column[]>([x, { data: readTargets(table, y) }]);
  }
  const { labels, classes } = readClasses(table, y, options.classes);
  return new ArrayDataset<readonly Column[]>([x, { data: labels }], { classes });
}

async function textOf(source: CsvSource): Promise<string> {
  if (typeof source === 'object' && 'text' in source && typeof source.text === 'string') {
    return source.text;
  }
  const bytes = await readBytes('csvDataset', source as ByteSource);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    const name = nameOf(source as ByteSource);
    throw new FormatError(`csvDataset: UTF-8 text was expected in ${name}, got other bytes`, {
      cause,
    });
  }
}

function columnIndex({ columns }: CsvTable, column: string | number): number {
  const index =
    typeof column === 'string'
      ? columns.indexOf(column)
      : column + (column < 0 ? columns.length : 0);
  if (columns[index] === undefined) {
    throw new ValueError(
      `csvDataset: a column of [${columns.join(', ')}] or a position below ${columns.length} was ` +
        `expected, got ${typeof column === 'number' ? column : `'${column}'`}`,
    );
  }
  return index;
}

function place({ columns, lines }: CsvTable, row: number, column: number): string {
  return `on line ${lines[row]}, column '${columns[column]}'`;
}

function isMissing(cell: string): boolean {
  return missing.has(cell.toLowerCase());
}

/** The cell as a finite f32, or undefined. */
function parseNumber(cell: string): number | undefined {
  const value = decimal.test(cell) ? Math.fround(Number(cell)) : Number.NaN;
  return Number.isFinite(value) ? value : undefined;
}

function readInputs(table: CsvTable, inputs: readonly number[]): Float32Array {
  const data = new Float32Array(table.rows.length * inputs.length);
  let at = 0;
  for (const [row, cells] of table.rows.entries()) {
    for (const column of inputs) {
      const cell = cells[column]!.trim();
      const value = parseNumber(cell);
      if (value === undefined) {
        throw new FormatError(
          `csvDataset: a finite number was expected ${place(table, row, column)}, ` +
            `got ${isMissing(cell) ? `a missing value ('${cell}')` : `'${cell}'`}`,
        );
      }
      data[at++] = value;
    }
  }
  return data;
}

/** The trimmed label cells; a missing or NaN one is an error. */
function labelCells(table: CsvTable, column: number): string[] {
  return table.rows.map((cells, row) => {
    const cell = cells[column]!.trim();
    if (isMissing(cell)) {
      throw new ValueError(
        `csvDataset: a label was expected ${place(table, row, column)}, ` +
          `got a missing value ('${cell}')`,
      );
    }
    return cell;
  });
}

function readTargets(table: CsvTable, column: number): Float32Array {
  const cells = labelCells(table, column);
  return Float32Array.from(cells, (cell, row) => {
    const value = parseNumber(cell);
    if (value === undefined) {
      throw new ValueError(
        `csvDataset: a finite number was expected as the target ${place(table, row, column)}, ` +
          `got '${cell}'`,
      );
    }
    return value;
  });
}

function readClasses(
  table: CsvTable,
  column: number,
  given: readonly string[] | undefined,
): { labels: Int32Array; classes: readonly string[] } {
  const cells = labelCells(table, column);
  const classes = given ?? sortedClasses(new Set(cells));
  const indices = new Map(classes.map((name, index) => [name, index]));
  const labels = Int32Array.from(cells, (cell, row) => {
    const index = indices.get(cell);
    if (index === undefined) {
      throw new ValueError(
        `csvDataset: one of the classes [${classes.join(', ')}] was expected ` +
          `${place(table, row, column)}, got '${cell}'`,
      );
    }
    return index;
  });
  return { labels, classes };
}

function sortedClasses(names: ReadonlySet<string>): string[] {
  const all = [...names];
  if (all.every((name) => decimal.test(name))) return all.sort((a, b) => Number(a) - Number(b));
  return all.sort((a, b) => (a < b ? -1 : 1));
}
