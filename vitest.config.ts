// Runs every package's tests in one go; the last line printed is the tally.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    reporters: ['default', './tooling/tally-reporter.ts'],
    projects: [
      'packages/*/vitest.config.ts',
      'apps/*/vitest.config.ts',
      'benchmarks/vitest.config.ts',
      'examples/vitest.config.ts',
      'tooling/vitest.config.ts',
    ],
  },
});
