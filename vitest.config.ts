// Runs every package's tests in one go; the last line printed is the tally. What runs in a browser
// is left out where there is none, which counts as a skipped test (tooling/chromium.test.ts) and
// fails in CI.
import { defineConfig } from 'vitest/config';
import { chromium, chromiumPaths } from './tooling/vitest-browser.ts';

if (chromium === undefined) {
  const places = chromiumPaths.join(', ');
  process.stderr.write(`Skipping the browser tests: no Chromium at ${places}; see CONTRIBUTING.\n`);
}

export default defineConfig({
  test: {
    reporters: ['default', './tooling/tally-reporter.ts'],
    projects: [
      'packages/*/vitest.config.ts',
      ...(chromium === undefined ? [] : ['packages/*/vitest.browser.config.ts']),
      'apps/*/vitest.config.ts',
      'benchmarks/vitest.config.ts',
      'examples/vitest.config.ts',
      'tooling/vitest.config.ts',
    ],
  },
});
