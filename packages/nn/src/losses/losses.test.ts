import {
  DTypeError,
  parameter,
  ShapeError,
  setDefaultBackend,
  tensor,
  ValueError,
} from '@tenon/core';
import { cpuJs } from '@tenon/cpu-js';
import { describe, expect, it } from 'vitest';
import { expectClose } from '../testing/golden.ts';
import { binaryCrossEntropyWithLogits, crossEntropy, nllLoss } from './classification.ts';
import { huberLoss, l1Loss, mseLoss, smoothL1Loss } from './regression.ts';

setDefaultBackend(cpuJs());

const i32 = { dtype: 'i32' } as const;
const logits = [
  [1, 2, 0],
  [0, -1, 3],
];
/** log softmax in double precision. */
const logP = logits.map((row) => {
  const sum = Math.log(row.reduce((s, x) => s + Math.exp(x), 0));
  return row.map((x) => x - sum);
});
const p = (row: number, column: number): number => logP[row]?.[column] ?? Number.NaN;

describe('cross-entropy', () => {
  const labels = tensor([1, 2], i32);

  it('is minus the log probability of the label', () => {
    const x = tensor(logits);
    expectClose(crossEntropy(x, labels), [-(p(0, 1) + p(1, 2)) / 2]);
    expectClose(crossEntropy(x, labels, { reduction: 'sum' }), [-(p(0, 1) + p(1, 2))]);
    expectClose(crossEntropy(x, labels, { reduction: 'none' }), [-p(0, 1), -p(1, 2)]);
    expectClose(nllLoss(tensor(logP), labels), [-(p(0, 1) + p(1, 2)) / 2]);
  });

  it('takes weights, ignored labels, smoothing and probabilities', () => {
    const x = tensor(logits);
    const weight = tensor([1, 3, 0.5]);
    expectClose(crossEntropy(x, labels, { weight }), [-(3 * p(0, 1) + 0.5 * p(1, 2)) / 3.5]);
    expectClose(crossEntropy(x, tensor([-100, 2], i32)), [-p(1, 2)]);
    expectClose(crossEntropy(x, tensor([7, 2], i32), { ignoreIndex: 7 }), [-p(1, 2)]);
    const all = logP.map((row) => row.reduce((a, b) => a + b));
    const smooth = [0, 1].map((i) => -0.7 * p(i, i + 1) - (0.3 / 3) * (all[i] ?? 0));
    expectClose(crossEntropy(x, labels, { labelSmoothing: 0.3, reduction: 'none' }), smooth);
    const soft = tensor([
      [0.5, 0.5, 0],
      [0, 0.25, 0.75],
    ]);
    expectClose(crossEntropy(x, soft), [
      -(0.5 * p(0, 0) + 0.5 * p(0, 1) + 0.25 * p(1, 1) + 0.75 * p(1, 2)) / 2,
    ]);
  });

  it('has the gradient softmax − one-hot', () => {
    const x = parameter(logits);
    crossEntropy(x, labels).backward();
    const expected = logP.flatMap((row, i) =>
      row.map((v, j) => (Math.exp(v) - (j === i + 1 ? 1 : 0)) / 2),
    );
    expectClose(x.grad ?? [], expected);
  });

  it('takes [N, C, …] with labels [N, …]', () => {
    const x = tensor(logits).transpose(0, 1).unsqueeze(0); // [1, 3, 2]
    expectClose(crossEntropy(x, tensor([[1, 2]], i32)), [-(p(0, 1) + p(1, 2)) / 2]);
  });

  it('says which label is wrong', () => {
    const x = tensor(logits);
    expect(() => crossEntropy(x, tensor([1, 3], i32))).toThrow(
      new ValueError('crossEntropy: expected labels in [0, 3) for logits [2, 3], got 3 at [1]'),
    );
    expect(() => nllLoss(x, tensor([-1, 3], i32))).toThrow(
      new ValueError('nllLoss: expected labels in [0, 3) for logits [2, 3], got -1 at [0]'),
    );
    expect(() => crossEntropy(x, tensor([1, Number.NaN]))).toThrow(
      new ValueError('crossEntropy: expected labels that are numbers, got NaN at [1]'),
    );
    expect(() => crossEntropy(x, tensor([1, 2]))).toThrow(
      new DTypeError(
        'crossEntropy: expected i32 class indices [2] or probabilities [2, 3], got f32 [2] ' +
          "(indices: labels.cast('i32'))",
      ),
    );
    expect(() =>
      crossEntropy(
        x,
        tensor([
          [1, 0, 0],
          [0, Number.NaN, 0],
        ]),
      ),
    ).toThrow(
      new ValueError('crossEntropy: expected probabilities that are numbers, got NaN at [1, 1]'),
    );
    expect(() => crossEntropy(x, tensor([[1, 2]], i32))).toThrow(
      new ShapeError('crossEntropy: expected labels [2] for logits [2, 3], got [1, 2]'),
    );
    expect(() => crossEntropy(x, tensor([true, false]))).toThrow(
      new DTypeError("crossEntropy: expected i32 class indices, got bool (labels.cast('i32'))"),
    );
  });
});

describe('element losses', () => {
  const [a, b] = [
    [1, -2, 0.5, 3],
    [0.5, 1, 0.5, 1],
  ];
  const d = [0.5, -3, 0, 2];
  const mean = (values: number[]): number => values.reduce((x, y) => x + y) / values.length;
  const [input, target] = [(): ReturnType<typeof tensor> => tensor(a ?? []), () => tensor(b ?? [])];

  it('follow their formulas', () => {
    expectClose(mseLoss(input(), target()), [mean(d.map((x) => x * x))]);
    expectClose(l1Loss(input(), target(), { reduction: 'sum' }), [5.5]);
    const huber = d.map((x) => (Math.abs(x) <= 2 ? (x * x) / 2 : 2 * (Math.abs(x) - 1)));
    expectClose(huberLoss(input(), target(), { delta: 2, reduction: 'none' }), huber);
    const smooth = d.map((x) => (Math.abs(x) < 2 ? (x * x) / 4 : Math.abs(x) - 1));
    expectClose(smoothL1Loss(input(), target(), { beta: 2, reduction: 'none' }), smooth);
    const t = [0, 1, 0.25, 1];
    const bce = (a ?? []).map(
      (x, i) => Math.max(x, 0) - x * (t[i] ?? 0) + Math.log1p(Math.exp(-Math.abs(x))),
    );
    expectClose(binaryCrossEntropyWithLogits(input(), tensor(t)), [mean(bce)]);
    // Log of the sigmoid would overflow here.
    expectClose(binaryCrossEntropyWithLogits(tensor([-200, 200]), tensor([1, 0])), [200]);
  });

  it('refuse other shapes and NaN targets', () => {
    expect(() => mseLoss(tensor([[1], [2]]), tensor([1, 2]))).toThrow(
      new ShapeError("mseLoss: expected a target of the input's shape [2, 1], got [2]"),
    );
    for (const loss of [mseLoss, l1Loss, huberLoss, smoothL1Loss, binaryCrossEntropyWithLogits]) {
      expect(() => loss(tensor([1, 2]), tensor([0, Number.NaN]))).toThrow(
        new ValueError(`${loss.name}: expected targets that are numbers, got NaN at [1]`),
      );
    }
  });
});
