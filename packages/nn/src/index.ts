/** The public interface of @tenon/nn, and its table of contents. */

// Modules

export { type Layer, Module, type StateField } from './module.ts';
export type {
  LoadOptions,
  LoadReport,
  StateDict,
  StoredArrays,
  StoredDType,
  StoredTensor,
} from './state-dict.ts';
export type { SummaryOptions } from './summary.ts';
export type { WarmUpOptions } from './warm-up.ts';
export { warmUp } from './warm-up.ts';

// Layers

export {
  Hardsigmoid,
  Hardswish,
  LogSigmoid,
  Mish,
  ReLU,
  ReLU6,
  SELU,
  Sigmoid,
  SiLU,
  Softsign,
  Tanh,
  Tanhshrink,
} from './layers/activations.ts';
export {
  CELU,
  ELU,
  GELU,
  GLU,
  Hardshrink,
  Hardtanh,
  LeakyReLU,
  LogSoftmax,
  PReLU,
  Softmax,
  Softmin,
  Softplus,
  Softshrink,
  Threshold,
} from './layers/activations-with-options.ts';
export {
  BatchNorm1d,
  BatchNorm2d,
  BatchNorm3d,
  type BatchNormLayerOptions,
} from './layers/batch-norm.ts';
export type { Sizes } from './layers/checks.ts';
export { Conv1d, Conv2d, Conv3d, type ConvLayerOptions } from './layers/conv.ts';
export { Dropout } from './layers/dropout.ts';
export { Embedding } from './layers/embedding.ts';
export { Linear, type LinearOptions } from './layers/linear.ts';
export {
  GroupNorm,
  type GroupNormOptions,
  LayerNorm,
  type LayerNormOptions,
  RMSNorm,
  type RMSNormOptions,
} from './layers/norm.ts';
export {
  AdaptiveAvgPool1d,
  AdaptiveAvgPool2d,
  AdaptiveAvgPool3d,
  AdaptiveMaxPool1d,
  AdaptiveMaxPool2d,
  AdaptiveMaxPool3d,
  AvgPool1d,
  AvgPool2d,
  AvgPool3d,
  type AvgPoolLayerOptions,
  MaxPool1d,
  MaxPool2d,
  MaxPool3d,
  type MaxPoolLayerOptions,
} from './layers/pool.ts';
export { Sequential } from './layers/sequential.ts';
export { Flatten, Identity, Unflatten } from './layers/shape.ts';

// Initial values

export {
  constantInit,
  type FanMode,
  fanInUniformInit,
  fansOf,
  type GainName,
  gainOf,
  type Initializer,
  initialize,
  initialParameter,
  type KaimingOptions,
  kaimingNormalInit,
  kaimingUniformInit,
  normalInit,
  type ParameterOptions,
  truncatedNormalInit,
  uniformInit,
  xavierNormalInit,
  xavierUniformInit,
  zerosInit,
} from './init.ts';

// Losses; their option types are core's

export {
  binaryCrossEntropyWithLogits,
  crossEntropy,
  nllLoss,
} from './losses/classification.ts';
export { huberLoss, l1Loss, mseLoss, smoothL1Loss } from './losses/regression.ts';

// Optimizers

export { Adam, type AdamOptions, AdamW } from './optimizers/adam.ts';
export { type ClipNormOptions, clipGradNorm, clipGradValue } from './optimizers/clip.ts';
export { ParameterGroup } from './optimizers/group.ts';
export {
  type GroupOptions,
  Optimizer,
  type OptimizerState,
  type Ready,
  type Settings,
} from './optimizers/optimizer.ts';
export { SGD, type SGDOptions } from './optimizers/sgd.ts';

// Metrics

export { accuracy, confusionMatrix, topKAccuracy } from './metrics/classification.ts';
export { type Metric, RunningMean, RunningSum } from './metrics/metric.ts';
export { meanAbsoluteError, meanSquaredError } from './metrics/regression.ts';

// Training

export type { Batch, BatchSource, GatherDataset, TrainingData } from './training/batches.ts';
export { type EarlyStoppingOptions, earlyStopping } from './training/early-stopping.ts';
export {
  type EvaluateOptions,
  evaluate,
  type Loss,
  type PredictOptions,
  predict,
} from './training/evaluate.ts';
export {
  type Callback,
  type EpochRecord,
  type FitContext,
  type FitEvent,
  type History,
  NonFiniteLossError,
  type Stepper,
} from './training/events.ts';
export { type FitOptions, fit } from './training/fit.ts';

// Files

export {
  decodeSafetensors,
  encodeSafetensors,
  type Metadata,
  type SafetensorsContents,
} from './safetensors.ts';
export {
  type LoadedFile,
  load,
  readSafetensors,
  type SaveOptions,
  save,
  writeFileAtomic,
  writeSafetensors,
} from './serialization.ts';
