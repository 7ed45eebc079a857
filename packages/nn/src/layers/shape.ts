/** Layers that change shapes or nothing: Flatten, Unflatten, Identity. */
import { AxisError, ShapeError, type Tensor } from '@tenon/core';
import { Module } from '../module.ts';

/** Merges the axes from `startAxis` to `endAxis` into one; by default all but the batch axis. */
export class Flatten extends Module {
  static readonly isLibraryLayer: boolean = true;
  readonly startAxis: number;
  readonly endAxis: number;

  constructor(startAxis = 1, endAxis = -1) {
    super();
    this.startAxis = startAxis;
    this.endAxis = endAxis;
  }

  override forward(x: Tensor): Tensor {
    return x.flatten(this.startAxis, this.endAxis);
  }

  override describe(): string {
    return `startAxis=${this.startAxis}, endAxis=${this.endAxis}`;
  }
}

/** Splits `axis` into axes of `sizes` (one of them may be -1). */
export class Unflatten extends Module {
  static readonly isLibraryLayer: boolean = true;
  readonly axis: number;
  readonly sizes: readonly number[];

  constructor(axis: number, sizes: readonly number[]) {
    super();
    this.axis = axis;
    this.sizes = [...sizes];
  }

  override forward(x: Tensor): Tensor {
    const axis = this.axis < 0 ? this.axis + x.rank : this.axis;
    const size = x.shape[axis];
    if (size === undefined) {
      throw new AxisError(
        `Unflatten: axis: expected one of [${x.shape.join(', ')}], got ${this.axis}`,
      );
    }
    const known = this.sizes.reduce((a, b) => (b === -1 ? a : a * b), 1);
    const sizes = this.sizes.map((n) => (n === -1 ? size / known : n));
    if (sizes.reduce((a, b) => a * b, 1) !== size || !sizes.every(Number.isInteger)) {
      throw new ShapeError(
        `Unflatten: expected sizes whose product is ${size} (axis ${axis}), got ` +
          `[${this.sizes.join(', ')}]`,
      );
    }
    return x.reshape([...x.shape.slice(0, axis), ...sizes, ...x.shape.slice(axis + 1)]);
  }

  override describe(): string {
    return `axis=${this.axis}, sizes=[${this.sizes.join(', ')}]`;
  }
}

/** Gives back its input: a placeholder. */
export class Identity extends Module {
  static readonly isLibraryLayer: boolean = true;

  override forward(x: Tensor): Tensor {
    return x;
  }
}
