// The same work on cpu-wasm, in Node and in pages, and what the backend says about itself.
import { setDefaultBackend } from '@tenon/core';
import { wasm } from '@tenon/cpu-wasm';
import { compute } from './work.js';

export async function run(options) {
  const backend = await wasm(options);
  setDefaultBackend(backend);
  const { threads, notes } = backend.capabilities;
  const result = { variant: backend.variant, threads, notes, ...(await compute()) };
  setDefaultBackend(null);
  backend.dispose();
  return result;
}
