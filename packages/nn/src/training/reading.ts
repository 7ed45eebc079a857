/**
 * Reading a scalar of every batch without stopping the device: at once where reads are
 * synchronous, else with one read outstanding while the next batch is launched.
 */
import type { Tensor } from '@tenon/core';

/** Called with each value, in order. */
export type Receive<T> = (value: number, note: T) => void | Promise<void>;

export class ScalarReader<T> {
  readonly #receive: Receive<T>;
  #outstanding: { readonly value: Promise<number>; readonly note: T } | null = null;

  constructor(receive: Receive<T>) {
    this.#receive = receive;
  }

  /** Takes a scalar; its value, or that of the one before, reaches `receive` before it returns. */
  async push(scalar: Tensor, note: T): Promise<void> {
    if (scalar.backend.capabilities.syncRead) {
      await this.#receive(scalar.itemSync(), note);
      return;
    }
    const value = scalar.item();
    value.catch(() => {}); // whoever awaits it sees the error; nobody may, if the loop is left
    await this.flush();
    this.#outstanding = { value, note };
  }

  /** Waits for the outstanding value. */
  async flush(): Promise<void> {
    const outstanding = this.#outstanding;
    if (outstanding === null) return;
    this.#outstanding = null;
    await this.#receive(await outstanding.value, outstanding.note);
  }
}
