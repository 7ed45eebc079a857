import type { Backend, BackendAttempt } from '@tenon/core';

import { cpuJs } from 'tenon';
import { expect, it } from 'vitest';
import { backendFields, backendLabel, passedOver } from './backends.ts';

const backend = (name: string, threads: number, variant?: string): Backend => {
  const base = cpuJs();
  const capabilities = { ...base.capabilities, threads };
  return Object.assign(base, { name, capabilities, ...(variant ? { variant } : {}) });
};

it('names a backend with its variant and threads', () => {
  expect(backendLabel(backend('cpu-js', 1))).toBe('cpu-js');
  expect(backendLabel(backend('cpu-wasm', 1, 'relaxed'))).toBe('cpu-wasm (relaxed)');
  const two = backend('cpu-wasm', 2, 'simd-threads');
  expect(backendLabel(two)).toBe('cpu-wasm (simd-threads, 2 threads)');
  expect(backendFields(two)).toEqual({ backend: 'cpu-wasm', variant: 'simd-threads', threads: 2 });
});

it('says why an installed backend was passed over, not what is usual', () => {
  const reasons = [
    'not installed: npm install @tenon/webgpu',
    "webgpu: expected the package 'webgpu', which brings WebGPU to Node (npm install webgpu)",
    'webgpu: expected a WebGPU adapter, got none (no usable GPU or driver)',
    'passed over: slower than cpu-wasm, since its adapter is a CPU (SwiftShader)',
  ];
  const report: BackendAttempt[] = [
    ...reasons.map((reason) => ({ name: 'webgpu', works: false, reason })),
    { name: 'cpu-wasm', works: false, reason: "the policy lacks 'wasm-unsafe-eval'" },
    { name: 'cpu-js', works: true, reason: 'works' },
  ];
  expect(passedOver(Object.assign(cpuJs(), { report }))).toEqual([
    "cpu-wasm does not work here: the policy lacks 'wasm-unsafe-eval'",
  ]);
});
