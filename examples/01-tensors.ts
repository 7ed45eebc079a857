// Tensors: creation, broadcasting, views, reading, indexing, reductions, einsum.
// `tenon` is the package for those who want one import: it has cpu-js set as the default backend.
import { arange, concat, einsum, eye, ones, randn, setSeed, stack, tensor, where } from 'tenon';

const x = tensor([
  [1, 2, 3],
  [4, 5, 6],
]); // f32, shape [2, 3]
const y = x
  .mul(2)
  .add(ones([3])) // broadcasting
  .transpose(0, 1)
  .reshape([-1])
  .slice([1, 5]); // views copy nothing
console.log(y.shape, y.dtype, await y.toArray(), await y.sum().item());
console.log(String(eye(2)));

console.log('at', await x.at(0, [1, 2]).toArray());
console.log('sum', await x.sum(1, { keepDims: true }).toArray());
console.log('argMax', await x.argMax(-1).toArray());
console.log('positive', await where(x.greater(3), x, 0).toArray());
console.log('join', concat([x, x]).shape, stack([x, x]).shape, await arange(3).toArray());

setSeed(1); // the same numbers on every backend
const [a, b] = [randn([8, 2, 3]), randn([8, 3, 4])];
const difference = einsum('bij,bjk->bik', a, b).sub(a.matmul(b)).abs().max();
console.log('einsum is matmul:', (await difference.item()) < 1e-6, x.softmax(-1).shape);
