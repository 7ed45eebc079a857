import { browserProject } from '../../tooling/vitest-browser.ts';

// Chromium's own WebGPU on the CPU: the same on every machine.
const flags = ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'];

export default browserProject(
  'webgpu in Chromium',
  ['browser/**/*.test.ts'],
  ['register', 'workgroup'],
  flags,
);
