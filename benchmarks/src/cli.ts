// The command line of `npm run bench`. Parsing and its errors only; main.ts acts on the result.
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';

/** A part whose figures `--check` prints. */
export type Part = 'part1' | 'part2' | 'part3';

/** What the user asked for. */
export interface Options {
  readonly isFull: boolean;
  readonly isList: boolean;
  readonly filter: RegExp | undefined;
  readonly systems: RegExp | undefined;
  /** File to write the report to. */
  readonly json: string | undefined;
  /** Whether to write `results/<machine>/<date>-<commit>.json`. */
  readonly isSaved: boolean;
  readonly check: Part | undefined;
  /** Whether to measure the GPU and Tenon's large kernels on it, and nothing else. */
  readonly isGpu: boolean;
}

/** Bad arguments (`exitCode` 2), or help that was asked for (`exitCode` 0, already printed). */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  readonly exitCode: number;

  constructor(message: string, exitCode = 2) {
    super(message);
    this.exitCode = exitCode;
  }
}

function pattern(value: string): RegExp {
  try {
    return new RegExp(value);
  } catch {
    throw new InvalidArgumentError(`expected a regular expression, got '${value}'.`);
  }
}

function makeCommand(): Command {
  return new Command('npm run bench --')
    .description('Measures Tenon beside other libraries; by default the headline table.')
    .option('--full', 'all workloads, slow pairs and more repetitions', false)
    .option('--filter <regex>', 'workloads whose name matches', pattern)
    .option('--systems <regex>', 'systems whose id matches', pattern)
    .option('--json <file>', 'write the report to a file')
    .option('--save', 'write the report to results/<machine>/<date>-<commit>.json', false)
    .addOption(
      new Option('--check <part>', "print a part's figures, with --filter some of them").choices([
        'part1',
        'part2',
        'part3',
      ]),
    )
    .option('--gpu', "the GPU's peak and bandwidth, and what Tenon reaches of them", false)
    .option('--list', 'print the names of workloads and systems', false)
    .allowExcessArguments(false)
    .exitOverride()
    .configureOutput({ outputError: () => undefined });
}

/** Reads the arguments after the script's name. Throws {@link UsageError}. */
export function parseArguments(args: readonly string[]): Options {
  const command = makeCommand();
  try {
    command.parse([...args], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    throw new UsageError(error.message, error.exitCode === 0 ? 0 : 2);
  }
  const o = command.opts<{
    full: boolean;
    list: boolean;
    save: boolean;
    filter?: RegExp;
    systems?: RegExp;
    json?: string;
    check?: Part;
    gpu: boolean;
  }>();
  if (o.check && (o.systems || o.full)) {
    throw new UsageError('error: --check chooses its own systems; leave out --systems and --full');
  }
  if (o.gpu && (o.check || o.systems || o.full || o.filter)) {
    throw new UsageError('error: --gpu measures one fixed list; leave out what chooses another');
  }
  return {
    isFull: o.full,
    isList: o.list,
    filter: o.filter,
    systems: o.systems,
    json: o.json,
    isSaved: o.save,
    check: o.check,
    isGpu: o.gpu,
  };
}
