/**
 * Initial values of parameters: drawn on the host from core's seeded default generator, so that
 * `setSeed` makes them reproducible and equal on every backend. Formulas and fan counts are
 * PyTorch's (torch.nn.init); the bits are not.
 */
import {
  type Backend,
  defaultHostRandom,
  type HostRandom,
  library,
  noGrad,
  type Parameter,
  parameter,
  ShapeError,
  tensor,
  ValueError,
} from '@tenon/core';

/** Makes the values of a tensor of `shape`, in row-major order. */
export type Initializer = (shape: readonly number[], random: HostRandom) => Float32Array;

/** Where parameters are made; the default backend if left out. */
export interface ParameterOptions {
  readonly backend?: Backend;
}

/** Which side's fan keeps its variance: the forward values (`in`) or the gradients (`out`). */
export type FanMode = 'in' | 'out';

/** Gains of the activations after the layer, as in `torch.nn.init.calculate_gain`. */
export type GainName = 'linear' | 'sigmoid' | 'tanh' | 'relu' | 'leakyRelu' | 'selu';

export interface KaimingOptions {
  /** Slope of the leaky ReLU that follows; default 0. */
  readonly negativeSlope?: number;
  readonly mode?: FanMode;
  readonly nonlinearity?: GainName;
}

/** √2 for ReLU, √(2 / (1 + slope²)) for leaky ReLU, 5/3 for tanh, 3/4 for SELU, else 1. */
export function gainOf(nonlinearity: GainName, negativeSlope = 0.01): number {
  switch (nonlinearity) {
    case 'linear':
    case 'sigmoid':
      return 1;
    case 'tanh':
      return 5 / 3;
    case 'relu':
      return Math.SQRT2;
    case 'leakyRelu':
      return Math.sqrt(2 / (1 + negativeSlope ** 2));
    case 'selu':
      return 3 / 4;
  }
}

/**
 * Inputs and outputs of one unit for a weight `[out, in, …kernel]`.
 *
 * @throws ShapeError below two axes
 */
export function fansOf(shape: readonly number[]): { fanIn: number; fanOut: number } {
  const [outputs, inputs, ...kernel] = shape;
  if (outputs === undefined || inputs === undefined) {
    throw new ShapeError(
      `init: fans need a weight of at least 2 axes [out, in, …], got [${shape.join(', ')}]`,
    );
  }
  const field = kernel.reduce((a, b) => a * b, 1);
  return { fanIn: inputs * field, fanOut: outputs * field };
}

/** Uniform in [low, high). */
export function uniformInit(low = 0, high = 1): Initializer {
  return (shape, random) => random.uniform(sizeOf(shape)).map((u) => low + u * (high - low));
}

/** Normal with the given mean and standard deviation. */
export function normalInit(mean = 0, std = 1): Initializer {
  return (shape, random) => random.normal(sizeOf(shape)).map((z) => mean + z * std);
}

/** Normal, drawn again until it falls into [low, high]. */
export function truncatedNormalInit(mean = 0, std = 1, low = -2, high = 2): Initializer {
  // Beyond this, redrawing would take long (and never end for an empty interval).
  if (!(low < high) || low > mean + 4 * std || high < mean - 4 * std) {
    throw new ValueError(
      `truncatedNormalInit: expected low < high within 4 std of the mean, got [${low}, ${high}]`,
    );
  }
  return (shape, random) => {
    const values = new Float32Array(sizeOf(shape));
    let filled = 0;
    while (filled < values.length) {
      for (const z of random.normal(values.length - filled)) {
        const value = mean + z * std;
        if (value >= low && value <= high) values[filled++] = value;
      }
    }
    return values;
  };
}

/** Glorot: uniform in ±gain·√(6 / (fanIn + fanOut)). */
export function xavierUniformInit(gain = 1): Initializer {
  return (shape, random) => {
    const { fanIn, fanOut } = fansOf(shape);
    const bound = gain * Math.sqrt(6 / (fanIn + fanOut));
    return uniformInit(-bound, bound)(shape, random);
  };
}

/** Glorot: normal with std gain·√(2 / (fanIn + fanOut)). */
export function xavierNormalInit(gain = 1): Initializer {
  return (shape, random) => {
    const { fanIn, fanOut } = fansOf(shape);
    return normalInit(0, gain * Math.sqrt(2 / (fanIn + fanOut)))(shape, random);
  };
}

/** He: uniform in ±√3·gain / √fan. */
export function kaimingUniformInit(options: KaimingOptions = {}): Initializer {
  return (shape, random) => {
    const bound = Math.sqrt(3) * kaimingStd(shape, options);
    return uniformInit(-bound, bound)(shape, random);
  };
}

/** He: normal with std gain / √fan. */
export function kaimingNormalInit(options: KaimingOptions = {}): Initializer {
  return (shape, random) => normalInit(0, kaimingStd(shape, options))(shape, random);
}

/** The same value everywhere. */
export function constantInit(value: number): Initializer {
  return (shape) => new Float32Array(sizeOf(shape)).fill(value);
}

/** All zeros. */
export function zerosInit(): Initializer {
  return constantInit(0);
}

/** Draws new values for a parameter in place. */
export function initialize(target: Parameter, initializer: Initializer): void {
  const { shape, dtype, backend } = target;
  const values = initializer(shape, defaultHostRandom());
  library(() => noGrad(() => target.assign(tensor(values, { shape, dtype, backend }))));
}

/** A new parameter of `shape`. */
export function initialParameter(
  shape: readonly number[],
  initializer: Initializer,
  options: ParameterOptions = {},
): Parameter {
  return parameter(initializer(shape, defaultHostRandom()), { ...options, shape });
}

/** PyTorch's default of linear and convolution layers, for weight and bias: ±1/√fanIn. */
export function fanInUniformInit(fanIn: number): Initializer {
  const bound = fanIn > 0 ? 1 / Math.sqrt(fanIn) : 0;
  return uniformInit(-bound, bound);
}

function kaimingStd(shape: readonly number[], options: KaimingOptions): number {
  const { negativeSlope = 0, mode = 'in', nonlinearity = 'leakyRelu' } = options;
  const { fanIn, fanOut } = fansOf(shape);
  return gainOf(nonlinearity, negativeSlope) / Math.sqrt(mode === 'in' ? fanIn : fanOut);
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}
