// The same by fit: data, loss, optimizer and metrics in, a history out.
import {
  Adam,
  accuracy,
  Conv2d,
  crossEntropy,
  DataLoader,
  digits,
  evaluate,
  Flatten,
  fit,
  Linear,
  MaxPool2d,
  ReLU,
  Sequential,
  setSeed,
  splitDataset,
} from 'tenon';

setSeed(1);
const [train, test] = splitDataset(await digits(), [1600, 400], { seed: 1, stratify: true });
const model = new Sequential([
  new Conv2d(1, 8, 5),
  new MaxPool2d(2),
  new ReLU(),
  new Flatten(),
  new Linear(8 * 12 * 12, 10),
]);
console.log(model.summary([1, 28, 28]));

const history = await fit(model, {
  data: new DataLoader(train, { batchSize: 32, shuffle: true, seed: 1 }),
  validation: new DataLoader(test, { batchSize: 200 }),
  loss: crossEntropy,
  optimizer: new Adam(model.parameters(), { learningRate: 3e-3 }),
  epochs: 3,
  metrics: [accuracy()],
});
console.log(history);

const score = await evaluate(model, new DataLoader(test, { batchSize: 200 }), {
  metrics: [accuracy()],
});
console.log('accuracy', score.accuracy);
