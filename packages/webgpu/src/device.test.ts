/** Which device, whose it is, and what the backend says about it. */
import { BackendError, ValueError } from '@tenon/core';
import { expect, test, vi } from 'vitest';
import { openDevice, profileOf } from './device.ts';
import { checkOptions, type WebGpuOptions } from './options.ts';
import { dawn } from './test-gpu.ts';
import { ADD_SPEC, bufferOf, numbersOf, testBackend } from './test-kernels.ts';
import { addWords } from './test-sources.ts';

async function adapterOf(): Promise<GPUAdapter> {
  const adapter = await dawn().requestAdapter();
  if (adapter === null) throw new Error('no adapter');
  return adapter;
}

test("the application's device works within its limits and is never destroyed", async () => {
  const device = await (await adapterOf()).requestDevice();
  const backend = await testBackend({ device });
  expect(backend.device).toBe(device);
  expect(backend.capabilities.maxBuffers).toBe(device.limits.maxStorageBuffersPerShaderStage);
  const x = bufferOf(backend, 1);
  const y = backend.allocate(4);
  backend.launch(backend.prepare.region(ADD_SPEC), [x, x, y], addWords(1));
  expect(await numbersOf(backend, y)).toEqual([2]);
  await expect(backend.recover()).rejects.toThrow(
    'recover: expected { device } with a new device, because the application made the lost one',
  );
  const second = await (await adapterOf()).requestDevice();
  await backend.recover({ device: second });
  expect(await numbersOf(backend, bufferOf(backend, 7))).toEqual([7]);
  backend.dispose();
  for (const each of [device, second]) {
    const lost = await Promise.race([
      each.lost,
      new Promise((resolve) => setTimeout(resolve, 30, 'alive')),
    ]);
    expect(lost).toBe('alive');
    each.destroy();
  }
});

test("the application's own mistakes on its device are its own", async () => {
  const device = await (await adapterOf()).requestDevice();
  const seen: string[] = [];
  device.addEventListener('uncapturederror', ({ error }) => seen.push(error.message));
  const backend = await testBackend({ device });
  device.createBuffer({ size: 4, usage: 0xffff });
  await new Promise((resolve) => setTimeout(resolve, 30));
  expect(seen).toHaveLength(1);
  expect(await numbersOf(backend, bufferOf(backend, 1))).toEqual([1]);
  device.destroy();
});

test('two backends on two devices work side by side, and one dies alone', async () => {
  const [first, second] = await Promise.all([testBackend(), testBackend()]);
  const results = [first, second].map((backend, i) => {
    const x = bufferOf(backend, i + 1);
    const y = backend.allocate(4);
    backend.launch(backend.prepare.region(ADD_SPEC), [x, x, y], addWords(1));
    return numbersOf(backend, y);
  });
  expect(await Promise.all(results)).toEqual([[2], [4]]);
  const x = bufferOf(first, 1);
  expect(() => second.write(x, Float32Array.of(1))).toThrow('got a buffer of another device');
  first.device.destroy();
  await first.lost;
  expect(await numbersOf(second, bufferOf(second, 9))).toEqual([9]);
  first.dispose();
  second.dispose();
});

test('a CPU adapter gets the variant for CPUs, and the notes say so', async () => {
  const backend = await testBackend();
  const { notes, dtypes, memory, syncRead, bounds } = backend.capabilities;
  expect(notes[0]).toMatch(/^adapter: .*SwiftShader/);
  expect(notes.slice(1, 3)).toEqual([
    'variant register: the adapter is a CPU',
    "f16: off, the device lacks the feature 'shader-f16'",
  ]);
  expect({ dtypes, memory, syncRead, bounds }).toEqual({
    dtypes: ['f32', 'i32', 'u32', 'bool'],
    memory: 2 ** 31,
    syncRead: false,
    bounds: 'nan',
  });
  expect(backend.variant).toBe('register');
  const forced = await testBackend({ variant: 'subgroup' });
  expect(forced.variant).toBe('subgroup');
  expect(forced.capabilities.notes[1]).toBe('variant subgroup: by option');
  backend.dispose();
  forced.dispose();
});

test('f16 is there where the device has it', async () => {
  const backend = await testBackend({ gpu: dawn('null') });
  expect(backend.capabilities.dtypes).toEqual(['f32', 'i32', 'u32', 'bool', 'f16']);
  expect(backend.capabilities.notes[2]).toBe('f16: on');
  backend.dispose();
});

test('the variant follows the adapter', async () => {
  const device = await (await adapterOf()).requestDevice();
  const empty = { vendor: '', architecture: '', device: '', description: '' };
  const info = (parts: Partial<GPUAdapterInfo>): GPUAdapterInfo =>
    ({ ...empty, ...parts }) as Partial<GPUAdapterInfo> as GPUAdapterInfo;
  const variantOf = (each: GPUAdapterInfo | undefined): string => profileOf(device, each).variant;
  for (const description of ['llvmpipe (LLVM 15)', 'Microsoft Basic Render Driver', 'WARP']) {
    expect(variantOf(info({ description }))).toBe('register');
  }
  expect(variantOf(info({ isFallbackAdapter: true }))).toBe('register');
  // This device was made without subgroups.
  expect(variantOf(info({ vendor: 'nvidia', architecture: 'hopper' }))).toBe('workgroup');
  expect(variantOf(undefined)).toBe('workgroup');
  expect(() => profileOf(device, undefined, { variant: 'subgroup' })).toThrow(BackendError);
  const withSubgroups = await (await adapterOf()).requestDevice({
    requiredFeatures: ['subgroups'],
  });
  const profile = profileOf(withSubgroups, info({ vendor: 'nvidia' }));
  expect(profile.variant).toBe('subgroup');
  device.destroy();
  withSubgroups.destroy();
});

test('no WebGPU and no adapter are errors that say what to do', async () => {
  vi.stubGlobal('navigator', {});
  await expect(openDevice({})).rejects.toThrow(
    new BackendError(
      'webgpu: expected navigator.gpu, got none (a browser with WebGPU and a secure context; in ' +
        "Node import from '@tenon/webgpu/node')",
    ),
  );
  vi.unstubAllGlobals();
  const none = { requestAdapter: () => Promise.resolve(null) } as Partial<GPU> as GPU;
  await expect(testBackend({ gpu: none })).rejects.toThrow(
    new BackendError(
      'webgpu: expected a WebGPU adapter, got none (no usable GPU or driver, or the browser ' +
        'blocks it)',
    ),
  );
});

test('limits beyond the adapter and unknown names are refused', async () => {
  await expect(testBackend({ limits: { maxStorageBuffersPerShaderStage: 1000 } })).rejects.toThrow(
    /^webgpu: .* the adapter has, got maxStorageBuffersPerShaderStage 1000, it has \d+$/,
  );
  await expect(testBackend({ limits: { maxFun: 1 } })).rejects.toThrow("got 'maxFun'");
  const backend = await testBackend({ limits: { maxStorageBuffersPerShaderStage: 8 } });
  expect(backend.capabilities.maxBuffers).toBe(8);
  backend.dispose();
});

test('options that no place could take are refused', async () => {
  const device = await (await adapterOf()).requestDevice();
  const bad: [WebGpuOptions, string][] = [
    [
      { memoryBytes: 1000 },
      'webgpu: expected memoryBytes to be a whole number from 1048576, got 1000',
    ],
    [{ memoryBytes: Number.NaN }, 'got NaN'],
    [{ variant: 'fast' as 'register' }, 'variant to be register, workgroup, subgroup, got fast'],
    [{ limits: { maxBufferSize: -1 } }, 'limits.maxBufferSize to be a whole number, got -1'],
    [{ device, limits: {} }, 'got both: limits'],
    [{ device: {} as GPUDevice }, 'webgpu: expected device to be a GPUDevice, got [object Object]'],
    [{ powerPreference: 'low' as 'low-power' }, 'to be low-power or high-performance, got low'],
    [{ memory: 2 ** 20 } as WebGpuOptions, "variant, memoryBytes, got 'memory'"],
  ];
  for (const [options, text] of bad) {
    expect(() => checkOptions(options)).toThrow(ValueError);
    expect(() => checkOptions(options)).toThrow(text);
  }
  device.destroy();
});
