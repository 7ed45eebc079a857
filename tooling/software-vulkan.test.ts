import { expect, test } from 'vitest';
import { softwareVulkan } from './software-vulkan.ts';

test('a driver that the environment names stays', () => {
  expect(softwareVulkan({ VK_ICD_FILENAMES: '/mine.json' })).toEqual({});
  expect(softwareVulkan({ VK_DRIVER_FILES: '/mine.json' })).toEqual({});
});

test('the libraries and the folder that are set stay', () => {
  const found = softwareVulkan({ LD_LIBRARY_PATH: '/mine', XDG_RUNTIME_DIR: '/run/me' });
  // nothing on machines with a driver, or without Debian's Chromium
  if (found.VK_ICD_FILENAMES === undefined) expect(found).toEqual({});
  else {
    expect(found.LD_LIBRARY_PATH).toBe('/mine:/usr/lib/chromium');
    expect(found.XDG_RUNTIME_DIR).toBe('/run/me');
  }
});
