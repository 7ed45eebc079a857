/** Options of `webgpu`, checked. */
import { ValueError } from '@tenon/core';
import { VARIANTS, type Variant } from './device.ts';

/** Options of `webgpu`. */
export interface WebGpuOptions {
  /** A device that the application made and keeps: it is never destroyed here. */
  readonly device?: GPUDevice;
  /** Where adapters come from. Default: `navigator.gpu`. */
  readonly gpu?: GPU;
  readonly powerPreference?: GPUPowerPreference;
  /**
   * WebGPU limits by name, instead of what the backend asks for by itself: as much as the adapter
   * has, at most 16 storage buffers. The backend keeps within them.
   */
  readonly limits?: Readonly<Record<string, number>>;
  /** How kernels share work. Default: by adapter, see `capabilities.notes`. */
  readonly variant?: Variant;
  /** Most bytes of GPU memory that tensors may take, at least 1 MiB. Default 2 GiB. */
  readonly memoryBytes?: number;
}

export const DEFAULT_MEMORY: number = 2 ** 31;
const SMALLEST_MEMORY: number = 2 ** 20;

function check(isGood: boolean, expected: string, got: unknown): void {
  if (!isGood) throw new ValueError(`webgpu: expected ${expected}, got ${String(got)}`);
}

const NAMES: readonly string[] = [
  'device',
  'gpu',
  'powerPreference',
  'limits',
  'variant',
  'memoryBytes',
] satisfies (keyof WebGpuOptions)[];
const PREFERENCES: readonly GPUPowerPreference[] = ['low-power', 'high-performance'];

/** @throws ValueError for a value that no place could take */
export function checkOptions(options: WebGpuOptions): void {
  const { variant, memoryBytes, device, limits, powerPreference } = options;
  for (const name of Object.keys(options)) {
    check(NAMES.includes(name), `options among ${NAMES.join(', ')}`, `'${name}'`);
  }
  if (powerPreference !== undefined) {
    const isGood = PREFERENCES.includes(powerPreference);
    check(isGood, `powerPreference to be ${PREFERENCES.join(' or ')}`, powerPreference);
  }
  if (variant !== undefined) {
    check(VARIANTS.includes(variant), `variant to be ${VARIANTS.join(', ')}`, variant);
  }
  if (memoryBytes !== undefined) {
    const isGood = memoryBytes >= SMALLEST_MEMORY && Number.isSafeInteger(memoryBytes);
    check(isGood, `memoryBytes to be a whole number from ${SMALLEST_MEMORY}`, memoryBytes);
  }
  for (const [name, value] of Object.entries(limits ?? {})) {
    check(Number.isSafeInteger(value) && value >= 0, `limits.${name} to be a whole number`, value);
  }
  if (device !== undefined) {
    const isDevice = typeof device?.createComputePipelineAsync === 'function';
    check(isDevice, 'device to be a GPUDevice', device);
    const isPlain = limits === undefined && powerPreference === undefined;
    const what = limits === undefined ? 'powerPreference' : 'limits';
    check(isPlain, 'a device, or limits and powerPreference for one to ask for', `both: ${what}`);
  }
}
