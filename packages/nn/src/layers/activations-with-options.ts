/**
 * Activation modules with settings, under PyTorch's names: thin modules around core's functions,
 * where formulas and gradients are documented.
 */
import {
  celu,
  elu,
  gelu,
  glu,
  hardShrink,
  hardTanh,
  leakyRelu,
  logSoftmax,
  type Parameter,
  prelu,
  softmax,
  softmin,
  softplus,
  softShrink,
  type Tensor,
  threshold,
} from '@tenon/core';
import { constantInit, initialParameter, type ParameterOptions } from '../init.ts';
import { Module } from '../module.ts';
import { countOf } from './checks.ts';

/** x for x > 0, else negativeSlope · x. */
export class LeakyReLU extends Module {
  static readonly isLibraryLayer: boolean = true;
  readonly negativeSlope: number;

  constructor(negativeSlope = 0.01) {
    super();
    this.negativeSlope = negativeSlope;
  }

  override forward(x: Tensor): Tensor {
    return leakyRelu(x, this.negativeSlope);
  }

  override describe(): string {
    return `negativeSlope=${this.negativeSlope}`;
  }
}

/** x for x > 0, else alpha · (eˣ − 1). */
export class ELU extends Module {
  static readonly isLibraryLayer: boolean = true;
  readonly alpha: number;

  constructor(alpha = 1) {
    super();
    this.alpha = alpha;
  }

  override forward(x: Tensor): Tensor {
    return elu(x, this.alpha);
  }

  override describe(): string {
    return `alpha=${this.alpha}`;
  }
}

/** max(x, 0) + min(0, alpha · (e^(x / alpha) − 1)). */
export class CELU extends Module {
  static readonly isLibraryLayer: boolean = true;
  readonly alpha: number;

  constructor(alpha = 1) {
    super();
    this.alpha = alpha;
  }

  override forward(x: Tensor): Tensor {
    return celu(x, this.alpha);
  }

  override describe(): string {
    return `alpha=${this.alpha}`;
  }
}

/** x pulled towards 0 by lambda, 0 within ±lambda. */
export class Softshrink extends Module {
  static readonly isLibraryLayer: boolean = true;
  readonly lambda: number;

  constructor(lambda = 0.5) {
    super();
    this.lambda = lambda;
  }

  override forward(x: Tensor): Tensor {
    return softShrink(x, this.lambda);
  }

  override describe(): string {
    return `lambda=${this.lambda}`;
  }
}

/** x outside ±lambda, else 0. */
export class Hardshrink extends Module {
  static readonly isLibraryLayer: boolean = true;
  readonly lambda: number;

  constructor(lambda = 0.5) {
    super();
    this.lambda = lambda;
  }

  override forward(x: Tensor): Tensor {
    return hardShrink(x, this.lambda);
  }

  override describe(): string {
    return `lambda=${this.lambda}`;
  }
}

/** e^x divided by its sum along the axis. */
export class Softmax extends Module {
  static readonly isLibraryLayer: boolean = true;
  readonly axis: number;

  constructor(axis = -1) {
    super();
    this.axis = axis;
  }

  override forward(x: Tensor): Tensor {
    return softmax(x, this.axis);
  }

  override describe(): string {
    return `axis=${this.axis}`;
  }
}

/** The logarithm of softmax, without overflow. */
export class LogSoftmax extends Module {
  static readonly isLibraryLayer: boolean = true;
  readonly axis: number;

  constructor(axis = -1) {
    super();
    this.axis = axis;
  }

  override forward(x: Tensor): Tensor {
    return logSoftmax(x, this.axis);
  }

  override describe(): string {
    return `axis=${this.axis}`;
  }
}

/** softmax of −x. */
export class Softmin extends Module {
  static readonly isLibraryLayer: boolean = true;
  readonly axis: number;

  constructor(axis = -1) {
    super();
    this.axis = axis;
  }

  override forward(x: Tensor): Tensor {
    return softmin(x, this.axis);
  }

  override describe(): string {
    return `axis=${this.axis}`;
  }
}

/** First half of the axis times the sigmoid of the second. */
export class GLU extends Module {
  static readonly isLibraryLayer: boolean = true;
  readonly axis: number;

  constructor(axis = -1) {
    super();
    this.axis = axis;
  }

  override forward(x: Tensor): Tensor {
    return glu(x, this.axis);
  }

  override describe(): string {
    return `axis=${this.axis}`;
  }
}

/** x · Φ(x) with the normal distribution's Φ, exact or by its tanh approximation. */
export class GELU extends Module {
  static readonly isLibraryLayer: boolean = true;
  readonly approximate: 'none' | 'tanh';

  constructor(approximate: 'none' | 'tanh' = 'none') {
    super();
    this.approximate = approximate;
  }

  override forward(x: Tensor): Tensor {
    return gelu(x, { approximate: this.approximate });
  }

  override describe(): string {
    return `approximate=${this.approximate}`;
  }
}

/** log(1 + e^(beta · x)) / beta, linear where beta · x exceeds the threshold. */
export class Softplus extends Module {
  static readonly isLibraryLayer: boolean = true;
  readonly beta: number;
  readonly threshold: number;

  constructor(beta = 1, threshold = 20) {
    super();
    this.beta = beta;
    this.threshold = threshold;
  }

  override forward(x: Tensor): Tensor {
    return softplus(x, { beta: this.beta, threshold: this.threshold });
  }

  override describe(): string {
    return `beta=${this.beta}, threshold=${this.threshold}`;
  }
}

/** x clipped to [low, high]. */
export class Hardtanh extends Module {
  static readonly isLibraryLayer: boolean = true;
  readonly low: number;
  readonly high: number;

  constructor(low = -1, high = 1) {
    super();
    this.low = low;
    this.high = high;
  }

  override forward(x: Tensor): Tensor {
    return hardTanh(x, this.low, this.high);
  }

  override describe(): string {
    return `low=${this.low}, high=${this.high}`;
  }
}

/** x above `limit`, else `value`. */
export class Threshold extends Module {
  static readonly isLibraryLayer: boolean = true;
  readonly limit: number;
  readonly value: number;

  constructor(limit: number, value: number) {
    super();
    this.limit = limit;
    this.value = value;
  }

  override forward(x: Tensor): Tensor {
    return threshold(x, this.limit, this.value);
  }

  override describe(): string {
    return `limit=${this.limit}, value=${this.value}`;
  }
}

/** x for x > 0, else weight · x with a slope that is trained: one, or one per channel (axis 1). */
export class PReLU extends Module {
  static readonly isLibraryLayer: boolean = true;
  weight: Parameter;

  constructor(channels = 1, initial = 0.25, options: ParameterOptions = {}) {
    super();
    const shape = [countOf('PReLU', 'channels', channels)];
    this.weight = initialParameter(shape, constantInit(initial), options);
  }

  override forward(x: Tensor): Tensor {
    return prelu(x, this.weight);
  }

  override describe(): string {
    return `channels=${this.weight.size}`;
  }
}
