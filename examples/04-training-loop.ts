// A module of your own and a training loop by hand: nothing to dispose.
import {
  Adam,
  crossEntropy,
  DataLoader,
  Dropout,
  digits,
  Linear,
  Module,
  noGrad,
  setSeed,
  splitDataset,
  type Tensor,
} from 'tenon';

class Classifier extends Module {
  // Fields register themselves; their names are the keys of the state dict.
  hidden = new Linear(784, 64);
  dropout = new Dropout(0.2);
  out = new Linear(64, 10);

  override forward(x: Tensor): Tensor {
    const hidden = this.hidden.forward(x.flatten(1)).relu();
    return this.out.forward(this.dropout.forward(hidden));
  }
}

setSeed(1);
const [train, test] = splitDataset(await digits(), [1600, 400], { seed: 1, stratify: true });
const model = new Classifier();
const optimizer = new Adam(model.parameters(), { learningRate: 2e-3 });

for (let epoch = 0; epoch < 4; epoch++) {
  let total = 0;
  for (const [x, y] of new DataLoader(train, { batchSize: 32, shuffle: true, seed: epoch })) {
    const loss = crossEntropy(model.forward(x), y);
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step();
    total += await loss.item();
  }
  console.log(`epoch ${epoch + 1}: loss ${(total / 50).toFixed(4)}`);
}

model.eval(); // dropout is off from here on
for (const [x, y] of new DataLoader(test, { batchSize: test.length })) {
  const right = noGrad(() => model.forward(x))
    .argMax(-1)
    .equal(y);
  console.log(`accuracy ${await right.cast('f32').mean().item()}`);
}
