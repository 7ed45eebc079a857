/**
 * Asks for a device with what the kernels can use, and says in words what came of it. Which variant
 * of the kernels suits a device is decided here, by its adapter, and nowhere else.
 */
import { BackendError } from '@tenon/core';
import type { WebGpuOptions } from './options.ts';

/**
 * How kernels share work. `register`: register tiles, no workgroup memory and no barriers, for
 * adapters that are CPUs; `workgroup`: tiles and reductions in workgroup memory; `subgroup`: the
 * same with subgroup operations.
 */
export type Variant = 'register' | 'workgroup' | 'subgroup';
export const VARIANTS: readonly Variant[] = ['register', 'workgroup', 'subgroup'];

export interface ProfileLimits {
  /** Storage buffers that one shader may bind. */
  readonly maxStorageBuffers: number;
  /** Invocations per workgroup. */
  readonly maxInvocations: number;
  readonly maxWorkgroupBytes: number;
  readonly maxGroupsPerAxis: number;
  readonly maxBindingBytes: number;
  readonly maxBufferBytes: number;
}

/** What the makers of kernels may rely on. */
export interface Profile {
  readonly variant: Variant;
  readonly hasF16: boolean;
  /** The smallest subgroup that a shader may meet; 0 without subgroups. */
  readonly subgroupSize: number;
  /** The adapter is a CPU: few fat invocations are best. */
  readonly isCpu: boolean;
  readonly limits: ProfileLimits;
  /** In words: adapter, variant and why, f16 and why not, limits. */
  readonly notes: readonly string[];
}

export interface Opened {
  readonly device: GPUDevice;
  /** False for a device that the application made: it is never destroyed here. */
  readonly isOwn: boolean;
  readonly profile: Profile;
}

/** More storage buffers than this no region of core's binds. */
const STORAGE_BUFFERS = 16;
const FEATURES: readonly GPUFeatureName[] = ['shader-f16', 'subgroups'];
/** Limits of which everything that the adapter has is asked for. */
const WANTED = [
  'maxStorageBufferBindingSize',
  'maxBufferSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupStorageSize',
  'maxComputeWorkgroupsPerDimension',
] as const;
const CPU_NAMES = /swiftshader|llvmpipe|lavapipe|softpipe|basic render|\bwarp\b/i;

function limitOf(limits: GPUSupportedLimits, name: string): number | undefined {
  const value: unknown = Reflect.get(limits, name);
  return typeof value === 'number' ? value : undefined;
}

function requiredLimits(
  adapter: GPUAdapter,
  asked: WebGpuOptions['limits'],
): Record<string, number> {
  const { limits } = adapter;
  const required: Record<string, number> = {
    maxStorageBuffersPerShaderStage: Math.min(
      STORAGE_BUFFERS,
      limits.maxStorageBuffersPerShaderStage,
    ),
  };
  for (const name of WANTED) required[name] = limits[name];
  for (const [name, value] of Object.entries(asked ?? {})) {
    const most = limitOf(limits, name);
    if (most === undefined) {
      throw new BackendError(`webgpu: expected names of WebGPU limits in limits, got '${name}'`);
    }
    // Alignments are the other way round: the adapter states the least.
    const isBeyond = name.startsWith('min') ? value < most : value > most;
    if (isBeyond) {
      throw new BackendError(
        `webgpu: expected limits that the adapter has, got ${name} ${value}, it has ${most}`,
      );
    }
    required[name] = value;
  }
  return required;
}

async function requestAdapter(options: WebGpuOptions, hint: string): Promise<GPUAdapter> {
  const gpu = options.gpu ?? (globalThis as { navigator?: { gpu?: GPU } }).navigator?.gpu;
  if (gpu === undefined || gpu === null) {
    throw new BackendError(
      'webgpu: expected navigator.gpu, got none (a browser with WebGPU and a secure context; ' +
        "in Node import from '@tenon/webgpu/node')",
    );
  }
  const { powerPreference } = options;
  const adapter = await gpu.requestAdapter(
    powerPreference === undefined ? {} : { powerPreference },
  );
  if (adapter === null) {
    throw new BackendError(`webgpu: expected a WebGPU adapter, got none (${hint})`);
  }
  return adapter;
}

/** What to say where there is no adapter. */
const BROWSER_HINT = 'no usable GPU or driver, or the browser blocks it';

/**
 * A device as `options` say, or the application's own; `hint` says what to do without an adapter.
 *
 * @throws BackendError where there is no WebGPU, no adapter, or not the limits asked for
 */
export async function openDevice(
  options: WebGpuOptions,
  hint: string = BROWSER_HINT,
): Promise<Opened> {
  if (options.device !== undefined) {
    const { device } = options;
    // Older implementations do not say of what adapter a device is.
    const info: GPUAdapterInfo | undefined = device.adapterInfo;
    return { device, isOwn: false, profile: profileOf(device, info, options) };
  }
  const adapter = await requestAdapter(options, hint);
  const requiredFeatures = FEATURES.filter((name) => adapter.features.has(name));
  let device: GPUDevice;
  try {
    device = await adapter.requestDevice({
      label: 'tenon',
      requiredFeatures,
      requiredLimits: requiredLimits(adapter, options.limits),
    });
  } catch (error) {
    if (error instanceof BackendError) throw error;
    throw new BackendError(`webgpu: expected a device of the adapter, got none: ${String(error)}`);
  }
  return { device, isOwn: true, profile: profileOf(device, adapter.info, options) };
}

function nameOf(info: GPUAdapterInfo | undefined): string {
  if (info === undefined) return 'unknown';
  const { vendor, architecture, device, description } = info;
  const parts = [description, device, architecture, vendor].filter((part) => part !== '');
  return parts[0] === undefined ? 'unknown' : parts.join(', ');
}

/** What a device can do, in numbers and in words. */
export function profileOf(
  device: GPUDevice,
  info: GPUAdapterInfo | undefined,
  options: WebGpuOptions = {},
): Profile {
  const asked = options.variant;
  const name = nameOf(info);
  const isCpu = info?.isFallbackAdapter === true || CPU_NAMES.test(name);
  const hasSubgroups = device.features.has('subgroups');
  // Without a stated size, the least that the standard allows.
  const subgroupSize = hasSubgroups ? (info?.subgroupMinSize ?? 4) : 0;
  if (asked === 'subgroup' && !hasSubgroups) {
    throw new BackendError(
      "webgpu: expected a device with the feature 'subgroups' for variant subgroup, got one " +
        'without',
    );
  }
  let variant: Variant = isCpu ? 'register' : hasSubgroups ? 'subgroup' : 'workgroup';
  let why = isCpu
    ? 'the adapter is a CPU'
    : hasSubgroups
      ? `the device has subgroups of ${subgroupSize} or more`
      : 'the device has no subgroups';
  if (asked !== undefined) {
    variant = asked;
    why = 'by option';
  }
  const hasF16 = device.features.has('shader-f16');
  // A device may have more than was asked for: never less than the standard's defaults.
  const most = (limit: keyof GPUSupportedLimits): number =>
    Math.min(limitOf(device.limits, limit) ?? 0, options.limits?.[limit] ?? Number.MAX_VALUE);
  const profileLimits: ProfileLimits = {
    maxStorageBuffers: Math.min(STORAGE_BUFFERS, most('maxStorageBuffersPerShaderStage')),
    maxInvocations: Math.min(
      most('maxComputeInvocationsPerWorkgroup'),
      most('maxComputeWorkgroupSizeX'),
    ),
    maxWorkgroupBytes: most('maxComputeWorkgroupStorageSize'),
    maxGroupsPerAxis: most('maxComputeWorkgroupsPerDimension'),
    maxBindingBytes: most('maxStorageBufferBindingSize'),
    maxBufferBytes: most('maxBufferSize'),
  };
  const notes = [
    `adapter: ${name}`,
    `variant ${variant}: ${why}`,
    hasF16 ? 'f16: on' : "f16: off, the device lacks the feature 'shader-f16'",
    `limits: ${profileLimits.maxStorageBuffers} storage buffers per kernel, ` +
      `${profileLimits.maxBindingBytes} bytes per binding, ` +
      `${profileLimits.maxBufferBytes} bytes per buffer`,
  ];
  return { variant, hasF16, subgroupSize, isCpu, limits: profileLimits, notes };
}
