// Where each line goes. Results: standard output. Progress: standard error. With --json standard
// output carries exactly one JSON document, and everything for human eyes goes to standard error.
import Table from 'cli-table3';
import { CommanderError } from 'commander';
import picocolors from 'picocolors';

/** The options that every command takes. */
export interface OutputOptions {
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
}

/** A stream that may be a terminal. */
export type Sink = NodeJS.WritableStream & {
  readonly isTTY?: boolean;
  readonly columns?: number;
};

export interface Streams {
  readonly stdout: Sink;
  readonly stderr: Sink;
}

export interface TableRows {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** Columns to set flush right, by index; the others are flush left. */
  readonly right?: readonly number[];
}

export class Output {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  /** Colours, or the identity where the human stream is no terminal. */
  readonly colours: ReturnType<typeof picocolors.createColors>;
  readonly stderr: Sink;
  readonly #stdout: Sink;

  constructor(options: OutputOptions, { stdout, stderr }: Streams) {
    this.json = options.json ?? false;
    this.quiet = options.quiet ?? false;
    this.verbose = options.verbose ?? false;
    this.#stdout = stdout;
    this.stderr = stderr;
    const human = this.json ? stderr : stdout;
    const wanted = human.isTTY === true && !process.env.NO_COLOR;
    this.colours = picocolors.createColors(wanted);
  }

  /** A line of the result. */
  result(line = ''): void {
    (this.json ? this.stderr : this.#stdout).write(`${line}\n`);
  }

  /** A line that --quiet drops. */
  info(line = ''): void {
    if (!this.quiet) this.result(line);
  }

  /** The one JSON document of this run; without --json, nothing. */
  document(value: unknown): void {
    if (this.json) this.#stdout.write(`${JSON.stringify(value, null, 2)}\n`);
  }

  /** An error, as one line; with --verbose its stack too. */
  error(error: unknown): void {
    const { name, message } = describeError(error);
    const colours = picocolors.createColors(this.stderr.isTTY === true && !process.env.NO_COLOR);
    this.stderr.write(`${colours.red(`tenon: ${name}:`)} ${message}\n`);
    if (this.verbose && error instanceof Error && error.stack) {
      this.stderr.write(`${colours.dim(error.stack)}\n`);
      if (error.cause instanceof Error && error.cause.stack) {
        this.stderr.write(`${colours.dim(`caused by ${error.cause.stack}`)}\n`);
      }
    }
  }

  table({ head, rows, right = [] }: TableRows): string {
    const table = new Table({
      head: head.map((cell) => this.colours.bold(cell)),
      colAligns: head.map((_, index) => (right.includes(index) ? 'right' : 'left')),
      style: { head: [], border: [], compact: true },
    });
    for (const row of rows) table.push([...row]);
    return table.toString();
  }
}

/** The class and the message of anything thrown, the message on one line. */
export function describeError(error: unknown): { name: string; message: string } {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error) };
  // Commander's own errors are all about wrong usage.
  if (error instanceof CommanderError) {
    return { name: 'UsageError', message: error.message.replace(/^error: /, '') };
  }
  // A list keeps its items apart: `what:\n  a\n  b` becomes `what: a; b`.
  const message = error.message.replace(/:\s*\n\s*/g, ': ').replace(/\s*\n\s*/g, '; ');
  return { name: error.name, message };
}

/** 0.98765 as "98.77 %". */
export function percent(share: number): string {
  return `${(share * 100).toFixed(2)} %`;
}

/** Seconds as "7.1 s" or "2 min 05 s". */
export function duration(seconds: number): string {
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`;
}
