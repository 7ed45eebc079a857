import {
  crossEntropy,
  defaultGenerator,
  type Parameter,
  randn,
  setDefaultBackend,
  tensor,
  zeros,
} from '@tenon/core';
import { cpuJs } from '@tenon/cpu-js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  Adam,
  BatchNorm2d,
  Conv2d,
  Dropout,
  Flatten,
  Linear,
  Sequential,
  warmUp,
} from './index.ts';

beforeAll(() => setDefaultBackend(cpuJs()));
afterAll(() => setDefaultBackend(null));

function smallModel(): Sequential {
  return new Sequential([
    new Conv2d(1, 2, 3, { padding: 1 }),
    new BatchNorm2d(2),
    new Flatten(),
    new Dropout(0.5),
    new Linear(32, 3),
  ]);
}

test('leaves parameters, buffers, gradients, modes and the random state as they were', async () => {
  const model = smallModel();
  model
    .forward(randn([2, 1, 4, 4]))
    .sum()
    .backward();
  model.children()[3]?.eval();
  const variables = [...model.namedParameters(), ...model.namedBuffers()];
  const gradients = model.parameters().map((parameter) => parameter.grad);
  const before = await Promise.all(variables.map(([, held]) => held.data()));
  const random = defaultGenerator().save();
  let steps = 0;
  await warmUp(model, [1, 4, 4], {
    batchSize: 8,
    loss: (logits) => {
      expect(logits.shape).toEqual([8, 3]);
      return crossEntropy(logits, zeros([8], { dtype: 'i32' }));
    },
    optimizer: (parameters) => {
      const adam = new Adam(parameters);
      return {
        step: () => {
          adam.step();
          steps++;
        },
      };
    },
  });
  expect(steps).toBe(2);
  expect(await Promise.all(variables.map(([, held]) => held.data()))).toEqual(before);
  expect(model.parameters().map((parameter) => parameter.grad)).toEqual(gradients);
  expect(model.namedModules().map(([, module]) => module.training)).toEqual([
    true,
    true,
    true,
    true,
    false,
    true,
  ]);
  expect(defaultGenerator().save()).toEqual(random);
});

test('an optimizer that holds the parameters goes on as if nothing had happened', async () => {
  const train = async (isWarm: boolean): Promise<unknown> => {
    const model = new Linear(2, 1);
    model.weight.assign(tensor([[0.5, -1]]));
    model.bias?.assign(tensor([0.25]));
    const adam = new Adam(model.parameters(), { learningRate: 0.1 });
    const step = (): void => {
      adam.zeroGrad();
      model
        .forward(tensor([[1, 2]]))
        .square()
        .sum()
        .backward();
      adam.step();
    };
    step();
    if (isWarm) {
      const optimizer = (parameters: Parameter[]): Adam => new Adam(parameters);
      await warmUp(model, [2], { loss: (y) => y.sum(), optimizer });
    }
    step();
    return model.weight.data();
  };
  expect(await train(true)).toEqual(await train(false));
});

test('a gradient that nobody has looked at is still there', async () => {
  const model = new Linear(2, 1);
  model
    .forward(tensor([[1, 2]]))
    .sum()
    .backward();
  await warmUp(model, [2], { loss: (y) => y.sum(), optimizer: (p) => new Adam(p) });
  expect(await model.weight.grad?.toArray()).toEqual([[1, 2]]);
});

test('a failing loss leaves everything as it was, too', async () => {
  const model = smallModel();
  const before = await model.stateDict();
  const fail = (): never => {
    throw new Error('no');
  };
  await expect(warmUp(model, [1, 4, 4], { loss: fail })).rejects.toThrow('no');
  expect(await model.stateDict()).toEqual(before);
});

test('refuses shapes that are none', async () => {
  await expect(warmUp(new Linear(2, 1), [0])).rejects.toThrowErrorMatchingInlineSnapshot(
    `[ValueError: warmUp: expected the shape of one sample (without the batch axis) and a batch size, got [0] and 32]`,
  );
});
