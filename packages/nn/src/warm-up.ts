/**
 * Warming up: everything a model needs is compiled before its first use, without freezing the page.
 * It runs on zeros; parameters, buffers, modes and the random state are as before afterwards.
 */
import {
  clone,
  type DType,
  defaultGenerator,
  library,
  noGrad,
  type Parameter,
  type Tensor,
  ValueError,
  zeros,
} from '@tenon/core';
import type { Layer } from './module.ts';
import { backendOf, rememberModes } from './training/mode.ts';

export interface WarmUpOptions {
  /** Dtype of the input: 'i32' for models that begin with an embedding. Default f32. */
  readonly dtype?: DType;
  /** Kernels are chosen by size: the one that will be used. Default 32. */
  readonly batchSize?: number;
  /**
   * From the model's output to a loss: with it a training step is warmed up too. Take targets from
   * `tensor`, as training will: constants such as `zeros` are other kernels.
   */
  readonly loss?: (output: Tensor) => Tensor;
  /** Makes the optimizer of that step, which is thrown away afterwards. */
  readonly optimizer?: (parameters: Parameter[]) => { step(): void };
}

/**
 * Compiles what the model needs for inputs [batchSize, ...inputShape], and with `loss` and
 * `optimizer` for training on them, by running it once on zeros. On webgpu the first step costs a
 * second otherwise, on the other backends little.
 *
 * @throws ValueError where inputShape is not the shape of one sample
 * @example
 * import { Adam, Linear, crossEntropy, warmUp } from '@tenon/nn';
 * import { tensor } from '@tenon/core';
 * const model = new Linear(784, 10);
 * const labels = tensor(new Int32Array(64));
 * await warmUp(model, [784], {
 *   batchSize: 64,
 *   loss: (logits) => crossEntropy(logits, labels),
 *   optimizer: (parameters) => new Adam(parameters),
 * });
 */
export async function warmUp(
  model: Layer,
  inputShape: readonly number[],
  options: WarmUpOptions = {},
): Promise<void> {
  const { dtype = 'f32', batchSize = 32 } = options;
  if (![batchSize, ...inputShape].every((n) => Number.isInteger(n) && n >= 1)) {
    throw new ValueError(
      'warmUp: expected the shape of one sample (without the batch axis) and a batch size, got ' +
        `[${inputShape.join(', ')}] and ${batchSize}`,
    );
  }
  const backend = backendOf(model);
  // Real memory: a constant would be another structure.
  const input = clone(
    zeros([batchSize, ...inputShape], { dtype, ...(backend ? { backend } : {}) }),
  );
  const buffers = model.namedBuffers().map(([, buffer]) => buffer);
  const variables = [...model.parameters(), ...buffers];
  const restoreModes = rememberModes(model);
  const generator = defaultGenerator();
  const randomState = generator.save();
  // One frame: what the copies take becomes the variables' own again, and updates stay in place.
  library(() => {
    const before = noGrad(() => variables.map(clone));
    try {
      model.eval();
      noGrad(() => model.forward(input));
      if (options.loss !== undefined) trainOnce(model, input, options.loss, options.optimizer);
    } finally {
      restoreModes();
      generator.restore(randomState);
      for (const [i, variable] of variables.entries()) variable.assign(before[i] as Tensor);
    }
  });
  await input.backend.synchronize();
}

function trainOnce(
  model: Layer,
  input: Tensor,
  loss: (output: Tensor) => Tensor,
  optimizer: WarmUpOptions['optimizer'],
): void {
  const parameters = model.parameters();
  // Through the getter: what the user may hold is not freed when the step's replaces it.
  const gradients = parameters.map((parameter) => parameter.grad);
  model.train();
  try {
    const updates = optimizer?.(parameters);
    // Twice: the first step makes the optimizer's state, the second finds it.
    for (let i = 0; i < 2; i++) {
      loss(model.forward(input)).backward();
      updates?.step();
    }
  } finally {
    for (const [i, parameter] of parameters.entries()) parameter.grad = gradients[i] ?? null;
  }
}
