/** Makes a backend: checks the options, asks for the device. */
import { WebGpuBackend } from './backend.ts';
import { openDevice } from './device.ts';
import { MAKERS } from './makers.ts';
import { checkOptions, type WebGpuOptions } from './options.ts';

/** `hint`: what to do where there is no adapter. */
export async function createBackend(options: WebGpuOptions, hint?: string): Promise<WebGpuBackend> {
  checkOptions(options);
  return new WebGpuBackend(await openDevice(options, hint), options, MAKERS);
}
