// Testing a classifier: loss, accuracy and confusion matrix over a data set. Batches have one size
// everywhere, so that `train` and `evaluate` agree to the last digit.
import type { Dataset } from '@tenon/data';
import { confusionMatrix, crossEntropy, evaluate, type Layer } from '@tenon/nn';
import { NotFiniteError } from './errors.ts';
import { type Output, percent } from './output.ts';

/** Samples per batch, unless `evaluate --batch-size` says otherwise. */
export const TEST_BATCH = 250;

export interface TestResult {
  /** Share of 1. */
  readonly accuracy: number;
  readonly loss: number;
  readonly samples: number;
  /** `confusionMatrix[truth][prediction]`: counts. */
  readonly confusionMatrix: readonly (readonly number[])[];
}

export async function testModel(
  model: Layer,
  dataset: Dataset,
  classes: number,
  batchSize: number = TEST_BATCH,
): Promise<TestResult> {
  const confusion = confusionMatrix(classes);
  const { loss = Number.NaN } = await evaluate(model, dataset, {
    loss: crossEntropy,
    metrics: [confusion],
    batchSize,
  });
  if (!Number.isFinite(loss)) {
    throw new NotFiniteError(
      `test: expected a finite loss over ${dataset.length} samples, got ${loss}: the weights or ` +
        'the data are not finite (training diverged? a smaller --learning-rate may help)',
    );
  }
  const matrix = await confusion.result();
  const right = matrix.reduce((sum, row, index) => sum + (row[index] ?? 0), 0);
  const samples = dataset.length;
  return { accuracy: right / samples, loss, samples, confusionMatrix: matrix };
}

/** The confusion matrix as a table: a row per true class, a column per prediction. */
export function confusionTable(
  output: Output,
  matrix: readonly (readonly number[])[],
  classes: readonly string[],
): string {
  const { green, yellow, dim } = output.colours;
  const rows = matrix.map((counts, truth) => {
    const total = counts.reduce((sum, count) => sum + count, 0);
    const cells = counts.map((count, predicted) => {
      if (count === 0) return dim('·');
      return predicted === truth ? green(String(count)) : yellow(String(count));
    });
    const share = total === 0 ? '' : percent((counts[truth] ?? 0) / total);
    return [classes[truth] ?? String(truth), ...cells, share];
  });
  const numbers = classes.map((_, index) => index + 1);
  return output.table({
    head: ['true \\ predicted', ...classes, 'found'],
    rows,
    right: [...numbers, classes.length + 1],
  });
}
