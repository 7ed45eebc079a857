// Your own op with its own gradient: a straight-through estimator, round() that trains.
import { Adam, customGradient, parameter, tensor } from 'tenon';

// What is computed, and how the cotangent of the output becomes that of the input.
const roundThrough = customGradient(
  (x) => x.round(),
  (cotangent) => [cotangent],
);

const target = tensor([3, -2, 7]);
const x = parameter([0.2, 0.2, 0.2]);
const optimizer = new Adam([x], { learningRate: 0.1 });

for (let step = 0; step < 200; step++) {
  const loss = roundThrough(x).sub(target).square().sum();
  optimizer.zeroGrad();
  loss.backward(); // round alone has the gradient 0 everywhere
  optimizer.step();
}
console.log(await roundThrough(x).toArray());
