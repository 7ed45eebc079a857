/**
 * Results that are checked together. A read makes a device finish what was recorded before it, so
 * a test of many small ops launches them all first: their kernels compile side by side, and the
 * host waits once.
 */
import type { Tensor } from '@tenon/core';

type Values = Awaited<ReturnType<Tensor['data']>>;
interface Pending {
  readonly tensor: Tensor;
  readonly check: (values: Values) => void;
}

export class Reads {
  #pending: Pending[] = [];

  /** Calls `check` with the elements of a tensor, once they are read. */
  add(tensor: Tensor, check: (values: Values) => void): void {
    this.#pending.push({ tensor, check });
  }

  /** Reads all that was added, then checks it in order. @throws what the first failing one does */
  async settle(): Promise<void> {
    const pending = this.#pending;
    this.#pending = [];
    const all = await Promise.all(pending.map(({ tensor }) => tensor.data()));
    for (const [i, { check }] of pending.entries()) check(all[i] as Values);
  }
}
