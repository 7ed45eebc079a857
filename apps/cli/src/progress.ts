// The progress of training: one bar per epoch in a terminal, one line per epoch elsewhere.
import { Presets, SingleBar } from 'cli-progress';
import { duration, type Output, percent } from './output.ts';

/** The numbers shown for an epoch; accuracies are shares of 1. */
export interface EpochNumbers {
  readonly loss: number;
  readonly accuracy: number;
  readonly validationAccuracy: number;
  readonly seconds: number;
}

export class TrainingProgress {
  readonly #output: Output;
  readonly #epochs: number;
  readonly #isTerminal: boolean;
  #bar: SingleBar | null = null;

  constructor(output: Output, epochs: number) {
    this.#output = output;
    this.#epochs = epochs;
    this.#isTerminal = output.stderr.isTTY === true && !output.quiet;
  }

  epochStart(epoch: number, batches: number): void {
    if (!this.#isTerminal) return;
    const bar = new SingleBar(
      {
        format: `${this.#title(epoch)} {bar} {value}/{total}  {note}`,
        barsize: barSize(this.#output.stderr.columns),
        hideCursor: false,
        clearOnComplete: false,
        stopOnComplete: false,
        // False would turn wrapping off in the terminal, and Ctrl-C would leave it off.
        linewrap: true,
        fps: 10,
        stream: this.#output.stderr,
      },
      Presets.shades_classic,
    );
    bar.start(batches, 0, { note: '' });
    this.#bar = bar;
  }

  /** `accuracy` is left out on backends that cannot read it at once. */
  batchEnd(batch: number, loss: number, accuracy: number | undefined): void {
    this.#bar?.update(batch, { note: numbers(loss, accuracy) });
  }

  epochEnd(epoch: number, result: EpochNumbers): void {
    const note =
      `${numbers(result.loss, result.accuracy)}  ` +
      `validation ${percent(result.validationAccuracy)}  ${duration(result.seconds)}`;
    if (this.#bar) {
      this.#bar.update(this.#bar.getTotal(), { note });
      this.stop();
    }
    if (!this.#isTerminal) this.#output.info(`${this.#title(epoch)}  ${note}`);
  }

  /** Ends a bar that is still drawn, so that the next line starts on its own. */
  stop(): void {
    this.#bar?.stop();
    this.#bar = null;
  }

  #title(epoch: number): string {
    const width = String(this.#epochs).length;
    return `epoch ${String(epoch).padStart(width)}/${this.#epochs}`;
  }
}

/** As wide as leaves room for the numbers of a whole epoch. */
function barSize(columns = 80): number {
  return Math.min(24, Math.max(6, columns - 83));
}

function numbers(loss: number, accuracy: number | undefined): string {
  const text = `loss ${loss.toFixed(4)}`;
  return accuracy === undefined ? text : `${text}  accuracy ${percent(accuracy)}`;
}
