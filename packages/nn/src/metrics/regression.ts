/** Metrics over real-valued targets: mean squared and mean absolute error. */
import { ShapeError, type Tensor } from '@tenon/core';
import { type Metric, RunningMean } from './metric.ts';

/** Mean over all elements of (output − target)². */
export function meanSquaredError(): Metric {
  return meanOf('meanSquaredError', (difference) => difference.square());
}

/** Mean over all elements of |output − target|. */
export function meanAbsoluteError(): Metric {
  return meanOf('meanAbsoluteError', (difference) => difference.abs());
}

function meanOf(name: string, f: (difference: Tensor) => Tensor): Metric {
  const mean = new RunningMean();
  return {
    name,
    update(outputs, targets) {
      const [a, b] = [outputs.shape, targets.shape];
      if (a.length !== b.length || a.some((n, i) => n !== b[i])) {
        throw new ShapeError(
          `${name}: expected targets of the outputs' shape [${a.join(', ')}], got ` +
            `[${b.join(', ')}]`,
        );
      }
      mean.add(() => f(outputs.sub(targets)).sum(), outputs.size);
    },
    result: () => mean.value(),
    reset: () => mean.reset(),
  };
}
