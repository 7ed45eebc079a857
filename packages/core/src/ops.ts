/**
 * All functions that methods and derivatives call, in one namespace: `Ops` is its type. Written in
 * ops/<family>.ts; what is public is exported by name from index.ts.
 */
export { backward } from './autograd/backward.ts';
export { relu, sigmoid } from './composites/activation.ts';
export { logSoftmax, softmax } from './composites/softmax.ts';
export * from './ops/create.ts';
export * from './ops/elementwise.ts';
export * from './ops/indexing.ts';
export * from './ops/linalg.ts';
export * from './ops/order.ts';
export * from './ops/random.ts';
export * from './ops/read.ts';
export * from './ops/reduce.ts';
export * from './ops/shape.ts';
export * from './ops/state.ts';

export type Ops = typeof import('./ops.ts');
