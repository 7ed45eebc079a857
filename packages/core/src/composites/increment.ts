/** Counters: variables that go up by a constant. */
import type { TensorType } from '../backend.ts';
import { assignAll, defineComposite } from '../composite.ts';
import { library } from '../memory/ownership.ts';
import { noGrad } from '../scope.ts';
import type { Tensor, Variable } from '../tensor.ts';

const sumComposite = defineComposite<{ readonly by: number }>({
  name: 'increment',
  type: ([x]) => [x as TensorType],
  decompose: (ops, [x], { by }) => [ops.add(x as Tensor, by)],
});

/**
 * variable ← variable + by, of any shape, in place where nothing else sees the old value; no
 * gradient flows. For counters: a step allocates nothing.
 *
 * @example
 * import { increment, variable } from '@tenon/core';
 * const steps = variable(0);
 * increment(steps);
 * increment(steps, 2);
 * steps; // 3
 */
export function increment(variable: Variable, by = 1): void {
  library(() => noGrad(() => assignAll([variable], sumComposite([variable], { by }, [0]))));
}
