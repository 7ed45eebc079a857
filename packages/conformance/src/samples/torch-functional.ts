/**
 * PyTorch's nn.functional ops in core's composites. A text instead of tensors says why the form of
 * a call is not ours.
 */
import {
  adaptiveAvgPool1d,
  adaptiveAvgPool2d,
  adaptiveAvgPool3d,
  adaptiveMaxPool1d,
  adaptiveMaxPool2d,
  adaptiveMaxPool3d,
  arange,
  avgPool1d,
  avgPool2d,
  avgPool3d,
  batchNorm,
  binaryCrossEntropy,
  binaryCrossEntropyWithLogits,
  celu,
  conv1d,
  conv2d,
  conv3d,
  convTranspose1d,
  convTranspose2d,
  convTranspose3d,
  crossEntropy,
  elu,
  gelu,
  glu,
  groupNorm,
  hardShrink,
  hardSigmoid,
  hardSwish,
  hardTanh,
  huberLoss,
  instanceNorm,
  klDiv,
  l1Loss,
  layerNorm,
  leakyRelu,
  logSigmoid,
  logSoftmax,
  maxPool1d,
  maxPool2d,
  maxPool3d,
  mish,
  mseLoss,
  nllLoss,
  oneHot,
  prelu,
  type Reduction,
  relu,
  relu6,
  scaledDotProductAttention,
  selu,
  silu,
  smoothL1Loss,
  softmax,
  softmin,
  softplus,
  softShrink,
  softsign,
  type Tensor,
  tanhShrink,
  threshold,
  type Variable,
  variable,
} from '@tenon/core';
import type { TorchCall, TorchOp, TorchOps, TorchResult } from './torch.ts';

type Unary = (x: Tensor) => Tensor;
const unary =
  (fn: Unary): TorchOp =>
  (call) =>
    fn(call.tensor(0));

const ACTIVATIONS: TorchOps = {
  celu: (call) => celu(call.tensor(0), call.number(1, 'alpha', 1)),
  elu: (call) => elu(call.tensor(0), call.number(1, 'alpha', 1)),
  gelu: (call) =>
    gelu(call.tensor(0), {
      approximate: call.text(1, 'approximate', 'none') === 'tanh' ? 'tanh' : 'none',
    }),
  glu: (call) => glu(call.tensor(0), call.number(1, 'dim', -1)),
  hardshrink: (call) => hardShrink(call.tensor(0), call.number(1, 'lambd', 0.5)),
  hardsigmoid: unary(hardSigmoid),
  hardswish: unary(hardSwish),
  hardtanh: (call) => {
    const [low, high] = [call.number(1, 'min_val', -1), call.number(2, 'max_val', 1)];
    return low > high ? 'low above high is an error' : hardTanh(call.tensor(0), low, high);
  },
  leaky_relu: (call) => leakyRelu(call.tensor(0), call.number(1, 'negative_slope', 0.01)),
  logsigmoid: unary(logSigmoid),
  mish: unary(mish),
  prelu: (call) => prelu(call.tensor(0), call.tensor(1, 'weight')),
  relu: unary(relu),
  relu6: unary(relu6),
  selu: unary(selu),
  silu: unary(silu),
  softmin: (call) => softmin(call.tensor(0), call.number(1, 'dim')),
  softplus: (call) =>
    softplus(call.tensor(0), {
      beta: call.number(1, 'beta', 1),
      threshold: call.number(2, 'threshold', 20),
    }),
  softshrink: (call) => softShrink(call.tensor(0), call.number(1, 'lambd', 0.5)),
  softsign: unary(softsign),
  tanhshrink: unary(tanhShrink),
  threshold: (call) =>
    threshold(call.tensor(0), call.number(1, 'threshold'), call.number(2, 'value')),
};

/** One number or one for each axis, as given; undefined where left out. */
function perAxis(call: TorchCall, at: number, name: string): number | number[] | undefined {
  const list = call.numbers(at, name);
  if (list === undefined || list.length === 0) return undefined;
  return list.length === 1 ? (list[0] as number) : list;
}
function defined<T extends object>(options: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const entries = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]: Exclude<T[K], undefined> };
}

type Conv = typeof conv1d;
const convolution =
  (fn: Conv): TorchOp =>
  (call) => {
    const text = call.text(4, 'padding', '');
    const padding = text === 'same' || text === 'valid' ? text : perAxis(call, 4, 'padding');
    return fn(
      call.tensor(0),
      call.tensor(1, 'weight'),
      defined({
        bias: call.optional(2, 'bias') ?? undefined,
        stride: perAxis(call, 3, 'stride'),
        padding,
        dilation: perAxis(call, 5, 'dilation'),
        groups: call.number(6, 'groups', 1),
      }),
    );
  };
type ConvTranspose = typeof convTranspose1d;
const transposed =
  (fn: ConvTranspose): TorchOp =>
  (call) =>
    fn(
      call.tensor(0),
      call.tensor(1, 'weight'),
      defined({
        bias: call.optional(2, 'bias') ?? undefined,
        stride: perAxis(call, 3, 'stride'),
        padding: perAxis(call, 4, 'padding'),
        outputPadding: perAxis(call, 5, 'output_padding'),
        groups: call.number(6, 'groups', 1),
        dilation: perAxis(call, 7, 'dilation'),
      }),
    );

type MaxPool = typeof maxPool1d;
const maxPool =
  (fn: MaxPool): TorchOp =>
  (call) => {
    if (call.boolean(6, 'return_indices')) return 'indices are not returned';
    const options = defined({
      stride: perAxis(call, 2, 'stride'),
      padding: perAxis(call, 3, 'padding'),
      dilation: perAxis(call, 4, 'dilation'),
      ceilMode: call.boolean(5, 'ceil_mode'),
    });
    return fn(call.tensor(0), perAxis(call, 1, 'kernel_size') as number, options);
  };
type AvgPool = typeof avgPool1d;
const avgPool =
  (fn: AvgPool): TorchOp =>
  (call) => {
    const options = defined({
      stride: perAxis(call, 2, 'stride'),
      padding: perAxis(call, 3, 'padding'),
      ceilMode: call.boolean(4, 'ceil_mode'),
      countIncludePad: call.boolean(5, 'count_include_pad', true),
      divisor: call.optionalNumber(6, 'divisor_override') ?? undefined,
    });
    return fn(call.tensor(0), perAxis(call, 1, 'kernel_size') as number, options);
  };
type Adaptive = typeof adaptiveAvgPool1d;
const adaptive =
  (fn: Adaptive): TorchOp =>
  (call) => {
    if (call.boolean(2, 'return_indices')) return 'indices are not returned';
    const raw = call.raw(1, 'output_size');
    const size = Array.isArray(raw) ? raw.map((n) => (n === null ? null : Number(n))) : Number(raw);
    const list = Array.isArray(size) && size.length === 1 ? size[0] : size;
    return fn(call.tensor(0), list as number);
  };

function reductionOf(call: TorchCall): Reduction {
  return call.text(-1, 'reduction', 'mean') as Reduction;
}
type Loss = (x: Tensor, target: Tensor, options: { reduction: Reduction }) => Tensor;
const loss =
  (fn: Loss): TorchOp =>
  (call) =>
    fn(call.tensor(0), call.tensor(1, 'target'), { reduction: reductionOf(call) });

const LOSSES: TorchOps = {
  binary_cross_entropy: (call) =>
    binaryCrossEntropy(
      call.tensor(0),
      call.tensor(1),
      defined({ reduction: reductionOf(call), weight: call.optional(2, 'weight') ?? undefined }),
    ),
  binary_cross_entropy_with_logits: (call) =>
    binaryCrossEntropyWithLogits(
      call.tensor(0),
      call.tensor(1),
      defined({
        reduction: reductionOf(call),
        weight: call.optional(2, 'weight') ?? undefined,
        posWeight: call.optional(6, 'pos_weight') ?? undefined,
      }),
    ),
  cross_entropy: (call) =>
    crossEntropy(
      call.tensor(0),
      call.tensor(1),
      defined({
        reduction: reductionOf(call),
        weight: call.optional(2, 'weight') ?? undefined,
        ignoreIndex: call.number(4, 'ignore_index', -100),
        labelSmoothing: call.number(7, 'label_smoothing', 0),
      }),
    ),
  huber_loss: (call) =>
    huberLoss(call.tensor(0), call.tensor(1), {
      reduction: reductionOf(call),
      delta: call.number(3, 'delta', 1),
    }),
  kl_div: (call) => {
    const name = call.text(-1, 'reduction', 'mean');
    const reduction = name === 'batchmean' ? 'batchMean' : (name as Reduction);
    return klDiv(call.tensor(0), call.tensor(1), {
      reduction,
      logTarget: call.boolean(5, 'log_target'),
    });
  },
  l1_loss: loss(l1Loss),
  mse_loss: loss(mseLoss),
  nll_loss: (call) =>
    nllLoss(
      call.tensor(0),
      call.tensor(1),
      defined({
        reduction: reductionOf(call),
        weight: call.optional(2, 'weight') ?? undefined,
        ignoreIndex: call.number(4, 'ignore_index', -100),
      }),
    ),
  smooth_l1_loss: (call) =>
    smoothL1Loss(call.tensor(0), call.tensor(1), {
      reduction: reductionOf(call),
      beta: call.number(5, 'beta', 1),
    }),
};

/** Running statistics as variables, to be compared with what PyTorch left in them. */
function withStatistics(
  call: TorchCall,
  at: readonly [number, number],
  run: (mean: Variable | undefined, variance: Variable | undefined) => Tensor,
): TorchResult {
  const [mean, variance] = [
    call.optional(at[0], 'running_mean'),
    call.optional(at[1], 'running_var'),
  ].map((t) => (t === null ? undefined : variable(t.detach().contiguous().add(0))));
  const outputs = [run(mean, variance)];
  const indices = [call.indexOf(at[0], 'running_mean'), call.indexOf(at[1], 'running_var')];
  const mutated = new Map<number, Tensor>();
  [mean, variance].forEach((state, i) => {
    if (state !== undefined) mutated.set(indices[i] as number, state);
  });
  return { outputs, mutated };
}
const NORMS: TorchOps = {
  batch_norm: (call) => {
    if (call.tensor(0).rank < 2) return 'an input needs a channel axis';
    return withStatistics(call, [1, 2], (runningMean, runningVar) =>
      batchNorm(call.tensor(0), {
        runningMean,
        runningVar,
        weight: call.optional(3, 'weight'),
        bias: call.optional(4, 'bias'),
        training: call.boolean(5, 'training'),
        momentum: call.number(6, 'momentum', 0.1),
        eps: call.number(7, 'eps', 1e-5),
      }),
    );
  },
  instance_norm: (call) =>
    withStatistics(call, [1, 2], (runningMean, runningVar) =>
      instanceNorm(call.tensor(0), {
        runningMean,
        runningVar,
        weight: call.optional(3, 'weight'),
        bias: call.optional(4, 'bias'),
        useInputStats: call.boolean(5, 'use_input_stats', true),
        momentum: call.number(6, 'momentum', 0.1),
        eps: call.number(7, 'eps', 1e-5),
      }),
    ),
  group_norm: (call) =>
    groupNorm(call.tensor(0), call.number(1, 'num_groups'), {
      weight: call.optional(2, 'weight'),
      bias: call.optional(3, 'bias'),
      eps: call.number(4, 'eps', 1e-5),
    }),
  layer_norm: (call) =>
    layerNorm(call.tensor(0), call.sizes(1, 'normalized_shape'), {
      weight: call.optional(2, 'weight'),
      bias: call.optional(3, 'bias'),
      eps: call.number(4, 'eps', 1e-5),
    }),
};

const CONVOLUTIONS: TorchOps = {
  conv1d: convolution(conv1d),
  conv2d: convolution(conv2d),
  conv3d: convolution(conv3d),
  conv_transpose1d: transposed(convTranspose1d),
  conv_transpose2d: transposed(convTranspose2d),
  conv_transpose3d: transposed(convTranspose3d),
};
const POOLS: TorchOps = {
  max_pool1d: maxPool(maxPool1d),
  max_pool2d: maxPool(maxPool2d),
  max_pool3d: maxPool(maxPool3d),
  avg_pool1d: avgPool(avgPool1d),
  avg_pool2d: avgPool(avgPool2d),
  avg_pool3d: avgPool(avgPool3d),
  adaptive_avg_pool1d: adaptive(adaptiveAvgPool1d),
  adaptive_avg_pool2d: adaptive(adaptiveAvgPool2d),
  adaptive_avg_pool3d: adaptive(adaptiveAvgPool3d),
  adaptive_max_pool1d: adaptive(adaptiveMaxPool1d),
  adaptive_max_pool2d: adaptive(adaptiveMaxPool2d),
  adaptive_max_pool3d: adaptive(adaptiveMaxPool3d),
};

const attention: TorchOp = (call) => {
  if (call.number(4, 'dropout_p', 0) > 0) return 'dropout draws other numbers';
  const [q, k, v] = [call.tensor(0), call.tensor(1), call.tensor(2)];
  const options = defined({
    mask: call.optional(3, 'attn_mask') ?? undefined,
    causal: call.boolean(6, 'is_causal'),
  });
  // The second output, the weights, is what an identity for v gives.
  const keys = k.shape[k.rank - 2] as number;
  const numbers = arange(keys, { backend: k.backend });
  const identity = oneHot(numbers, keys, { dtype: 'f32' }).expand([
    ...k.shape.slice(0, -2),
    keys,
    keys,
  ]);
  return [
    scaledDotProductAttention(q, k, v, options),
    scaledDotProductAttention(q, k, identity, options),
  ];
};

/** The golden makers' own: softmax(q·kᵀ/√d)·v, since this PyTorch has no public function for it. */
const plainAttention: TorchOp = ({ sample, inputs }) => {
  const [q, k, v] = inputs as readonly [Tensor, Tensor, Tensor];
  return scaledDotProductAttention(q, k, v, { causal: sample.variant === 'causal' });
};

function functional(ops: TorchOps): TorchOps {
  return Object.fromEntries(Object.entries(ops).map(([name, op]) => [`nn.functional.${name}`, op]));
}

/** By family of the golden files, under PyTorch's full names. */
export const TORCH_FUNCTIONAL: Readonly<Record<string, TorchOps>> = {
  activation: {
    ...functional({ ...ACTIVATIONS, _scaled_dot_product_attention: attention }),
    attention: plainAttention,
    softmax: (call) => softmax(call.tensor(0), call.number(1, 'dim')),
    log_softmax: (call) => logSoftmax(call.tensor(0), call.number(1, 'dim')),
  },
  conv: functional(CONVOLUTIONS),
  pool: functional(POOLS),
  norm: functional(NORMS),
  loss: functional(LOSSES),
};
