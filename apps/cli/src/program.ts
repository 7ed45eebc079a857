// The commands and their options. A command's own code is imported when it is called, so that help
// and usage errors come at once.
import { Argument, Command, CommanderError, Option } from 'commander';
import type { EvaluateOptions } from './commands/evaluate.ts';
import type { PredictOptions } from './commands/predict.ts';
import type { SummaryOptions } from './commands/summary.ts';
import type { TrainOptions } from './commands/train.ts';
import { DATA_FORMS } from './data-forms.ts';
import { EXIT_MEANINGS, exitCodeOf, UsageError } from './errors.ts';
import { path, positiveNumber, seed, shape, wholeNumber } from './options.ts';
import { describeError, Output, type OutputOptions, type Streams } from './output.ts';
import { VERSION } from './version.ts';

/** Makes the output of a command from its options. */
type Open = (options: OutputOptions) => Output;

/** Runs the command line `args` (without node and script); resolves to the exit code. */
export async function run(
  args: readonly string[],
  streams: Streams = { stdout: process.stdout, stderr: process.stderr },
): Promise<number> {
  const program = createProgram(streams);
  try {
    await program.parseAsync([...args], { from: 'user' });
    return 0;
  } catch (error) {
    const exitCode = exitCodeOf(error);
    if (exitCode === 0) return exitCode;
    const said = { json: args.includes('--json'), verbose: args.includes('--verbose') };
    const output = new Output(said, streams);
    // Commander has printed its own errors already.
    if (!(error instanceof CommanderError)) output.error(error);
    const { name, message } = describeError(error);
    output.document({ error: { name, message, exitCode } });
    return exitCode;
  }
}

function createProgram(streams: Streams): Command {
  const open: Open = (options) => new Output(options, streams);
  const program = new Command('tenon')
    .description('Trains neural networks, and uses them, from a terminal.')
    .version(VERSION, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .helpCommand(false)
    .addHelpText('after', `\n${exitCodeHelp()}`);
  const commands = [backends, train, evaluate, predict, summary].map((define) => define(open));
  for (const command of [program, ...commands]) {
    command.exitOverride().configureOutput({
      writeOut: (text) => streams.stdout.write(text),
      writeErr: (text) => streams.stderr.write(text),
      getOutHelpWidth: () => streams.stdout.columns ?? 80,
      getErrHelpWidth: () => streams.stderr.columns ?? 80,
      outputError: (text, write) => write(`tenon: ${text.replace(/^error: /, 'UsageError: ')}`),
    });
    command.showHelpAfterError(`(see: ${['tenon', command.name()].join(' ')} --help)`);
    if (command !== program) program.addCommand(command);
  }
  program.showHelpAfterError('(see: tenon --help)');
  return program;
}

function exitCodeHelp(): string {
  const rows = Object.entries(EXIT_MEANINGS).map(([code, meaning]) => `  ${code}  ${meaning}`);
  return ['Exit codes:', ...rows].join('\n');
}

/** A command with the options that all of them take. */
function command(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .helpOption('-h, --help', 'print help')
    .option('--json', 'print one JSON document on standard output, all else on standard error')
    .option('-q, --quiet', 'print results only')
    .option('--verbose', 'print the stack of an error');
}

const backendOption = (): Option =>
  new Option('-b, --backend <name>', 'backend to run on; auto: the best that works here').default(
    'auto',
  );

const threadsOption = (): Option =>
  new Option('--threads <n>', 'threads to compute on (default: as many as help)').argParser(
    wholeNumber(1),
  );

const dataHelp = `data set: ${DATA_FORMS.join(', ')}`;

function backends(open: Open): Command {
  return command('backends', 'Tell which backends work here, and why the others do not.').action(
    async (options: OutputOptions) => {
      const { runBackends } = await import('./commands/backends.ts');
      await runBackends(open(options));
    },
  );
}

function train(open: Open): Command {
  const defined = command('train', 'Train a model, test it and save it.')
    .addOption(backendOption())
    .addOption(threadsOption())
    .option('-m, --model <name>', 'architecture: cnn, lenet, mlp or linear', 'cnn')
    .option('-d, --data <source>', dataHelp, 'digits')
    .option('--label <column>', 'column of a CSV file with the classes (default: the last one)')
    .option('-e, --epochs <n>', "passes over the data (default: the model's)", wholeNumber(1))
    .option('--batch-size <n>', "samples per step (default: the model's)", wholeNumber(1))
    .option('--learning-rate <x>', "first learning rate (default: the model's)", positiveNumber)
    .addOption(
      new Option('--schedule <name>', 'course of the learning rate')
        .choices(['cosine', 'constant'])
        .default('cosine'),
    )
    .addOption(
      new Option('--optimizer <name>', 'optimizer').choices(['adam', 'sgd']).default('adam'),
    )
    .option(
      '--shift <pixels>',
      "shift training images at random (default: the model's)",
      wholeNumber(0),
    )
    .option('--seed <n>', 'seed of the split, the weights and the order of samples', seed, 1)
    .option('--limit <n>', 'use only so many samples of the data', wholeNumber(2))
    .option('-s, --save <path>', 'file to save to (default: runs/<data>-<model>.safetensors)', path)
    .option('--no-save', 'save nothing')
    .option('--force', 'overwrite a file that is not a Tenon model');
  // The two set one value, so commander's own `conflicts` can't tell them apart.
  const given = new Set<string>();
  for (const name of ['save', 'no-save']) defined.on(`option:${name}`, () => given.add(name));
  return defined.action(async (options: TrainOptions & OutputOptions) => {
    if (given.size > 1) {
      throw new UsageError('train: expected either --save <path> or --no-save, got both');
    }
    const { runTrain } = await import('./commands/train.ts');
    await runTrain(options, open(options));
  });
}

function evaluate(open: Open): Command {
  return command('evaluate', 'Test a saved model: loss, accuracy and confusion matrix.')
    .addArgument(new Argument('<model>', 'file that tenon train saved'))
    .addOption(backendOption())
    .addOption(threadsOption())
    .option('-d, --data <source>', `${dataHelp} (default: the one it was trained on)`)
    .option('--label <column>', 'column of a CSV file with the classes')
    .addOption(
      new Option(
        '--split <part>',
        'samples to test on (default: those held out in training; all of other data)',
      ).choices(['test', 'train', 'all']),
    )
    .option('--batch-size <n>', 'samples per step', wholeNumber(1), 250)
    .option('--limit <n>', 'test on only so many of those samples', wholeNumber(1))
    .action(async (model: string, options: EvaluateOptions & OutputOptions) => {
      const { runEvaluate } = await import('./commands/evaluate.ts');
      await runEvaluate(model, options, open(options));
    });
}

function predict(open: Open): Command {
  return command('predict', 'Classify an image by a saved model.')
    .addArgument(new Argument('<model>', 'file that tenon train saved'))
    .addArgument(new Argument('<image>', 'PNG file, light on dark; scaled to fit'))
    .addOption(backendOption())
    .addOption(threadsOption())
    .option('--invert', 'the image is dark on light')
    .action(async (model: string, image: string, options: PredictOptions & OutputOptions) => {
      const { runPredict } = await import('./commands/predict.ts');
      await runPredict(model, image, options, open(options));
    });
}

function summary(open: Open): Command {
  return command('summary', 'Print the layers of a model, their shapes and parameter counts.')
    .addArgument(new Argument('[model]', 'file that tenon train saved'))
    .option('-m, --model <name>', 'architecture instead of a file: cnn, lenet, mlp or linear')
    .option('--input <shape>', 'with --model: shape of one sample (default: 1x28x28)', shape)
    .option('--classes <n>', 'with --model: number of classes (default: 10)', wholeNumber(2))
    .action(async (path: string | undefined, options: SummaryOptions & OutputOptions) => {
      const { runSummary } = await import('./commands/summary.ts');
      await runSummary(path, options, open(options));
    });
}
