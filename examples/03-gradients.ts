// Gradients: backward() on parameters, and grad() of functions, to any order.
import { grad, noGrad, parameter, type Tensor, tensor, valueAndGrad } from 'tenon';

const w = parameter([0.5, -1]);
const loss = w.square().sum();
loss.backward();
console.log('d/dw Σw² = 2w:', await w.grad?.toArray());

const cube = (x: Tensor): Tensor => x.pow(3).sum();
const { value, gradient: slope } = valueAndGrad(cube)(tensor([1, 2]));
console.log('x³ at [1, 2]: sum', await value.item(), 'slope 3x²', await slope.toArray());

// The gradient of a gradient: 6x.
const curvature = grad((x: Tensor) => grad(cube)(x).sum())(tensor([1, 2]));
console.log('curvature 6x', await curvature.toArray());

// Nothing inside noGrad is recorded.
console.log('tracked:', w.mul(2).requiresGrad, noGrad(() => w.mul(2)).requiresGrad);
