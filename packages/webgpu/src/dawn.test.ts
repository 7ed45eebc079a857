import { BackendError } from '@tenon/core';
import { expect, test } from 'vitest';
import { bringGpu, missingLoader, NODE_HINT } from './dawn.ts';
import { openDevice } from './device.ts';

const GIVEN = {} as GPU;

test('without the peer the error says what to install', async () => {
  const missing = (): Promise<never> => Promise.reject(new Error("Cannot find package 'webgpu'"));
  await expect(bringGpu(missing, {})).rejects.toThrow(
    new BackendError(
      "webgpu: expected the package 'webgpu', which brings WebGPU to Node, got: Cannot find " +
        "package 'webgpu' (npm install webgpu)",
    ),
  );
});

test('without an adapter the error says what drivers to install', async () => {
  const gpu = { requestAdapter: () => Promise.resolve(null) } as Partial<GPU> as GPU;
  await expect(openDevice({ gpu }, NODE_HINT)).rejects.toThrow(/got none .*libvulkan1/);
});

test('without the Vulkan loader the error says so, before Dawn complains', async () => {
  const load = (): Promise<{ create(): GPU }> =>
    Promise.resolve({
      create: () => {
        throw new Error('asked Dawn');
      },
    });
  const findMissing = (): string | null => missingLoader(linux('cannot open: No such file'));
  await expect(bringGpu(load, {}, findMissing)).rejects.toThrow(
    /^webgpu: expected a WebGPU adapter, got none: libvulkan\.so\.1 is not there\. .*libvulkan1/,
  );
  expect(missingLoader(linux('Module did not self-register'))).toBeNull();
  expect(missingLoader({ ...linux('No such file'), platform: 'win32' })).toBeNull();
});

function linux(message: string): { platform: string; dlopen(): void } {
  return {
    platform: 'linux',
    dlopen: () => {
      throw new Error(message);
    },
  };
}

test("a navigator.gpu that is there is used, else Dawn's is put there, made once", async () => {
  const unused = (): Promise<never> => Promise.reject(new Error('not asked for'));
  expect(await bringGpu(unused, { navigator: { gpu: GIVEN } })).toBe(GIVEN);
  let made = 0;
  const load = (): Promise<{ create(): GPU }> =>
    Promise.resolve({
      create: () => {
        made++;
        return GIVEN;
      },
    });
  const places: { navigator?: { gpu?: GPU } }[] = [{}, { navigator: {} }];
  for (const place of places) {
    expect(await bringGpu(load, place, () => null)).toBe(GIVEN);
    expect(place.navigator?.gpu).toBe(GIVEN);
  }
  expect(made).toBe(1);
});
