// biome-ignore-all assist/source/organizeImports: the order is that of a table of contents
/** The public interface of @tenon/core, by name. Everything else is internal. */
import './install.ts';

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
export type { DataArray, DataArrays, DType } from './dtype.ts';
export { BYTES, isFloat, isInteger, promote } from './dtype.ts';
export type { Axes, Shape } from './shape.ts';
export {
  broadcastShapes,
  formatShape,
  normalizeAxes,
  normalizeAxis,
  sameShape,
  sizeOf,
} from './shape.ts';

// Making tensors
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
export type { HostRandom } from './host-random.ts';
export { defaultHostRandom, hostRandom } from './host-random.ts';
export { threefry2x32 } from './threefry.ts';

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
  log10,
  log1p,
  log2,
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

// Reductions and order
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
export { argSort, cumMax, cumProd, cumSum, sort, topK } from './ops/order.ts';

// Shape and indexing
export {
  chunk,
  clone,
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
export { einsum } from './ops/einsum.ts';

// Composites: activations
export type { GeluOptions, SoftplusOptions } from './composites/activation.ts';
export {
  celu,
  elu,
  gelu,
  leakyRelu,
  logSigmoid,
  mish,
  relu,
  selu,
  sigmoid,
  silu,
  softplus,
  softsign,
  tanhShrink,
} from './composites/activation.ts';
export {
  glu,
  hardShrink,
  hardSigmoid,
  hardSwish,
  hardTanh,
  prelu,
  relu6,
  softShrink,
  threshold,
} from './composites/activation-hard.ts';
export { logSoftmax, softmax, softmin } from './composites/softmax.ts';

// Composites: layers
export type { PerAxis } from './composites/spatial.ts';
export type { EmbeddingOptions } from './composites/linear.ts';
export { bilinear, embedding, linear } from './composites/linear.ts';
export type { ConvOptions, ConvTransposeOptions } from './composites/convolution.ts';
export {
  conv1d,
  conv2d,
  conv3d,
  convTranspose1d,
  convTranspose2d,
  convTranspose3d,
} from './composites/convolution.ts';
export type { AvgPoolOptions, MaxPoolOptions } from './composites/pooling.ts';
export {
  avgPool1d,
  avgPool2d,
  avgPool3d,
  maxPool1d,
  maxPool2d,
  maxPool3d,
} from './composites/pooling.ts';
export type { AdaptiveSize } from './composites/adaptive-pooling.ts';
export {
  adaptiveAvgPool1d,
  adaptiveAvgPool2d,
  adaptiveAvgPool3d,
  adaptiveMaxPool1d,
  adaptiveMaxPool2d,
  adaptiveMaxPool3d,
} from './composites/adaptive-pooling.ts';
export type { AffineOptions, RmsNormOptions } from './composites/normalization.ts';
export { groupNorm, layerNorm, rmsNorm } from './composites/normalization.ts';
export type { BatchNormOptions, InstanceNormOptions } from './composites/batch-norm.ts';
export { batchNorm, instanceNorm } from './composites/batch-norm.ts';
export type { AttentionOptions } from './composites/attention.ts';
export { scaledDotProductAttention } from './composites/attention.ts';
export type { DropoutOptions } from './composites/dropout.ts';
export { channelDropout, dropout } from './composites/dropout.ts';

// Composites: losses and optimizer steps
export type {
  BinaryCrossEntropyOptions,
  BinaryCrossEntropyWithLogitsOptions,
  HuberOptions,
  KlDivOptions,
  LossOptions,
  Reduction,
  SmoothL1Options,
} from './composites/loss.ts';
export {
  binaryCrossEntropy,
  binaryCrossEntropyWithLogits,
  checkReduction,
  huberLoss,
  klDiv,
  l1Loss,
  mseLoss,
  smoothL1Loss,
} from './composites/loss.ts';
export type { CrossEntropyOptions, NllLossOptions } from './composites/class-loss.ts';
export { crossEntropy, nllLoss } from './composites/class-loss.ts';
export type {
  AdamInputs,
  AdamResult,
  AdamSettings,
  AdamVariables,
} from './composites/adam-step.ts';
export { adamScalars, adamStep, adamUpdate } from './composites/adam-step.ts';
export { increment } from './composites/increment.ts';
export type { SgdInputs, SgdSettings, SgdVariables } from './composites/sgd-step.ts';
export { sgdStep, sgdUpdate } from './composites/sgd-step.ts';

// Surviving the loss of a device
export type { Snapshot } from './snapshot.ts';
export { takeSnapshot } from './snapshot.ts';

// Gradients
export type { CustomBackward, GradOptions } from './autograd/grad.ts';
export { customGradient, grad, valueAndGrad, vjp } from './autograd/grad.ts';
export { rematerialize } from './autograd/rematerialize.ts';
export { enableGrad, isGradEnabled, noGrad } from './scope.ts';

// Backends
export type { BackendFactory } from './backends.ts';
export { getDefaultBackend, pickBackend, setDefaultBackend } from './backends.ts';
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
export type { ReduceName, ScalarName } from './scalars.ts';
export { SCALARS } from './scalars.ts';
export type { PlannedLoop, PlannedOperand, RegionPlan } from './graph/region-plan.ts';
export { isIdentityRegion, planRegion } from './graph/region-plan.ts';
export { hostMath } from './host-math.ts';
export type { StepExecutor } from './link.ts';
export { linkSteps } from './link.ts';

// Attributes of composites that a backend may override
export type { AdamStepsAttrs } from './composites/adam-step.ts';
export type { AttentionAttrs } from './composites/attention.ts';
export type { ConvAttrs, ConvGradAttrs } from './composites/convolution.ts';
export type {
  AvgPoolGradAttrs,
  MaxPoolAttrs,
  MaxPoolGradAttrs,
  PoolAttrs,
} from './composites/pooling.ts';

// Memory
export { memory, scope, tick } from './memory/lifetime.ts';
export type { MemoryReport } from './memory/working-set.ts';
export type { CreationSite, MemoryTracker } from './memory/tracker.ts';
export { trackMemory } from './memory/tracker.ts';

// For libraries built on core
export type { Composite, CompositeDefinition } from './composite.ts';
export { defineComposite, overrideReason } from './composite.ts';
export { expose, library, userCode } from './memory/ownership.ts';
export { gradientOf, placeVariable } from './ops/state.ts';

// Errors
export {
  AxisError,
  BackendError,
  DeviceError,
  DeviceLostError,
  DisposedError,
  DTypeError,
  FormatError,
  GradientError,
  IndexRangeError,
  KernelError,
  OutOfMemoryError,
  ShapeError,
  StateDictError,
  TenonError,
  TraceError,
  ValueError,
} from './errors.ts';
