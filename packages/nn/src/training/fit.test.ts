import {
  type Backend,
  noGrad,
  type Parameter,
  parameter,
  randn,
  ShapeError,
  setDefaultBackend,
  setSeed,
  type Tensor,
  tensor,
  ValueError,
} from '@tenon/core';
import { cpuJs } from '@tenon/cpu-js';
import { beforeEach, describe, expect, it } from 'vitest';
import { ReLU } from '../layers/activations.ts';
import { BatchNorm1d } from '../layers/batch-norm.ts';
import { Dropout } from '../layers/dropout.ts';
import { Linear } from '../layers/linear.ts';
import { Sequential } from '../layers/sequential.ts';
import { crossEntropy } from '../losses/classification.ts';
import { mseLoss } from '../losses/regression.ts';
import { accuracy, confusionMatrix } from '../metrics/classification.ts';
import { Module } from '../module.ts';
import { Adam } from '../optimizers/adam.ts';
import { SGD } from '../optimizers/sgd.ts';
import { expectClose } from '../testing/golden.ts';
import type { Batch } from './batches.ts';
import { earlyStopping } from './early-stopping.ts';
import { evaluate, predict } from './evaluate.ts';
import { type FitEvent, NonFiniteLossError } from './events.ts';
import { fit } from './fit.ts';

/** cpu-js without synchronous reads: what a device that must be waited for looks like. */
function asyncCpu(): Backend {
  const backend = cpuJs();
  return Object.create(backend, {
    readSync: { value: undefined },
    read: { value: (...args: Parameters<Backend['read']>) => backend.read(...args) },
    capabilities: { value: { ...backend.capabilities, syncRead: false } },
  }) as Backend;
}

beforeEach(() => setDefaultBackend(cpuJs()));

/** y = w·x: with a mean squared loss every step can be followed by hand. */
class Scale extends Module {
  w: Parameter = parameter([1]);
  override forward(x: Tensor): Tensor {
    return x.mul(this.w);
  }
}

const batch = (x: number[], y: number[]): Batch => [
  tensor(x).reshape([-1, 1]),
  tensor(y).reshape([-1, 1]),
];

function classifier(): Sequential {
  return new Sequential([
    new Linear(4, 16),
    new BatchNorm1d(16),
    new ReLU(),
    new Dropout(0.1),
    new Linear(16, 3),
  ]);
}

/** Three clouds of points; the last batch is a partial one. */
function clouds(): Batch[] {
  setSeed(11);
  return [30, 30, 12].map((count): Batch => {
    const labels = Int32Array.from({ length: count }, (_, i) => i % 3);
    const centers = Float32Array.from({ length: count * 4 }, (_, i) =>
      Math.floor(i / 4) % 3 === i % 4 ? 4 : 0,
    );
    return [randn([count, 4]).add(tensor(centers, { shape: [count, 4] })), tensor(labels)];
  });
}

describe('fit', () => {
  it('follows a run by hand: losses, mean over samples, steps', async () => {
    const model = new Scale();
    const history = await fit(model, {
      data: [batch([1, 1], [3, 3]), batch([2], [2])],
      validation: [batch([1], [0])],
      loss: mseLoss,
      optimizer: new SGD(model.parameters(), { learningRate: 0.25 }),
      epochs: 1,
    });
    // loss (1 − 3)² = 4, gradient −4: w = 2; loss (4 − 2)² = 4, gradient 2·2·2 = 8: w = 0
    expect(history.losses).toEqual([4, 4]);
    expect(model.w.itemSync()).toBe(0);
    expect(history.epochs).toEqual([
      {
        epoch: 1,
        loss: 4,
        metrics: {},
        validation: { loss: 0 },
        learningRate: 0.25,
        seconds: expect.any(Number),
      },
    ]);
    expect(history.stopped).toBe(null);
    expect(model.w.grad === null).toBe(true);
  });

  it('weights a partial last batch by its samples', async () => {
    const model = new Scale();
    const { epochs } = await fit(model, {
      data: [batch([1, 1, 1], [1, 1, 1]), batch([1], [3])],
      loss: mseLoss,
      optimizer: new SGD(model.parameters(), { learningRate: 0 }),
      epochs: 1,
    });
    expect(epochs[0]?.loss).toBe(1);
  });

  it('learns, and the same seed gives the same losses bit for bit', async () => {
    const train = async (): Promise<readonly number[]> => {
      const data = clouds();
      setSeed(5);
      const model = classifier();
      const history = await fit(model, {
        data,
        validation: data,
        loss: crossEntropy,
        optimizer: new Adam(model.parameters(), { learningRate: 0.02 }),
        epochs: 8,
        metrics: [accuracy(), confusionMatrix(3)],
        seed: 6,
      });
      expect(history.epochs.at(-1)?.validation?.accuracy).toBeGreaterThan(0.95);
      expect(Object.keys(history.epochs[0]?.metrics ?? {})).toEqual(['accuracy']);
      return history.losses;
    };
    const losses = await train();
    expect(losses.length).toBe(24);
    expect(losses.at(-1)).toBeLessThan((losses[0] ?? 0) / 2);
    expect(await train()).toEqual(losses);
    setDefaultBackend(asyncCpu());
    expect(await train()).toEqual(losses);
  });

  it('tells of every batch and epoch, in order', async () => {
    for (const backend of [cpuJs(), asyncCpu()]) {
      setDefaultBackend(backend);
      const model = new Scale();
      const events: FitEvent[] = [];
      await fit(model, {
        data: [batch([1], [1]), batch([1], [3])],
        loss: mseLoss,
        optimizer: new SGD(model.parameters(), { learningRate: 0 }),
        epochs: 2,
        events: (event) => events.push(event),
      });
      expect(events.map((event) => event.type)).toEqual([
        'start',
        'epochStart',
        'batchEnd',
        'batchEnd',
        'epochEnd',
        'epochStart',
        'batchEnd',
        'batchEnd',
        'epochEnd',
        'end',
      ]);
      expect(events[3]).toEqual({
        type: 'batchEnd',
        epoch: 1,
        batch: 2,
        batches: 2,
        loss: 4,
        meanLoss: 2,
        metrics: {},
      });
    }
  });

  it('takes a data set in memory', async () => {
    const model = new Scale();
    const dataset = {
      length: 5,
      gather: (indices: Int32Array) => [
        { data: Float32Array.from(indices), shape: [indices.length, 1] },
        { data: Float32Array.from(indices, (i) => 2 * i), shape: [indices.length, 1] },
      ],
    };
    const sizes: number[] = [];
    const { epochs } = await fit(model, {
      data: dataset,
      loss: (outputs, targets) => {
        sizes.push(outputs.shape[0] ?? 0);
        return mseLoss(outputs, targets);
      },
      optimizer: new SGD(model.parameters(), { learningRate: 0 }),
      epochs: 1,
      batchSize: 2,
    });
    expect(sizes).toEqual([2, 2, 1]);
    expect(epochs[0]?.loss).toBe(6); // mean of i²
    const outputs = await predict(model, dataset, { batchSize: 2 });
    expect(outputs.shape).toEqual([5, 1]);
    expectClose(outputs, [0, 1, 2, 3, 4]);
  });

  it('stops at a loss that is not finite, before it reaches the weights', async () => {
    const model = new Scale();
    const error = await fit(model, {
      data: [batch([1], [1]), batch([Infinity], [1])],
      loss: mseLoss,
      optimizer: new SGD(model.parameters()),
      epochs: 3,
    }).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(NonFiniteLossError);
    expect(error).toMatchObject({ epoch: 1, batch: 2, loss: Infinity });
    expect(String(error)).toBe(
      'NonFiniteLossError: fit: expected a finite loss, got Infinity in epoch 1, batch 2 ' +
        '(a smaller learning rate, clipGradNorm, or a look at the inputs may help)',
    );
    expect(model.w.itemSync()).toBe(1);
    setDefaultBackend(asyncCpu());
    const other = new Scale();
    const run = fit(other, {
      data: [batch([1], [1]), batch([Infinity], [1]), batch([1], [1])],
      loss: mseLoss,
      optimizer: new SGD(other.parameters()),
      epochs: 3,
    });
    await expect(run).rejects.toMatchObject({ epoch: 1, batch: 2, loss: Infinity });
  });

  it('refuses empty data before anything happens', async () => {
    const model = classifier().eval();
    const optimizer = new Adam(model.parameters());
    const calls: number[] = [];
    const options = {
      loss: crossEntropy,
      optimizer,
      epochs: 1,
      callbacks: [{ onStart: ({ epoch }: { epoch: number }) => void calls.push(epoch) }],
    };
    await expect(fit(model, { ...options, data: [] })).rejects.toThrow(
      new ValueError('fit: expected at least one sample, got an empty data set'),
    );
    await expect(fit(model, { ...options, data: clouds(), validation: [] })).rejects.toThrow(
      ValueError,
    );
    await expect(fit(model, { ...options, data: clouds(), epochs: 0 })).rejects.toThrow(
      'fit: epochs: expected a positive integer, got 0',
    );
    const stranger = new Adam(new Linear(2, 2).parameters());
    await expect(fit(model, { ...options, data: clouds(), optimizer: stranger })).rejects.toThrow(
      'fit: the optimizer updates none of the parameters of this model ' +
        '(make it with model.parameters(), after the model is built)',
    );
    await expect(fit(model, { ...options, data: { length: 3 } })).rejects.toThrow(
      'fit: expected batches or a data set in memory, got a data set without gather: ' +
        'wrap it in a DataLoader',
    );
    expect(calls).toEqual([]);
    async function* once(): AsyncGenerator<Batch> {
      yield* clouds();
    }
    await expect(fit(model, { ...options, data: once(), epochs: 2 })).rejects.toThrow(
      'fit: expected at least one batch, got none in epoch 2 (data must allow iterating ' +
        'once an epoch)',
    );
    expect(model.namedModules().every(([, module]) => !module.training)).toBe(true);
  });

  it('refuses batches that are none', async () => {
    const model = new Scale();
    const run = (data: unknown) =>
      fit(model, {
        data: data as Batch[],
        loss: mseLoss,
        optimizer: new SGD(model.parameters()),
        epochs: 1,
      });
    await expect(run([tensor([1])])).rejects.toThrow(
      new ValueError('fit: expected batches [x, y] of two tensors, got Tensor'),
    );
    await expect(run([[tensor([1, 2]), tensor([1])]])).rejects.toThrow(
      new ShapeError('fit: expected x and y with as many samples, got [2] and [1]'),
    );
  });

  it('lets errors of callbacks through and restores modes', async () => {
    const model = classifier();
    model.at(1).training = false;
    const modes = (): boolean[] => model.namedModules().map(([, module]) => module.training);
    const before = modes();
    const run = fit(model, {
      data: clouds(),
      loss: crossEntropy,
      optimizer: new Adam(model.parameters()),
      epochs: 2,
      callbacks: [
        {
          onBatchEnd({ epoch, batch }) {
            if (epoch === 2 && batch === 2) throw new RangeError('mine');
          },
        },
      ],
    });
    await expect(run).rejects.toThrow(new RangeError('mine'));
    expect(modes()).toEqual(before);
    expect(model.parameters().every((p) => p.grad === null)).toBe(true);
    expect(model.forward(randn([2, 4])).requiresGrad).toBe(true);
  });

  it('callbacks can change the learning rate and stop', async () => {
    const model = new Scale();
    const history = await fit(model, {
      data: [batch([1], [1])],
      loss: mseLoss,
      optimizer: new SGD(model.parameters(), { learningRate: 1 }),
      epochs: 5,
      callbacks: [
        {
          onEpochEnd(context) {
            context.optimizer.learningRate /= 2;
            if (context.epoch === 3) context.stop('enough');
          },
        },
      ],
    });
    expect(history.epochs.map((record) => record.learningRate)).toEqual([1, 0.5, 0.25]);
    expect(history.stopped).toBe('enough');
  });
});

describe('earlyStopping', () => {
  it('stops when validation no longer improves and restores the best epoch', async () => {
    // w moves by +1 an epoch from 1; the validation loss is best at w = 3, after epoch 2.
    const model = new Scale();
    const history = await fit(model, {
      data: [batch([1], [1])],
      validation: [batch([1], [3])],
      loss: (outputs, targets) =>
        outputs.requiresGrad ? outputs.neg().sum() : mseLoss(outputs, targets),
      optimizer: new SGD(model.parameters(), { learningRate: 1 }),
      epochs: 10,
      callbacks: [earlyStopping({ patience: 2 })],
    });
    expect(history.epochs.map((record) => record.validation?.loss)).toEqual([1, 0, 1, 4]);
    expect(history.stopped).toBe('earlyStopping: loss did not improve on 0 (epoch 2)');
    expect(model.w.itemSync()).toBe(3);
  });

  it('names the figures there are', async () => {
    const model = new Scale();
    const run = fit(model, {
      data: [batch([1], [1])],
      loss: mseLoss,
      optimizer: new SGD(model.parameters()),
      epochs: 1,
      callbacks: [earlyStopping({ monitor: 'accuracy' })],
    });
    await expect(run).rejects.toThrow('earlyStopping: monitor: expected one of loss, got accuracy');
  });
});

describe('evaluate and predict', () => {
  it('weight by samples, leave statistics and modes alone, keep no graph', async () => {
    const model = new Sequential([new BatchNorm1d(1, { affine: false }), new Scale()]);
    const before = await model.stateDict();
    const metric = accuracy();
    const data: Batch[] = [batch([1, 1, 1], [2, 2, 2]), batch([1], [3])];
    const result = await evaluate(model, data, { loss: mseLoss });
    // running statistics 0 and 1: the norm divides by √(1 + 1e-5)
    expect(result.loss).toBeCloseTo((3 * 1 + 4) / 4, 4);
    expect(await model.stateDict()).toEqual(before);
    expect(model.training).toBe(true);
    const outputs = await predict(model, data);
    expect(outputs.requiresGrad).toBe(false);
    expect(outputs.shape).toEqual([4, 1]);
    await expect(evaluate(model, [], { metrics: [metric] })).rejects.toThrow(
      'evaluate: expected at least one sample, got an empty data set',
    );
  });

  it('predict takes a tensor, batches of inputs, or [x, y]', async () => {
    const model = new Scale();
    model.w.assign(tensor([2]));
    const x = tensor([[1], [2], [3]]);
    for (const data of [x, [x], [[x, x]] as Batch[]]) {
      expectClose(await predict(model, data, { batchSize: 2 }), [2, 4, 6]);
    }
    await expect(predict(model, [])).rejects.toThrow(
      'predict: expected at least one sample, got none',
    );
    await expect(predict(model, x, { batchSize: 0 })).rejects.toThrow(
      'predict: batchSize: expected a positive integer, got 0',
    );
    expect(noGrad(() => model.forward(x)).requiresGrad).toBe(false);
  });
});
