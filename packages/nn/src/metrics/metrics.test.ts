import { ShapeError, setDefaultBackend, tensor, ValueError, zeros } from '@tenon/core';
import { cpuJs } from '@tenon/cpu-js';
import { describe, expect, it } from 'vitest';
import { accuracy, confusionMatrix, topKAccuracy } from './classification.ts';
import { RunningSum } from './metric.ts';
import { meanAbsoluteError, meanSquaredError } from './regression.ts';

setDefaultBackend(cpuJs());

const i32 = { dtype: 'i32' } as const;
const scores = tensor.bind(null, [
  [3, 2, 1],
  [1, 2, 3],
  [2, 3, 1],
  [1, 3, 2],
]);

describe('accuracy', () => {
  it('counts over batches of different sizes', async () => {
    const metric = accuracy();
    expect(await metric.result()).toBe(Number.NaN);
    metric.update(scores(), tensor([0, 2, 0, 1], i32)); // 3 of 4
    metric.update(tensor([[0, 1]]), tensor([0], i32)); // 0 of 1
    expect(await metric.result()).toBe(0.6);
    metric.reset();
    metric.update(tensor([[0, 1]]), tensor([1], i32));
    expect(await metric.result()).toBe(1);
  });

  it('takes probabilities and further axes', async () => {
    const metric = accuracy();
    metric.update(tensor([[3, 1]]), tensor([[0.9, 0.1]]));
    metric.update(
      tensor([
        [
          [1, 0],
          [0, 1],
        ],
      ]),
      tensor([[0, 0]], i32),
    ); // [1, 2, 2]
    expect(await metric.result()).toBeCloseTo(2 / 3, 15);
    expect(() => metric.update(zeros([2, 3]), zeros([3], i32))).toThrow(
      new ShapeError("accuracy: expected targets [N, …] or of the outputs' shape [2, 3], got [3]"),
    );
  });
});

describe('topKAccuracy', () => {
  it('counts a label among the k best', async () => {
    const metric = topKAccuracy(2);
    metric.update(scores(), tensor([1, 0, 0, 2], i32));
    expect(metric.name).toBe('top2Accuracy');
    expect(await metric.result()).toBe(0.75);
    expect(() => topKAccuracy(0)).toThrow('topKAccuracy: k: expected a positive integer, got 0');
    expect(() => metric.update(zeros([2, 1]), zeros([2], i32))).toThrow(
      'top2Accuracy: expected outputs [N, C] with C of at least 2, got [2, 1]',
    );
  });
});

describe('confusionMatrix', () => {
  it('has classes as rows and predictions as columns', async () => {
    const metric = confusionMatrix(3);
    metric.update(scores(), tensor([0, 0, 1, 2], i32));
    metric.update(scores(), tensor([0, 2, 1, 1], i32));
    expect(await metric.result()).toEqual([
      [2, 0, 1],
      [0, 3, 0],
      [0, 1, 1],
    ]);
  });

  it('does not lose labels outside the classes', async () => {
    const metric = confusionMatrix(3);
    metric.update(scores(), tensor([0, 0, 3, 2], i32));
    await expect(metric.result()).rejects.toThrow(
      new ValueError('confusionMatrix: expected labels in [0, 3), got 1 outside'),
    );
    expect(() => confusionMatrix(2).update(scores(), zeros([4], i32))).toThrow(
      'confusionMatrix: expected 2 classes in axis 1 of the outputs, got [4, 3]',
    );
  });
});

describe('errors', () => {
  it('average over all elements', async () => {
    const [squared, absolute] = [meanSquaredError(), meanAbsoluteError()];
    for (const metric of [squared, absolute]) {
      metric.update(tensor([[1, 2]]), tensor([[0, 4]]));
      metric.update(
        tensor([
          [5, 5],
          [5, 5],
        ]),
        tensor([
          [5, 5],
          [5, 2],
        ]),
      );
    }
    expect(await squared.result()).toBeCloseTo(14 / 6, 12);
    expect(await absolute.result()).toBe(1);
    expect(() => squared.update(zeros([2, 1]), zeros([2]))).toThrow(
      "meanSquaredError: expected targets of the outputs' shape [2, 1], got [2]",
    );
  });
});

describe('RunningSum', () => {
  it('does not lose small terms in a large sum', async () => {
    const sum = new RunningSum();
    sum.add(() => tensor(2 ** 24));
    for (let i = 0; i < 1000; i++) sum.add(() => tensor(0.5));
    expect(await sum.values()).toEqual([2 ** 24 + 500]);
  });
});
