// Everything that the module exports: kernels `(args, begin, end, scratch)` and a few helpers.
export { poolClose, poolFail, poolRun, poolServe, poolSpin } from './threads';
export { convForward, convPackWeights } from './conv';
export { convDirect } from './conv-direct';
export { convDirectWeight } from './conv-direct-weight';
export { convWeightSums, convWeightTotal } from './conv-weight';
export { avgPoolGrad } from './pool-avg';
export { maxPool, maxPoolGrad } from './pool-max';
export { checkIndices, gather } from './gather';
export {
  scatterColumnsBool,
  scatterColumnsF32,
  scatterColumnsF64,
  scatterColumnsI32,
  scatterRowsBool,
  scatterRowsF32,
  scatterRowsF64,
  scatterRowsI32,
} from './scatter';
export { foldBool, foldF32, foldF64, foldI32 } from './fold';
export { pad32, pad64 } from './pad';
export {
  argMaxF32,
  argMaxF64,
  argMaxI32,
  argMaxU32,
  argMinF32,
  argMinF64,
  argMinI32,
  argMinU32,
} from './arg-reduce';
export {
  scanMaxF32,
  scanMaxF64,
  scanMaxI32,
  scanMaxU32,
  scanSumF32,
  scanSumF64,
  scanSumI32,
} from './scan';
export { argSortF32, argSortF64, argSortI32, argSortU32 } from './sort';
export { matmulF32, matmulF64 } from './gemm-launch';
