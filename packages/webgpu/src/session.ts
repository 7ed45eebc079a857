/**
 * One device and its fate. Everything made on a device belongs to its session; after a loss the
 * session stays lost for ever, and `recover` begins another.
 */
import type { DeviceLostError, TenonError } from '@tenon/core';

export class Session {
  readonly device: GPUDevice;
  readonly isOwn: boolean;
  /** Why nothing can be done any more, or null. */
  failure: TenonError | null = null;
  /** Resolves when the device is lost, by itself or because it was destroyed. */
  readonly lost: Promise<DeviceLostError>;
  private readonly listeners: ((error: TenonError) => void)[] = [];

  constructor(
    device: GPUDevice,
    isOwn: boolean,
    explain: (info: GPUDeviceLostInfo) => DeviceLostError,
  ) {
    this.device = device;
    this.isOwn = isOwn;
    this.lost = device.lost.then((info) => {
      const error = explain(info);
      this.end(error);
      return error;
    });
  }

  onEnd(listener: (error: TenonError) => void): void {
    this.listeners.push(listener);
  }

  /** Nothing works after this. Only the first reason counts. */
  end(error: TenonError): void {
    if (this.failure !== null) return;
    this.failure = error;
    for (const listener of this.listeners) listener(error);
    this.listeners.length = 0;
  }

  /** @throws DeviceLostError, or BackendError once disposed */
  assertOpen(): void {
    if (this.failure !== null) throw this.failure;
  }
}
