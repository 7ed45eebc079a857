/**
 * The form of a metric, and the sums that metrics keep on the device, so that a batch costs no
 * read; one read at `result()`.
 */
import {
  isInteger,
  library,
  noGrad,
  type Tensor,
  type Variable,
  variable,
  zerosLike,
} from '@tenon/core';

/** A figure over many batches. `R` is what it gives: a number for those that fit records. */
export interface Metric<R = number> {
  readonly name: string;
  /** Takes in a batch; `outputs` are the model's, without gradient. */
  update(outputs: Tensor, targets: Tensor): void;
  /** The figure over all batches since `reset`. */
  result(): Promise<R>;
  /** Forgets all batches. */
  reset(): void;
}

/** A running sum on the device: exact for i32, compensated (Neumaier) for floats. */
export class RunningSum {
  #sum: Variable | null = null;
  #lost: Variable | null = null;

  /** Adds the tensor that `make` computes, elementwise; all are of one shape. */
  add(make: () => Tensor): void {
    library(() =>
      noGrad(() => {
        const value = make();
        if (this.#sum === null) {
          this.#sum = variable(value);
          if (!isInteger(value.dtype)) this.#lost = variable(zerosLike(value));
          return;
        }
        const sum = this.#sum;
        const total = sum.add(value);
        if (this.#lost !== null) {
          const virtual = total.sub(sum);
          const error = sum.sub(total.sub(virtual)).add(value.sub(virtual));
          this.#lost.assign(this.#lost.add(error));
        }
        sum.assign(total);
      }),
    );
  }

  /** The sums so far; empty before the first `add`. */
  async values(): Promise<number[]> {
    const [sum, lost] = await Promise.all([this.#sum?.data(), this.#lost?.data()]);
    return Array.from(sum ?? [], (value, i) => value + (lost?.[i] ?? 0));
  }

  reset(): void {
    this.#sum = null;
    this.#lost = null;
  }
}

/** Sum over count, NaN before the first batch. */
export class RunningMean {
  readonly #sum: RunningSum = new RunningSum();
  #count = 0;

  /** Adds a sum over `count` items. */
  add(make: () => Tensor, count: number): void {
    this.#sum.add(make);
    this.#count += count;
  }

  async value(): Promise<number> {
    const [sum = Number.NaN] = await this.#sum.values();
    return sum / this.#count;
  }

  reset(): void {
    this.#sum.reset();
    this.#count = 0;
  }
}
