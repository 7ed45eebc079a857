/** The public interface of @tenon/core, by name: tensors, ops, gradients, backends. */
import './install.ts';

// Gradients
export type { CustomBackward, GradOptions } from './autograd/grad.ts';
export { customGradient, grad, valueAndGrad, vjp } from './autograd/grad.ts';
export { rematerialize } from './autograd/rematerialize.ts';
export type {
  ArgReduceSpec,
  Backend,
  BackendAttempt,
  Buffer,
  Capabilities,
  CopyStep,
  FoldSpec,
  FusedSpec,
  GatherSpec,
  InputSpec,
  Kernel,
  KernelSpec,
  Launch,
  LoopStep,
  MatmulSpec,
  OutputSpec,
  Override,
  PadSpec,
  Program,
  ProgramStep,
  RegionSpec,
  ScanSpec,
  ScatterAddSpec,
  SortSpec,
  Specs,
  Step,
  StrideClass,
  TensorType,
} from './backend.ts';
// Backends
export type { BackendFactory } from './backends.ts';
export { getDefaultBackend, pickBackend, setDefaultBackend } from './backends.ts';
// For libraries built on core
export type { Composite, CompositeDefinition } from './composite.ts';
export { defineComposite, overrideReason } from './composite.ts';
export type { DataArray, DataArrays, DType } from './dtype.ts';
export { BYTES, isFloat, isInteger, promote } from './dtype.ts';
// Errors
export {
  AxisError,
  BackendError,
  DeviceError,
  DisposedError,
  DTypeError,
  FormatError,
  GradientError,
  IndexRangeError,
  OutOfMemoryError,
  ShapeError,
  StateDictError,
  TenonError,
  TraceError,
  ValueError,
} from './errors.ts';
export type { HostRandom } from './host-random.ts';
export { defaultHostRandom, hostRandom } from './host-random.ts';
export { memory, scope, tick } from './lifetime.ts';
export { expose, library, userCode } from './memory.ts';
export type { CreationSite, MemoryTracker } from './memory-tracker.ts';
export { trackMemory } from './memory-tracker.ts';
// Creation
export type { CreateOptions, TensorData, TensorOptions, TypedData } from './ops/create.ts';
export {
  arange,
  eye,
  full,
  fullLike,
  linspace,
  ones,
  onesLike,
  parameter,
  tensor,
  variable,
  zeros,
  zerosLike,
} from './ops/create.ts';
export { einsum } from './ops/einsum.ts';
// Elementwise
export {
  abs,
  add,
  cast,
  ceil,
  clip,
  cos,
  cosh,
  div,
  equal,
  erf,
  erfInv,
  exp,
  expm1,
  floor,
  floorDivide,
  fmod,
  greater,
  greaterEqual,
  isFinite,
  isInf,
  isNaN,
  lerp,
  less,
  lessEqual,
  log,
  log1p,
  log2,
  log10,
  logicalAnd,
  logicalNot,
  logicalOr,
  logicalXor,
  maximum,
  minimum,
  mul,
  neg,
  notEqual,
  pow,
  reciprocal,
  remainder,
  round,
  rsqrt,
  sign,
  sin,
  sinh,
  sqrt,
  square,
  sub,
  tan,
  tanh,
  trunc,
  where,
} from './ops/elementwise.ts';
export {
  at,
  indexAdd,
  maskSelect,
  oneHot,
  scatterAdd,
  take,
  takeAlong,
  tril,
  triu,
} from './ops/indexing.ts';
// Linear algebra
export { dot, matmul, outer } from './ops/linalg.ts';
export { argSort, cumMax, cumProd, cumSum, sort, topK } from './ops/order.ts';
export type { NormalOptions, RandomOptions } from './ops/random.ts';
export {
  bernoulli,
  categorical,
  defaultGenerator,
  Generator,
  nextKey,
  normal,
  permutation,
  rand,
  randint,
  randn,
  randomBits,
  setSeed,
  truncatedNormal,
  uniform,
} from './ops/random.ts';
// Reductions, order
export {
  all,
  any,
  argMax,
  argMin,
  countNonZero,
  logSumExp,
  max,
  mean,
  min,
  norm,
  prod,
  std,
  sum,
  variance,
} from './ops/reduce.ts';
// Shape and indexing
export {
  chunk,
  concat,
  contiguous,
  expand,
  flatten,
  flip,
  fold,
  moveAxis,
  narrow,
  pad,
  permute,
  repeat,
  reshape,
  roll,
  slice,
  split,
  squeeze,
  stack,
  stopGradient,
  transpose,
  unfold,
  unsqueeze,
  unstack,
} from './ops/shape.ts';
export { gradientOf } from './ops/state.ts';
export type { ReduceName, ScalarName } from './scalars.ts';
export { SCALARS } from './scalars.ts';
export { enableGrad, isGradEnabled, noGrad } from './scope.ts';
export type { Axes, Shape } from './shape.ts';
export {
  broadcastShapes,
  formatShape,
  normalizeAxes,
  normalizeAxis,
  sameShape,
  sizeOf,
} from './shape.ts';
// Tensors
export type {
  BackwardOptions,
  Index,
  NestedArray,
  NormOptions,
  Range,
  ReduceOptions,
  Sorted,
  SortOptions,
  TensorLike,
  TopKOptions,
  VarianceOptions,
} from './tensor.ts';
export { Parameter, Tensor, Variable } from './tensor.ts';
export { threefry2x32 } from './threefry.ts';
// Memory
export type { MemoryReport } from './working-set.ts';
