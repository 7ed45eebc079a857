// The one side effect of importing this package: cpu-js becomes the default backend, unless the
// program has set one before.
import { getDefaultBackend, setDefaultBackend } from '@tenon/core';
import { cpuJs } from '@tenon/cpu-js';

try {
  getDefaultBackend();
} catch {
  setDefaultBackend(cpuJs());
}
