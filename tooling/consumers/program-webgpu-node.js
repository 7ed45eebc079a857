// The same work on webgpu, in Node, and what the backend says about itself.
import { setDefaultBackend } from '@tenon/core';
import { webgpu } from '@tenon/webgpu/node';
import { compute } from './work.js';

export async function run(options) {
  const backend = await webgpu(options);
  setDefaultBackend(backend);
  const { threads, notes } = backend.capabilities;
  const result = { variant: backend.variant, threads, notes, ...(await compute()) };
  setDefaultBackend(null);
  backend.dispose();
  return result;
}
