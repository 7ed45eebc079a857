/** Metrics over class scores: accuracy, top-k accuracy, confusion matrix. */
import { oneHot, ShapeError, type Tensor, ValueError } from '@tenon/core';
import { type Metric, RunningMean, RunningSum } from './metric.ts';

/**
 * Share of samples whose largest score is that of their class. Outputs `[N, C, …]`, targets class
 * indices `[N, …]` or probabilities of the outputs' shape.
 *
 * @example
 * import { accuracy } from '@tenon/nn';
 * import { tensor } from '@tenon/core';
 * const metric = accuracy();
 * metric.update(tensor([[2, 1], [0, 3]]), tensor([0, 0], { dtype: 'i32' }));
 * const value = await metric.result(); // 0.5
 */
export function accuracy(): Metric {
  const mean = new RunningMean();
  return {
    name: 'accuracy',
    update(outputs, targets) {
      const classes = classIndices('accuracy', outputs, targets);
      const hits = (): Tensor => outputs.argMax(1).equal(classes()).cast('i32').sum();
      mean.add(hits, outputs.size / classCount('accuracy', outputs));
    },
    result: () => mean.value(),
    reset: () => mean.reset(),
  };
}

/** Share of samples whose class is among the `k` largest scores. Outputs `[N, C]`. */
export function topKAccuracy(k: number): Metric {
  if (!Number.isInteger(k) || k < 1) {
    throw new ValueError(`topKAccuracy: k: expected a positive integer, got ${k}`);
  }
  const name = `top${k}Accuracy`;
  const mean = new RunningMean();
  return {
    name,
    update(outputs, targets) {
      if (outputs.rank !== 2 || classCount(name, outputs) < k) {
        throw new ShapeError(
          `${name}: expected outputs [N, C] with C of at least ${k}, got ` +
            `[${outputs.shape.join(', ')}]`,
        );
      }
      const classes = classIndices(name, outputs, targets);
      const hits = (): Tensor =>
        outputs.topK(k, 1).indices.equal(classes().unsqueeze(1)).cast('i32').sum();
      mean.add(hits, outputs.shape[0] ?? 0);
    },
    result: () => mean.value(),
    reset: () => mean.reset(),
  };
}

/**
 * Counts of samples by class (rows) and predicted class (columns), for `classes` classes. Outputs
 * `[N, C, …]`, targets class indices `[N, …]`.
 *
 * @throws ValueError from `result()` when a label was outside the classes
 */
export function confusionMatrix(classes: number): Metric<number[][]> {
  const counts = new RunningSum();
  let samples = 0;
  return {
    name: 'confusionMatrix',
    update(outputs, targets) {
      const got = classCount('confusionMatrix', outputs);
      if (got !== classes) {
        throw new ShapeError(
          `confusionMatrix: expected ${classes} classes in axis 1 of the outputs, got ` +
            `[${outputs.shape.join(', ')}]`,
        );
      }
      const actual = classIndices('confusionMatrix', outputs, targets);
      counts.add(() => {
        // One-hot rows multiplied: exact in f32 below 2²⁴ samples a batch.
        const rows = oneHot(actual().reshape([-1]), classes, { dtype: 'f32' });
        const columns = oneHot(outputs.argMax(1).reshape([-1]), classes, { dtype: 'f32' });
        return rows.transpose(0, 1).matmul(columns).cast('i32');
      });
      samples += outputs.size / classes;
    },
    async result() {
      const values = await counts.values();
      const counted = values.reduce((a, b) => a + b, 0);
      if (counted !== samples) {
        throw new ValueError(
          `confusionMatrix: expected labels in [0, ${classes}), got ${samples - counted} outside`,
        );
      }
      return Array.from({ length: classes }, (_, row) =>
        Array.from({ length: classes }, (_, column) => values[row * classes + column] ?? 0),
      );
    },
    reset() {
      counts.reset();
      samples = 0;
    },
  };
}

function classCount(op: string, outputs: Tensor): number {
  const count = outputs.shape[1];
  if (count === undefined) {
    throw new ShapeError(`${op}: expected outputs [N, C, …], got [${outputs.shape.join(', ')}]`);
  }
  return count;
}

/** Checks the shapes; the function gives the class of each sample. */
function classIndices(op: string, outputs: Tensor, targets: Tensor): () => Tensor {
  const { shape } = outputs;
  if (isSame(shape, targets.shape)) return () => targets.argMax(1);
  if (!isSame([...shape.slice(0, 1), ...shape.slice(2)], targets.shape)) {
    throw new ShapeError(
      `${op}: expected targets [N, …] or of the outputs' shape [${shape.join(', ')}], ` +
        `got [${targets.shape.join(', ')}]`,
    );
  }
  return () => (targets.dtype === 'i32' ? targets : targets.cast('i32'));
}

function isSame(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((n, i) => n === b[i]);
}
