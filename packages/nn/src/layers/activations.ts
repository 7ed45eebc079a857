/**
 * Activation modules without settings, under PyTorch's names: thin modules around core's
 * functions, where formulas and gradients are documented.
 */
import {
  hardSigmoid,
  hardSwish,
  logSigmoid,
  mish,
  relu,
  relu6,
  selu,
  sigmoid,
  silu,
  softsign,
  type Tensor,
  tanhShrink,
} from '@tenon/core';
import { Module } from '../module.ts';

/** max(x, 0). */
export class ReLU extends Module {
  static readonly isLibraryLayer: boolean = true;

  override forward(x: Tensor): Tensor {
    return relu(x);
  }
}

/** min(max(x, 0), 6). */
export class ReLU6 extends Module {
  static readonly isLibraryLayer: boolean = true;

  override forward(x: Tensor): Tensor {
    return relu6(x);
  }
}

/** 1 / (1 + e⁻ˣ). */
export class Sigmoid extends Module {
  static readonly isLibraryLayer: boolean = true;

  override forward(x: Tensor): Tensor {
    return sigmoid(x);
  }
}

/** log(1 / (1 + e⁻ˣ)), without overflow. */
export class LogSigmoid extends Module {
  static readonly isLibraryLayer: boolean = true;

  override forward(x: Tensor): Tensor {
    return logSigmoid(x);
  }
}

/** Scaled ELU with the constants of self-normalizing networks. */
export class SELU extends Module {
  static readonly isLibraryLayer: boolean = true;

  override forward(x: Tensor): Tensor {
    return selu(x);
  }
}

/** x · sigmoid(x), also called swish. */
export class SiLU extends Module {
  static readonly isLibraryLayer: boolean = true;

  override forward(x: Tensor): Tensor {
    return silu(x);
  }
}

/** x · tanh(softplus(x)). */
export class Mish extends Module {
  static readonly isLibraryLayer: boolean = true;

  override forward(x: Tensor): Tensor {
    return mish(x);
  }
}

/** x / (1 + |x|). */
export class Softsign extends Module {
  static readonly isLibraryLayer: boolean = true;

  override forward(x: Tensor): Tensor {
    return softsign(x);
  }
}

/** min(max(x + 3, 0), 6) / 6. */
export class Hardsigmoid extends Module {
  static readonly isLibraryLayer: boolean = true;

  override forward(x: Tensor): Tensor {
    return hardSigmoid(x);
  }
}

/** x · min(max(x + 3, 0), 6) / 6. */
export class Hardswish extends Module {
  static readonly isLibraryLayer: boolean = true;

  override forward(x: Tensor): Tensor {
    return hardSwish(x);
  }
}

/** x − tanh(x). */
export class Tanhshrink extends Module {
  static readonly isLibraryLayer: boolean = true;

  override forward(x: Tensor): Tensor {
    return tanhShrink(x);
  }
}

/** Hyperbolic tangent. */
export class Tanh extends Module {
  static readonly isLibraryLayer: boolean = true;

  override forward(x: Tensor): Tensor {
    return x.tanh();
  }
}
